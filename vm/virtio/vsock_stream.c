/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream's life:
 *
 *	the guest asks     ACCEPTING -> OPEN
 *	the user asks      CONNECTING -> OPEN
 *	the guest shuts    OPEN -> RESET -> GONE    its shutdown of both directions is
 *	                                            answered by a reset
 *	the user closes    OPEN -> CLOSING -> GONE  the same from this end, with a timeout
 *	either resets      any -> (RESET ->) GONE
 *
 * A packet that doesn't fit the state resets the stream: only a broken or hostile driver
 * sends one. The guest's data goes to the user at once and nothing of it is held here,
 * since it may send only what the user wants.
 */
#include <errno.h>
#include <stdlib.h>

#include "vm/virtio/vsock_parts.h"

/* Small enough that no difference of the counters is ambiguous. */
#define WANT_MAX      (UINT32_C(1) << 30)

#define SHUTDOWN_BOTH (VIRTIO_VSOCK_SHUTDOWN_RCV | VIRTIO_VSOCK_SHUTDOWN_SEND)

/* ---- beginning and end ---- */

struct vm_stream *stream_new(struct vsock *v, enum stream_state state, uint32_t host_port,
			     uint32_t guest_port)
{
	struct vm_stream *s;

	if (v->count >= v->count_max)
		return NULL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->vsock = v;
	s->state = state;
	s->entry.host_port = host_port;
	s->entry.guest_port = guest_port;
	vsock_table_add(&v->streams, &s->entry);
	list_append(&v->all, &s->all);
	v->count++;
	return s;
}

void stream_add_news(struct vm_stream *s, unsigned news)
{
	if (!s->ops)
		return;
	s->news |= (uint8_t)news;
	list_append(&s->vsock->news, &s->in_news);
}

void stream_end(struct vm_stream *s, int code, bool tell_guest)
{
	struct vsock *v = s->vsock;
	bool ended = s->state == STREAM_RESET || s->state == STREAM_GONE;

	if (ended && tell_guest)
		return;
	if (!ended) {
		vsock_table_remove(&v->streams, &s->entry);
		s->news &= (uint8_t)~NEWS_WRITABLE;
		s->code = code;
		stream_add_news(s, NEWS_CLOSED);
	}
	list_remove(&s->timed);
	list_remove(&s->pending);
	list_remove(&s->starved);
	vsock_ring_clear(&s->ring, &v->spares);
	s->due = 0;
	s->state = STREAM_GONE;
	if (tell_guest && v->dev.active) {
		s->state = STREAM_RESET;
		stream_due(s, DUE_RESET);
	}
}

void stream_free(struct vm_stream *s)
{
	struct vsock *v = s->vsock;

	list_remove(&s->all);
	list_remove(&s->in_news);
	list_remove(&s->timed);
	list_remove(&s->pending);
	list_remove(&s->starved);
	vsock_ring_clear(&s->ring, &v->spares);
	v->count--;
	free(s);
}

void stream_release(struct vm_stream *s)
{
	if (s->state == STREAM_GONE && !s->ops && !s->calls)
		stream_free(s);
}

/* ---- what the guest sends ---- */

/* Tells the guest of more credit if what it knows of is half used up. */
static void update_credit(struct vm_stream *s)
{
	uint32_t known = s->advertised - s->received, now = s->granted - s->received;

	if (known < now && known <= now / 2)
		stream_due(s, DUE_CREDIT);
}

/* The guest's own pages go to the user, in as many calls as they have parts. The user
 * may close the stream in each, and a vCPU reset the device. */
static void receive(struct vm_stream *s, const struct vsock_packet *p, struct chain *c)
{
	struct vsock *v = s->vsock;
	struct iovec *iov;
	unsigned count;

	if (p->len > s->advertised - s->received ||
	    s->peer_shut & VIRTIO_VSOCK_SHUTDOWN_SEND) {
		stream_end(s, -ECONNRESET, true);
		return;
	}
	count = vsock_packet_payload(c, p->len, &iov);
	for (unsigned i = 0; i < count && s->ops && s->state == STREAM_OPEN; i++) {
		const struct vm_stream_ops *ops = s->ops;
		void *arg = s->arg;

		s->received += (uint32_t)iov[i].iov_len;
		if (!ops->received)
			continue;
		vsock_unlock(v);
		ops->received(arg, iov[i].iov_base, iov[i].iov_len);
		vsock_lock(v);
	}
	if (s->state == STREAM_OPEN)
		update_credit(s);
}

static void peer_shutdown(struct vm_stream *s, uint32_t flags)
{
	uint32_t fresh = flags & SHUTDOWN_BOTH & ~s->peer_shut;

	s->peer_shut |= fresh;
	if (fresh & VIRTIO_VSOCK_SHUTDOWN_SEND)
		stream_add_news(s, NEWS_PEER_SHUTDOWN);
	if (fresh & VIRTIO_VSOCK_SHUTDOWN_RCV) {
		vsock_ring_clear(&s->ring, &s->vsock->spares);
		if (s->blocked)
			stream_add_news(s, NEWS_WRITABLE); /* to get its EPIPE */
		s->blocked = false;
	}
	if (s->peer_shut == SHUTDOWN_BOTH)
		stream_end(s, 0, true);
}

static void reset_by_peer(struct vm_stream *s)
{
	bool both_done = s->shut && !s->ring.used && !(s->due & DUE_SHUTDOWN) &&
			 s->peer_shut & VIRTIO_VSOCK_SHUTDOWN_SEND;
	int code = both_done ? 0 : -ECONNRESET;

	stream_end(s, s->state == STREAM_CONNECTING ? -ECONNREFUSED : code, false);
}

static void packet_connecting(struct vm_stream *s, const struct vsock_packet *p)
{
	if (p->op != VIRTIO_VSOCK_OP_RESPONSE || s->due & DUE_REQUEST) {
		stream_end(s, -ECONNRESET, true);
		return;
	}
	list_remove(&s->timed);
	s->state = STREAM_OPEN;
	stream_add_news(s, NEWS_CONNECTED);
	update_credit(s);
}

static void packet_open(struct vm_stream *s, const struct vsock_packet *p,
			struct chain *c)
{
	switch (p->op) {
	case VIRTIO_VSOCK_OP_RW:
		receive(s, p, c);
		break;
	case VIRTIO_VSOCK_OP_SHUTDOWN:
		peer_shutdown(s, p->flags);
		break;
	case VIRTIO_VSOCK_OP_CREDIT_REQUEST:
		stream_due(s, DUE_CREDIT);
		break;
	case VIRTIO_VSOCK_OP_CREDIT_UPDATE:
		break;
	default:
		stream_end(s, -ECONNRESET, true);
		break;
	}
}

/* Data that was under way when the user closed it is of no use to anyone. */
static void packet_closing(struct vm_stream *s, const struct vsock_packet *p)
{
	switch (p->op) {
	case VIRTIO_VSOCK_OP_RW:
	case VIRTIO_VSOCK_OP_CREDIT_REQUEST:
	case VIRTIO_VSOCK_OP_CREDIT_UPDATE:
		break;
	case VIRTIO_VSOCK_OP_SHUTDOWN:
		peer_shutdown(s, p->flags);
		break;
	default:
		stream_end(s, 0, true);
		break;
	}
}

void stream_packet(struct vm_stream *s, const struct vsock_packet *p, struct chain *c)
{
	s->peer_buf_alloc = p->buf_alloc;
	s->peer_fwd_cnt = p->fwd_cnt;
	if (p->op == VIRTIO_VSOCK_OP_RST)
		reset_by_peer(s);
	else if (s->state == STREAM_CONNECTING)
		packet_connecting(s, p);
	else if (s->state == STREAM_OPEN)
		packet_open(s, p, c);
	else if (s->state == STREAM_CLOSING)
		packet_closing(s, p);
	stream_due(s, 0); /* there may be credit now */
	if (s->blocked && !s->ring.used && stream_credit(s)) {
		/* There was no ring to be had. */
		s->blocked = false;
		stream_add_news(s, NEWS_WRITABLE);
	}
}

/* ---- what the user does ---- */

ssize_t vm_stream_write(struct vm_stream *s, const void *buf, size_t len)
{
	struct vsock *v = s->vsock;
	size_t done;

	vsock_lock(v);
	if (s->shut || s->state > STREAM_OPEN ||
	    s->peer_shut & VIRTIO_VSOCK_SHUTDOWN_RCV) {
		vsock_unlock(v);
		return -EPIPE;
	}
	done = stream_send_directly(s, buf, len);
	if (s->state <= STREAM_OPEN) {
		done += vsock_ring_put(&s->ring, &v->spares, (const char *)buf + done,
				       len - done);
		if (done < len)
			s->blocked = true;
		if (done < len && !s->ring.used)
			list_append(&v->starved, &s->starved);
		stream_due(s, 0);
	}
	vsock_finish(v);
	vsock_unlock(v);
	return (ssize_t)done;
}

void vm_stream_want(struct vm_stream *s, size_t bytes)
{
	struct vsock *v = s->vsock;
	uint32_t more = bytes < WANT_MAX ? (uint32_t)bytes : WANT_MAX;

	vsock_lock(v);
	if (more > s->granted - s->received)
		s->granted = s->received + more;
	if (s->state == STREAM_OPEN) {
		update_credit(s);
		vsock_finish(v);
	}
	vsock_unlock(v);
}

void vm_stream_shutdown(struct vm_stream *s)
{
	struct vsock *v = s->vsock;

	vsock_lock(v);
	if (!s->shut && s->state <= STREAM_OPEN) {
		s->shut = true;
		stream_due(s, DUE_SHUTDOWN);
		vsock_finish(v);
	}
	vsock_unlock(v);
}

void vm_stream_close(struct vm_stream *s)
{
	struct vsock *v = s->vsock;

	vsock_lock(v);
	s->ops = NULL;
	s->news = 0;
	list_remove(&s->in_news);
	if (s->state == STREAM_OPEN) {
		s->state = STREAM_CLOSING;
		s->blocked = false;
		list_remove(&s->starved);
		stream_due(s, DUE_STOP | DUE_SHUTDOWN);
	} else {
		s->closed = true;
		/* A request that the guest hasn't seen needs no reset. */
		stream_end(s, 0, !(s->due & DUE_REQUEST));
	}
	stream_release(s);
	vsock_finish(v);
	vsock_unlock(v);
}
