/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest may do wrong to a vsock device, and that it hurts nobody else. */
#include <errno.h>
#include <string.h>

#include "vm/virtio/vsock_parts.h"

#include "tests/unit/vsock_world.h"

#define BOTH (VIRTIO_VSOCK_SHUTDOWN_RCV | VIRTIO_VSOCK_SHUTDOWN_SEND)

/* ---- packets ---- */

enum outcome {
	IGNORED,
	REFUSED, /* a reset, and the stream goes on */
	RESET,   /* the stream is reset, others go on */
	BREAKS,  /* the device does, with all streams */
};

static const struct bad_packet {
	const char *what;
	uint64_t src_cid, dst_cid; /* 0: right */
	uint32_t len;              /* claimed */
	uint32_t chain;            /* bytes of payload that there are */
	uint32_t flags;
	int type; /* 0: a stream */
	enum outcome outcome;
	uint16_t op;
} bad_packets[] = {
	{.what = "no type", .outcome = REFUSED, .type = -1, .op = VIRTIO_VSOCK_OP_RW},
	{.what = "seqpacket", .outcome = REFUSED, .type = 2, .op = VIRTIO_VSOCK_OP_RW},
	{.what = "any type", .outcome = REFUSED, .type = 0xffff, .op = 5},
	{.what = "another guest's cid", .outcome = REFUSED, .src_cid = CID + 1, .op = 5},
	{.what = "the host's cid", .outcome = REFUSED, .src_cid = 2, .op = 5},
	{.what = "a cid with upper bits",
	 .outcome = REFUSED,
	 .src_cid = CID | UINT64_C(1) << 32,
	 .op = 5},
	{.what = "to another guest", .outcome = REFUSED, .dst_cid = 3, .op = 1},
	{.what = "to upper bits",
	 .outcome = REFUSED,
	 .dst_cid = 2 | UINT64_C(1) << 63,
	 .op = 5},
	{.what = "a reset of another type", .outcome = IGNORED, .type = 2, .op = 3},
	{.what = "a reset to another guest", .outcome = IGNORED, .dst_cid = 3, .op = 3},
	{.what = "no operation", .outcome = RESET, .op = VIRTIO_VSOCK_OP_INVALID},
	{.what = "an unknown operation", .outcome = RESET, .op = 8},
	{.what = "any operation", .outcome = RESET, .op = 0xffff},
	{.what = "a second request", .outcome = RESET, .op = VIRTIO_VSOCK_OP_REQUEST},
	{.what = "an answer to nothing",
	 .outcome = RESET,
	 .op = VIRTIO_VSOCK_OP_RESPONSE},
	{.what = "more data than credit",
	 .outcome = RESET,
	 .op = VIRTIO_VSOCK_OP_RW,
	 .len = 101,
	 .chain = 101},
	{.what = "no data", .outcome = IGNORED, .op = VIRTIO_VSOCK_OP_RW},
	{.what = "data of no length", .outcome = IGNORED, .op = 5, .chain = 50},
	{.what = "data with flags", .outcome = IGNORED, .op = 5, .flags = UINT32_MAX},
	{.what = "a shutdown of nothing",
	 .outcome = IGNORED,
	 .op = VIRTIO_VSOCK_OP_SHUTDOWN,
	 .flags = ~BOTH},
	{.what = "a credit update with data",
	 .outcome = IGNORED,
	 .op = VIRTIO_VSOCK_OP_CREDIT_UPDATE,
	 .len = 50,
	 .chain = 50},
	{.what = "a length beyond its chain",
	 .outcome = BREAKS,
	 .op = VIRTIO_VSOCK_OP_RW,
	 .len = 51,
	 .chain = 50},
	{.what = "a length without a chain",
	 .outcome = BREAKS,
	 .op = VIRTIO_VSOCK_OP_RW,
	 .len = 1},
	{.what = "the largest length",
	 .outcome = BREAKS,
	 .op = VIRTIO_VSOCK_OP_RW,
	 .len = UINT32_MAX,
	 .chain = 100},
	{.what = "a length that wraps with the header's",
	 .outcome = BREAKS,
	 .op = VIRTIO_VSOCK_OP_RW,
	 .len = UINT32_MAX - 43,
	 .chain = 100},
	{.what = "a request with a length beyond its chain",
	 .outcome = BREAKS,
	 .op = VIRTIO_VSOCK_OP_REQUEST,
	 .len = 1},
};

struct pair {
	struct world w;
	struct end bad, good;
	struct peer bad_peer, good_peer;
};

static void pair_begin(struct pair *x)
{
	world_begin(&x->w, 32, 4096);
	CHECK(open_by_guest(&x->w, &x->good_peer, &x->good, 1, 100));
	CHECK(open_by_guest(&x->w, &x->bad_peer, &x->bad, 2, 100));
	vm_stream_want(x->good.s, 100);
	CHECK(guest_expect(&x->w, VIRTIO_VSOCK_OP_CREDIT_UPDATE, NULL));
	vm_stream_want(x->bad.s, 100);
	CHECK(guest_expect(&x->w, VIRTIO_VSOCK_OP_CREDIT_UPDATE, NULL));
}

static void check_good(struct pair *x)
{
	peer_write(&x->good_peer, "good", 4);
	CHECK_STR(x->good.last, "good");
	CHECK(!x->good.closed && vm_stream_write(x->good.s, "good", 4) == 4);
	CHECK(guest_expect(&x->w, VIRTIO_VSOCK_OP_RW, NULL));
}

static void check_outcome(struct pair *x, const struct bad_packet *b)
{
	struct vsock_packet k;

	switch (b->outcome) {
	case IGNORED:
		CHECK(guest_has_nothing(&x->w) && !x->bad.closed);
		break;
	case REFUSED:
		CHECK(guest_expect(&x->w, VIRTIO_VSOCK_OP_RST, &k));
		CHECK(k.src_cid == (b->dst_cid ? b->dst_cid : 2));
		CHECK(k.dst_cid == (b->src_cid ? b->src_cid : CID));
		CHECK(k.src_port == 2 && k.dst_port == 100 && !x->bad.closed);
		break;
	case RESET:
		CHECK(x->bad.closed == 1 && x->bad.code == -ECONNRESET);
		CHECK(guest_expect(&x->w, VIRTIO_VSOCK_OP_RST, &k));
		peer_heard(&x->bad_peer, &k);
		CHECK(vsock_streams(x->w.v) == 1);
		break;
	case BREAKS:
		CHECK(drv_broken(&x->w.d));
		CHECK(x->bad.closed == 1 && x->bad.code == -ECONNRESET);
		CHECK(x->good.closed == 1 && vsock_streams(x->w.v) == 0);
		break;
	}
}

static void bad_packets_hit_their_sender(void)
{
	static const char payload[256];

	for (size_t i = 0; i < sizeof(bad_packets) / sizeof(bad_packets[0]); i++) {
		const struct bad_packet *b = &bad_packets[i];
		struct vsock_packet k;
		struct pair x;
		int failed = tap_failed;

		pair_begin(&x);
		k = peer_packet(&x.bad_peer, b->op);
		if (b->src_cid)
			k.src_cid = b->src_cid;
		if (b->dst_cid)
			k.dst_cid = b->dst_cid;
		if (b->type)
			k.type = b->type < 0 ? 0 : (uint16_t)b->type;
		k.len = b->len;
		k.flags = b->flags;
		guest_send(&x.w, &k, payload, b->chain);
		check_outcome(&x, b);
		if (b->outcome != BREAKS)
			check_good(&x);
		CHECK(b->outcome == BREAKS || !drv_broken(&x.w.d));
		if (tap_failed != failed)
			printf("# that was %s\n", b->what);
		world_done(&x.w);
	}
}

static void data_after_its_end(void)
{
	struct pair x;

	pair_begin(&x);
	peer_shut(&x.bad_peer, VIRTIO_VSOCK_SHUTDOWN_SEND);
	peer_write(&x.bad_peer, "more", 4);
	CHECK(x.bad.closed == 1 && x.bad.code == -ECONNRESET && !x.bad.received);
	CHECK(guest_expect(&x.w, VIRTIO_VSOCK_OP_RST, NULL));
	check_good(&x);
	world_done(&x.w);
}

/* ---- chains ---- */

static void headers_that_are_not_whole(void)
{
	for (uint32_t len = 1; len <= 44; len++) {
		struct drv_part part[2] = {{0, len, len == 44}, {0, 44, true}};
		struct pair x;

		pair_begin(&x);
		/* In two parts; the last one is whole, but not for the device to read. */
		part[0].gpa = part[1].gpa = drv_alloc(&x.w.d, 4096);
		(void)drv_put(&x.w.d, TX, part, 2);
		guest_kick(&x.w);
		CHECK(drv_broken(&x.w.d) && x.good.closed && x.bad.closed);
		world_done(&x.w);
	}
}

static void useless_buffers(void)
{
	static const struct drv_part part[] = {
		{0, 1, true}, {0, 43, true}, {0, 44, true}, {0, 4096, false}};

	for (unsigned i = 0; i < 4; i++) {
		struct drv_part one = part[i];
		struct world w;
		struct end e;
		struct peer p;

		world_begin(&w, 1, 4096);
		w.keep_giving = false;
		CHECK(open_by_guest(&w, &p, &e, 1, 2));
		one.gpa = drv_alloc(&w.d, 4096);
		(void)drv_put(&w.d, RX, &one, 1);
		drv_notify(&w.d, RX);
		drv_run(&w.d);
		/* Nobody minds until something is to be sent. */
		CHECK(!drv_broken(&w.d));
		CHECK(vm_stream_write(e.s, "x", 1) == 0);
		CHECK(drv_broken(&w.d));
		CHECK(!e.closed); /* not within the user's own call */
		CHECK(vm_stream_write(e.s, "x", 1) == -EPIPE);
		drv_run(&w.d);
		CHECK(e.closed == 1 && e.code == -ECONNRESET && !vsock_streams(w.v));
		world_done(&w);
	}
}

static void an_event_buffer_too_small(void)
{
	struct world w;
	struct drv_part part = {0, 3, true};

	world_begin(&w, 1, 4096);
	part.gpa = drv_alloc(&w.d, 4096);
	(void)drv_put(&w.d, EVENT, &part, 1);
	w.v->reset_due = true;
	drv_notify(&w.d, EVENT);
	drv_run(&w.d);
	CHECK(drv_broken(&w.d));
	world_done(&w);
}

static void poke_rx(struct drv *d, void *arg)
{
	struct world *w = arg;
	static struct end e; /* its calls aren't looked at */

	(void)vsock_connect(w->v, 1, &end_ops, &e, &e.s, ERR_IGNORE);
	drv_run(d);
}

static void poke_event(struct drv *d, void *arg)
{
	struct world *w = arg;

	w->v->reset_due = true;
	drv_notify(d, EVENT);
	drv_run(d);
}

static void broken_chains_break_the_device(void)
{
	struct world w;

	world_new(&w, NULL);
	CHECK(drv_attack_all(&w.d, TX, NULL, NULL));
	CHECK(drv_attack_all(&w.d, RX, poke_rx, &w));
	CHECK(drv_attack_all(&w.d, EVENT, poke_event, &w));
	world_done(&w);
}

static void chains_that_change(void)
{
	struct world w;
	struct end e;
	struct virtio_vsock_hdr h = {.src_cid = CID,
				     .dst_cid = 2,
				     .src_port = 2,
				     .dst_port = 1,
				     .type = 1,
				     .op = VIRTIO_VSOCK_OP_REQUEST,
				     .len = 100};
	struct drv_part part[2];

	world_begin(&w, 0, 4096);
	end_init(&e, &w);
	host_listen(&w, 1, &e);
	part[0] = (struct drv_part){drv_buffer(&w.d, &h, 44), 44, false};
	part[1] = (struct drv_part){drv_alloc(&w.d, 4096), 100, false};
	drv_race(&w.d, TX, part, 2, 300);
	world_done(&w);
}

/* ---- storms ---- */

static void a_storm_is_held_up(void)
{
	struct world w;
	struct peer p;
	struct vsock_packet k;
	unsigned put = 0, resets = 0;
	const unsigned storm = 5000;
	uint32_t next = 1;

	world_begin(&w, 0, 4096);
	/* No buffers for answers: the device holds some, and then takes no more. */
	peer_init(&p, &w, 99, 0);
	for (;;) {
		p.guest_port = put + 1;
		k = peer_packet(&p, VIRTIO_VSOCK_OP_REQUEST);
		if (!guest_put(&w, &k, NULL, 0))
			break;
		put++;
		guest_kick(&w);
	}
	CHECK(w.tx_done == VSOCK_REPLIES && put == VSOCK_REPLIES + TX_SLOTS);

	/* With them it goes on, and each has its answer, in order. */
	guest_give(&w, 16);
	while (resets < storm) {
		p.guest_port = put + 1;
		k = peer_packet(&p, VIRTIO_VSOCK_OP_REQUEST);
		if (put < storm && guest_put(&w, &k, NULL, 0)) {
			put++;
			guest_kick(&w);
		}
		drv_run(&w.d);
		if (!guest_take(&w, &k, NULL))
			break;
		CHECK(k.op == VIRTIO_VSOCK_OP_RST && k.dst_port == next++);
		resets++;
	}
	CHECK(resets == storm && guest_has_nothing(&w) && !drv_broken(&w.d));
	world_done(&w);
}

static void *accepts_all(void *arg, struct vm_stream *s, uint32_t guest_port,
			 const struct vm_stream_ops **ret_ops)
{
	static const struct vm_stream_ops none; /* all may be left out */
	unsigned *n = arg;

	(void)s;
	(void)guest_port;
	++*n;
	*ret_ops = &none;
	return arg;
}

static void accepted_storms_have_a_limit(void)
{
	const struct vsock_config c = {.cid = CID, .streams = 100};
	struct world w;
	struct peer p;
	struct vsock_packet k;
	unsigned accepted = 0, responses = 0, resets = 0;

	world_new(&w, &c);
	world_start(&w, DRV_ALL, 4096);
	guest_give(&w, 64);
	CHECK(vsock_listen(w.v, 1, accepts_all, &accepted, ERR_IGNORE) == 0);
	peer_init(&p, &w, 1, 0);
	for (uint32_t i = 0; i < 1000; i++) {
		p.guest_port = i;
		peer_send(&p, VIRTIO_VSOCK_OP_REQUEST);
		while (guest_take(&w, &k, NULL)) {
			responses += k.op == VIRTIO_VSOCK_OP_RESPONSE;
			resets += k.op == VIRTIO_VSOCK_OP_RST;
		}
	}
	CHECK(accepted == 100 && responses == 100 && resets == 900);
	CHECK(vsock_streams(w.v) == 100);

	/* Ones that are reset, and not given the buffers to hear of it, count as well. */
	drv_reset(&w.d);
	drv_run(&w.d);
	CHECK(vsock_streams(w.v) == 0);
	world_start(&w, DRV_ALL, 4096);
	for (uint32_t i = 0; i < 50; i++) {
		p.guest_port = i;
		peer_send(&p, VIRTIO_VSOCK_OP_REQUEST);
		peer_shut(&p, BOTH);
	}
	CHECK(vsock_streams(w.v) == 50);
	for (uint32_t i = 50; i < 200; i++) {
		p.guest_port = i;
		peer_send(&p, VIRTIO_VSOCK_OP_REQUEST);
	}
	CHECK(vsock_streams(w.v) == 100);
	world_done(&w);
}

/* ---- every operation in every state ---- */

enum state {
	S_REQUEST_DUE,
	S_REQUEST_SENT,
	S_RESPONSE_DUE,
	S_OPEN,
	S_HELD, /* open, with data that the guest has no room for */
	S_SHUT,
	S_PEER_SHUT,
	S_CLOSING_HELD,
	S_CLOSING,
	S_RESET_DUE,
	STATES,
};

static void bring_to(struct world *w, struct peer *p, struct end *e, enum state state)
{
	struct vsock_packet k;

	end_init(e, w);
	if (state <= S_REQUEST_SENT) {
		CHECK(vsock_connect(w->v, 100, &end_ops, e, &e->s, ERR_IGNORE) == 0);
		if (state == S_REQUEST_SENT)
			guest_give(w, 1);
		drv_run(&w->d);
		peer_init(p, w, e->s->entry.host_port, 100);
		return;
	}
	host_listen(w, 1, e);
	peer_init(p, w, 1, 100);
	p->buf_alloc = state == S_HELD || state == S_CLOSING_HELD ? 0 : 1000;
	if (state != S_RESPONSE_DUE)
		guest_give(w, 4);
	peer_send(p, VIRTIO_VSOCK_OP_REQUEST);
	if (state == S_HELD || state == S_CLOSING_HELD)
		CHECK(vm_stream_write(e->s, "held", 4) == 4);
	if (state == S_SHUT)
		vm_stream_shutdown(e->s);
	if (state == S_PEER_SHUT)
		peer_shut(p, VIRTIO_VSOCK_SHUTDOWN_SEND);
	if (state == S_CLOSING_HELD || state == S_CLOSING) {
		vm_stream_close(e->s);
		e->s = NULL;
	}
	if (state == S_RESET_DUE) {
		while (w->rx_given != w->rx_taken) {
			(void)vm_stream_write(e->s, "x", 1);
			while (guest_take(w, &k, NULL))
				;
		}
		peer_send(p, 99);
	}
}

/* Whatever comes, a stream ends at most once, and the device goes on. */
static void every_packet_in_every_state(void)
{
	for (unsigned state = 0; state < STATES; state++) {
		for (uint16_t op = 0; op <= 8; op++) {
			struct world w;
			struct end e, f;
			struct peer p, q;
			struct vsock_packet k;
			bool user;

			world_begin(&w, 0, 4096);
			w.keep_giving = false;
			bring_to(&w, &p, &e, state);
			user = e.s;
			k = peer_packet(&p, op);
			k.flags = BOTH;
			guest_send(&w, &k, NULL, 0);
			if (op == VIRTIO_VSOCK_OP_RST) {
				CHECK(e.closed == (user || state == S_RESET_DUE));
				CHECK(state == S_RESET_DUE || !vsock_streams(w.v));
			}
			guest_give(&w, 16);
			drv_run(&w.d);
			CHECK(!drv_broken(&w.d) && e.closed <= 1);
			CHECK(e.closed == 0 || !user || !e.s);
			/* No answer to a reset. */
			while (guest_take(&w, &k, NULL))
				CHECK(op != VIRTIO_VSOCK_OP_RST ||
				      k.op != VIRTIO_VSOCK_OP_RST ||
				      state == S_RESET_DUE);
			CHECK(open_by_guest(&w, &q, &f, 7, 7));
			world_done(&w);
		}
	}
}

/* ---- a guest that takes nothing ---- */

static struct vm_stream *open_stream(struct world *w, struct end *e, uint32_t guest_port,
				     uint32_t buf_alloc)
{
	struct peer p;

	end_init(e, w);
	host_listen(w, 7, e);
	peer_init(&p, w, 7, guest_port);
	p.buf_alloc = buf_alloc;
	peer_send(&p, VIRTIO_VSOCK_OP_REQUEST);
	CHECK(guest_expect(w, VIRTIO_VSOCK_OP_RESPONSE, NULL));
	return e->s;
}

/* What is held for it is bounded; others write as long as they need nothing held, and are
 * not forgotten when they do. */
static void what_is_held_for_the_guest_is_bounded(void)
{
	static struct end e[VSOCK_RINGS], last, poor;
	struct vsock_packet k = {0};
	struct world w;
	struct peer p;

	world_begin(&w, 64, PAGE);
	for (uint32_t i = 0; i < VSOCK_RINGS; i++) {
		CHECK(open_stream(&w, &e[i], 1000 + i, 0) != NULL);
		CHECK(vm_stream_write(e[i].s, "x", 1) == 1);
	}
	CHECK(open_stream(&w, &last, 1, 4096) && open_stream(&w, &poor, 2, 0));
	CHECK(vm_stream_write(poor.s, "x", 1) == 0);
	CHECK(vm_stream_write(last.s, "there", 5) == 5);
	w.keep_giving = false;
	while (vm_stream_write(last.s, "x", 1) == 1) /* as long as there are buffers */
		;
	while (guest_take(&w, &k, NULL))
		;
	CHECK(!last.writable && !poor.writable);
	guest_give(&w, 8);
	CHECK(last.writable == 1 && !poor.writable);
	CHECK(vm_stream_write(last.s, "more", 4) == 4);
	peer_init(&p, &w, 7, 2);
	peer_send(&p, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	CHECK(poor.writable == 1 && vm_stream_write(poor.s, "x", 1) == 1);
	/* Who has a place in the queue leaves it to the next. */
	vm_stream_close(last.s);
	peer_init(&p, &w, 7, 1000);
	peer_send(&p, VIRTIO_VSOCK_OP_RST);
	CHECK(e[0].closed == 1 && e[1].closed == 0);
	w.keep_giving = true;
	while (guest_take(&w, &k, NULL))
		;
	CHECK(open_stream(&w, &last, 1000, 0) && vm_stream_write(last.s, "x", 1) == 1);
	world_done(&w);
}

/* ---- a guest that takes whatever comes, as fast as it comes ---- */

#define CALLS_MOST 500

struct source {
	struct world w;
	struct vm_stream *s;
	unsigned calls;
};

/* Writes as much as there is room for; and another of the guest's processors has emptied
 * its buffers before the device looks again. */
static void pour(void *arg)
{
	static const char data[16384];
	struct source *o = arg;
	struct vsock_packet p;

	if (o->calls++ >= CALLS_MOST)
		return;
	while (vm_stream_write(o->s, data, sizeof(data)) == sizeof(data))
		;
	while (guest_take(&o->w, &p, NULL))
		;
	while (o->w.rx_given - o->w.rx_taken < RX_MAX) {
		struct drv_part part = {o->w.rx_gpa + o->w.rx_given++ % QUEUE *
							      rx_stride(&o->w),
					o->w.rx_size, true};

		(void)drv_put(&o->w.d, RX, &part, 1);
	}
}

static void *accept_source(void *arg, struct vm_stream *s, uint32_t guest_port,
			   const struct vm_stream_ops **ret_ops)
{
	static const struct vm_stream_ops ops = {.writable = pour};

	(void)guest_port;
	((struct source *)arg)->s = s;
	*ret_ops = &ops;
	return arg;
}

static void a_quick_reader_leaves_the_loop_to_others(void)
{
	struct source o = {0};
	struct err e = {0};
	struct peer p;

	world_begin(&o.w, 0, PAGE);
	o.w.keep_giving = false;
	CHECK(vsock_listen(o.w.v, 7, accept_source, &o, &e) == 0);
	peer_init(&p, &o.w, 7, 1000);
	p.buf_alloc = UINT32_MAX;
	peer_send(&p, VIRTIO_VSOCK_OP_REQUEST);
	pour(&o);
	drv_kick(&o.w.d, RX);
	(void)loop_once(o.w.d.loop, 0, &e);
	CHECK(o.calls > 1 && o.calls < 100);
	/* But it goes on. */
	while (o.calls < CALLS_MOST && loop_once(o.w.d.loop, 1000, &e) > 0)
		;
	CHECK(o.calls >= CALLS_MOST);
	world_done(&o.w);
}

static const struct test tests[] = {
	{"what is held for the guest is bounded, and nobody is forgotten",
	 what_is_held_for_the_guest_is_bounded},
	{"a quick reader leaves the loop to others",
	 a_quick_reader_leaves_the_loop_to_others},
	{"a bad packet is answered, or resets its stream, or breaks the device",
	 bad_packets_hit_their_sender},
	{"data after the end of data resets the stream", data_after_its_end},
	{"a header that isn't whole breaks the device", headers_that_are_not_whole},
	{"buffers without room break the device when they are needed", useless_buffers},
	{"an event buffer without room breaks the device", an_event_buffer_too_small},
	{"broken chains break the device, in each queue", broken_chains_break_the_device},
	{"chains that change while they are read hurt nobody", chains_that_change},
	{"a storm of requests without buffers for answers is held up",
	 a_storm_is_held_up},
	{"accepted requests are bounded", accepted_storms_have_a_limit},
	{"every packet in every state ends a stream at most once",
	 every_packet_in_every_state},
};
TEST_MAIN(tests)
