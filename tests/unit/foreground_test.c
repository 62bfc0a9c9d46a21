/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three processes: the test, a "runtime" that stays in the foreground, and its
 * "container", which has a terminal of its own (inner) or none. The runtime's stdio are
 * pipes or the slave of another terminal (outer).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/proc.h"
#include "base/str.h"
#include "libcontainer/foreground.h"

#include "tests/unit/tap.h"

#define DEADLINE_MS 20000

struct pty {
	int master, slave;
};

static struct pty open_pty(void)
{
	struct pty p;

	p.master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (p.master < 0 || grantpt(p.master) < 0 || unlockpt(p.master) < 0)
		abort();
	p.slave = ioctl(p.master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (p.slave < 0)
		abort();
	return p;
}

static void close_pty(struct pty *p)
{
	fd_close(&p->master);
	fd_close(&p->slave);
}

/* Reads from fd until `want` was in it; false at its end or the deadline. */
static bool saw(int fd, const char *want)
{
	char buf[8192] = "";
	struct pollfd p = {.fd = fd, .events = POLLIN};
	size_t n = 0;
	ssize_t got;

	while (!strstr(buf, want)) {
		if (poll(&p, 1, DEADLINE_MS) != 1)
			return false;
		got = read(fd, buf + n, sizeof(buf) - 1 - n);
		if (got <= 0)
			return false;
		n += (size_t)got;
		buf[n] = '\0';
		if (n == sizeof(buf) - 1) /* the last bytes are enough to go on with */
			n = 0;
	}
	return true;
}

/* The container is no session leader, whose end would hang the terminal up. */
static bool no_session;

/* What the runtime does, in a process of its own. inner: the container's terminal or
 * NULL; container: its process, which must not return. */
static void runtime(const struct pty *inner, void (*container)(void))
{
	struct foreground f;
	struct err e = {0};
	int r, pidfd;
	pid_t pid;

	if (foreground_init(&f, &e) < 0)
		_exit(100);
	pid = fork();
	if (pid == 0) {
		(void)sigprocmask(SIG_SETMASK, &f.mask, NULL);
		if (inner) {
			if (!no_session && setsid() > 0)
				(void)ioctl(inner->slave, TIOCSCTTY, 0);
			for (int fd = 0; fd < 3; fd++)
				(void)dup2(inner->slave, fd);
			(void)close(inner->slave);
			(void)close(inner->master);
		}
		container();
		_exit(101);
	}
	if (inner)
		(void)close(inner->slave);
	pidfd = proc_pidfd(pid);
	r = foreground_wait(&f, pid, pidfd, inner ? inner->master : -1, &e);
	foreground_done(&f);
	_exit(r < 0 ? 102 : r);
}

static int status_of(pid_t pid)
{
	int status = -1;

	CHECK(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void say(const char *text)
{
	if (fd_write_full(1, text, strlen(text)) < 0)
		_exit(103);
}

/* --- without a terminal --- */

static void exit_42(void)
{
	_exit(42);
}

static void die_by_kill(void)
{
	(void)kill(getpid(), SIGKILL);
}

static void tells_the_status(void)
{
	pid_t pid = fork();

	if (pid == 0)
		runtime(NULL, exit_42);
	CHECK(status_of(pid) == 42);
	pid = fork();
	if (pid == 0)
		runtime(NULL, die_by_kill);
	CHECK(status_of(pid) == 128 + SIGKILL);
}

/* Says "ready" on stdout; exits with the number of the first signal that comes. */
static void tell_signal(void)
{
	sigset_t all;
	int sig;

	(void)sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, NULL);
	say("ready\n");
	(void)sigwait(&all, &sig);
	_exit(sig);
}

static int status_after(int sig)
{
	AUTO_FD out = -1;
	int ends[2];
	pid_t pid;

	CHECK(pipe2(ends, O_CLOEXEC) == 0);
	pid = fork();
	if (pid == 0) {
		(void)dup2(ends[1], 1);
		runtime(NULL, tell_signal);
	}
	out = ends[0];
	(void)close(ends[1]);
	CHECK(saw(out, "ready"));
	CHECK(kill(pid, sig) == 0);
	return status_of(pid);
}

static void forwards_signals(void)
{
	static const int some[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM,  SIGUSR1, SIGUSR2,
				   SIGALRM, SIGPIPE, SIGTSTP, SIGWINCH, SIGCONT, SIGTTIN};

	for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++)
		CHECK(status_after(some[i]) == some[i]);
	CHECK(status_after(SIGRTMIN + 3) == SIGRTMIN + 3);
}

static void gives_the_mask_back(void)
{
	struct foreground f;
	struct err e = {0};
	sigset_t before, during, after;

	(void)sigprocmask(SIG_SETMASK, NULL, &before);
	CHECK(foreground_init(&f, &e) == 0);
	(void)sigprocmask(SIG_SETMASK, NULL, &during);
	CHECK(sigismember(&during, SIGTERM) && !sigismember(&during, SIGCHLD));
	CHECK(fcntl(f.signals, F_GETFD) == FD_CLOEXEC);
	/* One that nobody took must not kill the caller now. */
	(void)kill(getpid(), SIGTERM);
	foreground_done(&f);
	foreground_done(&f);
	(void)sigprocmask(SIG_SETMASK, NULL, &after);
	CHECK(sigismember(&after, SIGTERM) == sigismember(&before, SIGTERM));
	CHECK(f.signals == -1);
}

/* --- with a terminal, on pipes --- */

struct piped {
	pid_t pid;
	int in, out;
};

static struct piped start_piped(void (*container)(void))
{
	struct piped r;
	struct pty inner = open_pty();
	int in[2], out[2];

	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
		abort();
	r.pid = fork();
	if (r.pid == 0) {
		(void)dup2(in[0], 0);
		(void)dup2(out[1], 1);
		fd_close(&in[1]);
		fd_close(&out[0]);
		runtime(&inner, container);
	}
	fd_close(&in[0]);
	fd_close(&out[1]);
	close_pty(&inner);
	r.in = in[1];
	r.out = out[0];
	return r;
}

static int end_piped(struct piped *r)
{
	fd_close(&r->in);
	fd_close(&r->out);
	return status_of(r->pid);
}

/* More than a terminal holds, and gone at once. */
static void say_much(void)
{
	char line[65];

	memset(line, 'x', sizeof(line));
	line[63] = '\n';
	line[64] = '\0';
	for (int i = 0; i < 4096; i++)
		say(line);
	say("the end\n");
	_exit(0);
}

static void drains_the_output(void)
{
	struct piped r = start_piped(say_much);
	char buf[4096];
	size_t count = 0, returns = 0; /* before the runtime attached, "\n" is "\r\n" */
	ssize_t n;

	while ((n = read(r.out, buf, sizeof(buf))) > 0) {
		count += (size_t)n;
		for (ssize_t i = 0; i < n; i++)
			returns += buf[i] == '\r';
	}
	CHECK(end_piped(&r) == 0);
	CHECK(count - returns == 4096 * 64 + 8);
}

/* The runtime attaches before the container says anything. */
static void attach_first(void)
{
	struct pty inner = open_pty();
	struct foreground f;
	struct err e = {0};
	struct termios t;

	CHECK(foreground_init(&f, &e) == 0);
	CHECK(foreground_attach(&f, inner.master, &e) == 0);
	CHECK(tcgetattr(inner.slave, &t) == 0);
	CHECK((t.c_oflag & OPOST) && !(t.c_oflag & ONLCR));
	foreground_done(&f);
	close_pty(&inner);
}

/* Answers each line in capitals; "exit" ends it. */
static void answer(void)
{
	char line[128];
	ssize_t n;

	say("ready\n");
	while ((n = read(0, line, sizeof(line) - 1)) > 0) {
		line[n] = '\0';
		if (str_eq(line, "exit\n"))
			_exit(9);
		say(str_eq(line, "hello\n") ? "HELLO\n" : "WHAT\n");
	}
	_exit(8);
}

static void relays_both_ways(void)
{
	struct piped r = start_piped(answer);

	CHECK(saw(r.out, "ready"));
	CHECK(fd_write_full(r.in, "hello\n", 6) == 0);
	CHECK(saw(r.out, "HELLO"));
	CHECK(fd_write_full(r.in, "exit\n", 5) == 0);
	CHECK(status_of(r.pid) == 9);
	fd_close(&r.in);
	fd_close(&r.out);
}

static void wait_then_say(void)
{
	sigset_t all;
	int sig;

	(void)sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, NULL);
	say("ready\n");
	(void)sigwait(&all, &sig);
	say("later\n");
	_exit(7);
}

static void the_end_of_stdin_is_no_end(void)
{
	struct piped r = start_piped(wait_then_say);

	CHECK(saw(r.out, "ready"));
	fd_close(&r.in);
	CHECK(kill(r.pid, SIGUSR1) == 0);
	CHECK(saw(r.out, "later"));
	CHECK(end_piped(&r) == 7);
}

static void say_without_end_of_stdout(void)
{
	static char block[65536];

	say("ready\n");
	memset(block, 'y', sizeof(block));
	for (int i = 0; i < 16; i++) {
		if (fd_write_full(1, block, sizeof(block)) < 0)
			_exit(104);
	}
	_exit(5);
}

static void a_reader_that_is_gone_blocks_nobody(void)
{
	struct piped r = start_piped(say_without_end_of_stdout);

	CHECK(saw(r.out, "ready"));
	CHECK(end_piped(&r) == 5);
}

/* Closes its terminal wholly, and opens it again later. */
static void hang_up_and_return(void)
{
	char name[64];
	sigset_t all;
	int sig;

	(void)sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, NULL);
	if (ttyname_r(0, name, sizeof(name)) != 0)
		_exit(105);
	say("ready\n");
	for (int fd = 0; fd < 3; fd++)
		(void)close(fd);
	(void)sigwait(&all, &sig);
	if (open(name, O_RDWR | O_NOCTTY | O_CLOEXEC) != 0 || dup2(0, 1) != 1)
		_exit(106);
	say("again\n");
	_exit(6);
}

static void a_terminal_may_be_closed_and_opened(void)
{
	struct piped r = start_piped(hang_up_and_return);

	CHECK(saw(r.out, "ready"));
	CHECK(kill(r.pid, SIGUSR1) == 0);
	CHECK(saw(r.out, "again"));
	CHECK(end_piped(&r) == 6);
}

/* Leaves a process behind that holds the terminal until the test's end of `hold` is
 * closed. */
static int hold[2];

static void leave_a_holder(void)
{
	char c;

	if (fork() == 0) {
		fd_close(&hold[1]);
		_exit(read(hold[0], &c, 1) == 0 ? 0 : 1);
	}
	say("bye\n");
	_exit(4);
}

static void who_still_holds_the_terminal_is_not_waited_for(void)
{
	struct piped r;

	CHECK(pipe2(hold, O_CLOEXEC) == 0);
	no_session = true;
	r = start_piped(leave_a_holder);
	no_session = false;
	CHECK(saw(r.out, "bye"));
	CHECK(status_of(r.pid) == 4);
	fd_close(&hold[0]);
	fd_close(&hold[1]);
	fd_close(&r.in);
	fd_close(&r.out);
}

/* --- with a terminal, on a terminal --- */

/* The runtime is a session leader on outer, or (job) a process group in the background
 * of one that is. */
static pid_t start_on(const struct pty *outer, void (*container)(void))
{
	struct pty inner = open_pty();
	pid_t pid = fork();

	if (pid == 0) {
		(void)setsid();
		(void)ioctl(outer->slave, TIOCSCTTY, 0);
		for (int fd = 0; fd < 2; fd++)
			(void)dup2(outer->slave, fd);
		runtime(&inner, container);
	}
	close_pty(&inner);
	return pid;
}

static bool is_raw(const struct pty *p)
{
	struct termios t;

	return tcgetattr(p->slave, &t) == 0 && !(t.c_lflag & (ICANON | ECHO | ISIG));
}

static void makes_raw_and_puts_back(void)
{
	struct pty outer = open_pty();
	struct termios before, during, after;
	pid_t pid;

	CHECK(tcgetattr(outer.slave, &before) == 0);
	pid = start_on(&outer, answer);
	CHECK(saw(outer.master, "ready"));
	/* What comes through was written after the terminal had become raw, or in the
	 * moment before: the answer is certainly after. */
	CHECK(fd_write_full(outer.master, "hello\n", 6) == 0);
	CHECK(saw(outer.master, "HELLO\r\n"));
	CHECK(tcgetattr(outer.slave, &during) == 0);
	CHECK(!(during.c_lflag & (ICANON | ECHO | ISIG)) && (during.c_oflag & OPOST));
	CHECK(fd_write_full(outer.master, "exit\n", 5) == 0);
	CHECK(status_of(pid) == 9);
	CHECK(tcgetattr(outer.slave, &after) == 0);
	CHECK(before.c_lflag == after.c_lflag && before.c_iflag == after.c_iflag &&
	      before.c_oflag == after.c_oflag && before.c_cflag == after.c_cflag &&
	      memcmp(before.c_cc, after.c_cc, sizeof(before.c_cc)) == 0);
	close_pty(&outer);
}

static void puts_back_after_a_kill(void)
{
	struct pty outer = open_pty();
	pid_t pid = start_on(&outer, tell_signal);

	CHECK(saw(outer.master, "ready"));
	CHECK(kill(pid, SIGTERM) == 0);
	CHECK(status_of(pid) == SIGTERM);
	CHECK(!is_raw(&outer));
	close_pty(&outer);
}

/* Tells its terminal's width whenever that changes. */
static void tell_size(void)
{
	struct winsize ws;
	char text[64];
	sigset_t set;
	int sig;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGWINCH);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	for (;;) {
		if (ioctl(0, TIOCGWINSZ, &ws) < 0)
			_exit(107);
		(void)snprintf(text, sizeof(text), "size %u.\n", ws.ws_col);
		say(text);
		if (ws.ws_col == 77)
			_exit(3);
		(void)sigwait(&set, &sig);
	}
}

static void passes_window_changes_on(void)
{
	struct pty outer = open_pty();
	struct winsize ws = {.ws_row = 20, .ws_col = 66};
	pid_t pid;

	CHECK(ioctl(outer.master, TIOCSWINSZ, &ws) == 0);
	pid = start_on(&outer, tell_size);
	CHECK(saw(outer.master, "size 66."));
	ws.ws_col = 77;
	CHECK(ioctl(outer.master, TIOCSWINSZ, &ws) == 0);
	CHECK(saw(outer.master, "size 77."));
	CHECK(status_of(pid) == 3);
	close_pty(&outer);
}

/* A shell's job control: the runtime starts as a job in the background, and gets the
 * terminal when the test says so through the pipe. */
static void shell(const struct pty *outer, const struct pty *inner, int go)
{
	pid_t job;
	char c;

	(void)setsid();
	(void)ioctl(outer->slave, TIOCSCTTY, 0);
	(void)signal(SIGTTOU, SIG_IGN);
	for (int fd = 0; fd < 2; fd++)
		(void)dup2(outer->slave, fd);
	job = fork();
	if (job == 0) {
		(void)setpgid(0, 0);
		runtime(inner, answer);
	}
	(void)setpgid(job, job);
	if (read(go, &c, 1) != 1 || is_raw(outer))
		_exit(110);
	(void)tcsetpgrp(0, job);
	_exit(status_of(job));
}

static void leaves_the_terminal_to_the_foreground_job(void)
{
	struct pty outer = open_pty(), inner = open_pty();
	const struct timespec tick = {.tv_nsec = 10000000};
	int go[2], left = DEADLINE_MS / 10;
	pid_t pid;

	CHECK(pipe2(go, O_CLOEXEC) == 0);
	pid = fork();
	if (pid == 0)
		shell(&outer, &inner, go[0]);
	close_pty(&inner);
	CHECK(saw(outer.master, "ready"));
	CHECK(!is_raw(&outer));
	CHECK(write(go[1], "x", 1) == 1);
	while (!is_raw(&outer) && left-- > 0)
		(void)nanosleep(&tick, NULL);
	CHECK(is_raw(&outer));
	CHECK(fd_write_full(outer.master, "hello\n", 6) == 0);
	CHECK(saw(outer.master, "HELLO"));
	CHECK(fd_write_full(outer.master, "exit\n", 5) == 0);
	CHECK(status_of(pid) == 9);
	fd_close(&go[0]);
	fd_close(&go[1]);
	close_pty(&outer);
}

static const struct test tests[] = {
	{"the status is the code, or 128 + the signal", tells_the_status},
	{"signals that can be caught are forwarded", forwards_signals},
	{"the signal mask comes back, late signals are dropped", gives_the_mask_back},
	{"all output is there at the end", drains_the_output},
	{"the container's terminal doesn't translate newlines", attach_first},
	{"input and output are relayed", relays_both_ways},
	{"the end of stdin is no end", the_end_of_stdin_is_no_end},
	{"a reader that is gone blocks nobody", a_reader_that_is_gone_blocks_nobody},
	{"the container may close its terminal and open it again",
	 a_terminal_may_be_closed_and_opened},
	{"who holds the terminal beyond the end is not waited for",
	 who_still_holds_the_terminal_is_not_waited_for},
	{"the caller's terminal is raw meanwhile", makes_raw_and_puts_back},
	{"it is put back however the container ends", puts_back_after_a_kill},
	{"window changes are passed on", passes_window_changes_on},
	{"a background job takes the terminal when it comes to the foreground",
	 leaves_the_terminal_to_the_foreground_job},
};

TEST_MAIN(tests)
