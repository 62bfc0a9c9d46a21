/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vCPU's registers as a kernel expects them at its entry: Linux
 * Documentation/arch/x86/boot.rst ("64-bit boot protocol"), and the Xen project's
 * "x86/HVM direct boot ABI" (PVH).
 */
#include <asm/kvm.h>
#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/str.h"
#include "vm/x86/cpuid.h"
#include "vm/x86/x86.h"

#define CR0_PE   UINT64_C(1)
#define CR0_ET   (UINT64_C(1) << 4)
#define CR0_PG   (UINT64_C(1) << 31)
#define CR4_PAE  (UINT64_C(1) << 5)
#define EFER_LME (UINT64_C(1) << 8)
#define EFER_LMA (UINT64_C(1) << 10)

/* Local vectors of a LAPIC, and their delivery modes (Intel SDM volume 3A, 11.5.1). */
#define LAPIC_LINT0  0x350
#define LAPIC_LINT1  0x360
#define LAPIC_MODE   UINT32_C(0x700)
#define LAPIC_NMI    UINT32_C(0x400)
#define LAPIC_EXTINT UINT32_C(0x700)

static const struct kvm_msr_entry boot_msrs[] = {
	{.index = 0x174},                /* SYSENTER_CS */
	{.index = 0x175},                /* SYSENTER_ESP */
	{.index = 0x176},                /* SYSENTER_EIP */
	{.index = 0xc0000081},           /* STAR */
	{.index = 0xc0000082},           /* LSTAR */
	{.index = 0xc0000083},           /* CSTAR */
	{.index = 0xc0000084},           /* SYSCALL_MASK */
	{.index = 0xc0000102},           /* KERNEL_GS_BASE */
	{.index = 0x10},                 /* TSC: the same on all */
	{.index = 0x1a0, .data = 1},     /* MISC_ENABLE: fast strings */
	{.index = 0x2ff, .data = 0x806}, /* MTRRs are on, and all is write-back */
};

static int set_msrs(int vcpu_fd, struct err *e)
{
	union {
		struct kvm_msrs head;
		char room[sizeof(struct kvm_msrs) + sizeof(boot_msrs)];
	} m = {.head = {.nmsrs = ARRAY_LEN(boot_msrs)}};
	int n;

	memcpy(m.head.entries, boot_msrs, sizeof(boot_msrs));
	n = ioctl(vcpu_fd, KVM_SET_MSRS, &m.head);
	if (n < 0)
		return err_sys(e, "kvm: set a vCPU's MSRs");
	/* It stops at the first that it doesn't take. */
	if ((size_t)n < ARRAY_LEN(boot_msrs))
		return err_set(e, EINVAL, "kvm: MSR %#x can't be set to %#llx",
			       boot_msrs[n].index, boot_msrs[n].data);
	return 0;
}

static int set_fpu(int vcpu_fd, struct err *e)
{
	struct kvm_fpu fpu = {.fcw = 0x37f, .mxcsr = 0x1f80};

	return ioctl(vcpu_fd, KVM_SET_FPU, &fpu) < 0 ? err_sys(e, "kvm: set a vCPU's FPU")
						     : 0;
}

static void set_lint(struct kvm_lapic_state *l, unsigned reg, uint32_t mode)
{
	uint32_t v;

	memcpy(&v, l->regs + reg, sizeof(v));
	v = (v & ~LAPIC_MODE) | mode;
	memcpy(l->regs + reg, &v, sizeof(v));
}

/* The PICs are at the first pin, and NMIs at the second, as MP tables say. */
static int set_lapic(int vcpu_fd, struct err *e)
{
	struct kvm_lapic_state l;

	if (ioctl(vcpu_fd, KVM_GET_LAPIC, &l) < 0)
		return err_sys(e, "kvm: get a vCPU's LAPIC");
	set_lint(&l, LAPIC_LINT0, LAPIC_EXTINT);
	set_lint(&l, LAPIC_LINT1, LAPIC_NMI);
	if (ioctl(vcpu_fd, KVM_SET_LAPIC, &l) < 0)
		return err_sys(e, "kvm: set a vCPU's LAPIC");
	return 0;
}

int arch_cpu_init(int vcpu_fd, const struct arch_cpu_config *c, struct err *e)
{
	struct arch_cpuid own;
	int r;

	cpuid_for(c->cpuid, c->index, c->vcpus_max, &own);
	if (ioctl(vcpu_fd, KVM_SET_CPUID2, &own.table.head) < 0)
		return err_sys(e, "kvm: set a vCPU's CPUID");
	r = set_msrs(vcpu_fd, e);
	if (r == 0)
		r = set_fpu(vcpu_fd, e);
	if (r == 0)
		r = set_lapic(vcpu_fd, e);
	return r;
}

static struct kvm_segment segment(uint16_t selector, uint8_t type)
{
	return (struct kvm_segment){
		.limit = 0xffffffff,
		.selector = selector,
		.type = type,
		.present = 1,
		.db = 1,
		.s = 1,
		.g = 1,
	};
}

/* Flat segments, by the selectors that Linux asks for: what is at X86_GDT says the same,
 * for kernels that load them again. */
static void set_segments(struct kvm_sregs *s, bool long_mode)
{
	s->cs = segment(0x10, 0xb);
	if (long_mode) {
		s->cs.db = 0;
		s->cs.l = 1;
	}
	s->ds = s->es = s->fs = s->gs = s->ss = segment(0x18, 0x3);
	s->tr = (struct kvm_segment){
		.limit = 0x67, .selector = 0x20, .type = 0xb, .present = 1};
	s->gdt.base = X86_GDT;
	s->gdt.limit = 5 * 8 - 1;
	s->idt.base = 0;
	s->idt.limit = 0;
}

int arch_cpu_boot(int vcpu_fd, const struct arch_boot *b, struct err *e)
{
	bool pvh = b->pvh && b->kernel.pvh_entry;
	struct kvm_regs regs = {
		.rip = pvh ? b->kernel.pvh_entry : b->kernel.entry,
		.rsp = X86_STACK,
		.rbp = X86_STACK,
		.rflags = 2,
		.rbx = pvh ? X86_PVH_INFO : 0,
		.rsi = pvh ? 0 : X86_ZERO_PAGE,
	};
	struct kvm_sregs s;

	if (ioctl(vcpu_fd, KVM_GET_SREGS, &s) < 0)
		return err_sys(e, "kvm: get a vCPU's registers");
	set_segments(&s, !pvh);
	s.cr0 = CR0_PE | CR0_ET;
	if (!pvh) {
		s.cr0 |= CR0_PG;
		s.cr3 = X86_PAGE_TABLES;
		s.cr4 = CR4_PAE;
		s.efer = EFER_LME | EFER_LMA;
	}
	if (ioctl(vcpu_fd, KVM_SET_SREGS, &s) < 0)
		return err_sys(e, "kvm: set a vCPU's system registers");
	if (ioctl(vcpu_fd, KVM_SET_REGS, &regs) < 0)
		return err_sys(e, "kvm: set a vCPU's registers");
	return 0;
}

/* The byte at an address as this vCPU sees it, or -1. */
static int byte_at(int vcpu_fd, const struct memory *m, uint64_t linear)
{
	struct kvm_translation t = {.linear_address = linear};
	uint8_t b;

	if (ioctl(vcpu_fd, KVM_TRANSLATE, &t) < 0 || !t.valid ||
	    memory_read(m, t.physical_address, &b, 1) < 0)
		return -1;
	return b;
}

static void describe_code(int vcpu_fd, const struct memory *m, uint64_t linear, char *buf,
			  size_t len)
{
	size_t n = 0;
	int b;

	buf[0] = '\0';
	/* As long as an instruction can be. */
	for (unsigned i = 0; i < 15 && n + 4 < len; i++) {
		b = byte_at(vcpu_fd, m, linear + i);
		if (b < 0)
			break;
		n += (size_t)snprintf(buf + n, len - n, "%s%02x", i ? " " : "", b);
	}
	if (n == 0)
		(void)snprintf(buf, len, "not in memory");
}

void arch_cpu_describe(int vcpu_fd, const struct memory *m, char *buf, size_t len)
{
	char code[48];
	struct kvm_regs r;
	struct kvm_sregs s;

	if (ioctl(vcpu_fd, KVM_GET_REGS, &r) < 0 ||
	    ioctl(vcpu_fd, KVM_GET_SREGS, &s) < 0) {
		(void)snprintf(buf, len, "its registers can't be read");
		return;
	}
	describe_code(vcpu_fd, m, s.cs.base + r.rip, code, sizeof(code));
	(void)snprintf(buf, len,
		       "rip %#llx (%s) cs %#x rsp %#llx rflags %#llx cr0 %#llx cr2 %#llx "
		       "cr3 %#llx cr4 %#llx efer %#llx",
		       r.rip, code, s.cs.selector, r.rsp, r.rflags, s.cr0, s.cr2, s.cr3,
		       s.cr4, s.efer);
}
