/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is x86-64's in a machine. The interface that another architecture's folder fills
 * is the functions named arch_*.
 */
#ifndef VM_X86_X86_H
#define VM_X86_X86_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "vm/kernel.h"
#include "vm/kvm.h"
#include "vm/memory.h"
#include "vm/state.h"
#include "vm/vm.h"

struct arch_boot {
	struct kernel kernel;
	uint64_t initrd_gpa, initrd_len; /* len 0: none */
	const char *cmdline;
	unsigned vcpus;     /* online from the start */
	unsigned vcpus_max; /* described to the guest */
	bool pvh;           /* enter by PVH if the kernel has that entry */
	bool acpi;          /* write ACPI tables */
	bool serial; /* with the serial port in them: to find it costs a boot exits */
};

/* Writes what a kernel reads before it knows anything: command line, zero page and PVH
 * start info, E820, RNG seed, page tables and GDT, MP table and ACPI tables. */
int arch_boot_write(struct memory *m, const struct arch_boot *b, struct err *e);

/* Writes a new VM generation (random, VMGENID); an edge on PLAN_GED_GSI tells a guest
 * with ACPI, which then mixes it into its random numbers. For restored machines. */
int arch_generation_renew(struct memory *m, struct err *e);

/* Puts code where a PC's firmware begins: Linux jumps there to restart a machine with
 * hardware-reduced ACPI, unless it is told otherwise (reboot=). It asks for a reset. */
int arch_reset_vector_write(struct memory *m, struct err *e);

/* What is needed of this architecture's KVM, besides what kvm.c needs anywhere. */
const struct kvm_cap *arch_kvm_caps(size_t *ret_count);

/* What the whole VM needs before vCPUs are made. */
int arch_vm_init(int vm_fd, struct err *e);

/* A vCPU as Linux expects it: CPUID, MSRs, FPU, LAPIC; number 0 gets the entry. */
struct arch_cpu_config {
	unsigned index, vcpus_max;
	const struct arch_cpuid *cpuid;
};

/* The CPUID that all vCPUs of a host share, got once (0.3 ms), less what the masks take
 * away. */
struct arch_cpuid;
int arch_cpuid_new(int kvm_fd, const struct vm_cpuid_mask *masks, unsigned count,
		   struct arch_cpuid **ret, struct err *e);
void arch_cpuid_free(struct arch_cpuid *c);

/* How many bits a guest physical address has. */
unsigned arch_address_bits(const struct arch_cpuid *c);

int arch_cpu_init(int vcpu_fd, const struct arch_cpu_config *c, struct err *e);
int arch_cpu_boot(int vcpu_fd, const struct arch_boot *b, struct err *e);

/* One line for an error: rip, the instruction's bytes, control registers. */
void arch_cpu_describe(int vcpu_fd, const struct memory *m, char *buf, size_t len);

/* ---- save and restore, in the order of facts/microvm.md 8.7 ---- */

/* What saving must know of the host's KVM, asked once: which MSRs there are, how large
 * the extended state is. */
struct arch_host;
int arch_host_new(int kvm_fd, struct arch_host **ret, struct err *e);
void arch_host_free(struct arch_host *h);

/* A parked vCPU that arch_cpu_init() made with this configuration, and the VM's interrupt
 * controllers and clock. Restoring refuses what another processor model or another size
 * saved. The VM is restored after its vCPUs. */
int arch_cpu_save(int vcpu_fd, const struct arch_host *h, const struct arch_cpu_config *c,
		  struct state_writer *w, struct err *e);
int arch_cpu_restore(int vcpu_fd, const struct arch_host *h,
		     const struct arch_cpu_config *c, struct state_reader *r,
		     struct err *e);
int arch_vm_save(int vm_fd, struct state_writer *w, struct err *e);
int arch_vm_restore(int vm_fd, struct state_reader *r, struct err *e);

/* ---- the parts of arch_boot_write, for their own tests ---- */

/* Where things are in low memory (facts/microvm.md 8.2). */
#define X86_GDT         0x500
#define X86_PVH_INFO    0x6000
#define X86_ZERO_PAGE   0x7000
#define X86_STACK       0x8ff0
#define X86_PAGE_TABLES 0x9000
#define X86_CMDLINE     0x20000
#define X86_CMDLINE_MAX 0x10000
#define X86_EBDA        0x9fc00 /* the MP table is at its start */
#define X86_ACPI        0xe0000
#define X86_GENERATION  0xfe000 /* VMGENID: a page of its own, behind the tables */
#define X86_RESET       0xffff0 /* f000:fff0, where firmware begins */
#define X86_TSS         0xfffbd000
#define X86_IDENTITY    0xfffbc000

int mptable_write(struct memory *m, unsigned vcpus, struct err *e);

#define X86_VCPUS          64
#define X86_GENERATION_LEN 16

/* What the guest writes: to PLAN_POWER_PORT, with bit 5, as bits 2 to 4; to port + 2. */
#define ACPI_SLEEP_OFF   5
#define ACPI_RESET_VALUE 1

struct acpi_config {
	unsigned vcpus, vcpus_max; /* the others are "online capable" */
	bool serial;               /* describe the serial port */
};
int acpi_write(struct memory *m, const struct acpi_config *c, struct err *e);

#endif
