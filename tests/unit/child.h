/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_CHILD_H
#define TESTS_UNIT_CHILD_H

#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/tap.h"

/* What fn returns in a process of its own, or -1. */
static inline int in_child(int (*fn)(void))
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(fn());
	CHECK(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The status of a shell that ran the command, as waitpid(2) has it; -1: there was none. */
static inline int run_shell(const char *command)
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		execl("/bin/sh", "sh", "-ec", command, (char *)NULL);
		_exit(127);
	}
	return waitpid(pid, &status, 0) == pid ? status : -1;
}

#endif
