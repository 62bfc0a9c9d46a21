/* SPDX-License-Identifier: Apache-2.0 */
/* The network device under drivers that break the rules, or come and go on another thread. */
#include <sched.h>

#include "base/str.h"

#include "tests/unit/net_world.h"

/* ---- hostile ---- */

static void broken_chains_break_it(void)
{
	struct world w;

	setup_with(&w, DRV_ALL);
	CHECK(drv_attack_all(&w.d, TX, NULL, NULL));
	CHECK(drv_attack_all(&w.d, RX, NULL, NULL));
	CHECK(drv_start(&w.d, DRV_ALL, 64));
	put_frame(&w, 100, 1);
	drv_kick(&w.d, TX);
	CHECK(take_used(&w, TX) == 1 && wire_gives(&w, 100, 1));
	done(&w);
}

static void buffers_of_the_wrong_kind_break_it(void)
{
	static const struct {
		unsigned queue;
		uint32_t len;
		bool write;
	} wrong[] = {
		{TX, 100, true}, {RX, 2000, false}, {RX, HDR - 1, true}, {RX, 1, true}};
	struct world w;

	setup_with(&w, DRV_ALL);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct drv_part p = {drv_alloc(&w.d, 4096), wrong[i].len, wrong[i].write};

		CHECK(drv_start(&w.d, DRV_ALL, 64));
		(void)drv_put(&w.d, wrong[i].queue, &p, 1);
		drv_kick(&w.d, wrong[i].queue);
		drv_run(&w.d);
		CHECK(drv_broken(&w.d) && net_connected(w.d.dev));
		CHECK(wire_send(&w, 100, 1));
		drv_run(&w.d);
	}
	done(&w);
}

/* Thousands of parts, and one buffer a thousand times. */
static void the_same_buffer_many_times(void)
{
	struct world w;
	struct drv_part p[64];

	setup_with(&w, DRV_ALL);
	for (int i = 0; i < 64; i++)
		p[i] = (struct drv_part){drv_alloc(&w.d, 16), 16, true};
	for (int round = 0; round < 20; round++) {
		uint16_t head = drv_put_indirect(&w.d, RX, p, 64);

		for (int i = 0; i < 63; i++)
			drv_publish(&w.d, RX, head);
		drv_notify(&w.d, RX);
		CHECK(wire_send(&w, 3000, 1));
		(void)take_used(&w, RX);
	}
	CHECK(!drv_broken(&w.d));
	done(&w);
}

static void survives_changing_descriptors(void)
{
	struct world w;
	struct drv_part out = {0, 200, false}, in = {0, 3000, true};

	setup_with(&w, DRV_ALL);
	out.gpa = drv_alloc(&w.d, 4096);
	in.gpa = drv_alloc(&w.d, 4096);
	drv_race(&w.d, TX, &out, 1, 20);
	for (int i = 0; i < 20; i++) {
		for (int n = 0; n < 10; n++)
			(void)wire_send(&w, 2000, 1);
		drv_race(&w.d, RX, &in, 1, 1);
	}
	CHECK(drv_start(&w.d, DRV_ALL, 64));
	done(&w);
}

/* ---- other threads ---- */

struct watcher {
	struct drv_queue *q;
	_Atomic bool stop, partial;
};

static void *watch_used(void *arg)
{
	struct watcher *v = arg;

	while (!v->stop) {
		if (__atomic_load_n(&v->q->used->idx, __ATOMIC_ACQUIRE) % 3 != 0)
			v->partial = true;
	}
	return NULL;
}

/* VIRTIO 1.2, 5.1.6.4.1: a driver that polls must not find half a packet. */
static void all_of_a_packet_is_seen_at_once(void)
{
	struct watcher v = {0};
	struct world w;
	pthread_t t;

	setup(&w);
	plug(&w);
	CHECK(drv_start(&w.d, DRV_ALL, 256));
	v.q = &w.d.queue[RX];
	CHECK(pthread_create(&t, NULL, watch_used, &v) == 0);
	for (int i = 0; i < 30; i++) {
		for (int n = 0; n < 60; n++)
			(void)put_buffer(&w, 1500);
		drv_kick(&w.d, RX);
		for (int n = 0; n < 10; n++)
			(void)wire_send(&w, 4500, 1);
		(void)take_used(&w, RX);
		drv_rewind(&w.d);
	}
	v.stop = true;
	(void)pthread_join(t, NULL);
	CHECK(!v.partial && v.q->used->idx > 100);
	done(&w);
}

struct vcpu {
	struct world *w;
	unsigned rounds;
	_Atomic bool over;
};

/* A driver that comes and goes, on its own thread. */
static void *restart(void *arg)
{
	struct vcpu *v = arg;

	for (unsigned i = 0; i < v->rounds; i++) {
		drv_rewind(&v->w->d);
		if (!drv_start(&v->w->d, DRV_ALL, 64))
			break;
		for (int n = 0; n < 50; n++)
			(void)put_buffer(v->w, 2000);
		drv_kick(&v->w->d, RX);
		for (int n = 0; n < 10; n++)
			put_frame(v->w, 200, 1);
		drv_kick(&v->w->d, TX);
		(void)config16(v->w, STATUS_OFF);
		if (i % 3 == 0)
			sched_yield();
	}
	drv_reset(&v->w->d);
	v->over = true;
	return NULL;
}

static void drivers_come_and_go_under_traffic(void)
{
	struct world w;
	struct vcpu v = {.w = &w, .rounds = 300};
	uint8_t buf[FRAME_MAX];
	struct err e = {0};
	pthread_t t;

	setup(&w);
	plug(&w);
	w.d.elsewhere = true;
	CHECK(pthread_create(&t, NULL, restart, &v) == 0);
	for (unsigned i = 0; !v.over; i++) {
		(void)wire_send(&w, 3000, 1);
		(void)loop_once(w.d.loop, 0, &e);
		while (wire_recv(&w, buf) > 0)
			;
		if (i % 50 == 49) {
			net_disconnect(w.d.dev);
			plug(&w);
		}
	}
	(void)pthread_join(t, NULL);
	w.d.elsewhere = false;
	CHECK(drv_start(&w.d, DRV_ALL, 64));
	put_frame(&w, 100, 3);
	drv_kick(&w.d, TX);
	CHECK(take_used(&w, TX) == 1 && wire_gives(&w, 100, 3));
	done(&w);
}

static const struct test tests[] = {
	{"broken chains break it until it is reset", broken_chains_break_it},
	{"buffers of the wrong kind or size break it",
	 buffers_of_the_wrong_kind_break_it},
	{"the same buffer many times is the driver's own trouble",
	 the_same_buffer_many_times},
	{"descriptors that change under it do no harm", survives_changing_descriptors},
	{"all buffers of a packet are seen at once", all_of_a_packet_is_seen_at_once},
	{"drivers may come and go under traffic", drivers_come_and_go_under_traffic},
};

NET_TEST_MAIN(tests)
