/* SPDX-License-Identifier: Apache-2.0 */
/* For the tests of the jail: processes that enter it. */
#ifndef TESTS_UNIT_JAIL_WORLD_H
#define TESTS_UNIT_JAIL_WORLD_H

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "sandbox/jail.h"

#include "tests/unit/tap.h"

#define NEED_ROOT()                                                                      \
	do {                                                                             \
		if (geteuid() != 0)                                                      \
			SKIP("not root");                                                \
	} while (0)

#define NOFILE 4096

/* A child's checks can't be counted by the parent: it says them and fails. */
#define MUST(cond)                                                                       \
	do {                                                                             \
		if (!(cond)) {                                                           \
			printf("# %s:%d: not so: %s (errno %d)\n", __FILE__, __LINE__,   \
			       #cond, errno);                                            \
			(void)fflush(stdout);                                            \
			_exit(1);                                                        \
		}                                                                        \
	} while (0)

static inline struct jail *jail_made(bool device_nodes, bool saving)
{
	const struct jail_config c = {.device_nodes = device_nodes, .saving = saving};
	struct jail *j = NULL;
	struct err e = {0};

	if (jail_prepare(&c, &j, &e) < 0)
		printf("# %s\n", e.text);
	CHECK(j != NULL);
	return j;
}

/* Enters it in a mount namespace that is made for it, keeping these descriptors and the
 * three standard ones. keep has room for three more. Returns self/fd. */
static inline int enter_jail(const struct jail *j, int *keep, size_t count)
{
	const struct jail_room room = {keep, count + 3, NOFILE};
	struct err e = {0};
	int proc = -1;

	for (int i = 0; i < 3; i++)
		keep[count + (size_t)i] = 2 - i;
	MUST(unshare(CLONE_NEWNS) == 0);
	if (jail_enter(j, &room, &proc, &e) < 0) {
		printf("# %s\n", e.text);
		(void)fflush(stdout);
		_exit(1);
	}
	return proc;
}

static inline void enter_thread(const struct jail *j, enum jail_thread kind)
{
	struct err e = {0};

	MUST(jail_enter_thread(j, kind, &e) == 0);
}

static inline void write_map(pid_t pid, const char *name)
{
	AUTO_FREE char *path = str_fmt("/proc/%d/%s", pid, name);
	AUTO_FD fd = open(path, O_WRONLY | O_CLOEXEC);

	CHECK(fd_write_full(fd, "0 100000 65536\n", 15) == 0);
}

/* fn in a child, which is root of a user namespace if asked for; the status of waitpid. */
static inline int jailed(void (*fn)(const struct jail *j), const struct jail *j,
			 bool user_namespace)
{
	int ready[2] = {-1, -1}, go[2] = {-1, -1}, status = -1;
	char c = 0;
	pid_t pid;

	CHECK(pipe2(ready, O_CLOEXEC) == 0 && pipe2(go, O_CLOEXEC) == 0);
	(void)fflush(stdout);
	pid = fork();
	if (pid == 0) {
		MUST(!user_namespace || unshare(CLONE_NEWUSER) == 0);
		MUST(write(ready[1], "r", 1) == 1 && read(go[0], &c, 1) == 1);
		MUST(setresgid(0, 0, 0) == 0 && setresuid(0, 0, 0) == 0);
		fn(j);
		(void)fflush(stdout);
		_exit(0);
	}
	if (read(ready[0], &c, 1) == 1 && user_namespace) {
		write_map(pid, "uid_map");
		write_map(pid, "gid_map");
	}
	CHECK(write(go[1], "g", 1) == 1);
	CHECK(waitpid(pid, &status, 0) == pid);
	for (int i = 0; i < 2; i++) {
		fd_close(&ready[i]);
		fd_close(&go[i]);
	}
	return status;
}

#endif
