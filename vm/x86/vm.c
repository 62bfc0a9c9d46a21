/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What belongs to a VM of this architecture as a whole.
 */
#include <linux/kvm.h>
#include <sys/ioctl.h>

#include "base/str.h"
#include "vm/plan.h"
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

/* Lines 0 to 15 reach IOAPIC and PICs alike, and a kernel with hardware-reduced ACPI never
 * looks at the PICs: left as they are, they would deliver all as vectors 0 to 15. A kernel
 * that wants them sets them up anew. */
static int mask_pic(int vm_fd, uint32_t id, struct err *e)
{
	struct kvm_irqchip chip = {.chip_id = id};

	if (ioctl(vm_fd, KVM_GET_IRQCHIP, &chip) < 0)
		return err_sys(e, "kvm: get PIC %u", id);
	chip.chip.pic.imr = 0xff;
	if (ioctl(vm_fd, KVM_SET_IRQCHIP, &chip) < 0)
		return err_sys(e, "kvm: set PIC %u", id);
	return 0;
}

/* PICs, IOAPIC and LAPICs in the kernel. There is no PIT: guests know their TSC's
 * frequency by kvmclock and have the TSC deadline timer, and KVM makes a kernel thread
 * for each PIT, which costs up to 60 ms. */
int arch_vm_init(int vm_fd, struct err *e)
{
	uint64_t identity = X86_IDENTITY;
	int r;

	/* Three pages and one that Intel's processors need for real mode; nobody else may
	 * use those addresses. */
	if (ioctl(vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &identity) < 0)
		return err_sys(e, "kvm: set the identity map's address");
	if (ioctl(vm_fd, KVM_SET_TSS_ADDR, (unsigned long)X86_TSS) < 0)
		return err_sys(e, "kvm: set the task state segment's address");
	if (ioctl(vm_fd, KVM_CREATE_IRQCHIP, 0) < 0)
		return err_sys(e, "kvm: create the interrupt controllers");
	r = mask_pic(vm_fd, KVM_IRQCHIP_PIC_MASTER, e);
	return r < 0 ? r : mask_pic(vm_fd, KVM_IRQCHIP_PIC_SLAVE, e);
}

/* In real mode. */
extern const char vm_reset_code[];
extern const uint32_t vm_reset_len;
__asm__(".pushsection .rodata\n"
	".code16\n"
	"vm_reset_code:\n"
	"	mov	$0x602, %dx\n" /* PLAN_POWER_PORT + 2 */
	"	mov	$1, %al\n"     /* ACPI_RESET_VALUE */
	"	out	%al, %dx\n"
	"1:	hlt\n"
	"	jmp	1b\n"
	"2:	.balign	4\n"
	"vm_reset_len:\n"
	"	.long	2b - vm_reset_code\n"
	".code64\n"
	".popsection\n");
_Static_assert(PLAN_POWER_PORT + 2 == 0x602 && ACPI_RESET_VALUE == 1, "as in the code");

int arch_reset_vector_write(struct memory *m, struct err *e)
{
	int r = memory_write(m, X86_RESET, vm_reset_code, vm_reset_len);

	return r < 0 ? err_code(e, r, "write the reset vector") : 0;
}
