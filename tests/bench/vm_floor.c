/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a monitor can't leave out before the guest runs: the ioctls of a machine with
 * nineteen devices (an interrupt each, thirty-six queues), and nothing else. Then the
 * guest's first instruction, which leaves it.
 *
 *	vm_floor VCPUS MIB
 */
#include <err.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define DEVICES 21 /* with the early console and the event device */
#define QUEUES  36
#define CPUIDS  256

static int must(int r, const char *what)
{
	if (r < 0)
		err(1, "%s", what);
	return r;
}

static int event(void)
{
	return must(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd");
}

static void add_events(int vm)
{
	struct kvm_irqfd irq = {0};
	struct kvm_ioeventfd kick = {.len = 4, .flags = KVM_IOEVENTFD_FLAG_DATAMATCH};

	for (unsigned i = 0; i < DEVICES; i++) {
		irq.fd = (uint32_t)event();
		irq.gsi = 5 + i % 19;
		must(ioctl(vm, KVM_IRQFD, &irq), "KVM_IRQFD");
	}
	for (unsigned i = 0; i < QUEUES; i++) {
		kick.fd = event();
		kick.addr = 0xc0001050 + 0x1000 * (uint64_t)(i / 2);
		kick.datamatch = i % 2;
		must(ioctl(vm, KVM_IOEVENTFD, &kick), "KVM_IOEVENTFD");
	}
}

static void add_memory(int vm, uint64_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct kvm_userspace_memory_region r = {.memory_size = len};

	if (p == MAP_FAILED)
		err(1, "mmap");
	/* out %al, $0x80 */
	memcpy((char *)p + 0x1000, "\xe6\x80", 2);
	r.userspace_addr = (uintptr_t)p;
	must(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &r), "KVM_SET_USER_MEMORY_REGION");
}

static int add_cpu(int kvm, int vm, unsigned index)
{
	static union {
		struct kvm_cpuid2 head;
		char room[sizeof(struct kvm_cpuid2) +
			  CPUIDS * sizeof(struct kvm_cpuid_entry2)];
	} cpuid;
	union {
		struct kvm_msrs head;
		char room[sizeof(struct kvm_msrs) + sizeof(struct kvm_msr_entry)];
	} msrs = {.head = {.nmsrs = 1}};
	struct kvm_fpu fpu = {.fcw = 0x37f, .mxcsr = 0x1f80};
	int size = must(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE");
	int cpu = must(ioctl(vm, KVM_CREATE_VCPU, (unsigned long)index),
		       "KVM_CREATE_VCPU");
	struct kvm_lapic_state lapic;

	msrs.head.entries[0] = (struct kvm_msr_entry){.index = 0x1a0, .data = 1};
	if (!cpuid.head.nent) {
		cpuid.head.nent = CPUIDS;
		must(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, &cpuid.head), "supported CPUID");
	}
	if (mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0) ==
	    MAP_FAILED)
		err(1, "mmap of a vCPU");
	must(ioctl(cpu, KVM_SET_CPUID2, &cpuid.head), "KVM_SET_CPUID2");
	must(ioctl(cpu, KVM_SET_MSRS, &msrs.head), "KVM_SET_MSRS");
	must(ioctl(cpu, KVM_SET_FPU, &fpu), "KVM_SET_FPU");
	must(ioctl(cpu, KVM_GET_LAPIC, &lapic), "KVM_GET_LAPIC");
	must(ioctl(cpu, KVM_SET_LAPIC, &lapic), "KVM_SET_LAPIC");
	return cpu;
}

static void enter(int cpu)
{
	struct kvm_regs regs = {.rip = 0x1000, .rflags = 2};
	struct kvm_sregs s;

	must(ioctl(cpu, KVM_GET_SREGS, &s), "KVM_GET_SREGS");
	s.cs.base = 0;
	s.cs.selector = 0;
	must(ioctl(cpu, KVM_SET_SREGS, &s), "KVM_SET_SREGS");
	must(ioctl(cpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
	must(ioctl(cpu, KVM_RUN, 0), "KVM_RUN");
}

int main(int argc, char **argv)
{
	uint64_t identity = 0xfffbc000;
	int kvm, vm, cpu, boot = -1;

	if (argc != 3)
		errx(2, "usage: vm_floor VCPUS MIB");
	kvm = must(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");
	vm = must(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
	must(ioctl(vm, KVM_SET_IDENTITY_MAP_ADDR, &identity), "identity map");
	must(ioctl(vm, KVM_SET_TSS_ADDR, 0xfffbd000UL), "KVM_SET_TSS_ADDR");
	must(ioctl(vm, KVM_CREATE_IRQCHIP, 0), "KVM_CREATE_IRQCHIP");
	add_memory(vm, strtoull(argv[2], NULL, 10) << 20);
	for (unsigned i = 0; i < (unsigned)strtoul(argv[1], NULL, 10); i++) {
		cpu = add_cpu(kvm, vm, i);
		boot = i ? boot : cpu;
	}
	add_events(vm);
	enter(boot);
	return 0;
}
