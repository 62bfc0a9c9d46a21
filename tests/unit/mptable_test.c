/* SPDX-License-Identifier: Apache-2.0 */
/* Read back by offsets of Intel's MultiProcessor Specification 1.4. */
#include <stdbool.h>
#include <stdint.h>

#include "vm/memory.h"
#include "vm/plan.h"
#include "vm/x86/x86.h"

#include "tests/unit/sums.h"
#include "tests/unit/tap.h"

struct table {
	unsigned cpus, buses, ioapics, locals;
	uint32_t lines; /* a bit each */
	bool sane;
};

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static void read_interrupt(struct table *t, const uint8_t *p, uint8_t ioapic_id)
{
	/* an ISA line, edge and active high by its bus, to the pin of its number */
	t->sane &= p[1] == 0 && p[2] == 0 && p[3] == 0 && p[4] == 0 && p[5] == p[7] &&
		   p[6] == ioapic_id && !(t->lines & 1u << p[7]);
	t->lines |= 1u << p[7];
}

static struct table read_table(const uint8_t *p, size_t len)
{
	struct table t = {.sane = true};
	uint8_t type = 0, ioapic_id = 0;

	for (const uint8_t *end = p + len; p < end && t.sane; p += type == 0 ? 20 : 8) {
		t.sane = p[0] >= type; /* in order */
		type = p[0];
		if (type == 0) {
			t.sane &= p[1] == t.cpus && p[3] == (t.cpus == 0 ? 3 : 1);
			t.cpus++;
		} else if (type == 1) {
			t.sane &= p[1] == 0 && memcmp(p + 2, "ISA   ", 6) == 0;
			t.buses++;
		} else if (type == 2) {
			ioapic_id = p[1];
			t.sane &= ioapic_id >= t.cpus && p[3] == 1 &&
				  get32(p + 4) == 0xfec00000;
			t.ioapics++;
		} else if (type == 3) {
			read_interrupt(&t, p, ioapic_id);
		} else {
			t.locals++;
		}
	}
	return t;
}

static void check_table(const struct memory *m, unsigned vcpus)
{
	const uint8_t *p = memory_at(m, 0x9fc00, 16), *t;
	uint32_t want = 1 << 0 | 1 << 4;
	struct table r;
	size_t len;

	CHECK(memcmp(p, "_MP_", 4) == 0 && p[8] == 1 && p[9] == 4);
	CHECK(sums_to_zero(p, 16));
	t = memory_at(m, get32(p + 4), 44);
	CHECK(memcmp(t, "PCMP", 4) == 0 && t[6] == 4);
	len = t[4] | (size_t)t[5] << 8;
	CHECK(get32(p + 4) >= 0x9fc10 && get32(p + 4) + len <= X86_ACPI);
	CHECK(sums_to_zero(t, len));
	CHECK(get32(t + 36) == 0xfee00000);
	r = read_table(t + 44, len - 44);
	CHECK(r.sane && r.cpus == vcpus && r.buses == 1 && r.ioapics == 1 &&
	      r.locals == 2);
	for (unsigned i = 0; i < PLAN_DEVICES; i++)
		want |= 1u << plan[i].gsi;
	CHECK(r.lines == want);
}

static void describes_the_machine(void)
{
	const struct memory_config c = {.size = 4 << 20, .fd = -1};
	struct memory *m = NULL;
	struct err e = {0};

	CHECK(memory_new(-1, &c, &m, &e) == 0);
	for (unsigned vcpus = 1; vcpus <= 64; vcpus += 9) {
		CHECK(mptable_write(m, vcpus, &e) == 0);
		check_table(m, vcpus);
	}
	memory_free(m);
}

static const struct test tests[] = {
	{"describes processors, IOAPIC and lines, for 1 to 64 processors",
	 describes_the_machine},
};
TEST_MAIN(tests)
