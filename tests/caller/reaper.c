/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The children of the caller, as containerd's shim keeps them (pkg/sys/reaper): all are
 * reaped as they end, and what each ended with is kept until somebody asks.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "caller.h"

int reaper_init(struct reaper *r, struct err *e)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return err_sys(e, "sigprocmask");
	r->count = 0;
	r->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return r->signals < 0 ? err_sys(e, "signalfd") : 0;
}

/* The place of a child that was reaped, or -1. */
static ssize_t ended_find(const struct reaper *r, pid_t pid)
{
	for (size_t i = 0; i < r->count; i++) {
		if (r->ended[i].pid == pid)
			return (ssize_t)i;
	}
	return -1;
}

int reaper_has_ended(const struct reaper *r, pid_t pid, struct err *e)
{
	siginfo_t info = {0};

	if (ended_find(r, pid) >= 0)
		return 1;
	if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
		return err_sys(e, "process %d is no child of its caller", pid);
	return info.si_pid != 0;
}

static void reap_all(struct reaper *r)
{
	int status;
	pid_t pid;

	while (r->count < ENDED_MAX && (pid = waitpid(-1, &status, WNOHANG)) > 0) {
		r->ended[r->count].pid = pid;
		r->ended[r->count++].status = status;
	}
}

int reaper_wait(struct reaper *r, pid_t pid, int64_t deadline, int *ret_status,
		struct err *e)
{
	struct pollfd fd = {.fd = r->signals, .events = POLLIN};
	struct signalfd_siginfo info;
	ssize_t i;
	int n;

	n = reaper_has_ended(r, pid, e);
	if (n < 0)
		return n;
	for (;;) {
		/* Signals first: one that comes after the last waitpid wakes the poll. */
		while (read(r->signals, &info, sizeof(info)) > 0) {
		}
		reap_all(r);
		i = ended_find(r, pid);
		if (i >= 0)
			break;
		if (poll(&fd, 1, time_left(deadline)) <= 0)
			return err_set(e, ETIMEDOUT, "process %d has not ended", pid);
	}
	*ret_status = r->ended[i].status;
	r->ended[i] = r->ended[--r->count];
	return 0;
}
