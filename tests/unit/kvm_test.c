/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include "vm/x86/cpuid.h"

#include "tests/unit/tiny_guest.h"

static void what_is_no_kvm_is_refused(void)
{
	AUTO_FD null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct err e = {0};

	CHECK(kvm_check(null, &e) == -ENOTTY);
	CHECK_STR(e.text, "kvm: the descriptor is not a /dev/kvm");
	CHECK(kvm_probe(null, &e) == -ENOTTY);
	CHECK(kvm_create(null, &e) < 0);
	CHECK(kvm_check(-1, &e) == -EBADF);
}

static void this_kvm_has_what_is_needed(void)
{
	AUTO_FD kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	struct err e = {0};

	NEED_KVM();
	CHECK(kvm_check(kvm, &e) == 0);
	CHECK_STR(e.text, "");
}

/* On either kind: it says no with the reason, or yes. */
static void the_probe_tells_emulation_from_the_real_thing(void)
{
	AUTO_FD kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	struct err e = {0};
	int r;

	NEED_KVM();
	r = kvm_probe(kvm, &e);
	CHECK(r == 0 || r == -ENOTSUP);
	if (r == -ENOTSUP) {
		CHECK(strstr(e.text, "can't run a stock kernel") != NULL);
		CHECK(strstr(e.text, " rip 0x10") != NULL);
	}
	CHECK(!getenv("HULL_LAB") || r == 0);
}

static void binding_eventfds_reports_errors(void)
{
	AUTO_FD kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	AUTO_FD ev = eventfd(0, EFD_CLOEXEC);
	struct err e = {0};

	NEED_KVM();
	AUTO_FD vm = kvm_create(kvm, &e);

	CHECK(vm >= 0 && (fcntl(vm, F_GETFD) & FD_CLOEXEC));
	CHECK(kvm_irqfd(vm, ev, 5, &e) == 0);
	CHECK(kvm_irqfd(vm, -1, 5, &e) == -EBADF);
	CHECK(kvm_ioeventfd(vm, 0xd0000000, 0, ev, &e) == 0);
	CHECK(kvm_ioeventfd(vm, 0xd0000000, 0, ev, &e) == -EEXIST);
	CHECK_STR(e.text, "kvm: bind an eventfd to address 0xd0000000: EEXIST");
	CHECK(kvm_set_slot(vm, 0, 1, 4096, NULL) == -EINVAL);
}

/* ---- CPUID ---- */

/* What of a processor matters here. */
static void forge(struct arch_cpuid *c, bool amd)
{
	static const struct kvm_cpuid_entry2 entries[] = {
		{.function = 0, .eax = 0x1f},
		{.function = 1, .ebx = 0x12345678, .ecx = 0x80000000, .edx = 0x10000000},
		{.function = 4, .index = 0, .flags = 1, .eax = 0xfc004121},
		{.function = 4, .index = 1, .flags = 1, .eax = 0xfc004163},
		{.function = 4, .index = 2, .flags = 1, .eax = 0},
		{.function = 0xb,
		 .index = 0,
		 .flags = 1,
		 .eax = 1,
		 .ebx = 2,
		 .ecx = 0x100},
		{.function = 0xb,
		 .index = 1,
		 .flags = 1,
		 .eax = 7,
		 .ebx = 99,
		 .ecx = 0x201},
		{.function = 0x80000001, .ecx = 0},
		{.function = 0x80000008, .eax = 0x3030, .ecx = 0x7007},
		{.function = 0x8000001e, .eax = 9, .ebx = 0x102, .ecx = 0x303},
		{.function = 7, .index = 0, .flags = 1, .ebx = 0xff, .ecx = 0xff},
	};

	memset(c, 0, sizeof(*c));
	c->amd = amd;
	c->table.head.nent = sizeof(entries) / sizeof(entries[0]);
	memcpy(c->table.head.entries, entries, sizeof(entries));
}

static void each_processor_has_its_own_number(void)
{
	static struct arch_cpuid all, own;

	forge(&all, false);
	cpuid_for(&all, 3, 6, &own);
	CHECK(cpuid_find(&own, 1, 0)->ebx == (3u << 24 | 8 << 16 | 8 << 8 | 0x78));
	CHECK(cpuid_find(&own, 1, 0)->edx == 0x10000000);
	CHECK(cpuid_find(&own, 0xb, 0)->edx == 3 && cpuid_find(&own, 0xb, 0)->eax == 0 &&
	      cpuid_find(&own, 0xb, 0)->ebx == 1 &&
	      cpuid_find(&own, 0xb, 0)->ecx == 0x100);
	CHECK(cpuid_find(&own, 0xb, 1)->edx == 3 && cpuid_find(&own, 0xb, 1)->eax == 3 &&
	      cpuid_find(&own, 0xb, 1)->ebx == 6 &&
	      cpuid_find(&own, 0xb, 1)->ecx == 0x201);
	CHECK(cpuid_find(&own, 0xb, 2)->ecx == 2 && cpuid_find(&own, 0xb, 2)->edx == 3);
	/* First level: its own; third: everybody's; 8 ids for cores. */
	CHECK(cpuid_find(&own, 4, 0)->eax == (0x121 | 7u << 26));
	CHECK(cpuid_find(&own, 4, 1)->eax == (0x163 | 7u << 26 | 7 << 14));
	CHECK(cpuid_find(&own, 4, 2)->eax == 0);
	CHECK(cpuid_find(&own, 0x1f, 0) == NULL);             /* not where it wasn't */
	CHECK(cpuid_find(&own, 0x8000001e, 0)->ebx == 0x102); /* AMD's only */
	cpuid_for(&all, 0, 1, &own);
	CHECK(cpuid_find(&own, 1, 0)->ebx == (1 << 16 | 8 << 8 | 0x78));
	CHECK(cpuid_find(&own, 1, 0)->edx == 0);
	CHECK(cpuid_find(&own, 0xb, 1)->eax == 0 && cpuid_find(&own, 0xb, 1)->ebx == 1);
}

static void amd_has_its_own_leaves(void)
{
	static struct arch_cpuid all, own;

	forge(&all, true);
	cpuid_for(&all, 5, 8, &own);
	CHECK(cpuid_find(&own, 0x80000008, 0)->ecx == 0x3007);
	CHECK(cpuid_find(&own, 0x80000008, 0)->eax == 0x3030);
	CHECK(cpuid_find(&own, 0x8000001e, 0)->eax == 5 &&
	      cpuid_find(&own, 0x8000001e, 0)->ebx == 5 &&
	      cpuid_find(&own, 0x8000001e, 0)->ecx == 0);
	CHECK(arch_address_bits(&all) == 48);
}

static void masks_take_features_away(void)
{
	static const struct vm_cpuid_mask masks[] = {{7, 0, 1, 0x0f},
						     {7, 0, 2, 0x80000000},
						     {7, 1, 0, ~0u},
						     {0x77, 0, 0, ~0u}};
	static const struct vm_cpuid_mask bad = {7, 0, 4, 1};
	AUTO_FD kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	static struct arch_cpuid all, own;
	struct arch_cpuid *c = NULL;
	struct err e = {0};

	forge(&all, false);
	all.masks = (struct vm_cpuid_mask *)masks;
	all.mask_count = 4;
	cpuid_for(&all, 0, 1, &own);
	CHECK(cpuid_find(&own, 7, 0)->ebx == 0xf0 && cpuid_find(&own, 7, 0)->ecx == 0xff);
	NEED_KVM();
	CHECK(arch_cpuid_new(kvm, &bad, 1, &c, &e) == -EINVAL);
}

/* What KVM was told is what a vCPU has. */
static void a_vcpu_has_the_cpuid_that_was_made(void)
{
	static const struct memory_config mc = {.size = 2 << 20, .fd = -1};
	static const char hlt[] = {(char)0xf4};
	static struct arch_cpuid got;
	struct kvm_cpuid_entry2 *leaf;
	struct tiny t;

	NEED_KVM();
	if (tiny_new(&t, &mc, 3, hlt, hlt + 1, false)) {
		got.table.head.nent = CPUID_MOST;
		CHECK(ioctl(vcpus_fd(t.cpus, 2), KVM_GET_CPUID2, &got.table.head) == 0);
		leaf = cpuid_find(&got, 1, 0);
		CHECK(leaf && leaf->ebx >> 24 == 2 && (leaf->ebx >> 16 & 0xff) == 4);
		CHECK(leaf && leaf->ecx >> 31 == 1 && (leaf->ecx >> 24 & 1));
		leaf = cpuid_find(&got, 0x40000000, 0);
		CHECK(leaf && leaf->ebx == 0x4b4d564b); /* "KVMK" */
		leaf = cpuid_find(&got, 0xa, 0);
		CHECK(!leaf || leaf->eax == 0);
		CHECK(arch_address_bits(t.cpuid) >= 36);
	}
	tiny_free(&t);
}

static const struct test tests[] = {
	{"what is no KVM is refused", what_is_no_kvm_is_refused},
	{"this KVM has what is needed", this_kvm_has_what_is_needed},
	{"the probe tells emulation from the real thing",
	 the_probe_tells_emulation_from_the_real_thing},
	{"binding eventfds reports errors", binding_eventfds_reports_errors},
	{"each processor has its own number", each_processor_has_its_own_number},
	{"AMD has its own leaves", amd_has_its_own_leaves},
	{"masks take features away", masks_take_features_away},
	{"a vCPU has the CPUID that was made for it", a_vcpu_has_the_cpuid_that_was_made},
};
TEST_MAIN(tests)
