/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both ends of a vsock device, for its tests: a guest that is a few functions over the
 * driver's side of the queues, and a user of the host's end that notes what it is told.
 */
#ifndef TESTS_UNIT_VSOCK_WORLD_H
#define TESTS_UNIT_VSOCK_WORLD_H

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "vm/virtio/vsock.h"
#include "vm/virtio/vsock_packet.h"

#include "tests/unit/tap.h"
#include "tests/unit/virtio_driver.h"

#define CID      42u
#define RX_MAX   256u
#define TX_SLOTS 128u
#define PAYLOAD  65536u

enum {
	RX,
	TX,
	EVENT,
};

struct world {
	struct drv d;
	struct vsock *v;
	uint32_t cid;
	uint64_t rx_gpa, tx_gpa;
	uint32_t rx_size;
	uint32_t tx_next, tx_done;   /* TX slots are used round and round */
	uint32_t rx_given, rx_taken; /* as are buffers */
	bool keep_giving;            /* a buffer taken is given again */
};

/* The guest's end of a stream. */
struct peer {
	struct world *w;
	uint32_t host_port, guest_port;
	uint32_t buf_alloc;              /* the guest's buffer */
	uint32_t received, read;         /* received, and read out of it */
	uint32_t sent;                   /* to the host */
	uint32_t host_alloc, host_count; /* the host's buf_alloc and fwd_cnt, as heard */
};

/* The host's end, and what its user was told. */
struct end {
	struct vm_stream *s;
	struct world *w;
	unsigned connected, writable, shutdown, closed, parts;
	int code;
	uint64_t received;
	uint64_t sum;      /* a checksum of it */
	size_t window;     /* wants so much, again and again; 0: as the test says */
	bool echo;         /* writes back what comes */
	unsigned close_in; /* the callback to close in, IN_* */
	char last[64];     /* the end of what came */
};

enum {
	IN_CONNECTED = 1 << 0,
	IN_RECEIVED = 1 << 1,
	IN_WRITABLE = 1 << 2,
	IN_SHUTDOWN = 1 << 3,
	IN_ACCEPT = 1 << 4,
};

#define QUEUE  256u
#define PAGE   4096u
#define MEMORY (UINT64_C(48) << 20)

/* ---- the host ---- */

static inline uint64_t sum_add(uint64_t sum, const void *buf, size_t len)
{
	const unsigned char *p = buf;

	for (size_t i = 0; i < len; i++)
		sum = (sum ^ p[i]) * UINT64_C(0x100000001b3);
	return sum;
}

static inline void maybe_close(struct end *e, unsigned where)
{
	if (e->close_in & where) {
		vm_stream_close(e->s);
		e->s = NULL;
	}
}

static inline void on_connected(void *arg)
{
	struct end *e = arg;

	e->connected++;
	maybe_close(e, IN_CONNECTED);
}

static inline void on_received(void *arg, const void *buf, size_t len)
{
	struct end *e = arg;
	size_t tail = len < sizeof(e->last) - 1 ? len : sizeof(e->last) - 1;

	e->parts++;
	e->received += len;
	e->sum = sum_add(e->sum, buf, len);
	memcpy(e->last, (const char *)buf + len - tail, tail);
	e->last[tail] = '\0';
	if (e->echo)
		CHECK(vm_stream_write(e->s, buf, len) == (ssize_t)len);
	if (e->window)
		vm_stream_want(e->s, e->window);
	maybe_close(e, IN_RECEIVED);
}

static inline void on_writable(void *arg)
{
	struct end *e = arg;

	e->writable++;
	maybe_close(e, IN_WRITABLE);
}

static inline void on_shutdown(void *arg)
{
	struct end *e = arg;

	CHECK(!e->closed);
	e->shutdown++;
	maybe_close(e, IN_SHUTDOWN);
}

static inline void on_closed(void *arg, int code)
{
	struct end *e = arg;

	e->closed++;
	e->code = code;
	e->s = NULL;
}

static const struct vm_stream_ops end_ops = {
	.connected = on_connected,
	.received = on_received,
	.writable = on_writable,
	.peer_shutdown = on_shutdown,
	.closed = on_closed,
};

static inline void end_init(struct end *e, struct world *w)
{
	*e = (struct end){.w = w};
}

static inline void *accepts(void *arg, struct vm_stream *s, uint32_t guest_port,
			    const struct vm_stream_ops **ret_ops)
{
	struct end *e = arg;

	(void)guest_port;
	if (!e)
		return NULL;
	e->s = s;
	if (e->window)
		vm_stream_want(s, e->window);
	*ret_ops = &end_ops;
	maybe_close(e, IN_ACCEPT);
	return e;
}

/* Listens with e as the one that takes what comes (NULL: refuses). */
static inline void host_listen(struct world *w, uint32_t port, struct end *e)
{
	vsock_unlisten(w->v, port);
	CHECK(vsock_listen(w->v, port, accepts, e, ERR_IGNORE) == 0);
}

/* ---- the guest ---- */

static inline uint64_t rx_stride(const struct world *w)
{
	return (w->rx_size + PAGE - 1) / PAGE * PAGE;
}

/* A device (config may be NULL); its driver, whose buffers have this size; both, with as
 * many buffers given. */
static inline void world_new(struct world *w, const struct vsock_config *c)
{
	struct vsock_config config = {.cid = CID};
	struct err e = {0};

	*w = (struct world){.keep_giving = true, .cid = CID};
	drv_init(&w->d, MEMORY);
	if (c)
		config = *c;
	config.mem = w->d.mem;
	config.loop = w->d.loop;
	CHECK(vsock_new(&config, &w->v, &e) == 0);
	drv_attach(&w->d, vsock_device(w->v));
}

static inline void world_start(struct world *w, uint64_t features, uint32_t size)
{
	CHECK(drv_start(&w->d, features, QUEUE));
	drv_rewind(&w->d);
	w->tx_gpa = drv_alloc(&w->d, (uint64_t)TX_SLOTS * (PAYLOAD + PAGE));
	w->rx_size = size;
	w->rx_gpa = drv_alloc(&w->d, RX_MAX * rx_stride(w));
	w->tx_next = w->tx_done = w->rx_given = w->rx_taken = 0;
}

static inline void guest_give(struct world *w, unsigned buffers)
{
	while (buffers-- && w->rx_given - w->rx_taken < RX_MAX) {
		struct drv_part part = {w->rx_gpa + w->rx_given % QUEUE * rx_stride(w),
					w->rx_size, true};

		CHECK(drv_put(&w->d, RX, &part, 1) == w->rx_given % QUEUE);
		w->rx_given++;
	}
	drv_kick(&w->d, RX);
	drv_run(&w->d);
}

static inline void world_begin(struct world *w, unsigned buffers, uint32_t size)
{
	world_new(w, NULL);
	world_start(w, DRV_ALL, size);
	guest_give(w, buffers);
}

static inline void world_done(struct world *w)
{
	drv_done(&w->d);
}

/* Puts a packet, header and payload in parts of their own; guest_kick() lets it be seen.
 * False: no slot is free. */
static inline bool guest_put(struct world *w, const struct vsock_packet *p,
			     const void *payload, uint32_t len)
{
	const struct virtio_vsock_hdr h = {
		.src_cid = htole64(p->src_cid),
		.dst_cid = htole64(p->dst_cid),
		.src_port = htole32(p->src_port),
		.dst_port = htole32(p->dst_port),
		.len = htole32(p->len),
		.type = htole16(p->type),
		.op = htole16(p->op),
		.flags = htole32(p->flags),
		.buf_alloc = htole32(p->buf_alloc),
		.fwd_cnt = htole32(p->fwd_cnt),
	};
	uint64_t slot = w->tx_gpa + w->tx_next % TX_SLOTS * (uint64_t)(PAYLOAD + PAGE);
	struct drv_part part[2] = {{slot, sizeof(h), false}, {slot + PAGE, len, false}};
	uint16_t head;
	uint32_t n;

	while (drv_used(&w->d, TX, &head, &n)) {
		CHECK(n == 0);
		w->tx_done++;
	}
	if (w->tx_next - w->tx_done == TX_SLOTS)
		return false;
	w->tx_next++;
	memcpy(drv_at(&w->d, slot, sizeof(h)), &h, sizeof(h));
	if (len)
		memcpy(drv_at(&w->d, slot + PAGE, len), payload, len);
	(void)drv_put(&w->d, TX, part, len ? 2 : 1);
	return true;
}

static inline void guest_kick(struct world *w)
{
	drv_kick(&w->d, TX);
	drv_run(&w->d);
}

static inline void guest_send(struct world *w, const struct vsock_packet *p,
			      const void *payload, uint32_t len)
{
	CHECK(guest_put(w, p, payload, len));
	guest_kick(w);
}

/* The next packet that the device sent (payload: PAYLOAD bytes or NULL). False: none. */
static inline bool guest_take(struct world *w, struct vsock_packet *ret, void *payload)
{
	struct virtio_vsock_hdr h;
	uint16_t head;
	uint32_t len;
	const char *buf;

	*ret = (struct vsock_packet){0};
	if (!drv_used(&w->d, RX, &head, &len))
		return false;
	CHECK(head == w->rx_taken % QUEUE);
	CHECK(len >= sizeof(h) && len <= w->rx_size);
	w->rx_taken++;
	buf = drv_at(&w->d, w->rx_gpa + head * rx_stride(w), w->rx_size);
	memcpy(&h, buf, sizeof(h));
	*ret = (struct vsock_packet){
		.src_cid = le64toh(h.src_cid),
		.dst_cid = le64toh(h.dst_cid),
		.src_port = le32toh(h.src_port),
		.dst_port = le32toh(h.dst_port),
		.len = le32toh(h.len),
		.type = le16toh(h.type),
		.op = le16toh(h.op),
		.flags = le32toh(h.flags),
		.buf_alloc = le32toh(h.buf_alloc),
		.fwd_cnt = le32toh(h.fwd_cnt),
	};
	CHECK(ret->len == len - sizeof(h));
	if (payload)
		memcpy(payload, buf + sizeof(h), ret->len);
	if (w->keep_giving)
		guest_give(w, 1);
	return true;
}

/* The same, but nothing else may come: checks what it is. */
static inline bool guest_expect(struct world *w, uint16_t op, struct vsock_packet *ret)
{
	struct vsock_packet p;
	bool there;

	drv_run(&w->d);
	there = guest_take(w, &p, NULL);
	if (ret)
		*ret = p;
	if (!there) {
		printf("# no packet, want op %u\n", op);
		CHECK(false);
		return false;
	}
	if (p.op != op) {
		printf("# op %u, want %u\n", p.op, op);
		CHECK(false);
	}
	return p.op == op;
}

static inline bool guest_has_nothing(struct world *w)
{
	struct vsock_packet p;

	drv_run(&w->d);
	if (!guest_take(w, &p, NULL))
		return true;
	printf("# op %u, want nothing\n", p.op);
	return false;
}

/* ---- the guest's end of a stream ---- */

static inline void peer_init(struct peer *p, struct world *w, uint32_t host_port,
			     uint32_t guest_port)
{
	*p = (struct peer){
		.w = w,
		.host_port = host_port,
		.guest_port = guest_port,
		.buf_alloc = 262144,
	};
}

static inline struct vsock_packet peer_packet(const struct peer *p, uint16_t op)
{
	return (struct vsock_packet){
		.src_cid = p->w->cid,
		.dst_cid = VSOCK_HOST_CID,
		.src_port = p->guest_port,
		.dst_port = p->host_port,
		.type = VIRTIO_VSOCK_TYPE_STREAM,
		.op = op,
		.buf_alloc = p->buf_alloc,
		.fwd_cnt = p->read,
	};
}

static inline void peer_send(struct peer *p, uint16_t op)
{
	struct vsock_packet k = peer_packet(p, op);

	guest_send(p->w, &k, NULL, 0);
}

static inline void peer_write(struct peer *p, const void *buf, uint32_t len)
{
	struct vsock_packet k = peer_packet(p, VIRTIO_VSOCK_OP_RW);

	k.len = len;
	p->sent += len;
	guest_send(p->w, &k, buf, len);
}

static inline void peer_shut(struct peer *p, uint32_t flags)
{
	struct vsock_packet k = peer_packet(p, VIRTIO_VSOCK_OP_SHUTDOWN);

	k.flags = flags;
	guest_send(p->w, &k, NULL, 0);
}

static inline uint32_t peer_credit(const struct peer *p)
{
	uint32_t under_way = p->sent - p->host_count;

	return p->host_alloc > under_way ? p->host_alloc - under_way : 0;
}

static inline void peer_heard(struct peer *p, const struct vsock_packet *k)
{
	CHECK(k->src_cid == VSOCK_HOST_CID && k->dst_cid == p->w->cid);
	CHECK(k->src_port == p->host_port && k->dst_port == p->guest_port);
	CHECK(k->type == VIRTIO_VSOCK_TYPE_STREAM);
	p->host_alloc = k->buf_alloc;
	p->host_count = k->fwd_cnt;
	if (k->op == VIRTIO_VSOCK_OP_RW) {
		/* Never more than there is room for. */
		CHECK(k->len > 0 && k->len <= p->buf_alloc - (p->received - p->read));
		p->received += k->len;
	}
}

/* Streams that are there: the guest connected to a listening port; the host connected. */
static inline bool open_by_guest(struct world *w, struct peer *p, struct end *e,
				 uint32_t host_port, uint32_t guest_port)
{
	struct vsock_packet k;

	end_init(e, w);
	host_listen(w, host_port, e);
	peer_init(p, w, host_port, guest_port);
	peer_send(p, VIRTIO_VSOCK_OP_REQUEST);
	if (!guest_expect(w, VIRTIO_VSOCK_OP_RESPONSE, &k))
		return false;
	peer_heard(p, &k);
	return e->s;
}

static inline bool open_by_host(struct world *w, struct peer *p, struct end *e,
				uint32_t guest_port)
{
	struct vsock_packet k;

	end_init(e, w);
	CHECK(vsock_connect(w->v, guest_port, &end_ops, e, &e->s, ERR_IGNORE) == 0);
	CHECK(guest_expect(w, VIRTIO_VSOCK_OP_REQUEST, &k));
	peer_init(p, w, k.src_port, guest_port);
	peer_heard(p, &k);
	peer_send(p, VIRTIO_VSOCK_OP_RESPONSE);
	return e->connected == 1;
}

#endif
