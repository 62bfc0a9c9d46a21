/* SPDX-License-Identifier: Apache-2.0 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_balloon.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "vm/virtio/balloon.h"

#include "tests/unit/tap.h"
#include "tests/unit/virtio_driver.h"

#define INFLATE    0
#define DEFLATE    1
#define REPORT     2
#define PAGE       UINT64_C(4096)
#define MIB        (UINT64_C(1) << 20)
#define BIT(n)     (UINT64_C(1) << (n))
#define SIZE       (16 * MIB)
#define NUM_PAGES  0
#define ACTUAL     4
#define POISON_VAL 12

static void setup_memory(struct drv *d, const struct memory_config *c)
{
	struct virtio_dev *dev = NULL;
	struct err e = {0};

	drv_init(d, SIZE);
	if (c) {
		memory_free(d->mem);
		d->mem = NULL;
		CHECK(memory_new(-1, c, &d->mem, &e) == 0);
	}
	CHECK(balloon_new(d->mem, d->loop, &dev, &e) == 0);
	drv_attach(d, dev);
}

static void setup(struct drv *d)
{
	setup_memory(d, NULL);
	CHECK(drv_start(d, DRV_ALL, 64));
}

/* Fills memory, so that what is given back is seen by its zeros. */
static uint8_t *fill(struct drv *d, uint64_t gpa, uint64_t len)
{
	uint8_t *p = drv_at(d, gpa, len);

	memset(p, 0xaa, len);
	return p;
}

static bool all_are(const uint8_t *p, uint64_t len, uint8_t v)
{
	for (uint64_t i = 0; i < len; i++) {
		if (p[i] != v)
			return false;
	}
	return true;
}

/* Frames that the host has for this memory. */
static unsigned resident(void *p, uint64_t len)
{
	unsigned char vec[1024];
	unsigned n = 0;

	CHECK(len / PAGE <= sizeof(vec) && mincore(p, len, vec) == 0);
	for (uint64_t i = 0; i < len / PAGE; i++)
		n += vec[i] & 1;
	return n;
}

static int64_t inflate(struct drv *d, const uint32_t *pfns, uint32_t count)
{
	return drv_call(d, INFLATE, pfns, count * 4, NULL, 0);
}

static int64_t report(struct drv *d, const struct drv_part *parts, unsigned count)
{
	uint16_t head;
	uint32_t len;

	(void)drv_put(d, REPORT, parts, count);
	drv_kick(d, REPORT);
	return drv_wait(d, REPORT, &head, &len) ? (int64_t)len : -1;
}

static void it_is_a_balloon(void)
{
	struct drv d;

	setup_memory(&d, NULL);
	CHECK(drv_find(&d, VIRTIO_ID_BALLOON));
	CHECK(drv_offered(&d) & BIT(VIRTIO_BALLOON_F_DEFLATE_ON_OOM));
	CHECK(drv_offered(&d) & BIT(VIRTIO_BALLOON_F_REPORTING));
	CHECK(!(drv_offered(&d) & BIT(VIRTIO_BALLOON_F_STATS_VQ)));
	CHECK(!(drv_offered(&d) & BIT(VIRTIO_BALLOON_F_FREE_PAGE_HINT)));
	CHECK(drv_config32(&d, NUM_PAGES) == 0 && balloon_size(d.dev) == 0);
	drv_done(&d);
}

static void a_request_is_told(void)
{
	struct err e = {0};
	struct drv d;
	uint32_t v = htole32(500);

	setup(&d);
	(void)drv_irqs(&d);
	CHECK(balloon_request(d.dev, 4 * MIB + 4095, &e) == 0);
	CHECK(drv_irqs(&d) == 1 && drv_isr(&d) == VIRTIO_MMIO_INT_CONFIG);
	CHECK(drv_config32(&d, NUM_PAGES) == 1024);
	drv_config_write(&d, ACTUAL, &v, 4);
	CHECK(balloon_size(d.dev) == 500 * PAGE);
	CHECK(balloon_request(d.dev, UINT64_MAX, &e) == -ERANGE);
	CHECK(balloon_request(d.dev, 0, &e) == 0 && drv_config32(&d, NUM_PAGES) == 0);
	drv_reset(&d);
	CHECK(balloon_size(d.dev) == 0);
	drv_done(&d);
}

static void only_its_own_fields_are_the_drivers(void)
{
	struct err e = {0};
	struct drv d;
	uint32_t v = UINT32_MAX;

	setup(&d);
	CHECK(balloon_request(d.dev, MIB, &e) == 0);
	drv_config_write(&d, NUM_PAGES, &v, 4);
	drv_config_write(&d, 8, &v, 4);
	drv_config_write(&d, 5, &v, 1);
	CHECK(drv_config32(&d, NUM_PAGES) == 256 && drv_config32(&d, 8) == 0);
	CHECK(balloon_size(d.dev) == 0);
	drv_done(&d);
}

static void inflated_pages_are_given_back(void)
{
	uint32_t pfns[256];
	struct drv d;
	uint8_t *p;

	setup(&d);
	p = fill(&d, 8 * MIB, 3 * MIB);
	for (uint32_t i = 0; i < 256; i++)
		pfns[i] = htole32((9 * MIB) / PAGE + 255 - i); /* downwards */
	CHECK(inflate(&d, pfns, 256) == 0);
	CHECK(all_are(p, MIB, 0xaa) && all_are(p + 2 * MIB, MIB, 0xaa));
	CHECK(resident(p + MIB, MIB) == 0 && all_are(p + MIB, MIB, 0));

	/* Upwards, alone, and twice. */
	p = fill(&d, 8 * MIB, 3 * MIB);
	for (uint32_t i = 0; i < 4; i++)
		pfns[i] = htole32((9 * MIB) / PAGE + i);
	pfns[4] = htole32((8 * MIB) / PAGE);
	pfns[5] = htole32((10 * MIB) / PAGE);
	pfns[6] = pfns[4];
	CHECK(inflate(&d, pfns, 7) == 0);
	CHECK(all_are(p, PAGE, 0) && all_are(p + PAGE, MIB - PAGE, 0xaa));
	CHECK(all_are(p + MIB, 4 * PAGE, 0) &&
	      all_are(p + MIB + 4 * PAGE, MIB - 4 * PAGE, 0xaa));
	CHECK(all_are(p + 2 * MIB, PAGE, 0) &&
	      all_are(p + 2 * MIB + PAGE, MIB - PAGE, 0xaa));
	drv_done(&d);
}

static void deflated_pages_are_memory_again(void)
{
	uint32_t pfn = htole32((8 * MIB) / PAGE);
	struct drv d;
	uint8_t *p;

	setup(&d);
	p = fill(&d, 8 * MIB, PAGE);
	CHECK(inflate(&d, &pfn, 1) == 0);
	CHECK(drv_call(&d, DEFLATE, &pfn, 4, NULL, 0) == 0);
	p[5] = 1;
	CHECK(((uint8_t *)drv_at(&d, 8 * MIB, PAGE))[5] == 1);
	drv_done(&d);
}

/* A guest that was started from a file must not find its content again. */
static void pages_of_a_file_come_back_as_zeros(void)
{
	AUTO_FD fd = memfd_create("memory", MFD_CLOEXEC);
	struct memory_config c = {.size = SIZE, .fd = fd};
	uint32_t pfn = htole32((8 * MIB) / PAGE);
	struct drv_part p = {9 * MIB, PAGE, true};
	uint8_t old[PAGE];
	struct drv d;

	memset(old, 0x55, sizeof(old));
	CHECK(ftruncate(fd, SIZE) == 0);
	CHECK(pwrite(fd, old, PAGE, 8 * MIB) == (ssize_t)PAGE);
	CHECK(pwrite(fd, old, PAGE, 9 * MIB) == (ssize_t)PAGE);
	setup_memory(&d, &c);
	CHECK(drv_start(&d, DRV_ALL, 64));
	CHECK(all_are(drv_at(&d, 8 * MIB, PAGE), PAGE, 0x55));
	CHECK(inflate(&d, &pfn, 1) == 0 && report(&d, &p, 1) == 0);
	CHECK(all_are(drv_at(&d, 8 * MIB, PAGE), PAGE, 0));
	CHECK(all_are(drv_at(&d, 9 * MIB, PAGE), PAGE, 0));
	drv_done(&d);
}

static void reported_pages_are_given_back(void)
{
	struct drv_part parts[3] = {
		{8 * MIB, 2 * MIB, true}, {11 * MIB, PAGE, true}, {12 * MIB, MIB, true}};
	struct drv d;
	uint8_t *p;

	setup(&d);
	p = fill(&d, 8 * MIB, 6 * MIB);
	CHECK(report(&d, parts, 3) == 0);
	CHECK(resident(p, 2 * MIB) == 0);
	CHECK(all_are(p, 2 * MIB, 0) && all_are(p + 2 * MIB, MIB, 0xaa));
	CHECK(all_are(p + 3 * MIB, PAGE, 0) &&
	      all_are(p + 3 * MIB + PAGE, MIB - PAGE, 0xaa));
	CHECK(all_are(p + 4 * MIB, MIB, 0) && all_are(p + 5 * MIB, MIB, 0xaa));
	drv_done(&d);
}

static void only_whole_pages_are_given_back(void)
{
	struct drv_part parts[] = {{8 * MIB + 1, 3 * PAGE, true},
				   {9 * MIB + 100, 10, true},
				   {9 * MIB + PAGE - 1, 2, true},
				   {9 * MIB + 2 * PAGE, PAGE - 1, true}};
	struct drv d;
	uint8_t *p;

	setup(&d);
	p = fill(&d, 8 * MIB, 2 * MIB);
	CHECK(report(&d, parts, 4) == 0);
	CHECK(all_are(p, PAGE, 0xaa) && all_are(p + PAGE, 2 * PAGE, 0) &&
	      all_are(p + 3 * PAGE, MIB, 0xaa));
	CHECK(all_are(p + MIB, 3 * PAGE, 0xaa));
	drv_done(&d);
}

/* Where memory goes on behind the hole, and where it is plugged in. */
static void reports_are_found_in_every_range(void)
{
	struct memory_config c = {
		.size = MEMORY_HOLE_BEGIN + 4 * MIB, .hotplug = 4 * MIB, .fd = -1};
	struct memory_range plugged;
	struct drv_part parts[3] = {{MEMORY_HOLE_BEGIN - PAGE, PAGE, true},
				    {MEMORY_HOLE_END + MIB, PAGE, true}};
	uint8_t *p[3];
	struct drv d;

	setup_memory(&d, &c);
	plugged = memory_hotplug_range(d.mem);
	CHECK(memory_plug(d.mem, plugged.gpa, 4 * MIB) == 0);
	parts[2] = (struct drv_part){plugged.gpa + 3 * MIB, PAGE, true};
	CHECK(drv_start(&d, DRV_ALL, 64));
	for (int i = 0; i < 3; i++)
		p[i] = fill(&d, parts[i].gpa, PAGE);
	CHECK(report(&d, parts, 3) == 0);
	for (int i = 0; i < 3; i++)
		CHECK(all_are(p[i], PAGE, 0));
	drv_done(&d);
}

static void poisoned_pages_stay(void)
{
	struct drv_part part = {8 * MIB, PAGE, true};
	uint32_t v = htole32(0xaaaaaaaa);
	struct drv d;
	uint8_t *p;

	setup(&d);
	p = fill(&d, 8 * MIB, PAGE);
	drv_config_write(&d, POISON_VAL, &v, 4);
	CHECK(report(&d, &part, 1) == 0 && all_are(p, PAGE, 0xaa));
	/* A guest that initializes them to zero. */
	v = 0;
	drv_config_write(&d, POISON_VAL, &v, 4);
	CHECK(report(&d, &part, 1) == 0 && all_are(p, PAGE, 0));
	/* One that doesn't know the feature doesn't mean what it writes. */
	CHECK(drv_start(&d, ~BIT(VIRTIO_BALLOON_F_PAGE_POISON), 64));
	p = fill(&d, 8 * MIB, PAGE);
	v = UINT32_MAX;
	drv_config_write(&d, POISON_VAL, &v, 4);
	CHECK(report(&d, &part, 1) == 0 && all_are(p, PAGE, 0));
	drv_done(&d);
}

static void pages_that_are_no_memory_break_it(void)
{
	static const uint32_t wrong[] = {SIZE / PAGE, MEMORY_HOLE_BEGIN / PAGE, 0xfee00,
					 UINT32_MAX};
	struct drv d;

	setup(&d);
	for (int i = 0; i < 4; i++) {
		uint32_t pfns[3] = {htole32((8 * MIB) / PAGE), htole32(wrong[i]),
				    htole32((9 * MIB) / PAGE)};
		struct drv_part part = {drv_buffer(&d, pfns, 12), 12, false};

		CHECK(drv_start(&d, DRV_ALL, 64));
		(void)drv_put(&d, INFLATE, &part, 1);
		drv_kick(&d, INFLATE);
		drv_run(&d);
		CHECK(drv_broken(&d));
	}
	drv_done(&d);
}

static void requests_of_the_wrong_kind_break_it(void)
{
	static const struct {
		unsigned queue;
		uint32_t len;
		bool write;
	} wrong[] = {{INFLATE, 4100, false},
		     {INFLATE, 3, false},
		     {INFLATE, 4, true},
		     {INFLATE, 1 << 20, false},
		     {REPORT, 4096, false}};
	struct drv d;

	setup(&d);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct drv_part part = {8 * MIB, wrong[i].len, wrong[i].write};

		CHECK(drv_start(&d, DRV_ALL, 64));
		(void)drv_put(&d, wrong[i].queue, &part, 1);
		drv_kick(&d, wrong[i].queue);
		drv_run(&d);
		CHECK(drv_broken(&d));
	}
	/* Nor reports of those who said they would make none. */
	CHECK(drv_start(&d, ~BIT(VIRTIO_BALLOON_F_REPORTING), 64));
	(void)drv_put(&d, REPORT, &(struct drv_part){8 * MIB, PAGE, true}, 1);
	drv_kick(&d, REPORT);
	drv_run(&d);
	CHECK(drv_broken(&d));
	drv_done(&d);
}

/* A guest may give up what the rings are in: its own trouble. */
static void it_survives_a_guest_that_gives_up_everything(void)
{
	struct drv_part all = {0, SIZE, true};
	struct drv d;

	setup(&d);
	(void)drv_put(&d, REPORT, &all, 1);
	drv_notify(&d, REPORT);
	drv_run(&d);
	CHECK(all_are(drv_at(&d, 4 * MIB, MIB), MIB, 0));
	CHECK(drv_start(&d, DRV_ALL, 64));
	drv_done(&d);
}

static void broken_chains_break_it(void)
{
	struct drv_part out = {8 * MIB, 64, false}, in = {9 * MIB, 2 * PAGE, true};
	struct drv d;

	setup(&d);
	CHECK(drv_attack_all(&d, INFLATE, NULL, NULL));
	CHECK(drv_attack_all(&d, DEFLATE, NULL, NULL));
	CHECK(drv_attack_all(&d, REPORT, NULL, NULL));
	drv_race(&d, INFLATE, &out, 1, 10);
	drv_race(&d, REPORT, &in, 1, 10);
	drv_done(&d);
}

struct turn {
	struct drv *d;
	unsigned calls, done;
};

static void count_turn(void *arg)
{
	struct turn *t = arg;

	if (t->calls++ == 0)
		t->done = t->d->queue[REPORT].used->idx;
}

static void others_have_their_turn(void)
{
	struct drv_part part = {8 * MIB, PAGE, true};
	struct loop_source *s = NULL;
	struct err e = {0};
	struct drv d;
	struct turn t = {.d = &d};

	setup(&d);
	CHECK(loop_waker(d.loop, count_turn, &t, &s, &e) == 0);
	for (int i = 0; i < 50; i++)
		(void)drv_put(&d, REPORT, &part, 1);
	drv_kick(&d, REPORT);
	loop_wake(s);
	CHECK(loop_once(d.loop, 0, &e) == 2 && t.calls == 1 && t.done <= 1);
	drv_run(&d);
	CHECK(d.queue[REPORT].used->idx == 50);
	loop_del(s);
	drv_done(&d);
}

static void it_is_restored_as_it_was(void)
{
	struct state_writer *w = state_writer_new();
	struct state_reader *r = NULL;
	struct virtio_dev *dev = NULL;
	struct drv_part part = {8 * MIB, PAGE, true};
	struct err e = {0};
	const void *text = NULL;
	size_t len = 0;
	uint32_t v = htole32(77), poison = htole32(0xaaaaaaaa);
	struct drv d;
	uint8_t *p;

	setup(&d);
	CHECK(balloon_request(d.dev, MIB, &e) == 0);
	drv_config_write(&d, ACTUAL, &v, 4);
	drv_config_write(&d, POISON_VAL, &poison, 4);
	virtio_save(d.dev, w, 5);
	CHECK(state_finish(w, &text, &len, &e) == 0);
	CHECK(state_reader_new(text, len, &r, &e) == 0);
	virtio_free(d.dev);
	CHECK(balloon_new(d.mem, d.loop, &dev, &e) == 0);
	d.dev = dev;
	CHECK(virtio_restore(dev, r, 5, &e) == 0);
	CHECK(drv_config32(&d, NUM_PAGES) == 256 && balloon_size(dev) == 77 * PAGE);
	p = fill(&d, 8 * MIB, PAGE);
	CHECK(report(&d, &part, 1) == 0 && all_are(p, PAGE, 0xaa));
	state_reader_free(r);
	state_writer_free(w);
	drv_done(&d);
}

static const struct test tests[] = {
	{"it is a balloon, and offers what it can", it_is_a_balloon},
	{"a request is told, and the guest says what it gave", a_request_is_told},
	{"the driver writes its own fields only", only_its_own_fields_are_the_drivers},
	{"inflated pages are given back, and no other", inflated_pages_are_given_back},
	{"deflated pages are memory again", deflated_pages_are_memory_again},
	{"pages of a file come back as zeros", pages_of_a_file_come_back_as_zeros},
	{"reported pages are given back, and no other", reported_pages_are_given_back},
	{"only whole pages are given back", only_whole_pages_are_given_back},
	{"reports are found in every range of memory", reports_are_found_in_every_range},
	{"pages with a pattern stay as they are", poisoned_pages_stay},
	{"pages that are no memory break it", pages_that_are_no_memory_break_it},
	{"requests of the wrong kind or size break it",
	 requests_of_the_wrong_kind_break_it},
	{"it survives a guest that gives up everything",
	 it_survives_a_guest_that_gives_up_everything},
	{"broken and changing chains do no harm", broken_chains_break_it},
	{"a busy queue lets others have their turn", others_have_their_turn},
	{"it is restored as it was", it_is_restored_as_it_was},
};

TEST_MAIN(tests)
