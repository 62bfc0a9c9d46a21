/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process of a container from its request to its end, on the thread of the connection
 * that it hangs on (protocol.h).
 */
#include "sandbox/guest/life.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/proc.h"
#include "base/str.h"
#include "libcontainer/container.h"
#include "libcontainer/process/process.h"
#include "sandbox/protocol.h"

#define SEND_MS    10000
#define SIGNAL_MAX 64

/* ---- its stdio ---- */

/* The container's ends of three pipes, and ours. */
static int make_pipes(struct life *l, int theirs[3], struct err *e)
{
	int p[2];

	for (int i = 0; i < 3; i++) {
		if (pipe2(p, O_CLOEXEC) < 0)
			return err_sys(e, "pipe");
		theirs[i] = p[i != 0];
		l->ours[i] = p[i == 0];
	}
	return 0;
}

static void close_three(int fds[3])
{
	for (int i = 0; i < 3; i++)
		fd_close(&fds[i]);
}

static int start_pumps(struct life *l, struct err *e)
{
	int first = l->terminal ? l->console : l->ours[0];
	int second = l->terminal ? l->console : l->ours[1];
	bool pipes = !l->terminal;
	int out = l->terminal ? l->streams[0] : l->streams[1];
	int r;

	l->stop = eventfd(0, EFD_CLOEXEC);
	if (l->stop < 0)
		return err_sys(e, "eventfd");
	l->pumps[0] = (struct pump){
		.from = l->streams[0], .to = first, .close_to = pipes, .stop = l->stop};
	l->pumps[1] = (struct pump){.from = second,
				    .to = out,
				    .to_socket = true,
				    .close_from = pipes,
				    .stop = l->stop};
	l->pumps[2] = (struct pump){.from = l->ours[2],
				    .to = l->streams[2],
				    .to_socket = true,
				    .close_from = pipes,
				    .stop = l->stop};
	/* A process that reads nothing must not keep us from its end. */
	if (fcntl(first, F_SETFL, O_NONBLOCK) < 0)
		return err_sys(e, "stdin");
	for (int i = 0; i < (pipes ? 3 : 2); i++) {
		r = pump_start(&l->pumps[i], e);
		if (r < 0)
			return r;
		if (pipes)
			l->ours[i] = -1; /* the pump's */
	}
	return 0;
}

/* What was written before the process's end goes out; then no more. */
static void drain(struct life *l)
{
	const uint64_t one = 1;

	if (l->stop >= 0)
		(void)!write(l->stop, &one, sizeof(one));
	for (int i = 1; i < 3; i++)
		pump_join(&l->pumps[i]);
	pump_join(&l->pumps[0]);
}

/* ---- as the host has it ---- */

static int answer_token(struct life *l, struct channel *c, struct err *e)
{
	struct json_writer *w = json_writer_new("");

	if (!w)
		return err_code(e, ENOMEM, "answer");
	json_open_object(w);
	json_put_string(w, "token", l->token);
	json_key(w, "streams");
	json_open_array(w);
	for (unsigned i = 0; i < life_streams(l); i++)
		json_uint(w, i);
	json_close_array(w);
	json_close_object(w);
	return answer(c, w, e);
}

static int tell_end(struct life *l, struct channel *c, int status, struct err *e)
{
	struct json_writer *w = json_writer_new("");

	if (!w)
		return err_code(e, ENOMEM, "answer");
	json_open_object(w);
	json_put_int(w, "exited", status);
	json_put_bool(w, "oom", l->oom);
	json_close_object(w);
	return answer(c, w, e);
}

/* One that the terminal refuses is no reason to end its process. */
static void take_size(struct life *l, const struct json *rows, const struct json *columns)
{
	struct spec_console_size size;

	if (!rows || !columns || json_u64(rows, &size.height) < 0 ||
	    json_u64(columns, &size.width) < 0)
		return;
	if (l->console >= 0)
		(void)terminal_resize(l->console, &size, ERR_IGNORE);
	else if (size.height <= UINT16_MAX && size.width <= UINT16_MAX)
		l->size = size;
}

static int begin(struct guest *g, struct life *l, struct channel *c, struct err *e)
{
	struct err why;
	int r = life_wait_streams(g, l, e);

	if (r == 0 && !l->begun)
		r = l->start(g, l, e);
	if (r == 0)
		r = start_pumps(l, e);
	if (r == 0)
		r = l->after_start ? l->after_start(l, e) : 0;
	if (r < 0) {
		why = *e;
		(void)answer_error(c, &why, ERR_IGNORE);
		return r;
	}
	l->begun = true;
	return answer_empty(c, e);
}

static int take_message(struct guest *g, struct life *l, struct channel *c,
			const struct json *m, struct err *e)
{
	const char *op;
	int64_t sig;
	int r = request_text(m, "op", &op, e);

	if (r < 0)
		return r;
	if (str_eq(op, "start"))
		return l->begun ? err_set(e, EINVAL, "started already")
				: begin(g, l, c, e);
	if (str_eq(op, "signal")) {
		r = request_int(m, "signal", 1, SIGNAL_MAX, &sig, e);
		if (r == 0 && l->pidfd >= 0)
			(void)proc_kill(l->pidfd, (int)sig);
		return r;
	}
	if (str_eq(op, "resize")) {
		take_size(l, json_get(m, "rows"), json_get(m, "columns"));
		return 0;
	}
	return err_set(e, ENOTSUP, "a process has no operation \"%s\"", op);
}

/* 1: the process has ended. */
static int follow(struct guest *g, struct life *l, struct channel *c, struct err *e)
{
	for (;;) {
		AUTO_ARENA a = {0};
		struct pollfd fds[] = {{.fd = c->fd, .events = POLLIN},
				       {.fd = l->pidfd, .events = POLLIN}};
		const struct json *m;
		int r;

		r = poll(fds, 2, c->start < c->end ? 0 : -1);
		if (r < 0 && errno != EINTR)
			return err_sys(e, "poll");
		if (fds[1].revents)
			return 1;
		if (!fds[0].revents && c->start >= c->end)
			continue;
		r = channel_receive(c, SEND_MS, &a, &m, e);
		if (r == 0)
			return err_set(e, EPIPE, "the host has let go of the process");
		if (r > 0)
			r = take_message(g, l, c, m, e);
		if (r < 0)
			return r;
	}
}

static int wait_status(struct life *l)
{
	siginfo_t info = {0};

	while (waitid(P_PIDFD, (id_t)l->pidfd, &info, WEXITED) < 0 && errno == EINTR)
		;
	return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

int life_run(struct guest *g, struct life *l, struct channel *c,
	     const struct json *request, struct err *e)
{
	const struct json *size = json_get(request, "size");
	int r = life_add(g, l, e), status;

	if (r == 0 && size && size->type == JSON_ARRAY && size->count == 2)
		take_size(l, size->first, size->first->next);
	if (r == 0)
		r = answer_token(l, c, e);
	if (r == 0)
		r = follow(g, l, c, e);
	if (r < 0 && l->pidfd >= 0)
		(void)proc_kill(l->pidfd, SIGKILL);
	status = l->pidfd >= 0 ? wait_status(l) : 0;
	drain(l);
	l->finish(g, l);
	life_remove(g, l);
	/* Nobody listens any more, or it has been answered. */
	if (r <= 0) {
		log_debug(&g->log, "a process ended early: %s", e->text);
		return 0;
	}
	(void)tell_end(l, c, status, ERR_IGNORE);
	return 0;
}

/* ---- a container's first process ---- */

static int start_container(struct guest *g, struct life *l, struct err *e)
{
	(void)g;
	(void)l;
	(void)e;
	return 0;
}

static int run_container(struct life *l, struct err *e)
{
	return container_start(l->container, l->log, e);
}

/* All of it is gone then, and what it wrote is on the host. */
static void finish_container(struct guest *g, struct life *l)
{
	struct err e;

	l->oom = cgroup_oom_kills(&l->container->cgroup) > 0;
	if (container_delete(l->container, true, &g->log, &e) < 0)
		log_warn(&g->log, "%s: %s", l->container->id, e.text);
	life_sync(g, l->tree);
}

static int create_container(struct guest *g, struct life *l, const char *id,
			    const char *config, struct spec *s, struct err *e)
{
	int stdio[3] = {-1, -1, -1}, r = 0;

	l->terminal = s->process->terminal;
	if (!l->terminal)
		r = make_pipes(l, stdio, e);
	if (r == 0)
		r = container_create(
			&(struct container_options){
				.root = GUEST_CONTAINERS,
				.id = id,
				.bundle = "/",
				.spec = s,
				.spec_text = config,
				.spec_len = strlen(config),
				.stdio = {stdio[0], stdio[1], stdio[2]},
				.console_socket = -1,
				.pidfd_socket = -1,
				.foreground = true,
				.log = &g->log,
			},
			&l->container, e);
	close_three(stdio);
	if (r < 0)
		return r;
	l->pidfd = l->container->pidfd;
	l->console = l->container->console;
	return 0;
}

int life_create(struct guest *g, struct channel *c, const struct json *request,
		struct err *e)
{
	struct life l = LIFE_INIT;
	AUTO_ARENA a = {0};
	const struct json *binds = json_get(request, "binds");
	const char *id, *config;
	struct spec *s = NULL;
	int r;

	l.log = &g->log;
	l.start = start_container;
	l.after_start = run_container;
	l.finish = finish_container;
	server_creating(g, true);
	r = request_text(request, "id", &id, e);
	if (r == 0)
		r = request_text(request, "config", &config, e);
	if (r == 0)
		r = server_connect(g, binds && binds->count > 0, e);
	if (r == 0)
		r = life_spec(&a, request, id, config, &s, &l.tree, e);
	if (r == 0)
		r = create_container(g, &l, id, config, s, e);
	server_creating(g, false);
	if (r == 0)
		r = life_run(g, &l, c, request, e);
	life_done(&l);
	container_free(l.container);
	return r;
}

/* ---- one more process ---- */

static int start_exec(struct guest *g, struct life *l, struct err *e)
{
	struct exec_process x = {.pidfd = -1, .console = -1};
	struct spec_process process = *l->process;
	int stdio[3] = {-1, -1, -1}, r = 0;

	if (l->size.height)
		process.console_size = &l->size;
	if (!l->terminal)
		r = make_pipes(l, stdio, e);
	if (r == 0)
		r = container_exec(l->container,
				   &(struct exec_options){
					   .process = &process,
					   .stdio = {stdio[0], stdio[1], stdio[2]},
					   .console_socket = -1,
					   .pidfd_socket = -1,
					   .ignore_paused = true,
					   .log = &g->log,
				   },
				   &x, e);
	close_three(stdio);
	if (r < 0)
		return r;
	l->exec_pidfd = l->pidfd = x.pidfd;
	l->exec_console = l->console = x.console;
	return 0;
}

static void finish_exec(struct guest *g, struct life *l)
{
	life_sync(g, l->tree);
}

int life_exec(struct guest *g, struct channel *c, const struct json *request,
	      struct err *e)
{
	struct life l = LIFE_INIT;
	struct spec_process *process = NULL;
	AUTO_ARENA a = {0};
	const char *id, *text;
	int r;

	l.log = &g->log;
	l.start = start_exec;
	l.finish = finish_exec;
	r = request_text(request, "id", &id, e);
	if (r == 0)
		r = request_text(request, "process", &text, e);
	if (r == 0)
		r = spec_decode_process(&a, "process", text, strlen(text), &process, e);
	if (r == 0)
		r = server_load(g, id, &l.container, e);
	if (r == 0)
		r = life_defaults(&a, process, e);
	if (r == 0) {
		l.process = process;
		l.terminal = process->terminal;
		r = life_run(g, &l, c, request, e);
	}
	life_done(&l);
	container_free(l.container);
	return r;
}
