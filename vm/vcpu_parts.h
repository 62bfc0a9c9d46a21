/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the vCPUs share. */
#ifndef VM_VCPU_PARTS_H
#define VM_VCPU_PARTS_H

#include <linux/kvm.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vm/vcpu.h"

enum want {
	PARK,
	RUN,
	QUIT
};

enum reason {
	EXIT_IO,
	EXIT_MMIO,
	EXIT_HLT,
	EXIT_INTR,
	EXIT_OTHER,
	EXIT_REASONS
};

struct vcpu {
	struct vcpus *set;
	unsigned index;
	int fd;              /* owned */
	struct kvm_run *run; /* mapped */
	pthread_t thread;
	bool has_thread;
	_Atomic uint64_t exits[EXIT_REASONS]; /* written by its thread alone */
};

struct vcpus {
	struct vcpus_config c;
	size_t run_size;
	struct memory_range hotplug;

	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum want want;
	unsigned started;  /* threads that are behind enter_thread */
	unsigned running;  /* threads that aren't parked */
	struct err failed; /* of enter_thread */

	struct vcpu vcpu[VCPUS_MOST];
};

/* ---- vcpu_exit.c, on the vCPU's thread ---- */

void vcpu_count(struct vcpu *v, enum reason r);

/* Answers what KVM_RUN returned with: whether the vCPU goes on. */
bool vcpu_exit(struct vcpu *v);

/* Why the guest can't go on, to which is added where the vCPU is. Returns false. */
bool vcpu_fail(struct vcpu *v, enum vm_end why, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
