/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/tools/vsock_relay.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"

#define BUFFER 65536

/* What one end gave and the other has not taken yet. */
struct held {
	size_t off, len;
	char data[BUFFER];
};

struct relayed {
	struct vsock_relay *relay;
	struct relayed *prev, *next;
	struct vm_stream *s; /* NULL: it has ended */
	int fd;              /* owned */
	struct loop_source *source;
	bool connected;           /* the guest's end */
	bool unix_eof, guest_eof; /* no more comes from there */
	struct held to_unix, to_guest;
};

struct door {
	struct vsock_relay *relay;
	struct door *next;
	uint32_t port;
	struct sockaddr_un addr;
	int fd;      /* owned: listens at addr; -1: we connect there */
	int ready;   /* owned: a connection made ahead */
	bool sealed; /* addr is out of reach */
	struct loop_source *source;
};

struct vsock_relay {
	struct vm *vm;
	struct loop *loop;
	struct door *doors;
	struct relayed *all;
};

/* ---- a stream ---- */

static void relayed_free(struct relayed *p)
{
	if (p->prev)
		p->prev->next = p->next;
	else
		p->relay->all = p->next;
	if (p->next)
		p->next->prev = p->prev;
	if (p->s)
		vm_stream_close(p->s);
	loop_del(p->source);
	fd_close(&p->fd);
	free(p);
}

/* What may happen next; frees the stream when nothing more can. */
static void settle(struct relayed *p)
{
	bool flushed = p->to_unix.off == p->to_unix.len;
	uint32_t events = 0;

	if (p->guest_eof && flushed)
		(void)shutdown(p->fd, SHUT_WR);
	if (flushed && (!p->s || (p->guest_eof && p->unix_eof && !p->to_guest.len))) {
		relayed_free(p);
		return;
	}
	if (p->s && p->connected && !p->unix_eof && !p->to_guest.len)
		events |= EPOLLIN;
	if (!flushed)
		events |= EPOLLOUT;
	if (loop_set(p->source, events) < 0)
		relayed_free(p);
}

/* False: the socket is no more. */
static bool flush_to_unix(struct relayed *p)
{
	struct held *h = &p->to_unix;

	while (h->off < h->len) {
		ssize_t n = send(p->fd, h->data + h->off, h->len - h->off,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		h->off += (size_t)n;
	}
	h->off = h->len = 0;
	if (p->s)
		vm_stream_want(p->s, BUFFER);
	return true;
}

static bool flush_to_guest(struct relayed *p)
{
	struct held *h = &p->to_guest;
	ssize_t n = 0;

	if (p->s && h->off < h->len) {
		n = vm_stream_write(p->s, h->data + h->off, h->len - h->off);
		if (n < 0)
			return false;
		h->off += (size_t)n;
	}
	if (h->off == h->len)
		h->off = h->len = 0;
	if (p->s && p->unix_eof && !h->len)
		vm_stream_shutdown(p->s);
	return true;
}

static bool read_unix(struct relayed *p)
{
	ssize_t n = recv(p->fd, p->to_guest.data, BUFFER, MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	p->unix_eof = n == 0;
	p->to_guest.len = (size_t)n;
	return flush_to_guest(p);
}

static void unix_ready(void *arg, uint32_t events)
{
	struct relayed *p = arg;
	bool good = true;

	if (events & EPOLLOUT)
		good = flush_to_unix(p);
	if (good && events & (EPOLLIN | EPOLLHUP | EPOLLERR) && !p->unix_eof &&
	    !p->to_guest.len)
		good = read_unix(p);
	if (good)
		settle(p);
	else
		relayed_free(p);
}

static void on_connected(void *arg)
{
	struct relayed *p = arg;

	p->connected = true;
	settle(p);
}

/* At most what to_unix has room for. */
static void on_received(void *arg, const void *buf, size_t len)
{
	struct relayed *p = arg;
	struct held *h = &p->to_unix;

	if (h->len + len > BUFFER) {
		memmove(h->data, h->data + h->off, h->len - h->off);
		h->len -= h->off;
		h->off = 0;
	}
	memcpy(h->data + h->len, buf, len);
	h->len += len;
	if (flush_to_unix(p))
		settle(p);
	else
		relayed_free(p);
}

static void on_writable(void *arg)
{
	struct relayed *p = arg;

	if (flush_to_guest(p))
		settle(p);
	else
		relayed_free(p);
}

static void on_shutdown(void *arg)
{
	struct relayed *p = arg;

	p->guest_eof = true;
	settle(p);
}

static void on_closed(void *arg, int code)
{
	struct relayed *p = arg;

	(void)code;
	p->s = NULL;
	p->guest_eof = true;
	settle(p);
}

static const struct vm_stream_ops ops = {
	.connected = on_connected,
	.received = on_received,
	.writable = on_writable,
	.peer_shutdown = on_shutdown,
	.closed = on_closed,
};

/* Takes *fd over, in any case. */
static struct relayed *relayed_new(struct vsock_relay *r, int *fd, struct err *e)
{
	struct relayed *p = calloc(1, sizeof(*p));

	if (!p) {
		fd_close(fd);
		return NULL;
	}
	p->relay = r;
	p->fd = fd_take(fd);
	if (loop_add(r->loop, p->fd, 0, unix_ready, p, &p->source, e) < 0) {
		fd_close(&p->fd);
		free(p);
		return NULL;
	}
	p->next = r->all;
	if (p->next)
		p->next->prev = p;
	r->all = p;
	return p;
}

/* ---- doors ---- */

static int reach(const struct door *d)
{
	AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&d->addr, sizeof(d->addr)) < 0)
		return -1;
	return fd_take(&fd);
}

static void *guest_connects(void *arg, struct vm_stream *s, uint32_t guest_port,
			    const struct vm_stream_ops **ret_ops)
{
	struct door *d = arg;
	struct relayed *p;
	int fd = d->sealed ? fd_take(&d->ready) : reach(d);

	(void)guest_port;
	if (fd < 0)
		return NULL;
	p = relayed_new(d->relay, &fd, ERR_IGNORE);
	if (!p)
		return NULL;
	p->s = s;
	p->connected = true;
	vm_stream_want(s, BUFFER);
	*ret_ops = &ops;
	(void)loop_set(p->source, EPOLLIN);
	return p;
}

static void unix_connects(void *arg, uint32_t events)
{
	struct door *d = arg;
	int fd = accept4(d->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct relayed *p;

	(void)events;
	if (fd < 0)
		return;
	p = relayed_new(d->relay, &fd, ERR_IGNORE);
	if (!p)
		return;
	if (vm_vsock_connect(d->relay->vm, d->port, &ops, p, &p->s, ERR_IGNORE) < 0)
		relayed_free(p);
	else
		vm_stream_want(p->s, BUFFER);
}

/* NULL: see e. */
static struct door *door_new(struct vsock_relay *r, const char *path, size_t path_len,
			     const char *port, struct err *e)
{
	struct door *d = calloc(1, sizeof(*d));
	char *end;

	if (!d) {
		(void)err_set(e, ENOMEM, "no memory for a relay");
		return NULL;
	}
	d->relay = r;
	d->fd = d->ready = -1;
	d->port = (uint32_t)strtoul(port, &end, 10);
	d->addr.sun_family = AF_UNIX;
	if ((*end && *end != '=') || end == port || !path_len ||
	    path_len >= sizeof(d->addr.sun_path)) {
		free(d);
		(void)err_set(e, EINVAL, "no port and path: %s", port);
		return NULL;
	}
	memcpy(d->addr.sun_path, path, path_len);
	d->next = r->doors;
	r->doors = d;
	return d;
}

int vsock_relay_listen(struct vsock_relay *r, const char *value, struct err *e)
{
	const char *eq = strchr(value, '=');
	struct door *d;

	if (!eq)
		return err_set(e, EINVAL, "want PORT=PATH: %s", value);
	d = door_new(r, eq + 1, strlen(eq + 1), value, e);
	if (!d)
		return -e->code;
	return vm_vsock_listen(r->vm, d->port, guest_connects, d, e);
}

int vsock_relay_connect(struct vsock_relay *r, const char *value, struct err *e)
{
	const char *eq = strrchr(value, '=');
	struct door *d;

	if (!eq)
		return err_set(e, EINVAL, "want PATH=PORT: %s", value);
	d = door_new(r, value, (size_t)(eq - value), eq + 1, e);
	if (!d)
		return -e->code;
	(void)unlink(d->addr.sun_path);
	d->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (d->fd < 0 || bind(d->fd, (struct sockaddr *)&d->addr, sizeof(d->addr)) < 0 ||
	    listen(d->fd, 128) < 0)
		return err_sys(e, "listen at %s", d->addr.sun_path);
	return loop_add(r->loop, d->fd, EPOLLIN, unix_connects, d, &d->source, e);
}

int vsock_relay_new(struct vm *vm, struct loop *loop, struct vsock_relay **ret,
		    struct err *e)
{
	struct vsock_relay *r = calloc(1, sizeof(*r));

	if (!r)
		return err_set(e, ENOMEM, "no memory for a relay");
	r->vm = vm;
	r->loop = loop;
	*ret = r;
	return 0;
}

void vsock_relay_seal(struct vsock_relay *r)
{
	for (struct door *d = r ? r->doors : NULL; d; d = d->next) {
		if (d->fd < 0)
			d->ready = reach(d);
		d->sealed = true;
	}
}

void vsock_relay_free(struct vsock_relay *r)
{
	if (!r)
		return;
	for (struct relayed *p = r->all, *next; p; p = next) {
		next = p->next;
		relayed_free(p);
	}
	while (r->doors) {
		struct door *d = r->doors;

		r->doors = d->next;
		if (d->fd < 0)
			vm_vsock_unlisten(r->vm, d->port);
		else if (!d->sealed)
			(void)unlink(d->addr.sun_path);
		loop_del(d->source);
		fd_close(&d->fd);
		fd_close(&d->ready);
		free(d);
	}
	free(r);
}
