/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What belongs to a VM of this architecture as a whole.
 */
#include <linux/kvm.h>
#include <sys/ioctl.h>

#include "base/str.h"
#include "vm/x86/x86.h"

#define CAP(name)                                                                        \
	{                                                                                \
		KVM_CAP_##name, 1, "KVM_CAP_" #name                                      \
	}

static const struct kvm_cap caps[] = {
	CAP(IRQCHIP),
	CAP(SET_TSS_ADDR),
	CAP(SET_IDENTITY_MAP_ADDR),
	CAP(EXT_CPUID),
	CAP(MP_STATE),
	CAP(VCPU_EVENTS),
	CAP(XSAVE),
	CAP(XCRS),
	CAP(DEBUGREGS),
	/* Without it a kernel would calibrate its timer by the PIT, which isn't there. */
	CAP(TSC_DEADLINE_TIMER),
	CAP(ADJUST_CLOCK),
};

const struct kvm_cap *arch_kvm_caps(size_t *ret_count)
{
	*ret_count = ARRAY_LEN(caps);
	return caps;
}

/* PICs, IOAPIC and LAPICs in the kernel. There is no PIT: guests know their TSC's
 * frequency by kvmclock and have the TSC deadline timer, and KVM makes a kernel thread
 * for each PIT, which costs up to 60 ms. */
int arch_vm_init(int vm_fd, struct err *e)
{
	uint64_t identity = X86_IDENTITY;

	/* Three pages and one that Intel's processors need for real mode; nobody else may
	 * use those addresses. */
	if (ioctl(vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &identity) < 0)
		return err_sys(e, "kvm: set the identity map's address");
	if (ioctl(vm_fd, KVM_SET_TSS_ADDR, (unsigned long)X86_TSS) < 0)
		return err_sys(e, "kvm: set the task state segment's address");
	if (ioctl(vm_fd, KVM_CREATE_IRQCHIP, 0) < 0)
		return err_sys(e, "kvm: create the interrupt controllers");
	return 0;
}
