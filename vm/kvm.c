/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/kvm.h"

#include <errno.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

#include "base/fd.h"
#include "base/str.h"
#include "vm/x86/x86.h"

#define CAP(name, least)                                                                 \
	{                                                                                \
		KVM_CAP_##name, least, "KVM_CAP_" #name                                  \
	}

/* Slots: two of boot memory, some windows, and one for each block that virtio-mem plugs
 * in (memory.c: 1024 at most). */
static const struct kvm_cap caps[] = {
	CAP(USER_MEMORY, 1), CAP(SYNC_MMU, 1),  CAP(NR_MEMSLOTS, 1100),
	CAP(IRQFD, 1),       CAP(IOEVENTFD, 1), CAP(IMMEDIATE_EXIT, 1),
};

static int check_caps(int kvm_fd, const struct kvm_cap *c, size_t count, struct err *e)
{
	int n;

	for (size_t i = 0; i < count; i++) {
		n = ioctl(kvm_fd, KVM_CHECK_EXTENSION, c[i].number);
		if (n < 0)
			return err_sys(e, "kvm: ask for %s", c[i].name);
		if (n >= c[i].least)
			continue;
		return n == 0 ? err_set(e, ENOTSUP, "kvm: this KVM lacks %s", c[i].name)
			      : err_set(e, ENOTSUP,
					"kvm: this KVM's %s is %d, %d are needed",
					c[i].name, n, c[i].least);
	}
	return 0;
}

int kvm_check(int kvm_fd, struct err *e)
{
	int version = ioctl(kvm_fd, KVM_GET_API_VERSION, 0);
	const struct kvm_cap *arch;
	size_t count;
	int r;

	if (version < 0)
		return errno == ENOTTY ? err_set(e, ENOTTY,
						 "kvm: the descriptor is not a /dev/kvm")
				       : err_sys(e, "kvm: ask for its version");
	if (version != KVM_API_VERSION)
		return err_set(e, ENOTSUP, "kvm: this KVM's version is %d, not %d",
			       version, KVM_API_VERSION);
	r = check_caps(kvm_fd, caps, ARRAY_LEN(caps), e);
	if (r < 0)
		return r;
	arch = arch_kvm_caps(&count);
	return check_caps(kvm_fd, arch, count, e);
}

int kvm_create(int kvm_fd, struct err *e)
{
	AUTO_FD fd = -1;
	int r;

	/* The kernel waits for other work of its memory management, and gives up when
	 * any signal is pending; how often is a matter of taste (Firecracker: 5). */
	for (int i = 0; i < 5; i++) {
		fd = ioctl(kvm_fd, KVM_CREATE_VM, 0);
		if (fd >= 0 || errno != EINTR)
			break;
	}
	if (fd < 0)
		return err_sys(e, "kvm: create a VM");
	r = arch_vm_init(fd, e);
	return r < 0 ? r : fd_take(&fd);
}

int kvm_run_size(int kvm_fd, size_t *ret, struct err *e)
{
	int n = ioctl(kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);

	if (n < 0)
		return err_sys(e, "kvm: ask for the size of a vCPU's structure");
	if ((size_t)n < sizeof(struct kvm_run))
		return err_set(e, ENOTSUP, "kvm: a vCPU's structure has only %d bytes",
			       n);
	*ret = (size_t)n;
	return 0;
}

int kvm_set_slot(int vm_fd, uint32_t slot, uint64_t gpa, uint64_t len, void *host)
{
	struct kvm_userspace_memory_region r = {
		.slot = slot,
		.guest_phys_addr = gpa,
		.memory_size = len,
		.userspace_addr = (uintptr_t)host,
	};

	return ioctl(vm_fd, KVM_SET_USER_MEMORY_REGION, &r) < 0 ? -errno : 0;
}

int kvm_irqfd(int vm_fd, int event_fd, uint32_t gsi, struct err *e)
{
	struct kvm_irqfd r = {.fd = (uint32_t)event_fd, .gsi = gsi};

	if (ioctl(vm_fd, KVM_IRQFD, &r) < 0)
		return err_sys(e, "kvm: bind an eventfd to interrupt %u", gsi);
	return 0;
}

int kvm_ioeventfd(int vm_fd, uint64_t gpa, uint32_t value, int event_fd, struct err *e)
{
	struct kvm_ioeventfd r = {
		.datamatch = value,
		.addr = gpa,
		.len = sizeof(value),
		.fd = event_fd,
		.flags = KVM_IOEVENTFD_FLAG_DATAMATCH,
	};

	if (ioctl(vm_fd, KVM_IOEVENTFD, &r) < 0)
		return err_sys(e, "kvm: bind an eventfd to address %#llx",
			       (unsigned long long)gpa);
	return 0;
}
