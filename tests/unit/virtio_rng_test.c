/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/virtio_ids.h>

#include "vm/virtio/rng.h"

#include "tests/unit/tap.h"
#include "tests/unit/virtio_driver.h"

#define MEMORY (UINT64_C(64) << 20)

static void begin(struct drv *d)
{
	struct virtio_dev *dev = NULL;
	struct err e = {0};

	drv_init(d, MEMORY);
	CHECK(rng_new(d->mem, d->loop, &dev, &e) == 0);
	drv_attach(d, dev);
	CHECK(drv_find(d, VIRTIO_ID_RNG));
	CHECK(drv_start(d, DRV_ALL, 64));
}

static void requests_get_random_bytes(void)
{
	unsigned char a[256] = {0}, b[256] = {0};
	unsigned seen = 0;
	struct drv d;

	begin(&d);
	CHECK(drv_call(&d, 0, NULL, 0, a, sizeof(a)) == 256);
	CHECK(drv_call(&d, 0, NULL, 0, b, sizeof(b)) == 256);
	CHECK(memcmp(a, b, 256) != 0);
	for (int i = 0; i < 256; i++)
		seen += a[i] != 0;
	CHECK(seen > 200);
	drv_done(&d);
}

static void long_requests_get_a_piece(void)
{
	static char buf[1 << 20];
	struct drv d;

	begin(&d);
	CHECK(drv_call(&d, 0, NULL, 0, buf, sizeof(buf)) == 4096);
	drv_done(&d);
}

static void turns_end_and_go_on(void)
{
	struct err e = {0};
	struct drv_part part;
	uint16_t head;
	struct drv d;
	unsigned n = 0;
	uint32_t len;

	begin(&d);
	part = (struct drv_part){drv_alloc(&d, 64), 64, true};
	for (int i = 0; i < 64; i++)
		(void)drv_put(&d, 0, &part, 1);
	drv_kick(&d, 0);
	CHECK(loop_once(d.loop, 0, &e) == 1);
	while (drv_used(&d, 0, &head, &len))
		n++;
	CHECK(n > 0 && n < 64); /* the others on the loop come between */
	for (; n < 64 && drv_wait(&d, 0, &head, &len); n++)
		;
	CHECK(n == 64 && !drv_broken(&d));
	drv_done(&d);
}

static void requests_without_room_break_it(void)
{
	struct drv_part part;
	struct drv d;

	begin(&d);
	part = (struct drv_part){drv_alloc(&d, 64), 64, false};
	(void)drv_put(&d, 0, &part, 1);
	drv_kick(&d, 0);
	drv_run(&d);
	CHECK(drv_broken(&d));
	drv_done(&d);
}

static void broken_chains_break_it(void)
{
	struct drv_part part;
	struct drv d;
	char buf[8];

	begin(&d);
	CHECK(drv_attack_all(&d, 0, NULL, NULL));
	part = (struct drv_part){drv_alloc(&d, 64), 64, true};
	drv_race(&d, 0, &part, 1, 20);
	CHECK(drv_start(&d, DRV_ALL, 8) && drv_call(&d, 0, NULL, 0, buf, 8) == 8);
	drv_done(&d);
}

static const struct test tests[] = {
	{"requests get random bytes", requests_get_random_bytes},
	{"a long request gets a piece", long_requests_get_a_piece},
	{"a guest that asks a lot lets others have their turn", turns_end_and_go_on},
	{"a request without room breaks the device", requests_without_room_break_it},
	{"broken chains break the device, and nothing else", broken_chains_break_it},
};

TEST_MAIN(tests)
