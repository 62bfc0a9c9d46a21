/* SPDX-License-Identifier: Apache-2.0 */
/* Why a vCPU came out of the guest: for the buses, or because it can't go on. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "vm/vcpu_parts.h"

/* ---- why a guest can't go on ---- */

static void end(struct vcpu *v, enum vm_end why, const char *text)
{
	vcpus_park(v->set);
	v->set->c.ended(v->set->c.arg, why, text);
}

bool vcpu_fail(struct vcpu *v, enum vm_end why, const char *fmt, ...)
{
	char what[160], where[320], text[sizeof(what) + sizeof(where) + 16];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	arch_cpu_describe(v->fd, v->set->c.mem, where, sizeof(where));
	(void)snprintf(text, sizeof(text), "vCPU %u: %s: %s", v->index, what, where);
	end(v, why, text);
	return false;
}

static bool on_internal_error(struct vcpu *v)
{
	static const char *const names[] = {
		[KVM_INTERNAL_ERROR_EMULATION] = "an instruction that KVM can't emulate",
		[KVM_INTERNAL_ERROR_SIMUL_EX] = "exceptions at the same time",
		[KVM_INTERNAL_ERROR_DELIVERY_EV] = "an event that can't be delivered",
		[KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON] = "an unexpected exit",
	};
	const struct kvm_run *run = v->run;
	uint32_t n = run->internal.suberror;
	const char *name = n < ARRAY_LEN(names) ? names[n] : NULL;

	return vcpu_fail(v, VM_END_ERROR, "KVM's internal error %u (%s)", n,
			 name ? name : "unknown");
}

static bool on_system_event(struct vcpu *v)
{
	switch (v->run->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		end(v, VM_END_SHUTDOWN, "the guest switched itself off");
		return false;
	case KVM_SYSTEM_EVENT_RESET:
		end(v, VM_END_RESET, "the guest asked for a reset");
		return false;
	case KVM_SYSTEM_EVENT_CRASH:
		return vcpu_fail(v, VM_END_PANIC, "the guest reported a crash");
	default:
		return vcpu_fail(v, VM_END_ERROR, "system event %u",
				 v->run->system_event.type);
	}
}

/* ---- the buses ---- */

/* A string instruction is several accesses to one port. */
static void on_io(struct vcpu *v)
{
	struct kvm_run *run = v->run;
	char *data = (char *)run + run->io.data_offset;
	bool write = run->io.direction == KVM_EXIT_IO_OUT;

	for (uint32_t i = 0; i < run->io.count; i++, data += run->io.size)
		if (!bus_access(v->set->c.pio, run->io.port, data, run->io.size, write) &&
		    !write)
			memset(data, 0xff, run->io.size);
}

static bool on_mmio(struct vcpu *v)
{
	const struct memory_range *h = &v->set->hotplug;
	struct kvm_run *run = v->run;
	uint64_t addr = run->mmio.phys_addr;

	if (bus_access(v->set->c.mmio, addr, run->mmio.data, run->mmio.len,
		       run->mmio.is_write))
		return true;
	if (addr >= h->gpa && addr - h->gpa < h->len)
		return vcpu_fail(
			v, VM_END_ERROR,
			"the guest touched memory at %#llx that isn't plugged in",
			(unsigned long long)addr);
	if (!run->mmio.is_write)
		memset(run->mmio.data, 0xff, sizeof(run->mmio.data));
	return true;
}

/* ---- exits ---- */

void vcpu_count(struct vcpu *v, enum reason r)
{
	uint64_t n = atomic_load_explicit(&v->exits[r], memory_order_relaxed);

	atomic_store_explicit(&v->exits[r], n + 1, memory_order_relaxed);
}

bool vcpu_exit(struct vcpu *v)
{
	switch (v->run->exit_reason) {
	case KVM_EXIT_IO:
		vcpu_count(v, EXIT_IO);
		on_io(v);
		return true;
	case KVM_EXIT_MMIO:
		vcpu_count(v, EXIT_MMIO);
		return on_mmio(v);
	case KVM_EXIT_HLT:
		vcpu_count(v, EXIT_HLT);
		return true;
	case KVM_EXIT_INTR:
		vcpu_count(v, EXIT_INTR);
		return true;
	default:
		vcpu_count(v, EXIT_OTHER);
	}
	switch (v->run->exit_reason) {
	case KVM_EXIT_IRQ_WINDOW_OPEN:
		return true;
	case KVM_EXIT_SHUTDOWN:
		return vcpu_fail(v, VM_END_TRIPLE_FAULT, "triple fault");
	case KVM_EXIT_SYSTEM_EVENT:
		return on_system_event(v);
	case KVM_EXIT_INTERNAL_ERROR:
		return on_internal_error(v);
	case KVM_EXIT_FAIL_ENTRY:
		return vcpu_fail(v, VM_END_ERROR,
				 "the processor refused to enter it (%#llx)",
				 v->run->fail_entry.hardware_entry_failure_reason);
	default:
		return vcpu_fail(v, VM_END_ERROR, "KVM's exit %u", v->run->exit_reason);
	}
}
