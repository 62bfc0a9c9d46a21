/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the guest to the device: packets are taken as they come, and each is handled, its
 * user told of it included, before the next. Those of no stream are answered by a reset,
 * but for a request to one who listens.
 */
#include "vm/virtio/vsock_parts.h"

#define PACKETS_TURN 256 /* before other sources of the loop have theirs */
#define PACKETS_WAIT 32  /* and before the guest gets its interrupts */

static void accepted(struct vm_stream *s, void *arg, const struct vm_stream_ops *ops)
{
	if (s->closed)
		return;
	if (!arg || !ops) {
		stream_end(s, 0, true);
		return;
	}
	s->ops = ops;
	s->arg = arg;
	if (s->state == STREAM_ACCEPTING) {
		s->state = STREAM_OPEN;
		stream_due(s, DUE_RESPONSE);
	} else {
		/* The device was reset meanwhile. */
		stream_add_news(s, NEWS_CLOSED);
	}
}

static void request(struct vsock *v, const struct vsock_packet *p)
{
	const struct vsock_listener *l = (const void *)vsock_table_find(&v->listeners,
									p->dst_port, 0);
	const struct vm_stream_ops *ops = NULL;
	struct vm_stream *s = NULL;
	vm_accept_fn *fn;
	void *arg;

	if (l)
		s = stream_new(v, STREAM_ACCEPTING, p->dst_port, p->src_port);
	if (!s) {
		vsock_reply_reset(v, p);
		return;
	}
	s->peer_buf_alloc = p->buf_alloc;
	s->peer_fwd_cnt = p->fwd_cnt;
	/* It may stop listening while it is asked. */
	fn = l->fn;
	arg = l->arg;
	s->calls++;
	vsock_unlock(v);
	arg = fn(arg, s, p->src_port, &ops);
	vsock_lock(v);
	accepted(s, arg, ops);
	s->calls--;
	stream_release(s);
}

static void packet(struct vsock *v, const struct vsock_packet *p, struct chain *c)
{
	struct vm_stream *s = NULL;

	if (p->type != VIRTIO_VSOCK_TYPE_STREAM || p->dst_cid != VSOCK_HOST_CID ||
	    p->src_cid != v->cid) {
		vsock_reply_reset(v, p);
		return;
	}
	s = (void *)vsock_table_find(&v->streams, p->dst_port, p->src_port);
	/* The guest forgets a stream when it has our shutdown, while its program may take
	 * its time to answer; another may have its port by then. */
	if (s && p->op == VIRTIO_VSOCK_OP_REQUEST && s->state == STREAM_CLOSING &&
	    !s->due) {
		stream_end(s, 0, false);
		stream_release(s);
		s = NULL;
	}
	if (s) {
		s->calls++;
		stream_packet(s, p, c);
		s->calls--;
		stream_release(s);
	} else if (p->op == VIRTIO_VSOCK_OP_REQUEST) {
		request(v, p);
	} else {
		vsock_reply_reset(v, p);
	}
}

/* Takes one packet: false if there is none. */
static bool take_packet(struct vsock *v)
{
	struct queue *q = &v->dev.queue[VSOCK_TX];
	struct iovec iov[VSOCK_IOV];
	uint32_t epoch = v->epoch;
	struct vsock_packet p;
	struct chain c;
	int r;

	while ((r = queue_pop(q, &c, iov, VSOCK_IOV)) == 0) {
		if (!queue_want_notify(q))
			return false;
	}
	if (r < 0 || vsock_packet_get(&c, &p) < 0) {
		vsock_break(v);
		return false;
	}
	packet(v, &p, &c);
	vsock_tell_users(v);
	/* If it was reset during a call, the queue is another, or none. */
	if (v->epoch == epoch && v->dev.active) {
		queue_push(q, c.head, 0);
		v->used[VSOCK_TX] = true;
	}
	return true;
}

void vsock_take_packets(struct vsock *v)
{
	queue_stop_notify(&v->dev.queue[VSOCK_TX]);
	for (unsigned n = 1; vsock_runs(v); n++) {
		if (v->reply_count == VSOCK_REPLIES)
			vsock_flush(v);
		if (v->reply_count == VSOCK_REPLIES || !take_packet(v))
			return;
		if (n % PACKETS_WAIT == 0) {
			vsock_flush(v);
			vsock_signal(v);
		}
		if (n == PACKETS_TURN) {
			loop_wake(v->waker);
			return;
		}
	}
}
