/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The model-specific registers of a vCPU, saved and restored by the list that this host's
 * KVM gives.
 */
#ifndef VM_X86_MSRS_H
#define VM_X86_MSRS_H

#include <stdint.h>

#include "base/err.h"
#include "vm/state.h"

#define MSRS_MOST 1024

struct msr_list {
	unsigned count;
	uint32_t index[MSRS_MOST];
};

int msr_list_get(int kvm_fd, struct msr_list *ret, struct err *e);

int msrs_save(int vcpu_fd, const struct msr_list *l, struct state_writer *w,
	      struct err *e);

/* Refuses MSRs that are not in the list. */
int msrs_restore(int vcpu_fd, const struct msr_list *l, struct state_reader *r,
		 struct err *e);

#endif
