/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each kind of thread may ask of the kernel, as data: jail_filter.c makes programs of
 * it, and the unit test compares it with the table in README.md.
 */
#ifndef SANDBOX_JAIL_RULES_H
#define SANDBOX_JAIL_RULES_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "libcontainer/process/seccomp.h"
#include "sandbox/jail.h"

/* Who: a bit for each kind of thread, and one for the first while machines may be saved. */
#define JAIL_WHO(kind) (1U << (kind))
#define JAIL_SAVING    (1U << JAIL_THREADS)

struct jail_rule {
	const char *call;
	unsigned who;
	/* One argument, if it matters: arg & mask must be value. Several rules for one call
	 * are alternatives. */
	unsigned arg;
	const char *what; /* as the table has it; NULL: all arguments */
	uint64_t mask, value;
};

extern const struct jail_rule jail_rules[];
extern const size_t jail_rules_count;

/* The capabilities that the file server's threads keep: bit n is number n. */
uint64_t jail_capabilities(bool device_nodes);

/* What a kind of thread may call, as a program in the arena. */
int jail_filter_make(struct arena *a, enum jail_thread kind, bool saving,
		     struct seccomp_filter *ret, struct err *e);

#endif
