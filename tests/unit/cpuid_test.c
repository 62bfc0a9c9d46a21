/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest is told of its processor, from tables made here: any host's. */
#include <stdlib.h>

#include "vm/x86/cpuid.h"

#include "tests/unit/tap.h"

#define BIT(n) (UINT32_C(1) << (n))

static void add(struct arch_cpuid *c, uint32_t leaf, uint32_t sub, uint32_t flags)
{
	c->table.head.entries[c->table.head.nent++] = (struct kvm_cpuid_entry2){
		.function = leaf,
		.index = sub,
		.flags = flags,
		.eax = UINT32_MAX,
		.ebx = UINT32_MAX,
		.ecx = UINT32_MAX,
		.edx = UINT32_MAX,
	};
}

/* A processor that has everything. */
static struct arch_cpuid *everything(bool amd)
{
	static const uint32_t leaves[] = {0,          1,          7,          0xa,
					  0x12,       0x14,       0x1c,       0x23,
					  0x80000000, 0x80000001, 0x80000008, 0x8000000a,
					  0x8000001e, 0x8000001f, 0x80000022};
	struct arch_cpuid *c = calloc(1, sizeof(*c));

	for (size_t i = 0; i < sizeof(leaves) / sizeof(*leaves); i++)
		add(c, leaves[i], 0,
		    leaves[i] == 7 ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0);
	if (amd)
		cpuid_find(c, 0, 0)->ebx = 0x68747541;
	cpuid_normalise(c);
	return c;
}

static void no_guest_may_have_guests(void)
{
	struct arch_cpuid own;

	for (unsigned amd = 0; amd < 2; amd++) {
		struct arch_cpuid *c = everything(amd);

		cpuid_for(c, 0, 2, &own);
		CHECK(!(cpuid_find(&own, 1, 0)->ecx & BIT(5)));
		CHECK(!(cpuid_find(&own, 0x80000001, 0)->ecx & BIT(2)));
		CHECK(!cpuid_find(&own, 0x8000000a, 0));
		arch_cpuid_free(c);
	}
}

static void doorways_are_hidden(void)
{
	static const uint32_t gone[] = {0x12, 0x14, 0x1c, 0x23, 0x8000001f, 0x80000022};
	struct arch_cpuid *c = everything(false);
	const struct kvm_cpuid_entry2 *e = cpuid_find(c, 7, 0);

	CHECK(!(e->ebx & (BIT(2) | BIT(25))));
	CHECK(!(e->ecx & (BIT(5) | BIT(30))));
	CHECK(!(e->edx & BIT(19)));
	for (size_t i = 0; i < sizeof(gone) / sizeof(*gone); i++)
		CHECK(!cpuid_find(c, gone[i], 0));
	e = cpuid_find(c, 0xa, 0);
	CHECK(!e->eax && !e->ebx && !e->ecx && !e->edx);
	/* The others stay. */
	CHECK(cpuid_find(c, 1, 0)->edx == UINT32_MAX);
	CHECK(cpuid_find(c, 1, 0)->ecx == (UINT32_MAX & ~(BIT(5) | BIT(15))));
	arch_cpuid_free(c);
}

static void each_processor_has_its_own_number(void)
{
	struct arch_cpuid *c = everything(true), own;

	for (unsigned i = 0; i < 64; i++) {
		cpuid_for(c, i, 64, &own);
		CHECK(cpuid_find(&own, 1, 0)->ebx >> 24 == i);
		CHECK((cpuid_find(&own, 1, 0)->ebx >> 16 & 0xff) == 64);
		CHECK(cpuid_find(&own, 0x8000001e, 0)->eax == i);
		CHECK((cpuid_find(&own, 0x80000008, 0)->ecx & 0xff) == 63);
	}
	arch_cpuid_free(c);
}

static const struct test tests[] = {
	{"no guest may have guests of its own", no_guest_may_have_guests},
	{"what leads into KVM and a container doesn't need is hidden",
	 doorways_are_hidden},
	{"each processor has its own number", each_processor_has_its_own_number},
};
TEST_MAIN(tests)
