/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/guest/server.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "sandbox/guest/boot.h"
#include "sandbox/protocol.h"

#define THREADS_MAX 512
#define BACKLOG     128
#define STACK       ((size_t)512 * 1024)

/* Who connects speaks, or makes room. Streams are connected long before they are used: as
 * long as the host may wait for `start`. */
#define REQUEST_MS (24 * 3600 * 1000)
#define ANSWER_MS  10000

static const struct {
	const char *op;
	request_fn *fn;
} requests[] = {
	{"create", life_create}, {"exec", life_exec},    {"attach", life_attach},
	{"kill", ask_kill},      {"pids", ask_pids},     {"stats", ask_stats},
	{"freeze", ask_freeze},  {"update", ask_update}, {"network", ask_network},
};

/* ---- members and answers ---- */

int request_text(const struct json *request, const char *key, const char **ret,
		 struct err *e)
{
	*ret = json_get_string(request, key);
	return *ret ? 0 : err_set(e, EPROTO, "the request has no text \"%s\"", key);
}

int request_int(const struct json *request, const char *key, int64_t least, int64_t most,
		int64_t *ret, struct err *e)
{
	const struct json *v = json_get(request, key);

	if (!v || json_i64(v, ret) < 0 || *ret < least || *ret > most)
		return err_set(e, EPROTO, "the request has no number \"%s\"", key);
	return 0;
}

int answer(struct channel *c, struct json_writer *w, struct err *e)
{
	int r = w ? channel_send(c, w, ANSWER_MS, e) : err_code(e, ENOMEM, "answer");

	json_writer_free(w);
	return r;
}

int answer_empty(struct channel *c, struct err *e)
{
	struct json_writer *w = json_writer_new("");

	if (w) {
		json_open_object(w);
		json_close_object(w);
	}
	return answer(c, w, e);
}

int answer_error(struct channel *c, const struct err *why, struct err *e)
{
	struct json_writer *w = json_writer_new("");

	if (w) {
		json_open_object(w);
		json_key(w, "error");
		json_open_object(w);
		json_put_int(w, "code", why->code);
		json_put_string(w, "text", why->text);
		json_close_object(w);
		json_close_object(w);
	}
	return answer(c, w, e);
}

static int once(bool *done, int (*fn)(const char *arg, struct err *e), const char *arg,
		struct err *e)
{
	int r = *done ? 0 : fn(arg, e);

	*done = r == 0;
	return r;
}

static int connect_loopback(const char *arg, struct err *e)
{
	(void)arg;
	return boot_connect(e);
}

int server_connect(struct guest *g, bool shared, struct err *e)
{
	int r;

	(void)pthread_mutex_lock(&g->lock);
	r = once(&g->connected, connect_loopback, NULL, e);
	if (r == 0)
		r = once(&g->private_there, boot_mount, PROTOCOL_FS_PRIVATE, e);
	if (r == 0 && shared)
		r = once(&g->shared_there, boot_mount, PROTOCOL_FS_SHARED, e);
	(void)pthread_mutex_unlock(&g->lock);
	return r;
}

/* ---- connections ---- */

struct connection {
	struct guest *g;
	int fd; /* owned */
};

static int dispatch(struct guest *g, struct channel *c, const struct json *request,
		    struct err *e)
{
	const char *op;
	int r = request_text(request, "op", &op, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		if (str_eq(op, requests[i].op))
			return requests[i].fn(g, c, request, e);
	}
	return err_set(e, ENOTSUP, "the guest has no operation \"%s\"", op);
}

static void *serve(void *arg)
{
	struct connection *x = arg;
	struct guest *g = x->g;
	const struct json *request;
	AUTO_ARENA a = {0};
	struct channel c;
	struct err e;

	channel_open(&c, &x->fd);
	c.reader.max = PROTOCOL_REQUEST_MAX;
	free(x);
	if (channel_receive(&c, REQUEST_MS, &a, &request, &e) > 0 &&
	    dispatch(g, &c, request, &e) < 0)
		(void)answer_error(&c, &e, ERR_IGNORE);
	channel_close(&c);
	(void)pthread_mutex_lock(&g->lock);
	g->threads--;
	(void)pthread_mutex_unlock(&g->lock);
	return NULL;
}

static int start_thread(void *(*fn)(void *), void *arg)
{
	pthread_attr_t attr;
	pthread_t thread;
	int r;

	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	(void)pthread_attr_setstacksize(&attr, STACK);
	r = pthread_create(&thread, &attr, fn, arg);
	(void)pthread_attr_destroy(&attr);
	return -r;
}

/* A connection that there is no room for is closed: its other side sees that. */
static void accept_one(struct guest *g, int fd)
{
	struct connection *x = malloc(sizeof(*x));
	bool room;

	(void)pthread_mutex_lock(&g->lock);
	room = x && g->threads < THREADS_MAX;
	if (room)
		g->threads++;
	(void)pthread_mutex_unlock(&g->lock);
	if (room) {
		*x = (struct connection){.g = g, .fd = fd};
		if (start_thread(serve, x) == 0)
			return;
		(void)pthread_mutex_lock(&g->lock);
		g->threads--;
		(void)pthread_mutex_unlock(&g->lock);
	}
	log_warn(&g->log, "no room for one more connection");
	free(x);
	(void)close(fd);
}

static int listen_at(struct err *e)
{
	struct sockaddr_vm addr = {.svm_family = AF_VSOCK,
				   .svm_cid = VMADDR_CID_ANY,
				   .svm_port = PROTOCOL_PORT};
	AUTO_FD fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return err_sys(e, "vsock");
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    listen(fd, BACKLOG) < 0)
		return err_sys(e, "listen on vsock");
	return fd_take(&fd);
}

int server_run(struct err *e)
{
	struct guest g = {.lock = PTHREAD_MUTEX_INITIALIZER,
			  .log = {.level = LOG_DEBUG, .json = true}};
	AUTO_FD listener = listen_at(e);
	int lines[2], fd, r;

	if (listener < 0)
		return listener;
	/* Nobody waits for the host to read the log: what is too much is lost. */
	if (pipe2(lines, O_CLOEXEC) < 0 || fcntl(lines[1], F_SETFL, O_NONBLOCK) < 0)
		return err_sys(e, "pipe");
	g.log_lines = lines[0];
	g.log.fd = lines[1];
	r = start_thread(report_run, &g);
	if (r < 0)
		return err_code(e, r, "start a thread");
	for (;;) {
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			accept_one(&g, fd);
		else if (errno != EINTR && errno != ECONNABORTED && errno != EMFILE &&
			 errno != ENOMEM)
			return err_sys(e, "accept on vsock");
	}
}
