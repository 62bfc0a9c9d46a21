/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/x86/msrs.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/str.h"

#define MSR_TSC          0x10
#define MSR_TSC_DEADLINE 0x6e0

/* Not in KVM's list, and the guest's all the same: memory types. */
static const uint32_t more_msrs[] = {
	0x1a0, 0x2ff, 0x250, 0x258, 0x259, 0x268, 0x269, 0x26a, 0x26b, 0x26c,
	0x26d, 0x26e, 0x26f, 0x200, 0x201, 0x202, 0x203, 0x204, 0x205, 0x206,
	0x207, 0x208, 0x209, 0x20a, 0x20b, 0x20c, 0x20d, 0x20e, 0x20f,
};

union msr_buffer {
	struct kvm_msrs head;
	char room[sizeof(struct kvm_msrs) + MSRS_MOST * sizeof(struct kvm_msr_entry)];
};

static bool has(const struct msr_list *l, uint32_t index)
{
	for (unsigned i = 0; i < l->count; i++)
		if (l->index[i] == index)
			return true;
	return false;
}

int msr_list_get(int kvm_fd, struct msr_list *ret, struct err *e)
{
	union {
		struct kvm_msr_list head;
		char room[sizeof(struct kvm_msr_list) + MSRS_MOST * sizeof(uint32_t)];
	} l = {.head = {.nmsrs = MSRS_MOST - ARRAY_LEN(more_msrs)}};

	if (ioctl(kvm_fd, KVM_GET_MSR_INDEX_LIST, &l.head) < 0)
		return err_sys(e, "kvm: ask for the list of MSRs");
	ret->count = 0;
	for (unsigned i = 0; i < l.head.nmsrs; i++) {
		/* Hyper-V's: no guest is told of them. */
		if (l.head.indices[i] >= 0x40000000 && l.head.indices[i] <= 0x400001ff)
			continue;
		ret->index[ret->count++] = l.head.indices[i];
	}
	for (unsigned i = 0; i < ARRAY_LEN(more_msrs); i++)
		if (!has(ret, more_msrs[i]))
			ret->index[ret->count++] = more_msrs[i];
	return 0;
}

/* Reads those that this vCPU has: KVM stops at each that it hasn't. */
static int read_msrs(int vcpu_fd, const struct msr_list *l, union msr_buffer *m)
{
	unsigned done = 0, next = 0, asked;
	union msr_buffer part;
	int n;

	while (next < l->count) {
		asked = l->count - next;
		memset(&part, 0, sizeof(part.head));
		part.head.nmsrs = asked;
		for (unsigned i = 0; i < asked; i++)
			part.head.entries[i] = (struct kvm_msr_entry){
				.index = l->index[next + i]};
		n = ioctl(vcpu_fd, KVM_GET_MSRS, &part.head);
		if (n < 0)
			return -errno;
		memcpy(m->head.entries + done, part.head.entries,
		       (size_t)n * sizeof(part.head.entries[0]));
		done += (unsigned)n;
		next += (unsigned)n;
		if ((unsigned)n < asked)
			next++;
	}
	m->head.nmsrs = done;
	return 0;
}

/* A deadline that has passed reads as zero though its interrupt may not have been taken:
 * set to the present it comes again, for which a kernel is prepared. */
static void mend_deadline(union msr_buffer *m)
{
	struct kvm_msr_entry *deadline = NULL;
	uint64_t tsc = 0;

	for (unsigned i = 0; i < m->head.nmsrs; i++) {
		if (m->head.entries[i].index == MSR_TSC)
			tsc = m->head.entries[i].data;
		if (m->head.entries[i].index == MSR_TSC_DEADLINE)
			deadline = &m->head.entries[i];
	}
	if (deadline && deadline->data == 0)
		deadline->data = tsc;
}

int msrs_save(int vcpu_fd, const struct msr_list *l, struct state_writer *w,
	      struct err *e)
{
	union msr_buffer *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return err_set(e, ENOMEM, "save MSRs: no memory");
	r = read_msrs(vcpu_fd, l, m);
	if (r < 0) {
		free(m);
		return err_code(e, r, "kvm: get a vCPU's MSRs");
	}
	mend_deadline(m);
	state_put_u32(w, m->head.nmsrs);
	for (unsigned i = 0; i < m->head.nmsrs; i++) {
		state_put_u32(w, m->head.entries[i].index);
		state_put_u64(w, m->head.entries[i].data);
	}
	free(m);
	return 0;
}

/* Sets them all; one that can't be set is no loss if it was zero (a feature that is not
 * there), and else an error. */
static int write_msrs(int vcpu_fd, union msr_buffer *m, struct err *e)
{
	union msr_buffer part;
	unsigned next = 0, asked;
	int n;

	while (next < m->head.nmsrs) {
		asked = m->head.nmsrs - next;
		memset(&part.head, 0, sizeof(part.head));
		part.head.nmsrs = asked;
		memcpy(part.head.entries, m->head.entries + next,
		       asked * sizeof(part.head.entries[0]));
		n = ioctl(vcpu_fd, KVM_SET_MSRS, &part.head);
		if (n < 0)
			return err_sys(e, "kvm: set a vCPU's MSRs");
		next += (unsigned)n;
		if ((unsigned)n == asked)
			break;
		if (m->head.entries[next].data != 0)
			return err_set(e, EINVAL, "kvm: MSR %#x can't be set to %#llx",
				       m->head.entries[next].index,
				       m->head.entries[next].data);
		next++;
	}
	return 0;
}

int msrs_restore(int vcpu_fd, const struct msr_list *l, struct state_reader *r,
		 struct err *e)
{
	uint32_t count = state_get_u32(r);
	union msr_buffer *m;
	int n;

	if (count > MSRS_MOST)
		state_refuse(r, "%u MSRs", count);
	n = state_check(r, e);
	if (n < 0)
		return n;
	m = calloc(1, sizeof(*m));
	if (!m)
		return err_set(e, ENOMEM, "restore MSRs: no memory");
	m->head.nmsrs = count;
	for (unsigned i = 0; i < count; i++) {
		m->head.entries[i].index = state_get_u32(r);
		m->head.entries[i].data = state_get_u64(r);
		/* We may set more than a guest may: only what would have been saved. */
		if (!has(l, m->head.entries[i].index))
			state_refuse(r, "MSR %#x", m->head.entries[i].index);
	}
	n = state_check(r, e);
	if (n == 0)
		n = write_msrs(vcpu_fd, m, e);
	free(m);
	return n;
}
