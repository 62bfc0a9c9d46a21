/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Intel SDM volume 2A, CPUID; AMD APM volume 3, appendix E; Linux
 * Documentation/virt/kvm/x86/cpuid.rst. Each vCPU is a core of its own, with one thread,
 * and all are in one package; its APIC id is its number.
 */
#include "vm/x86/cpuid.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BIT(n) (UINT32_C(1) << (n))

/* arch_prctl(2), since Linux 5.17; asm/prctl.h of older headers lacks them. */
#define XCOMP_SUPPORTED     0x1021
#define XCOMP_GUEST_REQUEST 0x1025
#define XFEATURE_TILE_DATA  18

enum {
	EAX,
	EBX,
	ECX,
	EDX
};

static uint32_t *reg_of(struct kvm_cpuid_entry2 *e, uint32_t reg)
{
	switch (reg) {
	case EAX:
		return &e->eax;
	case EBX:
		return &e->ebx;
	case ECX:
		return &e->ecx;
	default:
		return &e->edx;
	}
}

struct kvm_cpuid_entry2 *cpuid_find(struct arch_cpuid *c, uint32_t leaf, uint32_t sub)
{
	struct kvm_cpuid_entry2 *e = c->table.head.entries;

	for (uint32_t i = 0; i < c->table.head.nent; i++, e++)
		if (e->function == leaf &&
		    (!(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) || e->index == sub))
			return e;
	return NULL;
}

static void clear(struct arch_cpuid *c, uint32_t leaf, uint32_t sub, uint32_t reg,
		  uint32_t bits)
{
	struct kvm_cpuid_entry2 *e = cpuid_find(c, leaf, sub);

	if (e)
		*reg_of(e, reg) &= ~bits;
}

static void remove_leaf(struct arch_cpuid *c, uint32_t leaf)
{
	struct kvm_cpuid_entry2 *e = c->table.head.entries;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < c->table.head.nent; i++)
		if (e[i].function != leaf)
			e[kept++] = e[i];
	c->table.head.nent = kept;
}

/* Replaces a leaf by these subleaves; dropped if the table is full (it never is: KVM
 * knows some fifty entries). */
static void put(struct arch_cpuid *c, const struct kvm_cpuid_entry2 *e)
{
	if (c->table.head.nent < CPUID_MOST)
		c->table.head.entries[c->table.head.nent++] = *e;
}

/* What no container needs, and what is much of KVM for a guest to attack. KVM lets no
 * guest use what its CPUID lacks. Nor would all of their state be in a saved machine. */
static void hide_doorways(struct arch_cpuid *c)
{
	clear(c, 1, 0, ECX, BIT(5));          /* VMX: virtual machines in the guest */
	clear(c, 0x80000001, 0, ECX, BIT(2)); /* SVM, the same */
	remove_leaf(c, 0x8000000a);
	clear(c, 7, 0, EBX, BIT(2) | BIT(25)); /* SGX, processor trace */
	clear(c, 7, 0, ECX, BIT(30));          /* SGX launch control */
	clear(c, 7, 0, EDX, BIT(19));          /* last branch records */
	remove_leaf(c, 0x12);
	remove_leaf(c, 0x14);
	remove_leaf(c, 0x1c);
	remove_leaf(c, 0x8000001f); /* encrypted memory (SEV): it isn't */
}

void cpuid_normalise(struct arch_cpuid *c)
{
	struct kvm_cpuid_entry2 *e = cpuid_find(c, 0, 0);

	c->amd = e && (e->ebx == 0x68747541 || e->ebx == 0x6f677948); /* Auth, Hygo */
	e = cpuid_find(c, 1, 0);
	if (e)
		/* TSC deadline timer (KVM's own, so not in its list), hypervisor. */
		e->ecx |= BIT(24) | BIT(31);
	clear(c, 1, 0, ECX, BIT(15));          /* PDCM: no such MSR */
	clear(c, 6, 0, EAX, BIT(1) | BIT(14)); /* turbo */
	clear(c, 6, 0, ECX, BIT(3));           /* energy bias */
	clear(c, 7, 0, ECX, BIT(5));           /* waitpkg: KVM may not let it run */
	if (c->amd)
		clear(c, 7, 0, EDX, BIT(29)); /* ARCH_CAPABILITIES is Intel's */
	/* No performance counters: reading them is an exit, and a channel. */
	e = cpuid_find(c, 0xa, 0);
	if (e)
		e->eax = e->ebx = e->ecx = e->edx = 0;
	clear(c, 0x80000001, 0, ECX, BIT(23) | BIT(24) | BIT(28)); /* AMD's counters */
	remove_leaf(c, 0x80000022);
	remove_leaf(c, 0x23); /* Intel's, of later processors */
	hide_doorways(c);
}

/* Asks that guests may have AMX's registers, which KVM then lists. Processors without
 * it, and older kernels, say no to the first question. */
static void permit_amx(void)
{
	uint64_t supported = 0;

	if (syscall(SYS_arch_prctl, XCOMP_SUPPORTED, &supported) == 0 &&
	    supported >> XFEATURE_TILE_DATA & 1)
		(void)syscall(SYS_arch_prctl, XCOMP_GUEST_REQUEST, XFEATURE_TILE_DATA);
}

int arch_cpuid_new(int kvm_fd, const struct vm_cpuid_mask *masks, unsigned count,
		   struct arch_cpuid **ret, struct err *e)
{
	struct arch_cpuid *c;

	for (unsigned i = 0; i < count; i++)
		if (masks[i].reg > EDX)
			return err_set(e, EINVAL, "cpuid: a mask for register %u",
				       masks[i].reg);
	c = calloc(1, sizeof(*c));
	if (!c)
		return err_set(e, ENOMEM, "cpuid: no memory");
	if (count) {
		c->masks = calloc(count, sizeof(*masks));
		if (!c->masks) {
			arch_cpuid_free(c);
			return err_set(e, ENOMEM, "cpuid: no memory");
		}
		memcpy(c->masks, masks, count * sizeof(*masks));
		c->mask_count = count;
	}
	permit_amx();
	c->table.head.nent = CPUID_MOST;
	if (ioctl(kvm_fd, KVM_GET_SUPPORTED_CPUID, &c->table.head) < 0) {
		arch_cpuid_free(c);
		return err_sys(e, "kvm: ask for supported CPUID");
	}
	cpuid_normalise(c);
	*ret = c;
	return 0;
}

void arch_cpuid_free(struct arch_cpuid *c)
{
	if (!c)
		return;
	free(c->masks);
	free(c);
}

unsigned arch_address_bits(const struct arch_cpuid *c)
{
	const struct kvm_cpuid_entry2 *e = c->table.head.entries;

	for (uint32_t i = 0; i < c->table.head.nent; i++, e++)
		if (e->function == 0x80000008 && (e->eax & 0xff) >= 32)
			return (e->eax & 0xff) < 52 ? e->eax & 0xff : 52;
	return 36; /* of processors that don't say */
}

/* How many bits number n things. */
static uint32_t bits_for(uint32_t n)
{
	uint32_t bits = 0;

	while (n > BIT(bits))
		bits++;
	return bits;
}

static void set_topology(struct arch_cpuid *c, uint32_t leaf, unsigned index,
			 unsigned vcpus)
{
	struct kvm_cpuid_entry2 e = {
		.function = leaf,
		.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
		.ebx = 1,
		.ecx = 1 << 8, /* level: thread */
		.edx = index,
	};

	if (!cpuid_find(c, leaf, 0))
		return;
	remove_leaf(c, leaf);
	put(c, &e);
	e.index = 1;
	e.eax = bits_for(vcpus);
	e.ebx = vcpus;
	e.ecx = 2 << 8 | 1; /* level: core */
	put(c, &e);
	e.index = 2;
	e.eax = e.ebx = 0;
	e.ecx = 2;
	put(c, &e);
}

/* Caches: the first two levels are a core's own, the third is the package's. */
static void set_caches(struct arch_cpuid *c, uint32_t leaf, unsigned vcpus, bool cores)
{
	struct kvm_cpuid_entry2 *e = c->table.head.entries;
	uint32_t sharing, last = BIT(bits_for(vcpus)) - 1;

	for (uint32_t i = 0; i < c->table.head.nent; i++, e++) {
		if (e->function != leaf || !(e->eax & 0x1f))
			continue;
		sharing = (e->eax >> 5 & 7) < 3 ? 0 : last;
		e->eax = (e->eax & 0x3fff) | sharing << 14;
		if (cores)
			e->eax |= (last > 63 ? 63 : last) << 26;
	}
}

static void set_amd(struct arch_cpuid *c, unsigned index, unsigned vcpus)
{
	struct kvm_cpuid_entry2 *e = cpuid_find(c, 0x80000008, 0);

	if (e)
		e->ecx = (e->ecx & 0xffff0000) | bits_for(vcpus) << 12 | (vcpus - 1);
	e = cpuid_find(c, 0x80000001, 0);
	if (e && vcpus > 1)
		e->ecx |= BIT(1); /* several cores in a package */
	e = cpuid_find(c, 0x8000001e, 0);
	if (e) {
		e->eax = index; /* APIC id */
		e->ebx = index; /* core id, one thread */
		e->ecx = 0;     /* node 0 of one */
	}
	set_caches(c, 0x8000001d, vcpus, false);
}

void cpuid_for(const struct arch_cpuid *c, unsigned index, unsigned vcpus,
	       struct arch_cpuid *ret)
{
	struct kvm_cpuid_entry2 *e;

	*ret = *c;
	e = cpuid_find(ret, 1, 0);
	if (e) {
		e->ebx = (e->ebx & 0xff) | 8 << 8 | /* CLFLUSH: 64 bytes */
			 BIT(bits_for(vcpus)) << 16 | index << 24;
		if (vcpus > 1)
			e->edx |= BIT(28); /* the number of ids counts */
		else
			e->edx &= ~BIT(28);
	}
	set_caches(ret, 4, vcpus, true);
	set_topology(ret, 0xb, index, vcpus);
	set_topology(ret, 0x1f, index, vcpus);
	if (ret->amd)
		set_amd(ret, index, vcpus);
	for (unsigned i = 0; i < c->mask_count; i++)
		clear(ret, c->masks[i].leaf, c->masks[i].subleaf, c->masks[i].reg,
		      c->masks[i].clear);
}
