/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A seccomp profile whose words are numbers, and the two ways to make a program of it:
 * our own (seccomp_tree.c), and libseccomp's (seccomp_lib.c) for what ours leaves to it.
 */
#ifndef LIBCONTAINER_PROCESS_SECCOMP_PROFILE_H
#define LIBCONTAINER_PROCESS_SECCOMP_PROFILE_H

#include <linux/filter.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/log.h"

#define SECCOMP_ARCHS_MAX 24

/* One system call, and what must be so of its arguments (all of it). */
struct seccomp_rule {
	const char *name;
	uint32_t action;                 /* SECCOMP_RET_* with its data */
	struct scmp_arg_cmp *conditions; /* no two on one argument */
	unsigned count;                  /* 0: always */
};

struct seccomp_profile {
	uint32_t default_action;
	uint32_t archs[SECCOMP_ARCHS_MAX]; /* SCMP_ARCH_*; the native one is the first */
	size_t archs_count;
	struct seccomp_rule *rules;
	size_t rules_count;
	/* What is newer than all that the profile names gets ENOSYS. */
	bool newer_is_enosys;
};

struct seccomp_program {
	struct sock_filter *v; /* in the arena */
	size_t len;
};

/* The number of a name on an architecture, negative if it has none. That of its own call
 * on 32-bit x86, where libseccomp says the number of the sub-function below. */
int seccomp_number(uint32_t arch, const char *name);

/* 32-bit x86 had the socket and System V calls at first only as sub-functions of two
 * others: 0 for one of socketcall(2), 1 for one of ipc(2), else -1. */
int seccomp_x86_multiplexer(const char *name);

/* The highest number of this architecture that the profile names; 0 if it names none. */
uint32_t seccomp_newest(const struct seccomp_profile *p, uint32_t arch);

/* Makes the program: 0, or -EOPNOTSUPP for a profile that is left to libseccomp: another
 * architecture than x86 and ARM, system calls that 32-bit x86 hides in others, rules of
 * different actions for one call that may both be met, or too long a program. */
int seccomp_tree_make(struct arena *a, const struct seccomp_profile *p,
		      struct seccomp_program *ret, struct err *e);

int seccomp_lib_make(struct arena *a, const struct seccomp_profile *p,
		     struct seccomp_program *ret, const struct log *log, struct err *e);

/* The words to numbers (linux.seccomp of a spec): seccomp.c. */
struct spec_seccomp;
int seccomp_profile_make(struct arena *a, const struct spec_seccomp *s,
			 struct seccomp_profile *ret, struct err *e);

#endif
