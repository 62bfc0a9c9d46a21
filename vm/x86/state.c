/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vCPU's and a VM's state out of KVM, and into it. The order is KVM's: reading the
 * multiprocessing state first lets pending INITs and SIPIs happen; events come last, as
 * setting registers drops them; the LAPIC is set after the base address in the system
 * registers, and before the MSRs, one of which is its timer.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/str.h"
#include "vm/x86/cpuid.h"
#include "vm/x86/msrs.h"
#include "vm/x86/x86.h"

#ifndef KVM_CAP_XSAVE2 /* Linux 5.17 */
#define KVM_CAP_XSAVE2 208
#define KVM_GET_XSAVE2 _IOR(KVMIO, 0xcf, struct kvm_xsave)
#endif

#define XSAVE_MOST (64u << 10)

struct arch_host {
	struct msr_list msrs;
	uint32_t xsave_len;
	bool xsave2;
};

int arch_host_new(int kvm_fd, struct arch_host **ret, struct err *e)
{
	struct arch_host *h = calloc(1, sizeof(*h));
	int r, len;

	if (!h)
		return err_set(e, ENOMEM, "kvm: no memory");
	r = msr_list_get(kvm_fd, &h->msrs, e);
	if (r < 0) {
		free(h);
		return r;
	}
	len = ioctl(kvm_fd, KVM_CHECK_EXTENSION, (unsigned long)KVM_CAP_XSAVE2);
	h->xsave2 = len > (int)sizeof(struct kvm_xsave) && len <= (int)XSAVE_MOST;
	h->xsave_len = h->xsave2 ? (uint32_t)len : (uint32_t)sizeof(struct kvm_xsave);
	*ret = h;
	return 0;
}

void arch_host_free(struct arch_host *h)
{
	free(h);
}

/* ---- what KVM keeps in a structure of its own ---- */

struct part {
	unsigned long get, set;
	uint32_t len;
	const char *name;
};

#define PART(name, type)                                                                 \
	{                                                                                \
		KVM_GET_##name, KVM_SET_##name, sizeof(struct type), #name               \
	}

union any_part {
	struct kvm_mp_state mp;
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_xcrs xcrs;
	struct kvm_debugregs debug;
	struct kvm_lapic_state lapic;
	struct kvm_vcpu_events events;
	struct kvm_irqchip irqchip;
	struct kvm_clock_data clock;
};

static const struct part first_parts[] = {
	PART(MP_STATE, kvm_mp_state),
	PART(REGS, kvm_regs),
	PART(SREGS, kvm_sregs),
};

static const struct part later_parts[] = {
	PART(XCRS, kvm_xcrs),
	PART(DEBUGREGS, kvm_debugregs),
	PART(LAPIC, kvm_lapic_state),
};

static const struct part events_part = PART(VCPU_EVENTS, kvm_vcpu_events);

static int save_part(int fd, const struct part *p, struct state_writer *w, struct err *e)
{
	union any_part u;

	memset(&u, 0, sizeof(u));
	if (ioctl(fd, p->get, &u) < 0)
		return err_sys(e, "kvm: get %s", p->name);
	state_put_bytes(w, &u, p->len);
	return 0;
}

static int restore_part(int fd, const struct part *p, struct state_reader *r,
			struct err *e)
{
	union any_part u;
	int n;

	memset(&u, 0, sizeof(u));
	state_get_into(r, &u, p->len);
	n = state_check(r, e);
	if (n < 0)
		return n;
	return ioctl(fd, p->set, &u) < 0 ? err_sys(e, "kvm: set %s", p->name) : 0;
}

static int save_parts(int fd, const struct part *p, size_t count, struct state_writer *w,
		      struct err *e)
{
	int n = 0;

	for (size_t i = 0; i < count && n == 0; i++)
		n = save_part(fd, &p[i], w, e);
	return n;
}

static int restore_parts(int fd, const struct part *p, size_t count,
			 struct state_reader *r, struct err *e)
{
	int n = 0;

	for (size_t i = 0; i < count && n == 0; i++)
		n = restore_part(fd, &p[i], r, e);
	return n;
}

/* ---- floating point, vectors, and what else XSAVE knows ---- */

static int save_xsave(int fd, const struct arch_host *h, struct state_writer *w,
		      struct err *e)
{
	void *buf = calloc(1, h->xsave_len);
	int n = 0;

	if (!buf)
		return err_set(e, ENOMEM, "kvm: no memory");
	if (ioctl(fd, h->xsave2 ? KVM_GET_XSAVE2 : KVM_GET_XSAVE, buf) < 0)
		n = err_sys(e, "kvm: get XSAVE");
	else
		state_put_bytes(w, buf, h->xsave_len);
	free(buf);
	return n;
}

static int restore_xsave(int fd, const struct arch_host *h, struct state_reader *r,
			 struct err *e)
{
	uint32_t len;
	const void *saved = state_get_bytes(r, &len);
	void *buf;
	int n;

	if (saved && len != h->xsave_len)
		state_refuse(r, "%u bytes of XSAVE, where this host has %u", len,
			     h->xsave_len);
	n = state_check(r, e);
	if (n < 0)
		return n;
	/* Aligned for KVM to read, and as long as it will read. */
	buf = calloc(1, h->xsave_len);
	if (!buf)
		return err_set(e, ENOMEM, "kvm: no memory");
	if (saved)
		memcpy(buf, saved, len);
	if (ioctl(fd, KVM_SET_XSAVE, buf) < 0)
		n = err_sys(e, "kvm: set XSAVE");
	free(buf);
	return n;
}

/* ---- the same processor model, at the same speed ---- */

static void save_cpuid(const struct arch_cpu_config *c, struct state_writer *w)
{
	struct arch_cpuid own;

	cpuid_for(c->cpuid, c->index, c->vcpus_max, &own);
	state_put_bytes(w, own.table.head.entries,
			own.table.head.nent *
				(uint32_t)sizeof(own.table.head.entries[0]));
}

static void compare_cpuid(const struct arch_cpu_config *c, struct state_reader *r)
{
	struct kvm_cpuid_entry2 saved;
	struct arch_cpuid own;
	const char *bytes;
	uint32_t len;

	cpuid_for(c->cpuid, c->index, c->vcpus_max, &own);
	bytes = state_get_bytes(r, &len);
	if (!bytes)
		return;
	if (len != own.table.head.nent * sizeof(saved)) {
		state_refuse(r, "another processor model, or number of processors");
		return;
	}
	for (unsigned i = 0; i < own.table.head.nent; i++) {
		memcpy(&saved, bytes + i * sizeof(saved), sizeof(saved));
		if (memcmp(&saved, &own.table.head.entries[i], sizeof(saved)) != 0) {
			state_refuse(
				r, "another processor model: CPUID leaf %#x, %u differs",
				own.table.head.entries[i].function,
				own.table.head.entries[i].index);
			return;
		}
	}
}

/* A guest measures time by its TSC: the speed must be what it was, within the 250 ppm
 * that NTP can mend, or KVM scales it. */
static int restore_tsc_khz(int fd, struct state_reader *r, struct err *e)
{
	int64_t saved = state_get_u32(r), own = ioctl(fd, KVM_GET_TSC_KHZ, 0), diff;
	int n = state_check(r, e);

	if (n < 0)
		return n;
	if (own < 0)
		return err_sys(e, "kvm: get TSC_KHZ");
	diff = saved > own ? saved - own : own - saved;
	if (diff * 4000 <= own)
		return 0;
	if (ioctl(fd, KVM_SET_TSC_KHZ, (unsigned long)saved) < 0)
		return err_sys(e,
			       "its TSC ran at %lld kHz, and here at %lld: kvm: set it",
			       (long long)saved, (long long)own);
	return 0;
}

/* ---- a vCPU ---- */

int arch_cpu_save(int vcpu_fd, const struct arch_host *h, const struct arch_cpu_config *c,
		  struct state_writer *w, struct err *e)
{
	int khz, n;

	state_begin(w, "CPU ", c->index);
	save_cpuid(c, w);
	khz = ioctl(vcpu_fd, KVM_GET_TSC_KHZ, 0);
	if (khz < 0)
		return err_sys(e, "kvm: get TSC_KHZ");
	state_put_u32(w, (uint32_t)khz);
	n = save_parts(vcpu_fd, first_parts, ARRAY_LEN(first_parts), w, e);
	if (n == 0)
		n = save_xsave(vcpu_fd, h, w, e);
	if (n == 0)
		n = save_parts(vcpu_fd, later_parts, ARRAY_LEN(later_parts), w, e);
	if (n == 0)
		n = msrs_save(vcpu_fd, &h->msrs, w, e);
	if (n == 0)
		n = save_part(vcpu_fd, &events_part, w, e);
	state_end(w);
	return n < 0 ? err_wrap(e, "vCPU %u", c->index) : 0;
}

int arch_cpu_restore(int vcpu_fd, const struct arch_host *h,
		     const struct arch_cpu_config *c, struct state_reader *r,
		     struct err *e)
{
	int n;

	state_enter(r, "CPU ", c->index);
	compare_cpuid(c, r);
	n = restore_tsc_khz(vcpu_fd, r, e);
	if (n == 0)
		n = restore_parts(vcpu_fd, first_parts, ARRAY_LEN(first_parts), r, e);
	if (n == 0)
		n = restore_xsave(vcpu_fd, h, r, e);
	if (n == 0)
		n = restore_parts(vcpu_fd, later_parts, ARRAY_LEN(later_parts), r, e);
	if (n == 0)
		n = msrs_restore(vcpu_fd, &h->msrs, r, e);
	if (n == 0)
		n = restore_part(vcpu_fd, &events_part, r, e);
	if (n == 0) {
		state_leave(r);
		n = state_check(r, e);
	}
	/* Tells the guest that it was stopped, or its watchdog might think that it hung. A
	 * guest without kvmclock has none to tell (EINVAL). */
	if (n == 0)
		(void)ioctl(vcpu_fd, KVM_KVMCLOCK_CTRL, 0);
	return n < 0 ? err_wrap(e, "vCPU %u", c->index) : 0;
}

/* ---- the VM ---- */

static const uint32_t chips[] = {
	KVM_IRQCHIP_PIC_MASTER,
	KVM_IRQCHIP_PIC_SLAVE,
	KVM_IRQCHIP_IOAPIC,
};

int arch_vm_save(int vm_fd, struct state_writer *w, struct err *e)
{
	struct kvm_clock_data clock = {0};
	struct kvm_irqchip chip;

	state_begin(w, "VM  ", 0);
	for (unsigned i = 0; i < ARRAY_LEN(chips); i++) {
		memset(&chip, 0, sizeof(chip));
		chip.chip_id = chips[i];
		if (ioctl(vm_fd, KVM_GET_IRQCHIP, &chip) < 0)
			return err_sys(e, "kvm: get interrupt controller %u", chips[i]);
		state_put_bytes(w, &chip, sizeof(chip));
	}
	if (ioctl(vm_fd, KVM_GET_CLOCK, &clock) < 0)
		return err_sys(e, "kvm: get the clock");
	state_put_u64(w, clock.clock);
	state_end(w);
	return 0;
}

/* The clock goes on from where it was: whoever restores a machine tells it the time. */
int arch_vm_restore(int vm_fd, struct state_reader *r, struct err *e)
{
	struct kvm_clock_data clock = {0};
	struct kvm_irqchip chip[ARRAY_LEN(chips)];
	int n;

	state_enter(r, "VM  ", 0);
	for (unsigned i = 0; i < ARRAY_LEN(chips); i++) {
		state_get_into(r, &chip[i], sizeof(chip[i]));
		chip[i].chip_id = chips[i];
	}
	clock.clock = state_get_u64(r);
	state_leave(r);
	n = state_check(r, e);
	if (n < 0)
		return n;
	if (ioctl(vm_fd, KVM_SET_CLOCK, &clock) < 0)
		return err_sys(e, "kvm: set the clock");
	for (unsigned i = 0; i < ARRAY_LEN(chips); i++)
		if (ioctl(vm_fd, KVM_SET_IRQCHIP, &chip[i]) < 0)
			return err_sys(e, "kvm: set interrupt controller %u", chips[i]);
	return 0;
}
