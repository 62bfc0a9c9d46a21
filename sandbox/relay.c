/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/relay.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/str.h"
#include "sandbox/frame.h"
#include "sandbox/protocol.h"
#include "vm/vsock_join.h"

#define CONNECTIONS_MAX 1024
#define WAITING_MAX     64    /* before hello */
#define HELLO_WINDOW    16384 /* bytes of its log on the way */
#define HELLO_MAX       ((size_t)16384)
#define AGAIN_NS        UINT64_C(100000000)

struct relay {
	struct vsock_joins joins;
	struct guest_log *log;              /* borrowed */
	int listener;                       /* owned */
	struct loop_source *source, *again; /* the listener's; a timer */
	int waiting[WAITING_MAX];           /* owned */
	size_t waiting_count;
	struct vm_stream *hello;
	struct frame_reader reader;
	bool ready;
};

/* ---- the guest's own connection ---- */

static void log_line(struct relay *r, const struct json *m)
{
	static const struct {
		const char *name;
		enum log_level level;
	} levels[] = {{"debug", LOG_DEBUG},
		      {"info", LOG_INFO},
		      {"warning", LOG_WARNING},
		      {"error", LOG_ERROR}};
	const char *level = json_get_string(m, "level"),
		   *text = json_get_string(m, "msg");

	for (size_t i = 0; level && text && i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (str_eq(level, levels[i].name))
			guest_log_write(r->log, levels[i].level, "guest: %s", text);
	}
}

static void connect_waiting(struct relay *r)
{
	for (size_t i = 0; i < r->waiting_count; i++)
		(void)vsock_join_connect(&r->joins, &r->waiting[i], PROTOCOL_PORT,
					 ERR_IGNORE);
	r->waiting_count = 0;
	if (r->source)
		(void)loop_set(r->source, EPOLLIN);
}

static int take_message(struct relay *r, struct err *e)
{
	AUTO_ARENA a = {0};
	const struct json *m;
	int64_t version;
	int err;

	err = json_parse(&a, "the guest's message", r->reader.text, r->reader.len, &m, e);
	if (err < 0)
		return err;
	if (r->ready) {
		log_line(r, m);
		return 0;
	}
	if (json_i64(json_get(m, "hello"), &version) < 0 || version != PROTOCOL_VERSION)
		return err_set(e, EPROTO,
			       "the guest speaks another version of hull's "
			       "protocol than this host");
	r->ready = true;
	connect_waiting(r);
	return 0;
}

static void hello_end(struct relay *r)
{
	frame_reader_done(&r->reader);
	r->reader = (struct frame_reader){.max = HELLO_MAX};
	r->hello = NULL;
	r->ready = false;
	if (r->source)
		(void)loop_set(r->source, 0);
}

static void on_received(void *arg, const void *buf, size_t len)
{
	struct relay *r = arg;
	const char *p = buf;
	struct err e;
	int err = 0;

	while (len > 0 && err >= 0) {
		size_t taken;

		err = frame_read(&r->reader, p, len, &taken, &e);
		if (err < 0)
			break;
		p += taken;
		len -= taken;
		if (err > 0)
			err = take_message(r, &e);
	}
	if (err >= 0) {
		vm_stream_want(r->hello, HELLO_WINDOW);
		return;
	}
	guest_log_write(r->log, LOG_ERROR, "sandbox: %s", e.text);
	vm_stream_close(r->hello);
	hello_end(r);
}

static void on_gone(void *arg)
{
	struct relay *r = arg;

	vm_stream_close(r->hello);
	hello_end(r);
}

static void on_closed(void *arg, int code)
{
	(void)code;
	hello_end(arg);
}

static const struct vm_stream_ops hello_ops = {
	.received = on_received,
	.peer_shutdown = on_gone,
	.closed = on_closed,
};

/* One of them at a time; a new one after the old has broken. */
static void *guest_connects(void *arg, struct vm_stream *s, uint32_t guest_port,
			    const struct vm_stream_ops **ret_ops)
{
	struct relay *r = arg;

	(void)guest_port;
	if (r->hello)
		return NULL;
	r->hello = s;
	vm_stream_want(s, HELLO_WINDOW);
	*ret_ops = &hello_ops;
	return r;
}

/* ---- connections to the guest ---- */

int relay_add(struct relay *r, int *fd, struct err *e)
{
	if (r->ready)
		return vsock_join_connect(&r->joins, fd, PROTOCOL_PORT, e);
	if (r->waiting_count == WAITING_MAX) {
		fd_close(fd);
		return err_set(e, EMFILE, "too many connections to a guest that boots");
	}
	r->waiting[r->waiting_count++] = fd_take(fd);
	return 0;
}

static void on_connection(void *arg, uint32_t events)
{
	struct relay *r = arg;
	int fd = accept4(r->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd >= 0) {
		(void)vsock_join_connect(&r->joins, &fd, PROTOCOL_PORT, ERR_IGNORE);
	} else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
		/* No descriptors, or no memory: it would be ready again at once. */
		(void)loop_set(r->source, 0);
		loop_timer_set(r->again, AGAIN_NS);
	}
}

static void on_again(void *arg)
{
	const struct relay *r = arg;

	if (r->source && r->ready)
		(void)loop_set(r->source, EPOLLIN);
}

int relay_new(struct vm *vm, struct loop *loop, int *listener, struct guest_log *log,
	      struct relay **ret, struct err *e)
{
	struct relay *r = calloc(1, sizeof(*r));
	int err;

	if (!r) {
		fd_close(listener);
		return err_code(e, ENOMEM, "make a sandbox");
	}
	r->joins = (struct vsock_joins){.vm = vm, .loop = loop, .max = CONNECTIONS_MAX};
	r->log = log;
	r->listener = fd_take(listener);
	r->reader.max = HELLO_MAX;
	err = vm_vsock_listen(vm, PROTOCOL_HOST_PORT, guest_connects, r, e);
	if (err == 0)
		err = loop_timer(loop, on_again, r, &r->again, e);
	/* Until the guest listens, those who connect wait in the socket's queue. */
	if (err == 0 && r->listener >= 0)
		err = loop_add(loop, r->listener, 0, on_connection, r, &r->source, e);
	if (err < 0) {
		relay_free(r);
		return err;
	}
	*ret = r;
	return 0;
}

void relay_end(struct relay *r)
{
	vsock_joins_done(&r->joins);
	for (size_t i = 0; i < r->waiting_count; i++)
		fd_close(&r->waiting[i]);
	r->waiting_count = 0;
	/* Nobody is to wait for it in the socket's queue. */
	loop_del(r->source);
	r->source = NULL;
	fd_close(&r->listener);
}

void relay_free(struct relay *r)
{
	if (!r)
		return;
	relay_end(r);
	if (r->hello)
		vm_stream_close(r->hello);
	vm_vsock_unlisten(r->joins.vm, PROTOCOL_HOST_PORT);
	frame_reader_done(&r->reader);
	loop_del(r->again);
	free(r);
}
