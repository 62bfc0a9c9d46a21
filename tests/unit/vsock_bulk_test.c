/* SPDX-License-Identifier: Apache-2.0 */
/* Much data, many streams, and a driver on another thread that resets the device. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/vsock_world.h"

#define MIB (UINT64_C(1) << 20)

/* ThreadSanitizer looks at each byte, and takes a minute for what is a second. */
#ifdef __SANITIZE_THREAD__
#define MUCH (8 * MIB)
#else
#define MUCH (64 * MIB)
#endif

/* ---- much data ---- */

static void fill(char *buf, size_t len, uint64_t *state)
{
	for (size_t i = 0; i < len; i++) {
		*state = *state * UINT64_C(6364136223846793005) + 1442695040888963407u;
		buf[i] = (char)(*state >> 56);
	}
}

/* Writes total bytes to its stream as they are taken. */
struct writer {
	struct end e; /* first */
	uint64_t total, done, state, sum;
	char chunk[5000];
	size_t have, off;
};

static void pump(void *arg)
{
	struct writer *o = arg;

	while (o->done < o->total || o->off < o->have) {
		ssize_t n;

		if (o->off == o->have) {
			o->have = sizeof(o->chunk);
			if (o->have > o->total - o->done)
				o->have = (size_t)(o->total - o->done);
			o->off = 0;
			fill(o->chunk, o->have, &o->state);
			o->sum = sum_add(o->sum, o->chunk, o->have);
			o->done += o->have;
		}
		n = vm_stream_write(o->e.s, o->chunk + o->off, o->have - o->off);
		CHECK(n >= 0);
		if (n < 0)
			return;
		o->off += (size_t)n;
		if (o->off < o->have)
			return; /* until it is writable */
	}
	vm_stream_shutdown(o->e.s);
}

static void pump_received(void *arg, const void *buf, size_t len)
{
	struct writer *o = arg;

	/* One that reads slowly: it asks for more only now and then. */
	CHECK(len <= o->e.window);
	end_ops.received(&o->e, buf, len);
}

static const struct vm_stream_ops pump_ops = {
	.received = pump_received,
	.writable = pump,
};

static void *accepts_pump(void *arg, struct vm_stream *s, uint32_t guest_port,
			  const struct vm_stream_ops **ret_ops)
{
	struct writer *o = arg;

	(void)guest_port;
	o->e.s = s;
	vm_stream_want(s, o->e.window);
	*ret_ops = &pump_ops;
	return o;
}

struct guest_end {
	struct peer p;
	uint64_t total, state, sum, got_sum, got;
	bool ended;
};

static void guest_reads(struct guest_end *g)
{
	static char buf[PAYLOAD];
	struct vsock_packet k;
	unsigned n = 0;

	while (guest_take(g->p.w, &k, buf)) {
		peer_heard(&g->p, &k);
		g->got_sum = sum_add(g->got_sum, buf, k.len);
		g->got += k.len;
		g->ended |= k.op == VIRTIO_VSOCK_OP_SHUTDOWN;
		n++;
	}
	g->p.read = g->p.received;
	guest_give(g->p.w, n);
}

static void guest_writes(struct guest_end *g, uint32_t most)
{
	char buf[1024];
	struct vsock_packet k;

	for (;;) {
		uint32_t len = peer_credit(&g->p);

		len = len < most ? len : most;
		len = len < g->total - g->p.sent ? len : (uint32_t)(g->total - g->p.sent);
		k = peer_packet(&g->p, VIRTIO_VSOCK_OP_RW);
		k.len = len;
		if (!len || g->p.w->tx_next - g->p.w->tx_done >= TX_SLOTS / 2)
			break;
		fill(buf, len, &g->state);
		CHECK(guest_put(g->p.w, &k, buf, len));
		g->sum = sum_add(g->sum, buf, len);
		g->p.sent += len;
	}
	k = peer_packet(&g->p, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	CHECK(guest_put(g->p.w, &k, NULL, 0));
	guest_kick(g->p.w);
}

static void transfer(uint64_t bytes, uint32_t buffer, uint32_t window, uint32_t guest_buf)
{
	struct world w;
	static struct writer o;
	struct guest_end g = {.total = bytes, .state = 7};
	struct vsock_packet k;
	uint64_t before = 0;

	world_begin(&w, 32, buffer);
	w.keep_giving = false;
	o = (struct writer){.total = bytes, .state = 11};
	end_init(&o.e, &w);
	o.e.window = window;
	CHECK(vsock_listen(w.v, 1, accepts_pump, &o, ERR_IGNORE) == 0);
	peer_init(&g.p, &w, 1, 2);
	g.p.buf_alloc = guest_buf;
	peer_send(&g.p, VIRTIO_VSOCK_OP_REQUEST);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_RESPONSE, &k));
	peer_heard(&g.p, &k);
	pump(&o);
	while (!g.ended || o.e.received < bytes) {
		uint64_t now;

		guest_reads(&g);
		guest_writes(&g, 1024);
		drv_run(&w.d);
		now = g.got + o.e.received;
		if (now == before && !g.ended) {
			printf("# stuck at %llu\n", (unsigned long long)now);
			CHECK(false);
			break;
		}
		before = now;
	}
	CHECK(g.got == bytes && g.got_sum == o.sum);
	CHECK(o.e.received == bytes && o.e.sum == g.sum);
	CHECK(!drv_broken(&w.d));
	world_done(&w);
}

static void much_data_through_little_room(void)
{
	/* Header and 300 bytes; 3000 of credit to the host, 5000 to the guest. */
	transfer(MUCH, 344, 3000, 5000);
}

static void a_byte_at_a_time(void)
{
	transfer(3000, 45, 1, 1);
}

/* ---- many streams ---- */

#define MANY 4000

static void many_streams(void)
{
	static struct end e[MANY];
	static struct peer p[MANY];
	struct world w;
	struct vsock_packet k;
	char text[32];

	world_begin(&w, 64, 4096);
	for (uint32_t i = 0; i < MANY; i++) {
		if (i % 2)
			CHECK(open_by_host(&w, &p[i], &e[i], 1000 + i % 7));
		else
			CHECK(open_by_guest(&w, &p[i], &e[i], 1 + i % 3, i));
		e[i].echo = true;
		vm_stream_want(e[i].s, 100);
		CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_CREDIT_UPDATE, NULL));
	}
	CHECK(vsock_streams(w.v) == MANY);
	for (uint32_t i = 0; i < MANY; i++) {
		uint32_t n = (i * 1237) % MANY; /* each, in another order */
		char got[PAYLOAD];

		(void)snprintf(text, sizeof(text), "I am number %u", n);
		peer_write(&p[n], text, (uint32_t)strlen(text));
		CHECK_STR(e[n].last, text);
		CHECK(guest_take(&w, &k, got) && k.len == strlen(text));
		peer_heard(&p[n], &k);
		CHECK(memcmp(got, text, k.len) == 0);
	}
	for (uint32_t i = 0; i < MANY; i++) {
		CHECK(e[i].received && !e[i].closed);
		if (i % 4 < 2) {
			peer_shut(&p[i], 3);
			CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_RST, NULL));
			CHECK(e[i].closed == 1);
		} else {
			vm_stream_close(e[i].s);
			CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_SHUTDOWN, NULL));
			peer_send(&p[i], VIRTIO_VSOCK_OP_RST);
		}
	}
	CHECK(vsock_streams(w.v) == 0 && guest_has_nothing(&w));
	world_done(&w);
}

/* ---- a driver on another thread ---- */

struct user {
	struct vm_stream *s;
	unsigned *open; /* the loop's thread only */
	unsigned calls;
};

static void user_end(struct user *u)
{
	--*u->open;
	free(u);
}

static void user_received(void *arg, const void *buf, size_t len)
{
	struct user *u = arg;

	(void)vm_stream_write(u->s, buf, len);
	(void)vm_stream_write(u->s, buf, len);
	vm_stream_want(u->s, 2000);
	if (++u->calls % 3 == 0) {
		vm_stream_close(u->s);
		user_end(u);
	}
}

static void user_shutdown(void *arg)
{
	struct user *u = arg;

	vm_stream_shutdown(u->s);
}

static void user_closed(void *arg, int code)
{
	CHECK(code <= 0);
	user_end(arg);
}

static const struct vm_stream_ops user_ops = {
	.received = user_received,
	.peer_shutdown = user_shutdown,
	.closed = user_closed,
};

static void *user_accepts(void *arg, struct vm_stream *s, uint32_t guest_port,
			  const struct vm_stream_ops **ret_ops)
{
	struct user *u;

	if (guest_port % 16 == 15)
		return NULL;
	u = calloc(1, sizeof(*u));
	if (!u)
		abort();
	u->s = s;
	u->open = arg;
	++*u->open;
	vm_stream_want(s, 2000);
	*ret_ops = &user_ops;
	return u;
}

#define ROUNDS 150

static void rounds(struct world *w)
{
	static const char data[500];
	static char in[PAYLOAD];
	uint64_t random = 3;
	struct vsock_packet k;
	struct peer p;

	for (unsigned r = 0; r < ROUNDS; r++) {
		unsigned packets = r % 10 * 40;

		world_start(w, r % 2 ? DRV_ALL : 0, 1000);
		guest_give(w, r % 8 ? 32 : 0);
		for (unsigned i = 0; i < packets; i++) {
			random = random * UINT64_C(6364136223846793005) + 1;
			peer_init(&p, w, 1, (uint32_t)(random >> 60));
			k = peer_packet(&p, random >> 50 & 1 ? VIRTIO_VSOCK_OP_RW
							     : VIRTIO_VSOCK_OP_REQUEST);
			if ((random >> 40) % 32 == 0)
				k.op = VIRTIO_VSOCK_OP_SHUTDOWN;
			k.flags = random >> 33 & 3;
			k.len = k.op == VIRTIO_VSOCK_OP_RW ? 500 : 0;
			(void)guest_put(w, &k, data, k.len);
			guest_kick(w);
			while (guest_take(w, &k, in))
				;
		}
		CHECK(!drv_broken(&w->d));
		drv_reset(&w->d);
	}
}

static void *drives(void *arg)
{
	struct world *w = arg;

	rounds(w);
	loop_stop(w->d.loop);
	return NULL;
}

static void resets_from_another_thread(void)
{
	struct world w;
	unsigned open = 0;
	pthread_t t;

	world_new(&w, NULL);
	w.d.elsewhere = true;
	CHECK(vsock_listen(w.v, 1, user_accepts, &open, ERR_IGNORE) == 0);
	CHECK(pthread_create(&t, NULL, drives, &w) == 0);
	CHECK(loop_run(w.d.loop, ERR_IGNORE) == 0);
	CHECK(pthread_join(t, NULL) == 0);
	w.d.elsewhere = false;
	drv_run(&w.d);
	/* Each user has heard of its end. */
	CHECK(open == 0 && vsock_streams(w.v) == 0);
	world_done(&w);
}

static const struct test tests[] = {
	{"64 MiB go both ways unchanged through small buffers",
	 much_data_through_little_room},
	{"data goes both ways a byte at a time", a_byte_at_a_time},
	{"four thousand streams are kept apart", many_streams},
	{"another thread resets the device in the midst of traffic",
	 resets_from_another_thread},
};
TEST_MAIN(tests)
