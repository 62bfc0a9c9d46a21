/* SPDX-License-Identifier: Apache-2.0 */
/* The block device under hostile drivers, and with many threads at work. */
#include <errno.h>
#include <linux/virtio_mmio.h>
#include <stdatomic.h>

#include "base/str.h"

#include "tests/unit/block_world.h"
#include "tests/unit/usage.h"

/* ---- hostile drivers ---- */

static void requests_that_are_none_break_it(void)
{
	struct virtio_blk_outhdr h = {.type = VIRTIO_BLK_T_IN};
	struct drv_part out, in;
	struct world w;

	begin(&w);
	out = (struct drv_part){drv_buffer(&w.d, &h, 16), 16, false};
	in = (struct drv_part){drv_alloc(&w.d, 512), 512, true};
	for (int i = 0; i < 3; i++) {
		uint16_t head;
		uint32_t len;

		CHECK(drv_start(&w.d, DRV_ALL, 64));
		if (i == 0)
			(void)drv_put(&w.d, 0, &out, 1); /* no status */
		else if (i == 1)
			(void)drv_put(&w.d, 0, &in, 1); /* no header */
		out.len = i == 2 ? 15 : 16;
		if (i == 2)
			(void)drv_put(&w.d, 0, (struct drv_part[]){out, in}, 2);
		drv_notify(&w.d, 0);
		while (!drv_broken(&w.d))
			(void)sched_yield();
		CHECK(!drv_used(&w.d, 0, &head, &len));
	}
	end(&w);
}

static void broken_chains_break_it(void)
{
	struct drv_part parts[3];
	struct world w;
	char buf[512];

	begin(&w);
	CHECK(drv_attack_all(&w.d, 0, NULL, NULL));
	parts[0] = (struct drv_part){drv_alloc(&w.d, 16), 16, false};
	parts[1] = (struct drv_part){drv_alloc(&w.d, 512), 512, true};
	parts[2] = (struct drv_part){drv_alloc(&w.d, 1), 1, true};
	drv_race(&w.d, 0, parts, 3, 30);
	CHECK(drv_start(&w.d, DRV_ALL, 64));
	CHECK(get_sectors(&w, 0, buf, 512) == VIRTIO_BLK_S_OK);
	end(&w);
}

/* ---- threads ---- */

#define DEPTH 64

struct flood {
	struct drv_part parts[DEPTH][3];
	struct virtio_blk_outhdr *header[DEPTH];
	char *data[DEPTH];
	uint8_t *status[DEPTH];
};

/* Buffers for DEPTH requests of a page each. */
static void flood_init(struct flood *f, struct world *w)
{
	for (unsigned i = 0; i < DEPTH; i++) {
		struct drv_part *p = f->parts[i];

		p[0] = (struct drv_part){drv_alloc(&w->d, 16), 16, false};
		p[1] = (struct drv_part){drv_alloc(&w->d, 4096), 4096, true};
		p[2] = (struct drv_part){drv_alloc(&w->d, 1), 1, true};
		f->header[i] = drv_at(&w->d, p[0].gpa, 16);
		f->data[i] = drv_at(&w->d, p[1].gpa, 4096);
		f->status[i] = drv_at(&w->d, p[2].gpa, 1);
	}
}

static void flood_put(struct flood *f, struct world *w, bool write, unsigned round)
{
	for (unsigned i = 0; i < DEPTH; i++) {
		f->parts[i][1].write = !write;
		*f->header[i] = (struct virtio_blk_outhdr){
			.type = write ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_IN,
			.sector = ((uint64_t)i * 37 + round) % DEPTH * 8,
		};
		if (write)
			memset(f->data[i], (int)(round + i), 4096);
		*f->status[i] = 0xff;
		(void)drv_put_indirect(&w->d, 0, f->parts[i], 3);
	}
	drv_kick(&w->d, 0);
}

static void flood_wait(struct flood *f, struct world *w, bool write, unsigned round)
{
	uint16_t head;
	uint32_t len;

	for (unsigned i = 0; i < DEPTH && !tap_failed; i++)
		CHECK(drv_wait(&w->d, 0, &head, &len) && len == (write ? 1 : 4097));
	for (unsigned i = 0; i < DEPTH; i++) {
		CHECK(*f->status[i] == VIRTIO_BLK_S_OK);
		if (!write)
			CHECK(f->data[i][0] == (char)(round + i) &&
			      memcmp(f->data[i], f->data[i] + 1, 4095) == 0);
	}
}

static void many_requests_at_once_are_all_done(void)
{
	struct flood f = {0};
	struct world w;

	begin(&w);
	w.d.elsewhere = true; /* by interrupts alone */
	flood_init(&f, &w);
	for (unsigned round = 0; round < 200 && !tap_failed; round++) {
		uint64_t mark = w.d.free_gpa;

		flood_put(&f, &w, true, round);
		flood_wait(&f, &w, true, round);
		flood_put(&f, &w, false, round);
		flood_wait(&f, &w, false, round);
		w.d.free_gpa = mark;
	}
	end(&w);
}

static void after_a_reset_no_request_is_under_way(void)
{
	struct flood f = {0};
	struct world w;

	begin(&w);
	w.d.elsewhere = true;
	flood_init(&f, &w);
	for (unsigned round = 0; round < 500 && !tap_failed; round++) {
		uint64_t mark = w.d.free_gpa;

		flood_put(&f, &w, false, round);
		for (unsigned i = 0; i < round % 50; i++)
			(void)drv_read(&w.d, VIRTIO_MMIO_STATUS);
		drv_reset(&w.d);
		/* A plain write here is a race, if a worker isn't done. */
		for (unsigned i = 0; i < DEPTH; i++) {
			memset(f.data[i], 0x55, 4096);
			*f.status[i] = 0x55;
		}
		CHECK(drv_start(&w.d, DRV_ALL, 256));
		for (unsigned i = 0; i < DEPTH; i++)
			CHECK(*f.status[i] == 0x55 && f.data[i][4095] == 0x55);
		w.d.free_gpa = mark;
	}
	flood_put(&f, &w, true, 1);
	flood_wait(&f, &w, true, 1);
	end(&w);
}

struct storm {
	struct world *w;
	_Atomic bool stop;
	_Atomic unsigned rounds;
};

static void *flood_and_reset(void *arg)
{
	struct storm *s = arg;
	struct flood f = {0};

	flood_init(&f, s->w);
	for (unsigned round = 0; !s->stop; round++, s->rounds++) {
		uint64_t mark = s->w->d.free_gpa;

		if (!drv_start(&s->w->d, DRV_ALL, 256))
			break;
		flood_put(&f, s->w, round & 1, round);
		for (unsigned i = 0; i < round % 64; i++)
			(void)drv_read(&s->w->d, VIRTIO_MMIO_STATUS);
		if (round % 3 == 0) {
			drv_write(&s->w->d, VIRTIO_MMIO_QUEUE_SEL, 0);
			drv_write(&s->w->d, VIRTIO_MMIO_QUEUE_READY, 0);
		}
		s->w->d.free_gpa = mark;
	}
	return NULL;
}

static void disk_is_exchanged_and_paused_under_a_storm(void)
{
	struct err e = {0};
	pthread_t thread;
	struct storm s;
	struct world w;

	begin(&w);
	w.d.elsewhere = true;
	s = (struct storm){.w = &w};
	CHECK(pthread_create(&thread, NULL, flood_and_reset, &s) == 0);
	for (int i = 0; i < 300 || s.rounds < 500; i++) {
		CHECK(block_disconnect(w.dev, &e) == 0);
		w.dev->ops->pause(w.dev);
		CHECK(connect_copy(&w, i % 2) == 0);
		w.dev->ops->resume(w.dev);
		while (s.rounds < (unsigned)i) /* side by side */
			(void)sched_yield();
	}
	s.stop = true;
	(void)pthread_join(thread, NULL);
	end(&w);
}

static void paused_disk_does_nothing(void)
{
	struct err e = {0};
	uint16_t head;
	struct flood f = {0};
	struct world w;
	uint32_t len;

	begin(&w);
	flood_init(&f, &w);
	w.dev->ops->pause(w.dev);
	flood_put(&f, &w, true, 0);
	drv_notify(&w.d, 0);
	/* Nor does anything that would start it else. */
	CHECK(block_disconnect(w.dev, &e) == 0 && connect_copy(&w, false) == 0);
	CHECK(worker_stopping(*(struct worker_source **)(w.dev + 1)));
	CHECK(!drv_used(&w.d, 0, &head, &len) && *f.status[0] == 0xff);
	w.dev->ops->resume(w.dev);
	flood_wait(&f, &w, true, 0);
	end(&w);
}

static void one_busy_disk_does_not_stop_another(void)
{
	struct virtio_dev *other = NULL;
	struct err e = {0};
	struct storm s;
	struct world w, v = {.file = -1};
	pthread_t thread;
	char buf[512];

	begin(&w);
	drv_init(&v.d, MEMORY);
	CHECK(block_new(v.d.mem, v.d.loop, w.pool, &other, &e) == 0);
	v.dev = other;
	v.file = file_new(65536);
	drv_attach(&v.d, other);
	CHECK(connect_copy(&v, false) == 0 && drv_start(&v.d, DRV_ALL, 64));
	w.d.elsewhere = v.d.elsewhere = true;
	s = (struct storm){.w = &w};
	CHECK(pthread_create(&thread, NULL, flood_and_reset, &s) == 0);
	for (int i = 0; (i < 200 || s.rounds < 200) && !tap_failed; i++)
		CHECK(get_sectors(&v, 5, buf, 512) == VIRTIO_BLK_S_OK);
	s.stop = true;
	(void)pthread_join(thread, NULL);
	drv_done(&v.d);
	fd_close(&v.file);
	end(&w);
}

/* ---- what is left ---- */

static void nothing_is_left(void)
{
	unsigned fds = count_fds(), threads = count_threads();
	struct flood f = {0};
	struct world w;

	for (int i = 0; i < 50; i++) {
		begin(&w);
		flood_init(&f, &w);
		flood_put(&f, &w, i & 1, 0);
		end(&w);
	}
	CHECK(count_fds() == fds && count_threads() == threads);
}

static const struct test tests[] = {
	{"requests without header or status break the device",
	 requests_that_are_none_break_it},
	{"broken chains break the device, and nothing else", broken_chains_break_it},
	{"many requests at once are all done", many_requests_at_once_are_all_done},
	{"after a reset no request is under way", after_a_reset_no_request_is_under_way},
	{"disks are exchanged and paused under a storm of requests and resets",
	 disk_is_exchanged_and_paused_under_a_storm},
	{"a paused disk does nothing", paused_disk_does_nothing},
	{"one busy disk doesn't stop another", one_busy_disk_does_not_stop_another},
	{"no thread and no descriptor is left", nothing_is_left},
};

TEST_MAIN(tests)
