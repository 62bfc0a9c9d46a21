/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/proxy.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "libcontainer/process/process.h"

/* A guest boots, loads modules and makes a container meanwhile; emulated ones are slow. */
#define OPEN_MS    120000
#define START_MS   60000
#define SEND_MS    3000
#define MESSAGE_MS 30000 /* of which a part has come */
#define LAST_MS    1000

/* Of a message about a process: the guest has no reason for a longer one. */
#define MESSAGE_MAX ((size_t)65536)

#define STATUS_LOST (128 + SIGKILL)

unsigned proxy_connections(bool terminal)
{
	return PROXY_STREAMS + (terminal ? 1 : 3);
}

static int take_signals(struct proxy *p, struct err *e)
{
	sigset_t all;

	(void)sigfillset(&all);
	if (sigprocmask(SIG_SETMASK, &all, NULL) < 0)
		return err_sys(e, "block signals");
	(void)sigdelset(&all, SIGCHLD);
	(void)sigdelset(&all, SIGPIPE);
	p->signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	return p->signals < 0 ? err_sys(e, "signalfd") : 0;
}

/* The line discipline is the guest's terminal's: this one passes bytes. */
int proxy_ends_terminal(struct proxy_ends *x, const struct spec_process *process,
			struct err *e)
{
	struct termios t;

	if (!process->terminal)
		return 0;
	x->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (x->master < 0)
		return err_sys(e, "open a terminal");
	if (unlockpt(x->master) < 0)
		return err_sys(e, "unlock a terminal");
	x->slave = ioctl(x->master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (x->slave < 0)
		return err_sys(e, "open a terminal's slave");
	if (tcgetattr(x->slave, &t) < 0)
		return err_sys(e, "a terminal's settings");
	cfmakeraw(&t);
	if (tcsetattr(x->slave, TCSANOW, &t) < 0)
		return err_sys(e, "a terminal's settings");
	return process->console_size
		       ? terminal_resize(x->master, process->console_size, e)
		       : 0;
}

void proxy_ends_done(struct proxy_ends *x)
{
	for (int i = 0; i < PROXY_CONNECTIONS; i++)
		fd_close(&x->connections[i]);
	fd_close(&x->master);
	fd_close(&x->slave);
}

int proxy_init(struct proxy *p, const struct spec_process *process,
	       struct proxy_ends *ends, const struct log *log, struct err *e)
{
	int r, slave;

	*p = (struct proxy){.process = process,
			    .log = log,
			    .ends = *ends,
			    .signals = -1,
			    .life = CHANNEL_INIT};
	*ends = (struct proxy_ends)PROXY_ENDS_INIT;
	channel_open(&p->life, &p->ends.connections[PROXY_LIFE]);
	p->life.reader.max = MESSAGE_MAX;
	r = take_signals(p, e);
	if (r < 0 || p->ends.slave < 0)
		return r;
	slave = fcntl(p->ends.slave, F_DUPFD_CLOEXEC, 3);
	return slave < 0 ? err_sys(e, "the terminal") : terminal_become(&slave, e);
}

int proxy_threads(struct proxy *p, int (*enter)(void *arg, struct err *e), void *arg,
		  struct err *e)
{
	const int *s = &p->ends.connections[PROXY_STREAMS];
	bool terminal = p->process->terminal;
	int in = terminal ? p->ends.slave : 0, out = terminal ? p->ends.slave : 1;

	p->pumps[0] = (struct pump){
		.from = in, .to = s[0], .to_socket = true, .stop = -1};
	p->pumps[1] = (struct pump){
		.from = terminal ? s[0] : s[1], .to = out, .stop = -1};
	p->pumps[2] = (struct pump){.from = terminal ? -1 : s[2], .to = 2, .stop = -1};
	for (int i = 0; i < 3; i++) {
		if (p->pumps[i].from < 0)
			continue;
		p->pumps[i].enter = enter;
		p->pumps[i].arg = arg;
		if (pump_make(&p->pumps[i], e) < 0)
			return -e->code;
	}
	return 0;
}

/* ---- requests ---- */

static void put_size(struct json_writer *w, const char *key, uint64_t rows,
		     uint64_t columns)
{
	json_key(w, key);
	json_open_array(w);
	json_uint(w, rows);
	json_uint(w, columns);
	json_close_array(w);
}

void proxy_begin(struct json_writer *w, const char *op, const char *id,
		 const struct spec_process *process)
{
	json_open_object(w);
	json_put_string(w, "op", op);
	json_put_string(w, "id", id);
	if (process->console_size)
		put_size(w, "size", process->console_size->height,
			 process->console_size->width);
}

int proxy_open(struct proxy *p, struct json_writer *request, struct err *e)
{
	const struct json *answer;
	int r;

	json_close_object(request);
	r = channel_ask(&p->life, request, OPEN_MS, &p->arena, &answer, e);
	if (r < 0)
		return r;
	p->token = json_get_string(answer, "token");
	return p->token ? 0
			: err_set(e, EPROTO, "the guest gave no token for its streams");
}

static int attach(struct proxy *p, unsigned stream, struct err *e)
{
	AUTO_JSON *w = json_writer_new("");
	AUTO_ARENA a = {0};
	struct channel c;
	int r, fd = p->ends.connections[PROXY_STREAMS + stream];

	if (!w)
		return err_code(e, ENOMEM, "attach a stream");
	json_open_object(w);
	json_put_string(w, "op", "attach");
	json_put_string(w, "token", p->token);
	json_put_uint(w, "stream", stream);
	json_close_object(w);
	channel_open(&c, &fd);
	c.reader.max = MESSAGE_MAX;
	r = channel_ask(&c, w, MESSAGE_MS, &a, NULL, e);
	/* Nothing comes before the process runs, so nothing is left in the channel. */
	frame_reader_done(&c.reader);
	return r;
}

/* To a process that has just ended nothing can be told; its status comes next. */
static int tell(struct proxy *p, const char *op, const char *key, uint64_t v,
		const char *key2, uint64_t v2, struct err *e)
{
	AUTO_JSON *w = json_writer_new("");
	int r;

	if (!w)
		return err_code(e, ENOMEM, "tell the guest");
	json_open_object(w);
	json_put_string(w, "op", op);
	json_put_uint(w, key, v);
	if (key2)
		json_put_uint(w, key2, v2);
	json_close_object(w);
	r = channel_send(&p->life, w, SEND_MS, e);
	return r == -EPIPE || r == -ECONNRESET ? 0 : r;
}

static int forward_resize(struct proxy *p, struct err *e)
{
	struct winsize size;

	if (p->ends.slave < 0 || ioctl(p->ends.slave, TIOCGWINSZ, &size) < 0)
		return 0;
	return tell(p, "resize", "rows", size.ws_row, "columns", size.ws_col, e);
}

int proxy_start(struct proxy *p, struct err *e)
{
	unsigned streams = proxy_connections(p->process->terminal) - PROXY_STREAMS;
	AUTO_JSON *w = json_writer_new("");
	const struct json *answer;
	AUTO_ARENA a = {0};
	int r;

	if (!w)
		return err_code(e, ENOMEM, "start");
	for (unsigned i = 0; i < streams; i++) {
		r = attach(p, i, e);
		if (r < 0)
			return r;
	}
	for (int i = 0; i < 3; i++) {
		if (p->pumps[i].running)
			pump_go(&p->pumps[i]);
	}
	/* Its terminal may have a size by now that nobody has told. */
	r = forward_resize(p, e);
	if (r < 0)
		return r;
	json_open_object(w);
	json_put_string(w, "op", "start");
	json_close_object(w);
	r = channel_ask(&p->life, w, START_MS, &a, &answer, e);
	/* The end of the process came first. */
	if (r == 0 && json_get(answer, "exited"))
		return err_set(e, EPIPE,
			       "the container's process died before it could begin");
	return r;
}

/* ---- while it runs ---- */

static int forward_signals(struct proxy *p, struct err *e)
{
	struct signalfd_siginfo s;
	int r = 0;

	while (r == 0 && read(p->signals, &s, sizeof(s)) == sizeof(s)) {
		if (s.ssi_signo == SIGWINCH && p->ends.slave >= 0)
			r = forward_resize(p, e);
		else
			r = tell(p, "signal", "signal", s.ssi_signo, NULL, 0, e);
	}
	return r;
}

/* 1: it has ended, with *status. */
static int take_message(struct proxy *p, int *status, struct err *e)
{
	AUTO_ARENA a = {0};
	const struct json *m, *oom;
	int64_t v;
	int r = channel_receive(&p->life, MESSAGE_MS, &a, &m, e);

	if (r < 0)
		return r;
	if (r == 0)
		return err_set(e, EPIPE, "the sandbox has ended");
	if (json_i64(json_get(m, "exited"), &v) < 0 || v < 0 || v > 255)
		return err_set(e, EPROTO, "the guest's message is not understood");
	oom = json_get(m, "oom");
	p->oom = oom && oom->type == JSON_BOOL && oom->boolean;
	*status = (int)v;
	return 1;
}

static int follow(struct proxy *p, int *status, struct err *e)
{
	struct pollfd fds[] = {{.fd = p->life.fd, .events = POLLIN},
			       {.fd = p->signals, .events = POLLIN}};
	int r;

	/* What came before the process could be told. */
	r = forward_resize(p, e);
	while (r == 0) {
		/* Something may have come together with the last answer. */
		r = poll(fds, 2, p->life.start < p->life.end ? 0 : -1);
		if (r < 0 && errno != EINTR)
			return err_sys(e, "poll");
		r = 0;
		if (fds[1].revents)
			r = forward_signals(p, e);
		if (r == 0 && (fds[0].revents || p->life.start < p->life.end))
			r = take_message(p, status, e);
	}
	return r;
}

int proxy_wait(struct proxy *p)
{
	struct err e;
	int status = STATUS_LOST;

	if (follow(p, &status, &e) < 0) {
		log_error(p->log, "%s", e.text);
		/* What it had written before; if it still has streams, no longer. */
		for (int i = 1; i < 3; i++)
			pump_join_for(&p->pumps[i], LAST_MS);
		return STATUS_LOST;
	}
	/* The guest has written all of it and shut its streams down. */
	for (int i = 1; i < 3; i++)
		pump_join(&p->pumps[i]);
	return status;
}
