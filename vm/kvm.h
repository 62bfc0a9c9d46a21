/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's virtual machine interface (Documentation/virt/kvm/api.rst): what is
 * wrapped here is what is asked of the VM as a whole; vcpu.h has a processor's.
 */
#ifndef VM_KVM_H
#define VM_KVM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* What a KVM must have: KVM_CHECK_EXTENSION's answer for `number` is `least` or more. */
struct kvm_cap {
	int number;
	int least;
	const char *name; /* "KVM_CAP_IRQFD": for the error */
};

/* Whether this /dev/kvm (an open descriptor) has what a machine needs: the API version
 * and each capability, one error that names what is missing. */
int kvm_check(int kvm_fd, struct err *e);

/* Runs a guest of a few instructions, some of which a KVM that emulates kernels lacks
 * (lock cmpxchg16b, xrstor): -ENOTSUP if it can't run a stock kernel. Never decided by
 * processor flags: KVM without vmx or svm is real. About 10 ms. */
int kvm_probe(int kvm_fd, struct err *e);

/* KVM_CREATE_VM with the in-kernel interrupt controllers, TSS and identity map addresses
 * set. Returns the VM's descriptor or -errno. No guest memory yet. */
int kvm_create(int kvm_fd, struct err *e);

/* Bytes of a vCPU's shared run structure. */
int kvm_run_size(int kvm_fd, size_t *ret, struct err *e);

/* Sets (len > 0) or removes (len 0) a memory slot: 0 or -errno. */
int kvm_set_slot(int vm_fd, uint32_t slot, uint64_t gpa, uint64_t len, void *host);

/* event_fd's writes raise the interrupt line as an edge. */
int kvm_irqfd(int vm_fd, int event_fd, uint32_t gsi, struct err *e);

/* A guest's 32-bit write of `value` to gpa signals event_fd and costs no exit to us. */
int kvm_ioeventfd(int vm_fd, uint64_t gpa, uint32_t value, int event_fd, struct err *e);

#endif
