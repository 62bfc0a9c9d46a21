/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPUID: what KVM supports, made into what one processor of a machine says of itself.
 */
#ifndef VM_X86_CPUID_H
#define VM_X86_CPUID_H

#include <linux/kvm.h>

#include "vm/x86/x86.h"

#define CPUID_MOST 256

struct arch_cpuid {
	bool amd;
	struct vm_cpuid_mask *masks; /* owned */
	unsigned mask_count;
	union {
		struct kvm_cpuid2 head;
		char room[sizeof(struct kvm_cpuid2) +
			  CPUID_MOST * sizeof(struct kvm_cpuid_entry2)];
	} table;
};

/* Makes what KVM can do into what guests get; the same for all processors. */
void cpuid_normalise(struct arch_cpuid *c);

/* The table of processor `index` of `vcpus`: a copy of c's, made its own. */
void cpuid_for(const struct arch_cpuid *c, unsigned index, unsigned vcpus,
	       struct arch_cpuid *ret);

/* The entry of a leaf, or NULL. The subleaf counts for leaves that have some only. */
struct kvm_cpuid_entry2 *cpuid_find(struct arch_cpuid *c, uint32_t leaf, uint32_t sub);

#endif
