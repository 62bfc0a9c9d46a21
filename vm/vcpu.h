/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processors of a machine: a thread each, which runs the guest until it is told to
 * park, and answers what the guest asks of the buses.
 *
 * A thread is told by a signal that is blocked outside of KVM_RUN, so that it can't be
 * lost between a check and the call, and no handler (which would be the process's) is
 * needed. KVM finishes an access of the guest when KVM_RUN is called next, and only then
 * looks at signals: a parked vCPU has none that is half done.
 */
#ifndef VM_VCPU_H
#define VM_VCPU_H

#include "base/err.h"
#include "vm/bus.h"
#include "vm/memory.h"
#include "vm/vm.h"
#include "vm/x86/x86.h"

#define VCPUS_MOST 64

struct vcpus;

struct vcpus_config {
	int kvm_fd, vm_fd; /* borrowed; kvm_fd until vcpus_new returns */
	unsigned count;    /* all that there can be; which run is the guest's matter */
	const struct memory *mem; /* borrowed, as all that follows */
	const struct bus *pio, *mmio;
	const struct arch_cpuid *cpuid;

	/* A vCPU can't go on, and why. On its thread, with no lock held; by then all have
	 * been told to park. Perhaps several times. */
	void (*ended)(void *arg, enum vm_end why, const char *text);
	int (*enter_thread)(void *arg, struct err *e); /* first on each thread; or NULL */
	void *arg;
};

/* Makes the vCPUs, without threads. */
int vcpus_new(const struct vcpus_config *c, struct vcpus **ret, struct err *e);

/* Also ends the threads. NULL does nothing. */
void vcpus_free(struct vcpus *s);

/* A vCPU's descriptor, for arch_cpu_*(); not while it runs. */
int vcpus_fd(const struct vcpus *s, unsigned index);

/* Makes the threads, all parked; returns when each is behind enter_thread. */
int vcpus_spawn(struct vcpus *s, struct err *e);

void vcpus_resume(struct vcpus *s);
void vcpus_pause(struct vcpus *s); /* on return all are parked; not on their threads */

/* Tells all to park, and waits for none: on any thread, theirs too. They go on only after
 * the next vcpus_resume(). */
void vcpus_park(struct vcpus *s);

struct vm_exits vcpus_exits(const struct vcpus *s);

#endif
