/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/vsock_join.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/fd.h"

#define BUFFER 65536

/* What one end gave and the other has not taken yet. */
struct held {
	size_t off, len;
	char data[BUFFER];
};

struct vsock_join {
	struct vsock_joins *owner;
	struct vsock_join *prev, *next;
	struct vm_stream *s; /* NULL: it has ended */
	int fd;              /* owned */
	struct loop_source *source;
	bool connected;           /* the guest's end */
	bool unix_eof, guest_eof; /* no more comes from there */
	struct held to_unix, to_guest;
};

static void join_free(struct vsock_join *p)
{
	if (p->prev)
		p->prev->next = p->next;
	else
		p->owner->all = p->next;
	if (p->next)
		p->next->prev = p->prev;
	if (p->s)
		vm_stream_close(p->s);
	loop_del(p->source);
	fd_close(&p->fd);
	p->owner->count--;
	free(p);
}

/* What may happen next; frees the stream when nothing more can. */
static void settle(struct vsock_join *p)
{
	bool flushed = p->to_unix.off == p->to_unix.len;
	uint32_t events = 0;

	if (p->guest_eof && flushed)
		(void)shutdown(p->fd, SHUT_WR);
	if (flushed && (!p->s || (p->guest_eof && p->unix_eof && !p->to_guest.len))) {
		join_free(p);
		return;
	}
	if (p->s && p->connected && !p->unix_eof && !p->to_guest.len)
		events |= EPOLLIN;
	if (!flushed)
		events |= EPOLLOUT;
	if (loop_set(p->source, events) < 0)
		join_free(p);
}

/* False: the socket is no more. */
static bool flush_to_unix(struct vsock_join *p)
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

static bool flush_to_guest(struct vsock_join *p)
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

static bool read_unix(struct vsock_join *p)
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
	struct vsock_join *p = arg;
	bool good = true;

	if (events & EPOLLOUT)
		good = flush_to_unix(p);
	if (good && events & (EPOLLIN | EPOLLHUP | EPOLLERR) && !p->unix_eof &&
	    !p->to_guest.len)
		good = read_unix(p);
	if (good)
		settle(p);
	else
		join_free(p);
}

static void on_connected(void *arg)
{
	struct vsock_join *p = arg;

	p->connected = true;
	settle(p);
}

/* At most what to_unix has room for. */
static void on_received(void *arg, const void *buf, size_t len)
{
	struct vsock_join *p = arg;
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
		join_free(p);
}

static void on_writable(void *arg)
{
	struct vsock_join *p = arg;

	if (flush_to_guest(p))
		settle(p);
	else
		join_free(p);
}

static void on_shutdown(void *arg)
{
	struct vsock_join *p = arg;

	p->guest_eof = true;
	settle(p);
}

static void on_closed(void *arg, int code)
{
	struct vsock_join *p = arg;

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
static struct vsock_join *join_new(struct vsock_joins *j, int *fd, struct err *e)
{
	struct vsock_join *p = j->count < j->max ? calloc(1, sizeof(*p)) : NULL;

	if (!p) {
		(void)err_set(e, j->count < j->max ? ENOMEM : EMFILE,
			      "no more than %zu streams at once", j->count);
		fd_close(fd);
		return NULL;
	}
	p->owner = j;
	p->fd = fd_take(fd);
	if (loop_add(j->loop, p->fd, 0, unix_ready, p, &p->source, e) < 0) {
		fd_close(&p->fd);
		free(p);
		return NULL;
	}
	p->next = j->all;
	if (p->next)
		p->next->prev = p;
	j->all = p;
	j->count++;
	return p;
}

int vsock_join_connect(struct vsock_joins *j, int *fd, uint32_t port, struct err *e)
{
	struct vsock_join *p = join_new(j, fd, e);
	int r;

	if (!p)
		return -e->code;
	r = vm_vsock_connect(j->vm, port, &ops, p, &p->s, e);
	if (r < 0)
		join_free(p);
	else
		vm_stream_want(p->s, BUFFER);
	return r;
}

void *vsock_join_accept(struct vsock_joins *j, int *fd, struct vm_stream *s,
			const struct vm_stream_ops **ret_ops)
{
	struct vsock_join *p = join_new(j, fd, ERR_IGNORE);

	if (!p)
		return NULL;
	p->s = s;
	p->connected = true;
	vm_stream_want(s, BUFFER);
	*ret_ops = &ops;
	(void)loop_set(p->source, EPOLLIN);
	return p;
}

void vsock_joins_done(struct vsock_joins *j)
{
	for (struct vsock_join *p = j->all, *next; p; p = next) {
		next = p->next;
		join_free(p);
	}
}
