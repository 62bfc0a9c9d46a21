/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux.seccomp (config-linux.md, Seccomp) as a BPF program: compiled by libseccomp in
 * the runtime's process, loaded by one system call in the child.
 *
 * Our names have "filter" in them, because libseccomp has the symbols seccomp_load() and
 * seccomp_init().
 */
#ifndef LIBCONTAINER_PROCESS_SECCOMP_H
#define LIBCONTAINER_PROCESS_SECCOMP_H

#include <linux/filter.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/log.h"
#include "libcontainer/spec/spec.h"

struct seccomp_filter {
	struct sock_filter *insns; /* in the arena */
	unsigned short len;        /* 0: there is nothing to load */
	unsigned flags;            /* SECCOMP_FILTER_FLAG_* */
};

/* Compiles a profile. Unknown system call names are ignored (a profile is written for
 * many kernels), unknown actions, architectures, operators and flags are errors, and so
 * is SCMP_ACT_NOTIFY. A system call that is newer than all that the profile names is
 * answered with ENOSYS instead of the default action, so that programs fall back as on
 * an older kernel. s may be NULL: no filter. */
int seccomp_filter_compile(struct arena *a, const struct spec_seccomp *s,
			   struct seccomp_filter *ret, const struct log *log,
			   struct err *e);

/* Loads it for this thread by seccomp(2). Without no_new_privs that needs CAP_SYS_ADMIN,
 * so then before the capabilities go; with it, as late as possible. Safe after clone. */
int seccomp_filter_load(const struct seccomp_filter *f, struct err *e);

#endif
