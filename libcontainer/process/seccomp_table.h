/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which system call number gets which answer: the whole range of numbers, cut into
 * intervals of one answer each.
 *
 *	0 default, 3 allow, 7 default, 8 allow, ... 450 ENOSYS, 0x40000000 kill
 */
#ifndef LIBCONTAINER_PROCESS_SECCOMP_TABLE_H
#define LIBCONTAINER_PROCESS_SECCOMP_TABLE_H

#include "libcontainer/process/seccomp_profile.h"

struct seccomp_entry { /* a rule of this architecture */
	uint32_t nr;
	const struct seccomp_rule *rule;
};

struct seccomp_interval {
	uint32_t start;
	uint32_t action;
	const struct seccomp_entry
		*rules; /* conditional ones, or NULL; action is then for none */
	size_t rules_count;
	bool is_32;  /* arguments are 32 bits wide */
	size_t size; /* of its leaf, in instructions */
};

struct seccomp_table {
	struct seccomp_interval *v;
	size_t count;
};

/* Whether seccomp_table_make can do this profile, with what all its architectures need.
 */
bool seccomp_table_can(const struct seccomp_profile *p);

/* The table of one audit number, AUDIT_ARCH_*: x86_64's has x32 in it too. It lives in
 * the arena. -EOPNOTSUPP: rules of different actions for one call may both be met. */
int seccomp_table_make(struct arena *a, const struct seccomp_profile *p, uint32_t arch,
		       struct seccomp_table *ret);

#endif
