/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The users of streams in this process: what they ask of the device, and what they are
 * told of their streams.
 */
#include <errno.h>
#include <stdlib.h>

#include "vm/virtio/vsock.h"
#include "vm/virtio/vsock_parts.h"

/* ---- what they are told ---- */

static void call_user(struct vm_stream *s, unsigned news)
{
	const struct vm_stream_ops *ops = s->ops;
	struct vsock *v = s->vsock;
	void *arg = s->arg;
	int code = s->code;

	if (news == NEWS_CLOSED)
		s->ops = NULL;
	vsock_unlock(v);
	if (news == NEWS_CONNECTED && ops->connected)
		ops->connected(arg);
	else if (news == NEWS_PEER_SHUTDOWN && ops->peer_shutdown)
		ops->peer_shutdown(arg);
	else if (news == NEWS_WRITABLE && ops->writable)
		ops->writable(arg);
	else if (news == NEWS_CLOSED && ops->closed)
		ops->closed(arg, code);
	vsock_lock(v);
}

void vsock_tell_users(struct vsock *v)
{
	struct vm_stream *s;

	while ((s = LIST_FIRST(&v->news, struct vm_stream, in_news))) {
		list_remove(&s->in_news);
		s->calls++;
		while (s->ops && s->news) {
			unsigned first = s->news & -(unsigned)s->news;

			s->news &= (uint8_t)~first;
			call_user(s, first);
		}
		s->calls--;
		stream_release(s);
	}
}

/* ---- what they ask for ---- */

int vsock_listen(struct vsock *v, uint32_t port, vm_accept_fn *fn, void *arg,
		 struct err *e)
{
	struct vsock_listener *l = calloc(1, sizeof(*l));
	bool taken;

	if (!l)
		return err_set(e, ENOMEM, "vsock: no memory for a listener");
	l->entry.host_port = port;
	l->fn = fn;
	l->arg = arg;
	vsock_lock(v);
	taken = vsock_table_find(&v->listeners, port, 0);
	if (!taken)
		vsock_table_add(&v->listeners, &l->entry);
	vsock_unlock(v);
	if (taken) {
		free(l);
		return err_set(e, EADDRINUSE, "vsock: port %u is listened on already",
			       port);
	}
	return 0;
}

void vsock_unlisten(struct vsock *v, uint32_t port)
{
	struct vsock_entry *l;

	vsock_lock(v);
	l = vsock_table_find(&v->listeners, port, 0);
	if (l)
		vsock_table_remove(&v->listeners, l);
	vsock_unlock(v);
	free(l);
}

/* The guest may have a stream to one of these too, if somebody listens there. */
static uint32_t free_port(struct vsock *v, uint32_t guest_port)
{
	uint32_t port;

	do {
		port = v->next_port;
		v->next_port = port == VSOCK_PORT_LAST ? VSOCK_PORT_FIRST : port + 1;
	} while (vsock_table_find(&v->streams, port, guest_port) ||
		 vsock_table_find(&v->listeners, port, 0));
	return port;
}

int vsock_connect(struct vsock *v, uint32_t guest_port, const struct vm_stream_ops *ops,
		  void *arg, struct vm_stream **ret, struct err *e)
{
	struct vm_stream *s;
	bool full;

	vsock_lock(v);
	full = v->count >= v->count_max;
	s = stream_new(v, STREAM_CONNECTING, free_port(v, guest_port), guest_port);
	if (s) {
		s->ops = ops;
		s->arg = arg;
		vsock_set_deadline(s);
		stream_due(s, DUE_REQUEST);
		*ret = s;
		/* Not now: what the user wants at first is to go with the request. */
		if (!v->busy)
			loop_wake(v->waker);
	}
	vsock_unlock(v);
	if (s)
		return 0;
	return full ? err_set(e, EMFILE, "vsock: %u streams are open", v->count_max)
		    : err_set(e, ENOMEM, "vsock: no memory for a stream");
}

unsigned vsock_streams(struct vsock *v)
{
	unsigned n;

	vsock_lock(v);
	n = v->count;
	vsock_unlock(v);
	return n;
}
