/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "vm/bus.h"

#include "tests/unit/tap.h"

struct seen {
	uint64_t off;
	unsigned len, calls;
	bool write;
	uint64_t value;
};

static void see(void *arg, uint64_t off, void *data, unsigned len, bool write)
{
	struct seen *s = arg;

	s->off = off;
	s->len = len;
	s->write = write;
	s->calls++;
	if (write)
		memcpy(&s->value, data, len);
	else if (len > 1)
		*(uint8_t *)data = 0x42; /* and the rest stays as it was: zeros */
}

static void each_range_gets_its_own(void)
{
	struct seen s[3] = {0};
	struct bus b = {0};
	struct err e;
	uint32_t v = 0x11223344;

	CHECK(bus_add(&b, 0x3000, 0x100, see, &s[2], &e) == 0);
	CHECK(bus_add(&b, 0x1000, 0x100, see, &s[0], &e) == 0);
	CHECK(bus_add(&b, 0x1100, 0x100, see, &s[1], &e) == 0);
	CHECK(bus_access(&b, 0x10fc, &v, 4, true));
	CHECK(s[0].off == 0xfc && s[0].len == 4 && s[0].write && s[0].value == v);
	CHECK(bus_access(&b, 0x1100, &v, 4, false));
	CHECK(s[1].off == 0 && !s[1].write && v == 0x42);
	CHECK(bus_access(&b, 0x30ff, &v, 1, true) && s[2].off == 0xff);
	CHECK(s[0].calls == 1 && s[1].calls == 1 && s[2].calls == 1);
}

static void nobody_answers_outside(void)
{
	struct seen s = {0};
	struct bus b = {0};
	struct err e;
	uint64_t v = 7;

	CHECK(!bus_access(&b, 0x1000, &v, 1, false));
	CHECK(bus_add(&b, 0x1000, 6, see, &s, &e) == 0);
	CHECK(!bus_access(&b, 0xfff, &v, 1, false));
	CHECK(!bus_access(&b, 0xfff, &v, 2, false));
	CHECK(!bus_access(&b, 0x1006, &v, 1, false));
	CHECK(!bus_access(&b, 0x1003, &v, 4, true)); /* half of it */
	CHECK(!bus_access(&b, 0x1000, &v, 8, true));
	CHECK(!bus_access(&b, 0x1000, &v, 3, true));
	CHECK(!bus_access(&b, UINT64_MAX, &v, 8, true));
	CHECK(s.calls == 0 && v == 7);
}

static void ranges_dont_overlap(void)
{
	struct bus b = {0};
	struct err e = {0};

	CHECK(bus_add(&b, 0x1000, 0x100, see, NULL, &e) == 0);
	CHECK(bus_add(&b, 0x1000, 1, see, NULL, &e) == -EEXIST);
	CHECK(bus_add(&b, 0x10ff, 1, see, NULL, &e) == -EEXIST);
	CHECK(bus_add(&b, 0xfff, 2, see, NULL, &e) == -EEXIST);
	CHECK(bus_add(&b, 0, 0x10000, see, NULL, &e) == -EEXIST);
	CHECK(bus_add(&b, 0xfff, 1, see, NULL, &e) == 0);
	CHECK(bus_add(&b, 0x2000, 0, see, NULL, &e) == -EINVAL);
	CHECK(bus_add(&b, UINT64_MAX, 2, see, NULL, &e) == -EINVAL);
	CHECK(b.count == 2);
}

static void a_full_bus_is_an_error(void)
{
	struct bus b = {0};
	struct err e = {0};

	for (uint64_t i = 0; i < BUS_RANGES; i++)
		CHECK(bus_add(&b, i * 2, 1, see, NULL, &e) == 0);
	CHECK(bus_add(&b, 0x1000, 1, see, NULL, &e) == -ENOSPC);
}

static const struct test tests[] = {
	{"each range gets its own accesses", each_range_gets_its_own},
	{"nobody answers outside of the ranges", nobody_answers_outside},
	{"ranges don't overlap", ranges_dont_overlap},
	{"a full bus is an error", a_full_bus_is_an_error},
};
TEST_MAIN(tests)
