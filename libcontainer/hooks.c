/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs hooks one after the other. Each is a child of its own process group, watched by
 * its pidfd together with the pipes of its stdio, so that a hook which never reads can't
 * hold the runtime up, and with a pipe that tells why it could not be executed.
 *
 * Only system calls and the stack: this also runs in a freshly cloned child.
 */
#include "libcontainer/hooks.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/proc.h"

/* Seconds, a century: what is more would not fit the clock. */
#define TIMEOUT_MAX INT64_C(3155760000)

/* Of each of stdout and stderr: an error has room for little more. */
#define SAID_MAX 600

/* Reads after a hook's end, of 4 KiB: what a pipe holds, and no more than that if somebody
 * whom it has left behind goes on talking. */
#define READS_MAX 16

/* The end of what a hook has said; the reason it failed for is there. */
struct said {
	int fd[2]; /* owned */
	size_t len;
	char text[SAID_MAX];
};

struct run {
	const struct spec_hook *hook;
	hooks_confine *confine; /* NULL: as we are */
	void *ctx;              /* its own */
	pid_t pid;
	int pidfd;           /* owned */
	int in[2];           /* owned: the hook's stdin */
	struct said said[2]; /* stdout and stderr */
	int report[2];       /* owned: the error of what never came to its execve */
	const char *state;   /* what is still to be written */
	size_t left;
	struct timespec deadline;
};

static void run_done(struct run *r)
{
	fd_close(&r->pidfd);
	fd_close(&r->in[0]);
	fd_close(&r->in[1]);
	fd_close(&r->report[0]);
	fd_close(&r->report[1]);
	for (int i = 0; i < 2; i++) {
		fd_close(&r->said[i].fd[0]);
		fd_close(&r->said[i].fd[1]);
	}
}

static int said_init(struct said *s, struct err *e)
{
	if (pipe2(s->fd, O_CLOEXEC) < 0)
		return err_sys(e, "pipe");
	if (fcntl(s->fd[0], F_SETFL, O_RDONLY | O_NONBLOCK) < 0)
		return err_sys(e, "O_NONBLOCK on the hook's output");
	/* A hook that isn't root's may open /dev/stderr. */
	(void)fchmod(s->fd[1], 0622);
	return 0;
}

static void said_add(struct said *s, const char *text, size_t len)
{
	size_t keep;

	if (len > sizeof(s->text)) {
		text += len - sizeof(s->text);
		len = sizeof(s->text);
	}
	keep = s->len + len > sizeof(s->text) ? sizeof(s->text) - len : s->len;
	memmove(s->text, s->text + s->len - keep, keep);
	memcpy(s->text + keep, text, len);
	s->len = keep + len;
}

/* Reads what is there; false if that was all for now. */
static bool said_read(struct said *s)
{
	char buf[4096];
	ssize_t n = read(s->fd[0], buf, sizeof(buf));

	if (n > 0)
		said_add(s, buf, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		fd_close(&s->fd[0]);
	return n > 0;
}

/* One line of it, without the last newline. */
static void said_end(struct said *s)
{
	for (int i = 0; s->fd[0] >= 0 && i < READS_MAX && said_read(s); i++)
		;
	while (s->len && isspace((unsigned char)s->text[s->len - 1]))
		s->len--;
	for (size_t i = 0; i < s->len; i++) {
		if (isspace((unsigned char)s->text[i]) || !s->text[i])
			s->text[i] = ' ';
	}
}

static int run_init(struct run *r, struct err *e)
{
	/* The report is read when the hook is dead, and so is there or will never be:
	 * without O_NONBLOCK its end would be waited for, which comes when the last of
	 * those has gone that other threads have cloned meanwhile. */
	if (pipe2(r->in, O_CLOEXEC) < 0 || pipe2(r->report, O_CLOEXEC | O_NONBLOCK) < 0)
		return err_sys(e, "pipe");
	if (fcntl(r->in[1], F_SETFL, O_WRONLY | O_NONBLOCK) < 0)
		return err_sys(e, "O_NONBLOCK on the hook's stdin");
	if (said_init(&r->said[0], e) < 0 || said_init(&r->said[1], e) < 0)
		return -e->code;
	if (r->hook->timeout.set) {
		(void)clock_gettime(CLOCK_MONOTONIC, &r->deadline);
		r->deadline.tv_sec += r->hook->timeout.v < TIMEOUT_MAX
					      ? r->hook->timeout.v
					      : TIMEOUT_MAX;
	}
	return 0;
}

/* In the child: only fails. */
static int become_hook(const struct run *r, struct err *e)
{
	/* A hook without args or env has none: nothing of the runtime's own leaks in. */
	char *const no_env[] = {NULL};
	char *const path_only[] = {(char *)r->hook->path, NULL};
	char *const *argv = r->hook->args.count ? (char *const *)r->hook->args.v
						: path_only;
	char *const *env = r->hook->env.count ? (char *const *)r->hook->env.v : no_env;
	sigset_t none;

	if (setpgid(0, 0) < 0)
		return err_sys(e, "setpgid");
	if (dup2(r->in[0], STDIN_FILENO) < 0 ||
	    dup2(r->said[0].fd[1], STDOUT_FILENO) < 0 ||
	    dup2(r->said[1].fd[1], STDERR_FILENO) < 0)
		return err_sys(e, "dup2");
	if (fd_cloexec_from(3) < 0)
		return err_sys(e, "close-on-exec");
	/* Whatever the runtime has blocked, caught or ignored is its own business. */
	proc_reset_signals();
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (r->confine && r->confine(r->ctx, r->report[1], e) < 0)
		return -e->code;
	(void)execve(r->hook->path, argv, env);
	return err_sys(e, "exec %s", r->hook->path);
}

/* Starts the child with all signals blocked, so that no handler of the caller's runs
 * in it. */
static int run_start(struct run *r, struct err *e)
{
	struct clone_args args = {
		.flags = CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&r->pidfd,
		.exit_signal = SIGCHLD,
	};
	sigset_t all, old;
	struct err why;

	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &old);
	r->pid = proc_clone(&args);
	if (r->pid == 0) {
		(void)become_hook(r, &why);
		(void)!write(r->report[1], &why, sizeof(why));
		_exit(127);
	}
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	if (r->pid < 0)
		return err_code(e, r->pid, "clone");
	fd_close(&r->report[1]);
	fd_close(&r->said[0].fd[1]);
	fd_close(&r->said[1].fd[1]);
	return 0;
}

/* Milliseconds to the deadline, rounded up; -1 for ever. */
static int time_left(const struct run *r)
{
	struct timespec now;
	int64_t ms;

	if (!r->hook->timeout.set)
		return -1;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	ms = (int64_t)(r->deadline.tv_sec - now.tv_sec) * 1000 +
	     (r->deadline.tv_nsec - now.tv_nsec + 999999) / 1000000;
	if (ms < 0)
		return 0;
	return ms > 1000000 ? 1000000 : (int)ms;
}

/* Writes what fits. The hook's end is held open by us too, so there is no SIGPIPE: a
 * hook that closes its stdin unread just leaves the pipe full. */
static void feed(struct run *r)
{
	ssize_t n = write(r->in[1], r->state, r->left);

	if (n > 0) {
		r->state += n;
		r->left -= (size_t)n;
	}
	if (r->left == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		fd_close(&r->in[1]);
}

/* Waits for the end. 0, or -ETIMEDOUT, or -errno. */
static int run_watch(struct run *r)
{
	int ms, n;

	for (;;) {
		/* A closed end is -1, which poll passes over. */
		struct pollfd p[] = {
			{.fd = r->pidfd, .events = POLLIN},
			{.fd = r->in[1], .events = POLLOUT},
			{.fd = r->said[0].fd[0], .events = POLLIN},
			{.fd = r->said[1].fd[0], .events = POLLIN},
		};

		ms = time_left(r);
		n = poll(p, 4, ms);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0 && p[0].revents)
			return 0;
		/* Not only when there was nothing else: it may talk without a pause. */
		if (ms == 0)
			return -ETIMEDOUT;
		if (n <= 0)
			continue;
		if (p[1].revents)
			feed(r);
		for (int i = 0; i < 2; i++) {
			if (p[2 + i].revents)
				(void)said_read(&r->said[i]);
		}
	}
}

/* Ends the hook with what it has started. The group keeps its number until the hook is
 * reaped; a hook that has not come to setpgid yet is found by its pidfd. */
static void run_kill(const struct run *r)
{
	(void)kill(-r->pid, SIGKILL);
	(void)proc_kill(r->pidfd, SIGKILL);
}

static int run_reap(const struct run *r, siginfo_t *info)
{
	for (;;) {
		memset(info, 0, sizeof(*info));
		if (waitid((idtype_t)P_PIDFD, (id_t)r->pidfd, info, WEXITED) == 0)
			return 0;
		if (errno != EINTR)
			return -errno;
	}
}

/* "signal: killed", as Go has it. */
static int err_signal(struct err *e, int sig)
{
	const char *text = sigdescr_np(sig);
	char words[64];
	size_t i = 0;

	if (!text)
		return err_set(e, EIO, "signal: signal %d", sig);
	for (; i < sizeof(words) - 1 && text[i]; i++)
		words[i] = (char)tolower((unsigned char)text[i]);
	words[i] = '\0';
	return err_set(e, EIO, "signal: %s", words);
}

/* Adds what the hook has said, as runc does: of an error of its own all else that there
 * is. */
static int add_said(struct run *r, struct err *e)
{
	struct err why = *e;

	said_end(&r->said[0]);
	said_end(&r->said[1]);
	if (!r->said[0].len && !r->said[1].len)
		return -e->code;
	return err_set(e, why.code, "%s, stdout: %.*s, stderr: %.*s", why.text,
		       (int)r->said[0].len, r->said[0].text, (int)r->said[1].len,
		       r->said[1].text);
}

static int run_verdict(const struct run *r, const siginfo_t *info, struct err *e)
{
	struct err why;

	if (fd_read_full(r->report[0], &why, sizeof(why)) == (ssize_t)sizeof(why) &&
	    why.code > 0) {
		why.text[sizeof(why.text) - 1] = '\0';
		*e = why;
		return -e->code;
	}
	if (info->si_code != CLD_EXITED)
		return err_signal(e, info->si_status);
	if (info->si_status != 0)
		return err_set(e, EIO, "exit status %d", info->si_status);
	return 0;
}

static int hook_run(struct run *r, struct err *e)
{
	siginfo_t info;
	int res, reaped;

	res = run_init(r, e);
	if (res == 0)
		res = run_start(r, e);
	if (res < 0)
		return res;
	res = run_watch(r);
	if (res < 0)
		run_kill(r);
	reaped = run_reap(r, &info);
	if (res == -ETIMEDOUT)
		(void)err_set(e, ETIMEDOUT, "hook ran past specified timeout of %lld.0s",
			      (long long)r->hook->timeout.v);
	else if (res < 0)
		(void)err_code(e, res, "poll");
	else if (reaped < 0)
		(void)err_code(e, reaped, "wait");
	else if (run_verdict(r, &info, e) == 0)
		return 0;
	return add_said(r, e);
}

struct state_text {
	const char *text;
	size_t len;
};

/* The hook at this place of the list. */
static int run_one(const struct spec_hook_list *list, size_t i, const char *name,
		   struct state_text state, hooks_confine *fn, void *ctx, struct err *e)
{
	struct run r = {
		.hook = &list->v[i],
		.confine = fn,
		.ctx = ctx,
		.pidfd = -1,
		.in = {-1, -1},
		.said = {{.fd = {-1, -1}}, {.fd = {-1, -1}}},
		.report = {-1, -1},
		.state = state.text,
		.left = state.len,
	};
	int res = hook_run(&r, e);

	run_done(&r);
	return res < 0 ? err_wrap(e, "error running %s hook #%zu", name, i) : 0;
}

int hooks_run_confined(const struct spec_hook_list *list, const char *name,
		       const char *state, size_t state_len, hooks_confine *fn, void *ctx,
		       struct err *e)
{
	const struct state_text text = {state, state_len};
	int res = 0;

	for (size_t i = 0; i < list->count && res == 0; i++)
		res = run_one(list, i, name, text, fn, ctx, e);
	return res;
}

int hooks_run(const struct spec_hook_list *list, const char *name, const char *state,
	      size_t state_len, struct err *e)
{
	return hooks_run_confined(list, name, state, state_len, NULL, NULL, e);
}

void hooks_run_all(const struct spec_hook_list *list, const char *name, const char *state,
		   size_t state_len, const struct log *log)
{
	const struct state_text text = {state, state_len};
	struct err e;

	for (size_t i = 0; i < list->count; i++) {
		if (run_one(list, i, name, text, NULL, NULL, &e) < 0)
			log_warn(log, "%s", e.text);
	}
}
