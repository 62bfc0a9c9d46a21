/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One poll loop over the signals, the container's process, its terminal and ours. All
 * forwarded signals are blocked all the time, so SIGTTOU never stops us in tcsetattr, and
 * in the background a read gives EIO instead of SIGTTIN. A shell's `fg` tells a running
 * job nothing, so a job in the background looks now and then.
 *
 * stdin and stdout are shared with others (the shell has the same open file), so they
 * stay as they are: poll says when one read or one small write will not block. The master
 * is ours and non-blocking.
 */
#include "libcontainer/foreground.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/proc.h"

/* A pipe that poll calls writable has room for this much. */
#define CHUNK 4096

/* How often to look whether we are in the foreground now. */
#define JOB_MS 250

/* One direction: what was read and is not written yet. */
struct stream {
	int from; /* -1: ended */
	int to;
	size_t start, end;
	char buf[CHUNK];
};

struct relay {
	struct foreground *f;
	int pidfd, master;
	int slave; /* owned: while a slave is open the master is never hung up */
	bool background;
	bool dead, hurry;
	struct stream in, out;
};

int foreground_init(struct foreground *f, struct err *e)
{
	static const int not_forwarded[] = {SIGKILL, SIGSTOP, SIGCHLD};
	sigset_t set;

	*f = (struct foreground){.signals = -1, .tty = -1};
	(void)sigfillset(&set);
	for (size_t i = 0; i < sizeof(not_forwarded) / sizeof(not_forwarded[0]); i++)
		(void)sigdelset(&set, not_forwarded[i]);
	if (sigprocmask(SIG_BLOCK, &set, &f->mask) < 0)
		return err_sys(e, "block signals");
	f->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (f->signals < 0) {
		int code = errno;

		(void)sigprocmask(SIG_SETMASK, &f->mask, NULL);
		return err_code(e, code, "signalfd");
	}
	return 0;
}

/* Output is still processed, as with runc: what else is written to this terminal needs
 * its newlines. The container's own terminal leaves them to it. */
static int make_raw(struct foreground *f, struct err *e)
{
	struct termios t;

	if (f->raw || f->tty < 0 || tcgetpgrp(f->tty) != getpgrp())
		return 0;
	if (tcgetattr(f->tty, &f->was) < 0)
		return err_sys(e, "the terminal's settings");
	t = f->was;
	cfmakeraw(&t);
	t.c_oflag |= f->was.c_oflag & OPOST;
	if (tcsetattr(f->tty, TCSANOW, &t) < 0)
		return err_sys(e, "make the terminal raw");
	f->raw = true;
	return 0;
}

static void put_back(struct foreground *f)
{
	if (f->raw)
		(void)tcsetattr(f->tty, TCSANOW, &f->was);
	f->raw = false;
}

/* The size of our terminal, wherever we have one, is the container's. */
static void copy_size(int master)
{
	struct winsize ws;

	for (int fd = 0; fd < 3; fd++) {
		if (ioctl(fd, TIOCGWINSZ, &ws) < 0)
			continue;
		if (ws.ws_row && ws.ws_col)
			(void)ioctl(master, TIOCSWINSZ, &ws);
		return;
	}
}

int foreground_attach(struct foreground *f, int master, struct err *e)
{
	struct termios t;

	if (tcgetattr(master, &t) < 0)
		return err_sys(e, "the container's terminal");
	t.c_oflag &= ~(tcflag_t)ONLCR;
	if (tcsetattr(master, TCSANOW, &t) < 0)
		return err_sys(e, "the container's terminal");
	copy_size(master);
	f->tty = isatty(STDIN_FILENO) ? STDIN_FILENO : -1;
	return make_raw(f, e);
}

static void forward(struct relay *r, const struct signalfd_siginfo *s)
{
	int sig = (int)s->ssi_signo;

	/* Our own, from a write to a stdout that nobody reads. */
	if (sig == SIGPIPE && s->ssi_pid == (uint32_t)getpid())
		return;
	if (sig == SIGWINCH && r->master >= 0) {
		copy_size(r->master);
		return;
	}
	if (r->dead) {
		r->hurry |= sig == SIGTERM || sig == SIGINT || sig == SIGHUP ||
			    sig == SIGQUIT;
		return;
	}
	(void)proc_kill(r->pidfd, sig);
}

static void read_signals(struct relay *r)
{
	struct signalfd_siginfo s;

	while (read(r->f->signals, &s, sizeof(s)) == (ssize_t)sizeof(s))
		forward(r, &s);
}

/* Reads once. False at the end of the source. */
static bool stream_read(struct stream *s)
{
	ssize_t n = read(s->from, s->buf, sizeof(s->buf));

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	s->start = 0;
	s->end = (size_t)n;
	return n > 0;
}

/* Writes once. What a sink that is gone doesn't take is dropped, so that the container
 * doesn't block on it. */
static void stream_write(struct stream *s)
{
	ssize_t n = write(s->to, s->buf + s->start, s->end - s->start);

	if (n > 0)
		s->start += (size_t)n;
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		s->start = s->end;
	if (s->start == s->end)
		s->start = s->end = 0;
}

static bool stream_full(const struct stream *s)
{
	return s->end > 0;
}

/* Is our terminal another job's? If not any more, it becomes raw. */
static void check_job(struct relay *r)
{
	if (!r->background || tcgetpgrp(r->f->tty) != getpgrp())
		return;
	(void)make_raw(r->f, ERR_IGNORE);
	r->background = false;
}

static void read_stdin(struct relay *r)
{
	if (stream_read(&r->in))
		return;
	if (r->f->tty >= 0 && tcgetpgrp(r->f->tty) != getpgrp()) {
		/* The shell has set the terminal to its own liking. */
		r->f->raw = false;
		r->background = true;
		return;
	}
	r->in.from = -1;
}

static int open_slave(int master)
{
	return ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
}

/* An EIO: all slaves were closed, or hung up by vhangup(2) as a getty does; there may be
 * new ones while the process lives. */
static void read_master(struct relay *r)
{
	if (stream_read(&r->out))
		return;
	fd_close(&r->slave);
	if (!r->dead)
		r->slave = open_slave(r->master);
	if (r->slave < 0)
		r->out.from = -1;
}

static bool keep_relaying(const struct relay *r)
{
	return r->master >= 0 && (r->out.from >= 0 || stream_full(&r->out));
}

enum {
	P_SIGNALS,
	P_DEAD,
	P_STDIN,
	P_MASTER,
	P_STDOUT,
	P_COUNT,
};

static void poll_set(const struct relay *r, struct pollfd p[P_COUNT])
{
	int master_events = 0;

	for (int i = 0; i < P_COUNT; i++)
		p[i] = (struct pollfd){.fd = -1};
	p[P_SIGNALS] = (struct pollfd){.fd = r->f->signals, .events = POLLIN};
	if (!r->dead)
		p[P_DEAD] = (struct pollfd){.fd = r->pidfd, .events = POLLIN};
	if (r->master < 0)
		return;
	if (!r->dead && !stream_full(&r->in) && !r->background)
		p[P_STDIN] = (struct pollfd){.fd = r->in.from, .events = POLLIN};
	if (!stream_full(&r->out) && r->out.from >= 0)
		master_events |= POLLIN;
	if (!r->dead && stream_full(&r->in))
		master_events |= POLLOUT;
	/* Without anything asked for, POLLHUP would still end each poll at once. */
	if (master_events)
		p[P_MASTER] = (struct pollfd){.fd = r->master,
					      .events = (short)master_events};
	if (stream_full(&r->out))
		p[P_STDOUT] = (struct pollfd){.fd = r->out.to, .events = POLLOUT};
}

static void relay_step(struct relay *r, const struct pollfd p[P_COUNT])
{
	if (p[P_SIGNALS].revents)
		read_signals(r);
	if (p[P_DEAD].revents)
		r->dead = true;
	if (p[P_STDIN].revents)
		read_stdin(r);
	if (p[P_MASTER].revents && !stream_full(&r->out) && r->out.from >= 0)
		read_master(r);
	if (p[P_MASTER].revents & (POLLOUT | POLLHUP | POLLERR) && stream_full(&r->in))
		stream_write(&r->in);
	if (p[P_STDOUT].revents)
		stream_write(&r->out);
}

static int poll_time(const struct relay *r)
{
	/* After the end, what is there is taken; a slave that somebody else still holds
	 * is not waited for. */
	if (r->dead && !stream_full(&r->out))
		return 0;
	return r->background ? JOB_MS : -1;
}

/* Until the process is dead, and the terminal is empty. */
static int relay_loop(struct relay *r)
{
	struct pollfd p[P_COUNT];
	int n;

	while (!r->hurry && (!r->dead || keep_relaying(r))) {
		poll_set(r, p);
		n = poll(p, P_COUNT, poll_time(r));
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			relay_step(r, p);
		else if (n == 0 && poll_time(r) == 0)
			break;
		check_job(r);
	}
	return 0;
}

static int reap(pid_t pid, int pidfd, struct err *e)
{
	siginfo_t info = {0};

	while (waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0) {
		if (errno != EINTR)
			return err_sys(e, "wait for process %d", pid);
	}
	return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

static int relay_attach(struct relay *r, struct err *e)
{
	int res = foreground_attach(r->f, r->master, e);

	if (res < 0)
		return res;
	if (fcntl(r->master, F_SETFL, O_RDWR | O_NONBLOCK) < 0)
		return err_sys(e, "O_NONBLOCK on the container's terminal");
	r->background = r->f->tty >= 0 && !r->f->raw;
	r->slave = open_slave(r->master);
	return 0;
}

int foreground_wait(struct foreground *f, pid_t pid, int pidfd, int master, struct err *e)
{
	struct relay r = {
		.f = f,
		.pidfd = pidfd,
		.master = master,
		.slave = -1,
		.in = {.from = STDIN_FILENO, .to = master},
		.out = {.from = master, .to = STDOUT_FILENO},
	};
	int res = master >= 0 ? relay_attach(&r, e) : 0;

	if (res == 0) {
		res = relay_loop(&r);
		if (res < 0)
			(void)err_code(e, res, "poll");
	}
	fd_close(&r.slave);
	put_back(f);
	return res < 0 ? res : reap(pid, pidfd, e);
}

void foreground_done(struct foreground *f)
{
	struct signalfd_siginfo s;

	put_back(f);
	if (f->signals < 0)
		return;
	while (read(f->signals, &s, sizeof(s)) > 0)
		;
	fd_close(&f->signals);
	(void)sigprocmask(SIG_SETMASK, &f->mask, NULL);
}
