/* SPDX-License-Identifier: Apache-2.0 */
/* Streams of the vsock device: how they begin, carry data and end. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "vm/virtio/vsock_parts.h"

#include "tests/unit/tap.h"
#include "tests/unit/vsock_world.h"

#define RCV  VIRTIO_VSOCK_SHUTDOWN_RCV
#define SEND VIRTIO_VSOCK_SHUTDOWN_SEND
#define BOTH (RCV | SEND)

static const struct vsock_config quick = {.cid = CID, .timeout_ms = 20};

static bool has_no_streams(void *arg)
{
	return vsock_streams(((struct world *)arg)->v) == 0;
}

static bool is_closed(void *arg)
{
	return ((struct end *)arg)->closed > 0;
}

/* ---- beginnings ---- */

static void *notes_port(void *arg, struct vm_stream *s, uint32_t guest_port,
			const struct vm_stream_ops **ret_ops)
{
	struct end *e = arg;

	e->parts = guest_port;
	e->s = s;
	*ret_ops = &end_ops;
	return e;
}

static void guest_connects(void)
{
	struct world w;
	struct end e;
	struct peer p;
	struct vsock_packet k;

	world_begin(&w, 8, 4096);
	end_init(&e, &w);
	CHECK(vsock_listen(w.v, 1024, notes_port, &e, ERR_IGNORE) == 0);
	CHECK(vsock_listen(w.v, 1024, notes_port, &e, ERR_IGNORE) == -EADDRINUSE);
	peer_init(&p, &w, 1024, 77);
	peer_send(&p, VIRTIO_VSOCK_OP_REQUEST);
	CHECK(e.s && e.parts == 77);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_RESPONSE, &k));
	peer_heard(&p, &k);
	CHECK(k.buf_alloc == 0 && k.fwd_cnt == 0);
	CHECK(vsock_streams(w.v) == 1 && e.connected == 0);

	/* Accepted ones outlive the listener; new ones are refused. */
	vsock_unlisten(w.v, 1024);
	CHECK(vm_stream_write(e.s, "hello", 5) == 5);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_RW, &k) && k.len == 5);
	peer_init(&p, &w, 1024, 78);
	peer_send(&p, VIRTIO_VSOCK_OP_REQUEST);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_RST, &k));
	peer_heard(&p, &k);
	vsock_unlisten(w.v, 1024);
	world_done(&w);
}

static void host_connects(void)
{
	struct world w;
	struct end e, f;
	struct peer p;
	struct vsock_packet k;

	world_begin(&w, 8, 4096);
	end_init(&e, &w);
	end_init(&f, &w);
	CHECK(vsock_connect(w.v, 5000, &end_ops, &e, &e.s, ERR_IGNORE) == 0);
	CHECK(vsock_connect(w.v, 5000, &end_ops, &f, &f.s, ERR_IGNORE) == 0);
	vm_stream_want(e.s, 1234);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_REQUEST, &k));
	CHECK(k.dst_port == 5000 && k.buf_alloc == 1234);
	peer_init(&p, &w, k.src_port, 5000);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_REQUEST, &k));
	CHECK(k.src_port != p.host_port);
	CHECK(e.connected == 0);
	peer_send(&p, VIRTIO_VSOCK_OP_RESPONSE);
	CHECK(e.connected == 1 && f.connected == 0 && !e.closed);
	CHECK(guest_has_nothing(&w));
	world_done(&w);
}

static void refusals(void)
{
	struct world w;
	struct end e;
	struct peer p;
	struct vsock_packet k;

	world_begin(&w, 8, 4096);
	host_listen(&w, 9, NULL);
	for (uint32_t port = 8; port <= 9; port++) {
		peer_init(&p, &w, port, 1);
		peer_send(&p, VIRTIO_VSOCK_OP_REQUEST);
		CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_RST, &k));
		peer_heard(&p, &k);
		CHECK(guest_has_nothing(&w));
	}
	end_init(&e, &w);
	CHECK(vsock_connect(w.v, 7, &end_ops, &e, &e.s, ERR_IGNORE) == 0);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_REQUEST, &k));
	peer_init(&p, &w, k.src_port, 7);
	peer_send(&p, VIRTIO_VSOCK_OP_RST);
	CHECK(e.closed == 1 && e.code == -ECONNREFUSED && e.connected == 0);
	CHECK(vsock_streams(w.v) == 0 && guest_has_nothing(&w));
	world_done(&w);
}

static void connect_times_out(void)
{
	struct world w;
	struct end e;
	struct vsock_packet k;

	world_new(&w, &quick);
	world_start(&w, DRV_ALL, 4096);
	guest_give(&w, 8);
	end_init(&e, &w);
	CHECK(vsock_connect(w.v, 7, &end_ops, &e, &e.s, ERR_IGNORE) == 0);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_REQUEST, &k));
	CHECK(drv_until(&w.d, is_closed, &e));
	CHECK(e.closed == 1 && e.code == -ETIMEDOUT);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_RST, &k) && k.dst_port == 7);
	CHECK(vsock_streams(w.v) == 0);

	/* Without a driver there is nobody to tell. */
	drv_reset(&w.d);
	end_init(&e, &w);
	CHECK(vsock_connect(w.v, 7, &end_ops, &e, &e.s, ERR_IGNORE) == 0);
	CHECK(drv_until(&w.d, is_closed, &e));
	CHECK(e.code == -ETIMEDOUT && vsock_streams(w.v) == 0);
	world_done(&w);
}

static void connect_before_the_driver(void)
{
	struct world w;
	struct end e;
	struct vsock_packet k;

	world_new(&w, NULL);
	end_init(&e, &w);
	CHECK(vsock_connect(w.v, 7, &end_ops, &e, &e.s, ERR_IGNORE) == 0);
	CHECK(vm_stream_write(e.s, "early", 5) == 5);
	drv_run(&w.d);
	/* The driver's first act is a reset. */
	world_start(&w, DRV_ALL, 4096);
	drv_run(&w.d);
	guest_give(&w, 1);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_REQUEST, &k));
	CHECK(!e.closed);
	struct peer p;

	peer_init(&p, &w, k.src_port, 7);
	peer_send(&p, VIRTIO_VSOCK_OP_RESPONSE);
	CHECK(e.connected == 1);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_RW, &k) && k.len == 5);
	world_done(&w);
}

static void too_many(void)
{
	const struct vsock_config few = {.cid = CID, .streams = 3};
	struct world w;
	struct end e[3], f;
	struct peer p[3], q;
	struct vsock_packet k;
	struct err err = {0};

	world_new(&w, &few);
	world_start(&w, DRV_ALL, 4096);
	guest_give(&w, 8);
	for (unsigned i = 0; i < 3; i++)
		CHECK(open_by_guest(&w, &p[i], &e[i], 10 + i, 5));
	end_init(&f, &w);
	CHECK(vsock_connect(w.v, 1, &end_ops, &f, &f.s, &err) == -EMFILE);
	CHECK_STR(err.text, "vsock: 3 streams are open");
	host_listen(&w, 20, &f);
	peer_init(&q, &w, 20, 5);
	peer_send(&q, VIRTIO_VSOCK_OP_REQUEST);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_RST, &k) && !f.s);
	peer_send(&p[1], VIRTIO_VSOCK_OP_RST);
	CHECK(e[1].closed == 1);
	peer_send(&q, VIRTIO_VSOCK_OP_REQUEST);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_RESPONSE, &k) && f.s);
	world_done(&w);
}

/* ---- data ---- */

static void carries_both_ways(void)
{
	struct world w;
	struct end e;
	struct peer p;
	struct vsock_packet k;
	char buf[PAYLOAD];

	world_begin(&w, 8, 4096);
	CHECK(open_by_guest(&w, &p, &e, 1024, 5));
	CHECK(vm_stream_write(e.s, "to the guest", 12) == 12);
	CHECK(guest_take(&w, &k, buf) && k.op == VIRTIO_VSOCK_OP_RW && k.len == 12);
	CHECK(memcmp(buf, "to the guest", 12) == 0);
	vm_stream_want(e.s, 100);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_CREDIT_UPDATE, &k));
	peer_heard(&p, &k);
	CHECK(peer_credit(&p) == 100);
	peer_write(&p, "to the host", 11);
	CHECK_STR(e.last, "to the host");
	CHECK(e.received == 11 && e.parts == 1);
	world_done(&w);
}

static void parts_are_given_as_they_come(void)
{
	struct world w;
	struct end e;
	struct peer p;
	struct vsock_packet k;
	struct virtio_vsock_hdr h;
	uint64_t gpa;

	world_begin(&w, 8, 4096);
	end_init(&e, &w);
	e.window = 100;
	CHECK(open_by_host(&w, &p, &e, 5));
	vm_stream_want(e.s, 100);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_CREDIT_UPDATE, &k));

	/* Header and data in one descriptor, data in two, and more room than data. */
	k = peer_packet(&p, VIRTIO_VSOCK_OP_RW);
	h = (struct virtio_vsock_hdr){.src_cid = k.src_cid,
				      .dst_cid = k.dst_cid,
				      .src_port = k.src_port,
				      .dst_port = k.dst_port,
				      .type = k.type,
				      .op = k.op,
				      .len = 8};
	gpa = drv_buffer(&w.d, NULL, 4096);
	memcpy(drv_at(&w.d, gpa, 44), &h, 44);
	memcpy(drv_at(&w.d, gpa + 44, 20), "abcdefghijklmnopqrst", 20);
	const struct drv_part part[] = {
		{gpa, 20, false}, {gpa + 20, 27, false}, {gpa + 47, 17, false}};

	w.tx_next++;
	(void)drv_put(&w.d, TX, part, 3);
	guest_kick(&w);
	CHECK(e.received == 8 && e.parts == 2);
	CHECK_STR(e.last, "defgh");
	CHECK(e.sum == sum_add(0, "abcdefgh", 8));
	world_done(&w);
}

static void waits_for_the_guests_credit(void)
{
	struct world w;
	struct end e;
	struct peer p;
	struct vsock_packet k;
	char buf[PAYLOAD];

	world_begin(&w, 8, 4096);
	end_init(&e, &w);
	host_listen(&w, 1, &e);
	peer_init(&p, &w, 1, 2);
	p.buf_alloc = 10;
	peer_send(&p, VIRTIO_VSOCK_OP_REQUEST);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_RESPONSE, &k));
	CHECK(vm_stream_write(e.s, "0123456789abcdefghijklmno", 25) == 25);
	CHECK(guest_take(&w, &k, buf) && k.len == 10 && !memcmp(buf, "0123456789", 10));
	peer_heard(&p, &k);
	CHECK(guest_has_nothing(&w));
	p.read = 3;
	peer_send(&p, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	CHECK(guest_take(&w, &k, buf) && k.len == 3 && !memcmp(buf, "abc", 3));
	peer_heard(&p, &k);
	/* A smaller buffer than what is in it: no credit, and not a huge one. */
	p.buf_alloc = 5;
	peer_send(&p, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	CHECK(guest_has_nothing(&w));
	/* Nor if it claims to have read what was never sent. */
	p.buf_alloc = 10;
	p.read = 14;
	peer_send(&p, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	CHECK(guest_has_nothing(&w));
	p.read = p.received;
	peer_send(&p, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	CHECK(guest_take(&w, &k, buf) && k.len == 10);
	peer_heard(&p, &k);
	p.read = p.received;
	peer_send(&p, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	CHECK(guest_take(&w, &k, buf) && k.len == 2 && !memcmp(buf, "no", 2));
	CHECK(!e.writable && !e.closed);
	world_done(&w);
}

static void a_full_ring_blocks_its_writer(void)
{
	static char data[3 * VSOCK_RING_SIZE];
	struct world w;
	struct end e;
	struct peer p;
	struct vsock_packet k;
	uint64_t got = 0;

	world_begin(&w, 8, 4096);
	end_init(&e, &w);
	host_listen(&w, 1, &e);
	peer_init(&p, &w, 1, 2);
	p.buf_alloc = 1000;
	peer_send(&p, VIRTIO_VSOCK_OP_REQUEST);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_RESPONSE, &k));
	CHECK(vm_stream_write(e.s, data, sizeof(data)) == 1000 + VSOCK_RING_SIZE);
	CHECK(vm_stream_write(e.s, data, 1) == 0);
	while (!e.writable && got < sizeof(data)) {
		CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_RW, &k));
		got += k.len;
		peer_heard(&p, &k);
		p.read = p.received;
		peer_send(&p, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	}
	/* Heard of when half is free, and once. */
	CHECK(e.writable == 1);
	CHECK(got >= 1000 + VSOCK_RING_SIZE / 2 - 1000 &&
	      got <= 1000 + VSOCK_RING_SIZE / 2 + 1000);
	CHECK(vm_stream_write(e.s, data, 1000) == 1000);
	CHECK(e.writable == 1);
	world_done(&w);
}

static void guest_sends_what_is_wanted(void)
{
	static char data[PAYLOAD];
	struct world w;
	struct end e;
	struct peer p;
	struct vsock_packet k;

	world_begin(&w, 8, 4096);
	CHECK(open_by_guest(&w, &p, &e, 1, 2));
	CHECK(peer_credit(&p) == 0);
	vm_stream_want(e.s, 1000);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_CREDIT_UPDATE, &k));
	peer_heard(&p, &k);
	CHECK(peer_credit(&p) == 1000);
	/* Credit can't be taken back. */
	vm_stream_want(e.s, 10);
	CHECK(guest_has_nothing(&w));
	peer_write(&p, data, 400);
	CHECK(e.received == 400 && guest_has_nothing(&w));
	/* Wanted anew: not worth a packet while the guest has more than half. */
	vm_stream_want(e.s, 1000);
	CHECK(guest_has_nothing(&w));
	peer_write(&p, data, 300);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_CREDIT_UPDATE, &k));
	peer_heard(&p, &k);
	CHECK(peer_credit(&p) == 700);
	peer_send(&p, VIRTIO_VSOCK_OP_CREDIT_REQUEST);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_CREDIT_UPDATE, &k));
	peer_heard(&p, &k);
	CHECK(peer_credit(&p) == 700 && guest_has_nothing(&w));
	/* Data carries it too. */
	vm_stream_want(e.s, 5000);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_CREDIT_UPDATE, &k));
	peer_heard(&p, &k);
	peer_write(&p, data, 1500);
	vm_stream_want(e.s, 5000);
	CHECK(guest_has_nothing(&w));
	CHECK(vm_stream_write(e.s, "x", 1) == 1);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_RW, &k));
	peer_heard(&p, &k);
	CHECK(peer_credit(&p) == 5000);
	peer_write(&p, data, 5000);
	CHECK(e.received == 7200 && !e.closed);
	/* One more than it was given. */
	peer_write(&p, data, 1);
	CHECK(e.closed == 1 && e.code == -ECONNRESET && e.received == 7200);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_RST, NULL));
	CHECK(vsock_streams(w.v) == 0);
	world_done(&w);
}

static void counters_wrap(void)
{
	static char data[PAYLOAD];
	struct world w;
	struct end e;
	struct peer p;
	struct vsock_packet k;
	uint64_t got = 0;

	world_begin(&w, 8, 4096);
	CHECK(open_by_guest(&w, &p, &e, 1, 2));
	e.window = 3000;
	e.s->received = e.s->granted = e.s->advertised = p.sent = p.host_count =
		UINT32_MAX - 4000;
	e.s->sent = p.received = p.read = e.s->peer_fwd_cnt = UINT32_MAX - 5000;
	vm_stream_want(e.s, 3000);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_CREDIT_UPDATE, &k));
	peer_heard(&p, &k);
	for (int i = 0; i < 10; i++) {
		CHECK(peer_credit(&p) >= 1500);
		peer_write(&p, data, 1500);
		while (guest_take(&w, &k, NULL))
			peer_heard(&p, &k);
	}
	CHECK(e.received == 15000 && !e.closed);
	p.buf_alloc = 2000;
	peer_send(&p, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	CHECK(vm_stream_write(e.s, data, 20000) == 20000);
	while (got < 20000 && guest_expect(&w, VIRTIO_VSOCK_OP_RW, &k)) {
		CHECK(k.len <= 2000);
		got += k.len;
		peer_heard(&p, &k);
		p.read = p.received;
		peer_send(&p, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	}
	CHECK(got == 20000);
	world_done(&w);
}

static void no_buffers_lose_nothing(void)
{
	struct world w;
	struct end e;
	struct peer p;
	struct vsock_packet k;
	char buf[PAYLOAD];

	world_begin(&w, 1, 4096);
	CHECK(open_by_guest(&w, &p, &e, 1, 2));
	w.keep_giving = false;
	CHECK(vm_stream_write(e.s, "one", 3) == 3);
	CHECK(vm_stream_write(e.s, "two", 3) == 3);
	vm_stream_want(e.s, 10);
	vm_stream_shutdown(e.s);
	CHECK(guest_take(&w, &k, buf) && k.len == 3);
	CHECK(guest_has_nothing(&w));
	guest_give(&w, 1);
	CHECK(guest_take(&w, &k, buf) && k.len == 3 && !memcmp(buf, "two", 3));
	CHECK(k.buf_alloc == 10);
	guest_give(&w, 1);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_SHUTDOWN, &k) && k.flags == SEND);
	guest_give(&w, 1);
	CHECK(guest_has_nothing(&w));
	world_done(&w);
}

static void streams_take_turns(void)
{
	static char data[VSOCK_RING_SIZE];
	struct world w;
	struct end e[3];
	struct peer p[3];
	struct vsock_packet k;
	unsigned got[4] = {0};

	world_begin(&w, 1, 256);
	for (unsigned i = 0; i < 3; i++)
		CHECK(open_by_guest(&w, &p[i], &e[i], 1 + i, 2));
	w.keep_giving = false;
	/* The first has a lot, and was here before; the others have little. */
	CHECK(vm_stream_write(e[0].s, data, sizeof(data)) == sizeof(data));
	CHECK(vm_stream_write(e[1].s, data, 600) == 600);
	CHECK(vm_stream_write(e[2].s, data, 600) == 600);
	for (unsigned i = 0; i < 10; i++) {
		CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_RW, &k));
		got[k.src_port % 4]++;
		guest_give(&w, 1);
	}
	CHECK(got[1] == 4 && got[2] == 3 && got[3] == 3);
	world_done(&w);
}

static void a_stalled_stream_stalls_no_other(void)
{
	static char data[2 * VSOCK_RING_SIZE];
	struct world w;
	struct end e[2];
	struct peer p[2];
	struct vsock_packet k;

	world_begin(&w, 64, 4096);
	CHECK(open_by_guest(&w, &p[0], &e[0], 1, 2));
	CHECK(open_by_guest(&w, &p[1], &e[1], 2, 2));
	/* The guest never reads the first; its user never wants anything. */
	p[0].buf_alloc = 0;
	peer_send(&p[0], VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	CHECK(vm_stream_write(e[0].s, data, sizeof(data)) == VSOCK_RING_SIZE);
	vm_stream_want(e[1].s, 100000);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_CREDIT_UPDATE, &k));
	for (unsigned i = 0; i < 100; i++) {
		CHECK(vm_stream_write(e[1].s, data, 1000) == 1000);
		CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_RW, &k));
		CHECK(k.src_port == 2 && k.len == 1000);
		peer_write(&p[1], data, 100);
	}
	CHECK(e[1].received == 10000 && e[0].writable == 0);
	world_done(&w);
}

/* ---- ends ---- */

static void the_guest_shuts_down_one_way(void)
{
	struct world w;
	struct end e;
	struct peer p;
	struct vsock_packet k;

	world_begin(&w, 8, 4096);
	CHECK(open_by_guest(&w, &p, &e, 1, 2));
	peer_shut(&p, SEND);
	CHECK(e.shutdown == 1 && !e.closed);
	peer_shut(&p, SEND);
	CHECK(e.shutdown == 1);
	CHECK(vm_stream_write(e.s, "still", 5) == 5);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_RW, &k));
	/* Flags add up. */
	peer_shut(&p, RCV);
	CHECK(e.closed == 1 && e.code == 0);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_RST, NULL));
	CHECK(vsock_streams(w.v) == 0);
	world_done(&w);
}

static void the_guest_stops_reading(void)
{
	static char data[2 * VSOCK_RING_SIZE];
	struct world w;
	struct end e;
	struct peer p;

	world_begin(&w, 8, 4096);
	CHECK(open_by_guest(&w, &p, &e, 1, 2));
	p.buf_alloc = 0;
	peer_send(&p, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	CHECK(vm_stream_write(e.s, data, sizeof(data)) == VSOCK_RING_SIZE);
	peer_shut(&p, RCV);
	CHECK(e.writable == 1 && !e.closed && !e.shutdown);
	CHECK(vm_stream_write(e.s, data, 1) == -EPIPE);
	world_done(&w);
}

static void the_guest_closes(void)
{
	struct world w;
	struct end e;
	struct peer p;

	world_begin(&w, 8, 4096);
	CHECK(open_by_guest(&w, &p, &e, 1, 2));
	peer_shut(&p, BOTH);
	CHECK(e.shutdown == 1 && e.closed == 1 && e.code == 0);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_RST, NULL));
	CHECK(vsock_streams(w.v) == 0);
	/* What comes later belongs to no stream. */
	peer_send(&p, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_RST, NULL));
	peer_send(&p, VIRTIO_VSOCK_OP_RST);
	CHECK(guest_has_nothing(&w));
	world_done(&w);
}

static void the_user_shuts_down(void)
{
	struct world w;
	struct end e;
	struct peer p;
	struct vsock_packet k;

	world_begin(&w, 8, 4096);
	CHECK(open_by_guest(&w, &p, &e, 1, 2));
	vm_stream_want(e.s, 100);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_CREDIT_UPDATE, NULL));
	vm_stream_shutdown(e.s);
	vm_stream_shutdown(e.s);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_SHUTDOWN, &k) && k.flags == SEND);
	CHECK(guest_has_nothing(&w));
	CHECK(vm_stream_write(e.s, "x", 1) == -EPIPE);
	peer_write(&p, "reading goes on", 15);
	CHECK_STR(e.last, "reading goes on");
	/* Both have said all: a reset is no loss. */
	peer_shut(&p, SEND);
	peer_send(&p, VIRTIO_VSOCK_OP_RST);
	CHECK(e.closed == 1 && e.code == 0);
	world_done(&w);
}

static void the_user_closes(void)
{
	struct world w;
	struct end e;
	struct peer p;
	struct vsock_packet k;

	world_begin(&w, 8, 4096);
	CHECK(open_by_guest(&w, &p, &e, 1, 2));
	vm_stream_want(e.s, 100);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_CREDIT_UPDATE, NULL));
	vm_stream_close(e.s);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_SHUTDOWN, &k) && k.flags == BOTH);
	/* What was under way goes nowhere. */
	peer_write(&p, "late", 4);
	CHECK(guest_has_nothing(&w) && vsock_streams(w.v) == 1);
	peer_send(&p, VIRTIO_VSOCK_OP_RST);
	CHECK(guest_has_nothing(&w) && vsock_streams(w.v) == 0);
	CHECK(!e.received && !e.shutdown && !e.closed && !e.writable);
	world_done(&w);
}

static void what_was_written_goes_first(void)
{
	struct world w;
	struct end e;
	struct peer p;
	struct vsock_packet k;

	world_begin(&w, 8, 4096);
	CHECK(open_by_guest(&w, &p, &e, 1, 2));
	p.buf_alloc = 4;
	peer_send(&p, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	CHECK(vm_stream_write(e.s, "last words", 10) == 10);
	vm_stream_close(e.s);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_RW, &k) && k.len == 4);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_SHUTDOWN, &k) && k.flags == RCV);
	CHECK(guest_has_nothing(&w));
	p.read = 4;
	p.buf_alloc = 100;
	peer_send(&p, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_RW, &k) && k.len == 6);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_SHUTDOWN, &k) && k.flags == BOTH);
	peer_send(&p, VIRTIO_VSOCK_OP_RST);
	CHECK(vsock_streams(w.v) == 0);
	world_done(&w);
}

static void an_unanswered_close_is_a_reset(void)
{
	struct world w;
	struct end e;
	struct peer p;

	world_new(&w, &quick);
	world_start(&w, DRV_ALL, 4096);
	guest_give(&w, 8);
	CHECK(open_by_guest(&w, &p, &e, 1, 2));
	vm_stream_close(e.s);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_SHUTDOWN, NULL));
	CHECK(drv_until(&w.d, has_no_streams, &w));
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_RST, NULL));
	world_done(&w);
}

static void a_port_may_be_used_again(void)
{
	struct world w;
	struct end e, f;
	struct peer p;
	struct vsock_packet k;

	world_begin(&w, 8, 4096);
	CHECK(open_by_guest(&w, &p, &e, 1, 2));
	vm_stream_close(e.s);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_SHUTDOWN, NULL));
	/* The guest's stream is gone, its answer never comes. */
	CHECK(open_by_guest(&w, &p, &f, 1, 2));
	CHECK(vsock_streams(w.v) == 1);
	CHECK(vm_stream_write(f.s, "x", 1) == 1);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_RW, &k));
	peer_heard(&p, &k);
	world_done(&w);
}

static void closing_in_each_call(void)
{
	struct world w;
	struct end e;
	struct peer p;
	struct vsock_packet k;

	world_begin(&w, 64, 4096);
	/* In accept: the guest is refused. */
	end_init(&e, &w);
	host_listen(&w, 1, &e);
	e.close_in = IN_ACCEPT;
	peer_init(&p, &w, 1, 2);
	peer_send(&p, VIRTIO_VSOCK_OP_REQUEST);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_RST, NULL));

	end_init(&e, &w);
	e.close_in = IN_CONNECTED;
	CHECK(vsock_connect(w.v, 9, &end_ops, &e, &e.s, ERR_IGNORE) == 0);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_REQUEST, &k));
	peer_init(&p, &w, k.src_port, 9);
	peer_send(&p, VIRTIO_VSOCK_OP_RESPONSE);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_SHUTDOWN, NULL));
	peer_send(&p, VIRTIO_VSOCK_OP_RST);

	CHECK(open_by_guest(&w, &p, &e, 1, 2));
	e.close_in = IN_RECEIVED;
	vm_stream_want(e.s, 100);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_CREDIT_UPDATE, NULL));
	peer_write(&p, "x", 1);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_SHUTDOWN, NULL));
	peer_send(&p, VIRTIO_VSOCK_OP_RST);

	CHECK(open_by_guest(&w, &p, &e, 1, 2));
	e.close_in = IN_SHUTDOWN;
	peer_shut(&p, BOTH);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_RST, NULL));

	CHECK(open_by_guest(&w, &p, &e, 1, 2));
	e.close_in = IN_WRITABLE;
	e.s->blocked = true;
	peer_shut(&p, RCV);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_SHUTDOWN, NULL));
	peer_send(&p, VIRTIO_VSOCK_OP_RST);
	CHECK(e.closed == 0 && !e.s);
	CHECK(vsock_streams(w.v) == 0 && guest_has_nothing(&w));
	world_done(&w);
}

static const struct test tests[] = {
	{"the guest connects to who listens", guest_connects},
	{"the host connects, from a port of its own each time", host_connects},
	{"who isn't listened to, or not accepted, is refused", refusals},
	{"a connection that isn't answered times out", connect_times_out},
	{"a connection waits for the guest's driver", connect_before_the_driver},
	{"more streams than allowed are refused", too_many},
	{"data goes both ways", carries_both_ways},
	{"a packet in odd parts is received whole and in order",
	 parts_are_given_as_they_come},
	{"nothing is sent beyond the guest's credit, whatever it claims",
	 waits_for_the_guests_credit},
	{"a full ring blocks its writer until it is half empty",
	 a_full_ring_blocks_its_writer},
	{"the guest may send what is wanted, and not a byte more",
	 guest_sends_what_is_wanted},
	{"counters wrap", counters_wrap},
	{"a guest without buffers loses nothing", no_buffers_lose_nothing},
	{"streams take turns", streams_take_turns},
	{"a stream that stalls stalls no other", a_stalled_stream_stalls_no_other},
	{"the guest shuts down one way, then the other", the_guest_shuts_down_one_way},
	{"a guest that stops reading unblocks the writer with EPIPE",
	 the_guest_stops_reading},
	{"the guest's close is answered by a reset", the_guest_closes},
	{"the user shuts down its writing and reads on", the_user_shuts_down},
	{"the user's close waits for the guest's reset, silently", the_user_closes},
	{"what was written before a close is delivered", what_was_written_goes_first},
	{"a close that isn't answered becomes a reset", an_unanswered_close_is_a_reset},
	{"a port of a stream that only waits for its end may be used again",
	 a_port_may_be_used_again},
	{"a stream may be closed in each of its calls", closing_in_each_call},
};
TEST_MAIN(tests)
