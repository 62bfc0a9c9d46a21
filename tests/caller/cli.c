/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs one command of a runtime, wired as its callers wire it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/proc.h"

#include "caller.h"

/* The number that the inherited pipe has in the command. */
#define EXTRA_FD 9

struct wires {
	int child[3]; /* the command's side, owned; -1: /dev/null */
	int own[3];   /* ours, owned; -1 if there is none */
	int extra[2]; /* the inherited pipe: ours, the command's */
};

static int wire(int *ret_read, int *ret_write, struct err *e)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(e, "pipe2");
	/* conmon does this, so that any user of the container can open /dev/stdout. */
	(void)fchmod(fds[1], 0777);
	*ret_read = fds[0];
	*ret_write = fds[1];
	return 0;
}

static void wires_done(struct wires *w)
{
	for (int i = 0; i < 3; i++) {
		fd_close(&w->child[i]);
		fd_close(&w->own[i]);
	}
	fd_close(&w->extra[0]);
	fd_close(&w->extra[1]);
}

static int wires_init(struct wires *w, const struct cli *c, struct err *e)
{
	int r;

	*w = (struct wires){{-1, -1, -1}, {-1, -1, -1}, {-1, -1}};
	if (c->wiring == WIRE_HOLD)
		r = wire(&w->child[0], &w->own[0], e);
	else if ((w->child[0] = open("/dev/null", O_RDONLY | O_CLOEXEC)) < 0)
		r = err_sys(e, "open /dev/null");
	else
		r = 0;
	if (r == 0)
		r = wire(&w->own[1], &w->child[1], e);
	if (r == 0 && c->wiring == WIRE_CAPTURE) {
		w->child[2] = fcntl(w->child[1], F_DUPFD_CLOEXEC, 0);
		r = w->child[2] < 0 ? err_sys(e, "dup") : 0;
	} else if (r == 0) {
		r = wire(&w->own[2], &w->child[2], e);
	}
	if (r == 0 && c->extra)
		r = wire(&w->extra[0], &w->extra[1], e);
	return r;
}

/* In the child. Each of our descriptors is above 2 and close-on-exec, so that dup2 gives
 * the command a plain copy and loses nothing. */
static _Noreturn void child_exec(const struct cli *c, const struct wires *w)
{
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)signal(SIGPIPE, SIG_DFL);
	for (int i = 0; i < 3; i++) {
		if (dup2(w->child[i], i) < 0)
			_exit(126);
	}
	if (w->extra[1] == EXTRA_FD)
		(void)fcntl(EXTRA_FD, F_SETFD, 0);
	else if (w->extra[1] >= 0 && dup2(w->extra[1], EXTRA_FD) < 0)
		_exit(126);
	if (c->dir && chdir(c->dir) < 0)
		_exit(126);
	(void)execve(c->argv[0], c->argv, c->env);
	_exit(127);
}

static int read_wire(int *fd, struct sbuf *to, struct err *e)
{
	char data[4096];
	ssize_t n = read(*fd, data, sizeof(data));

	if (n < 0)
		return err_sys(e, "read the command's output");
	if (n == 0)
		fd_close(fd);
	else
		sbuf_add(to, data, (size_t)n);
	return 0;
}

/* Until the command has ended and what is captured has reached EOF: Go's cmd.Wait(). */
static int watch(int pidfd, struct wires *w, bool captured, int64_t deadline,
		 struct cli_result *ret, struct err *e)
{
	struct pollfd fds[3] = {
		{.events = POLLIN}, {.events = POLLIN}, {.events = POLLIN}};
	bool ended = false;
	int n, r = 0;

	while (r == 0) {
		fds[0].fd = ended ? -1 : pidfd;
		fds[1].fd = captured ? w->own[1] : -1;
		fds[2].fd = captured ? w->own[2] : -1;
		if (fds[0].fd < 0 && fds[1].fd < 0 && fds[2].fd < 0)
			return 0;
		n = poll(fds, 3, time_left(deadline));
		if (n < 0)
			return err_sys(e, "poll");
		if (n == 0)
			return err_set(e, ETIMEDOUT, "%s; it said: %s%s",
				       ended ? "the command has ended, but something "
					       "holds its output open"
					     : "the command has not ended",
				       ret->out.len ? ret->out.data : "",
				       ret->err.len ? ret->err.data : "");
		ended = ended || fds[0].revents;
		if (fds[1].revents)
			r = read_wire(&w->own[1], &ret->out, e);
		if (r == 0 && fds[2].revents)
			r = read_wire(&w->own[2], &ret->err, e);
	}
	return r;
}

static int keep_streams(const struct cli *c, struct wires *w, struct streams *s,
			struct err *e)
{
	static const char *const suffix[] = {".in", ".out", ".err"};
	bool held = c->wiring == WIRE_HOLD || c->wiring == WIRE_CONMON;
	int r = 0;

	for (int i = 0; r == 0 && held && i < 3; i++) {
		AUTO_FREE char *name = str_fmt("%s%s", c->name, suffix[i]);

		if (!name)
			return err_code(e, ENOMEM, "streams");
		if (w->own[i] >= 0)
			r = streams_add(s, name, &w->own[i], e);
	}
	if (r == 0 && c->extra)
		r = streams_add(s, c->extra, &w->extra[0], e);
	return r;
}

int cli_run(const struct cli *c, struct streams *s, struct cli_result *ret, struct err *e)
{
	bool captured = c->wiring == WIRE_CAPTURE || c->wiring == WIRE_SPLIT;
	int64_t start = time_ms();
	AUTO_FD pidfd = -1;
	struct wires w;
	pid_t pid;
	int r;

	r = wires_init(&w, c, e);
	if (r < 0)
		goto out;
	pid = fork();
	if (pid == 0)
		child_exec(c, &w);
	if (pid < 0) {
		r = err_sys(e, "fork");
		goto out;
	}
	for (int i = 0; i < 3; i++)
		fd_close(&w.child[i]);
	fd_close(&w.extra[1]);

	pidfd = proc_pidfd(pid);
	r = pidfd < 0 ? err_code(e, pidfd, "pidfd_open")
		      : watch(pidfd, &w, captured, start + c->timeout_ms, ret, e);
	if (r < 0)
		(void)kill(pid, SIGKILL);
	ret->status = proc_wait(pid);
	ret->ms = time_ms() - start;
	if (r == 0)
		r = keep_streams(c, &w, s, e);
out:
	wires_done(&w);
	return r;
}
