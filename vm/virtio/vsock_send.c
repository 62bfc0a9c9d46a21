/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the device to the guest: streams that have something to send stand in one line and
 * send a packet each in turn, so that none starves another; what can't go yet stays due
 * with its stream, so that the driver's giving no buffers loses nothing. Resets for
 * packets of no stream go first; there is room for a bounded number, and while it is full
 * no more packets are taken from the guest (VIRTIO 1.2, 5.10.6.1).
 */
#include "vm/virtio/vsock_parts.h"

#define RING_LOW (VSOCK_RING_SIZE / 2) /* a blocked writer hears of room from here on */

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

uint32_t stream_credit(const struct vm_stream *s)
{
	uint32_t under_way = s->sent - s->peer_fwd_cnt;

	/* A guest whose numbers make no sense gets nothing. */
	return s->peer_buf_alloc > under_way ? s->peer_buf_alloc - under_way : 0;
}

/* Which packet a stream sends next; INVALID: none. */
static uint16_t next_op(const struct vm_stream *s)
{
	if (s->due & DUE_RESET)
		return VIRTIO_VSOCK_OP_RST;
	if (s->due & DUE_REQUEST)
		return VIRTIO_VSOCK_OP_REQUEST;
	if (s->state != STREAM_OPEN && s->state != STREAM_CLOSING)
		return VIRTIO_VSOCK_OP_INVALID;
	if (s->due & DUE_RESPONSE)
		return VIRTIO_VSOCK_OP_RESPONSE;
	if (s->due & DUE_STOP)
		return VIRTIO_VSOCK_OP_SHUTDOWN;
	if (s->ring.used && stream_credit(s))
		return VIRTIO_VSOCK_OP_RW;
	if (s->due & DUE_SHUTDOWN && !s->ring.used)
		return VIRTIO_VSOCK_OP_SHUTDOWN;
	if (s->due & DUE_CREDIT)
		return VIRTIO_VSOCK_OP_CREDIT_UPDATE;
	return VIRTIO_VSOCK_OP_INVALID;
}

void stream_due(struct vm_stream *s, unsigned due)
{
	s->due |= (uint8_t)due;
	if (next_op(s) != VIRTIO_VSOCK_OP_INVALID)
		list_append(&s->vsock->pending, &s->pending);
}

void vsock_reply_reset(struct vsock *v, const struct vsock_packet *p)
{
	unsigned i = (v->reply_first + v->reply_count) % VSOCK_REPLIES;

	/* A reset is never answered, else two peers would do so forever. */
	if (p->op == VIRTIO_VSOCK_OP_RST || v->reply_count == VSOCK_REPLIES)
		return;
	v->reply_count++;
	v->reply[i] = (struct vsock_reply){
		.src_cid = p->dst_cid,
		.dst_cid = p->src_cid,
		.src_port = p->dst_port,
		.dst_port = p->src_port,
		.type = p->type,
	};
}

/* A buffer of the guest's to fill. If there is none, its driver's kick is wanted. */
static bool take_buffer(struct vsock *v, struct chain *c, struct iovec *iov)
{
	struct queue *q = &v->dev.queue[VSOCK_RX];
	int r;

	while ((r = queue_pop(q, c, iov, VSOCK_IOV)) == 0) {
		v->rx_waits = true;
		if (!queue_want_notify(q))
			return false;
	}
	if (r < 0 || !vsock_packet_room(c)) {
		vsock_break(v);
		return false;
	}
	if (v->rx_waits) {
		queue_stop_notify(q);
		v->rx_waits = false;
	}
	return true;
}

static void put(struct vsock *v, const struct chain *c, const struct vsock_packet *p,
		const struct vsock_bytes *part, unsigned count)
{
	queue_push(&v->dev.queue[VSOCK_RX], c->head, vsock_packet_put(c, p, part, count));
	v->used[VSOCK_RX] = true;
}

/* A packet of a stream: each tells what the user wants now. */
static void put_stream(struct vm_stream *s, const struct chain *c, struct vsock_packet *p,
		       const struct vsock_bytes *part, unsigned count)
{
	p->src_cid = VSOCK_HOST_CID;
	p->dst_cid = s->vsock->cid;
	p->src_port = s->entry.host_port;
	p->dst_port = s->entry.guest_port;
	p->type = VIRTIO_VSOCK_TYPE_STREAM;
	p->buf_alloc = s->granted - s->received;
	p->fwd_cnt = s->received;
	s->advertised = s->granted;
	s->due &= (uint8_t)~DUE_CREDIT;
	put(s->vsock, c, p, part, count);
}

static void send_data(struct vm_stream *s, const struct chain *c)
{
	size_t max = min_size(vsock_packet_room(c), VSOCK_PAYLOAD_MAX);
	struct vsock_packet p = {.op = VIRTIO_VSOCK_OP_RW};
	struct vsock_bytes part[2];
	unsigned parts;

	p.len = (uint32_t)min_size(min_size(max, s->ring.used), stream_credit(s));
	parts = vsock_ring_peek(&s->ring, p.len, part);
	put_stream(s, c, &p, part, parts);
	s->sent += p.len;
	vsock_ring_drop(&s->ring, &s->vsock->spares, p.len);
	if (s->blocked && s->ring.used <= RING_LOW) {
		s->blocked = false;
		stream_add_news(s, NEWS_WRITABLE);
	}
}

/* The user has shut down its writing, or closed: then nothing is received either, which
 * the guest hears at once, and that nothing is sent when all is. */
static void send_shutdown(struct vm_stream *s, const struct chain *c)
{
	struct vsock_packet p = {.op = VIRTIO_VSOCK_OP_SHUTDOWN};
	bool last = s->due & DUE_SHUTDOWN && !s->ring.used;

	if (s->state == STREAM_CLOSING)
		p.flags |= VIRTIO_VSOCK_SHUTDOWN_RCV;
	if (last)
		p.flags |= VIRTIO_VSOCK_SHUTDOWN_SEND;
	put_stream(s, c, &p, NULL, 0);
	s->due &= (uint8_t) ~(last ? DUE_STOP | DUE_SHUTDOWN : DUE_STOP);
	if (last && s->state == STREAM_CLOSING)
		vsock_set_deadline(s);
}

static void send_control(struct vm_stream *s, const struct chain *c, uint16_t op)
{
	struct vsock_packet p = {.op = op};

	put_stream(s, c, &p, NULL, 0);
	if (op == VIRTIO_VSOCK_OP_REQUEST)
		s->due &= (uint8_t)~DUE_REQUEST;
	else if (op == VIRTIO_VSOCK_OP_RESPONSE)
		s->due &= (uint8_t)~DUE_RESPONSE;
	else if (op == VIRTIO_VSOCK_OP_RST)
		stream_end(s, 0, false);
}

static void send_stream(struct vm_stream *s, const struct chain *c)
{
	uint16_t op = next_op(s);

	/* To the end of the line, if there is more. */
	list_remove(&s->pending);
	if (op == VIRTIO_VSOCK_OP_RW)
		send_data(s, c);
	else if (op == VIRTIO_VSOCK_OP_SHUTDOWN)
		send_shutdown(s, c);
	else
		send_control(s, c, op);
	stream_due(s, 0);
	stream_release(s);
}

static void send_reply(struct vsock *v, const struct chain *c)
{
	const struct vsock_reply *r = &v->reply[v->reply_first];
	struct vsock_packet p = {
		.src_cid = r->src_cid,
		.dst_cid = r->dst_cid,
		.src_port = r->src_port,
		.dst_port = r->dst_port,
		.type = r->type,
		.op = VIRTIO_VSOCK_OP_RST,
	};

	v->reply_first = (v->reply_first + 1) % VSOCK_REPLIES;
	v->reply_count--;
	put(v, c, &p, NULL, 0);
}

/* The first in line; one that has lost its reason to be there leaves it. */
static struct vm_stream *first_pending(struct vsock *v)
{
	struct vm_stream *s;

	while ((s = LIST_FIRST(&v->pending, struct vm_stream, pending))) {
		if (next_op(s) != VIRTIO_VSOCK_OP_INVALID)
			break;
		list_remove(&s->pending);
	}
	return s;
}

/* When there is nothing to send, and a buffer for it (or the driver's kick is asked for):
 * those who wait without a ring can write directly. If there is no credit either, the
 * packet that brings some wakes them. */
static void wake_starved(struct vsock *v)
{
	struct queue *q = &v->dev.queue[VSOCK_RX];
	struct vsock_link *n = v->starved.head.next, *next;

	if (list_is_empty(&v->starved))
		return;
	if (!queue_pending(q)) {
		v->rx_waits = true;
		if (!queue_want_notify(q))
			return;
	}
	for (; n != &v->starved.head; n = next) {
		struct vm_stream *s = (void *)((char *)n -
					       offsetof(struct vm_stream, starved));

		next = n->next;
		if (s->state != STREAM_OPEN)
			continue;
		list_remove(&s->starved);
		if (!s->blocked || !stream_credit(s))
			continue;
		s->blocked = false;
		stream_add_news(s, NEWS_WRITABLE);
	}
}

void vsock_flush(struct vsock *v)
{
	struct iovec iov[VSOCK_IOV];
	struct chain c;

	while (vsock_runs(v)) {
		struct vm_stream *s = v->reply_count ? NULL : first_pending(v);

		if (!s && !v->reply_count) {
			wake_starved(v);
			return;
		}
		if (!take_buffer(v, &c, iov))
			return;
		if (s)
			send_stream(s, &c);
		else
			send_reply(v, &c);
	}
}

size_t stream_send_directly(struct vm_stream *s, const void *buf, size_t len)
{
	struct vsock *v = s->vsock;
	struct iovec iov[VSOCK_IOV];
	size_t done = 0, max;
	struct chain c;

	vsock_flush(v);
	while (done < len && s->state == STREAM_OPEN && !s->ring.used &&
	       stream_credit(s) && vsock_runs(v) && list_is_empty(&v->pending) &&
	       !v->reply_count && take_buffer(v, &c, iov)) {
		struct vsock_packet p = {.op = VIRTIO_VSOCK_OP_RW};
		struct vsock_bytes part = {.p = (const char *)buf + done};

		max = min_size(vsock_packet_room(&c), VSOCK_PAYLOAD_MAX);
		p.len = (uint32_t)min_size(min_size(max, len - done), stream_credit(s));
		part.len = p.len;
		put_stream(s, &c, &p, &part, 1);
		s->sent += p.len;
		done += p.len;
	}
	return done;
}

void vsock_signal(struct vsock *v)
{
	for (unsigned i = 0; i < VSOCK_QUEUES; i++) {
		if (v->used[i])
			virtio_signal_queue(&v->dev, i);
		v->used[i] = false;
	}
}
