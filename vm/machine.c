/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine from its configuration to its end.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/fd.h"
#include "base/str.h"
#include "vm/kernel.h"
#include "vm/kvm.h"
#include "vm/machine_parts.h"

/* Where Linux's 64-bit protocol wants an initrd to end (initrd_addr_max). */
#define INITRD_LIMIT UINT64_C(0x80000000)

/* A guest that leaves no room for answers could keep its requests pending for ever. */
#define DRAIN_ROUNDS 1000

int vm_check(int kvm_fd, struct err *e)
{
	return kvm_check(kvm_fd, e);
}

int vm_probe(int kvm_fd, struct err *e)
{
	return kvm_probe(kvm_fd, e);
}

/* ---- its end ---- */

/* On a vCPU's thread: nothing is told there. */
static void guest_ended(void *arg, enum vm_end why, const char *text)
{
	struct vm *vm = arg;
	bool first;

	vcpus_park(vm->cpus);
	(void)pthread_mutex_lock(&vm->end_lock);
	first = !vm->ended;
	if (first) {
		vm->ended = true;
		vm->why = why;
		(void)snprintf(vm->text, sizeof(vm->text), "%s", text);
	}
	(void)pthread_mutex_unlock(&vm->end_lock);
	if (first)
		loop_wake(vm->end_waker);
}

/* On the loop's thread: what the guest said last comes first. Its notifications may be
 * events that the loop has yet to see, so this steps back until they were handled; the
 * devices are paused only then, as one that is paused hears nothing. */
static void tell_end(void *arg)
{
	struct vm *vm = arg;

	if (vm->told)
		return;
	vcpus_pause(vm->cpus);
	if (!vm->quiet && machine_devices_kick(vm) && vm->drain_rounds++ < DRAIN_ROUNDS) {
		loop_wake(vm->end_waker);
		return;
	}
	(void)vm_pause(vm, ERR_IGNORE);
	vm->told = true;
	serial_flush(vm->serial);
	if (vm->c.ended)
		vm->c.ended(vm->c.arg, vm->why, vm->text);
}

static bool has_ended(struct vm *vm)
{
	bool ended;

	(void)pthread_mutex_lock(&vm->end_lock);
	ended = vm->ended;
	(void)pthread_mutex_unlock(&vm->end_lock);
	return ended;
}

/* ---- its beginning ---- */

static int enter_vcpu_thread(void *arg, struct err *e)
{
	const struct vm *vm = arg;

	return vm->c.enter_thread ? vm->c.enter_thread(vm->c.arg, VM_THREAD_VCPU, e) : 0;
}

static int check_config(const struct vm_config *c, struct err *e)
{
	if (c->vcpus == 0 || c->vcpus > VCPUS_MOST || c->vcpus_max > VCPUS_MOST)
		return err_set(e, EINVAL, "vm: there can be 1 to %d vCPUs", VCPUS_MOST);
	if (c->vcpus_max && c->vcpus_max < c->vcpus)
		return err_set(e, EINVAL, "vm: %u vCPUs, but at most %u", c->vcpus,
			       c->vcpus_max);
	return kvm_check(c->kvm_fd, e);
}

static int new_memory(struct vm *vm, const struct vm_config *c, struct err *e)
{
	struct memory_config mc = {
		.size = c->memory,
		.hotplug = c->memory_hotplug,
		.fd = c->memory_fd,
		.shared = c->memory_shared,
		.small_pages = c->small_pages,
		.mergeable = c->mergeable,
	};

	return memory_new(vm->vm_fd, &mc, &vm->mem, e);
}

static int new_vcpus(struct vm *vm, const struct vm_config *c, struct err *e)
{
	struct vcpus_config vc = {
		.kvm_fd = c->kvm_fd,
		.vm_fd = vm->vm_fd,
		.count = vm->c.vcpus_max,
		.mem = vm->mem,
		.pio = &vm->pio,
		.mmio = &vm->mmio,
		.cpuid = vm->cpuid,
		.ended = guest_ended,
		.enter_thread = enter_vcpu_thread,
		.arg = vm,
	};

	return vcpus_new(&vc, &vm->cpus, e);
}

/* What is no virtio device. */
static int new_platform(struct vm *vm, struct err *e)
{
	int r = serial_new(vm->c.loop, &vm->serial, e);

	if (r == 0)
		r = bus_add(&vm->pio, PLAN_SERIAL_PORT, SERIAL_LEN, serial_access,
			    vm->serial, e);
	if (r == 0)
		r = kvm_irqfd(vm->vm_fd, serial_irq_fd(vm->serial), PLAN_SERIAL_GSI, e);
	vm->generation_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vm->generation_fd < 0)
		return err_sys(e, "eventfd");
	if (r == 0)
		r = kvm_irqfd(vm->vm_fd, vm->generation_fd, PLAN_GED_GSI, e);
	vm->power = (struct power){.ended = guest_ended, .arg = vm};
	return r < 0 ? r : power_add(&vm->power, &vm->pio, e);
}

/* Beyond its address bits a processor would wrap, or fault. */
static int check_addresses(const struct vm *vm, struct err *e)
{
	unsigned bits = arch_address_bits(vm->cpuid);

	if (memory_end(vm->mem) - 1 < UINT64_C(1) << bits)
		return 0;
	return err_set(e, EINVAL,
		       "vm: memory and windows end at %#llx, and the processor's "
		       "addresses have %u bits",
		       (unsigned long long)memory_end(vm->mem), bits);
}

static int make(struct vm *vm, const struct vm_config *c, struct err *e)
{
	int r;

	vm->vm_fd = kvm_create(c->kvm_fd, e);
	if (vm->vm_fd < 0)
		return vm->vm_fd;
	r = new_memory(vm, c, e);
	if (r == 0)
		r = arch_cpuid_new(c->kvm_fd, c->cpuid_masks, c->cpuid_mask_count,
				   &vm->cpuid, e);
	if (r == 0)
		r = arch_host_new(c->kvm_fd, &vm->host, e);
	if (r == 0)
		r = new_vcpus(vm, c, e);
	if (r == 0)
		r = loop_waker(c->loop, tell_end, vm, &vm->end_waker, e);
	if (r == 0)
		r = new_platform(vm, e);
	if (r == 0)
		r = machine_devices_new(vm, e);
	if (r == 0)
		r = machine_log_new(vm, e);
	return r < 0 ? r : check_addresses(vm, e);
}

int vm_new(const struct vm_config *c, struct vm **ret, struct err *e)
{
	struct vm *vm;
	int r = check_config(c, e);

	if (r < 0)
		return r;
	vm = calloc(1, sizeof(*vm));
	if (!vm)
		return err_set(e, ENOMEM, "vm: no memory");
	vm->c = *c;
	if (!vm->c.vcpus_max)
		vm->c.vcpus_max = c->vcpus;
	vm->c.kvm_fd = vm->c.memory_fd = -1;
	vm->c.cpuid_masks = NULL;
	vm->vm_fd = vm->generation_fd = -1;
	(void)pthread_mutex_init(&vm->end_lock, NULL);
	r = make(vm, c, e);
	vm->c.proc_fd = -1;
	if (r < 0) {
		vm_free(vm);
		return r;
	}
	*ret = vm;
	return 0;
}

static int load_kernel(struct vm *vm, const struct vm_boot *b, struct kernel *ret,
		       struct err *e)
{
	AUTO_FD elf = -1;

	if (b->krunfw)
		return kernel_load_krunfw(vm->mem, b->krunfw, ret, e);
	elf = kernel_open_elf(b->kernel_fd, b->kernel_cache_fd, e);
	return elf < 0 ? elf : kernel_load(vm->mem, elf, ret, e);
}

/* The command line, with the devices at its end if the kernel can't find them otherwise. */
static char *make_cmdline(const struct vm *vm, const struct vm_boot *b)
{
	AUTO_SBUF s = {0};

	sbuf_adds(&s, b->cmdline ? b->cmdline : "");
	for (unsigned i = 0; i < PLAN_DEVICES && b->cmdline_devices; i++)
		if (vm->dev[i])
			sbuf_addf(&s, " virtio_mmio.device=4K@%#llx:%u",
				  (unsigned long long)plan[i].base, plan[i].gsi);
	sbuf_add(&s, "", 0);
	return s.failed ? NULL : TAKE(s.data);
}

int vm_boot(struct vm *vm, const struct vm_boot *b, struct err *e)
{
	AUTO_FREE char *cmdline = make_cmdline(vm, b);
	struct arch_boot ab = {
		.cmdline = cmdline,
		.vcpus = vm->c.vcpus,
		.vcpus_max = vm->c.vcpus_max,
		.pvh = b->pvh,
		.acpi = !b->no_acpi,
		.serial = serial_is_heard(vm->serial),
	};
	int r;

	if (vm->booted || vm->spoiled)
		return err_set(e, EINVAL, "vm: it was booted already");
	if (!cmdline)
		return err_set(e, ENOMEM, "vm: no memory");
	r = load_kernel(vm, b, &ab.kernel, e);
	if (r == 0 && b->initrd_fd >= 0)
		r = kernel_load_initrd(vm->mem, b->initrd_fd, INITRD_LIMIT,
				       &ab.initrd_gpa, &ab.initrd_len, e);
	if (r == 0)
		r = arch_boot_write(vm->mem, &ab, e);
	if (r == 0)
		r = arch_reset_vector_write(vm->mem, e);
	if (r == 0)
		r = arch_cpu_boot(vcpus_fd(vm->cpus, 0), &ab, e);
	vm->booted = r == 0;
	return r;
}

int vm_spawn(struct vm *vm, struct err *e)
{
	int r;

	if (vm->spawn_tried)
		return err_set(e, EINVAL, "vm: its threads were made already");
	vm->spawn_tried = true;
	r = vcpus_spawn(vm->cpus, e);
	if (r == 0)
		r = machine_devices_spawn(vm, e);
	/* A thread that isn't jailed never runs the guest. */
	vm->spawned = r == 0;
	return r;
}

/* ---- running ---- */

int vm_resume(struct vm *vm, struct err *e)
{
	if (!vm->booted || !vm->spawned)
		return err_set(e, EINVAL, "vm: it isn't ready to run");
	if (has_ended(vm))
		return err_set(e, ESHUTDOWN, "vm: the guest has ended: %s", vm->text);
	if (vm->running)
		return 0;
	if (vm->quiet)
		machine_devices_resume(vm);
	vm->quiet = false;
	vcpus_resume(vm->cpus);
	vm->running = true;
	return 0;
}

int vm_pause(struct vm *vm, struct err *e)
{
	(void)e; /* none can happen yet */
	if (!vm->running)
		return 0;
	vcpus_pause(vm->cpus);
	machine_devices_pause(vm);
	vm->quiet = true;
	vm->running = false;
	return 0;
}

void vm_free(struct vm *vm)
{
	if (!vm)
		return;
	vcpus_free(vm->cpus);
	machine_devices_free(vm);
	machine_log_free(vm);
	serial_free(vm->serial);
	loop_del(vm->end_waker);
	fd_close(&vm->vm_fd);
	memory_free(vm->mem);
	fd_close(&vm->generation_fd);
	arch_cpuid_free(vm->cpuid);
	arch_host_free(vm->host);
	(void)pthread_mutex_destroy(&vm->end_lock);
	free(vm);
}

struct vm_exits vm_exits(const struct vm *vm)
{
	return vcpus_exits(vm->cpus);
}
