/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which kernel a sandbox boots: the configured one; else the minimal one, where hull's
 * package puts it; else the host's own, so that a sandbox works where nobody has prepared
 * one.
 */
#ifndef SANDBOX_KERNEL_H
#define SANDBOX_KERNEL_H

#include "base/err.h"

/* configured: an absolute path, or NULL. The kernel is a regular file of root's (or the
 * caller's) that nobody else can write to. *ret_modules_dir: the folder of its modules
 * (with modules.dep), or -1 if it has none: "modules" or "modules/VERSION" beside it, or
 * /lib/modules/VERSION. -ENOENT, with what to do, if there is no kernel at all. */
int sandbox_kernel_find(const char *configured, int *ret_kernel_fd, int *ret_modules_dir,
			struct err *e);

/* Where it looks; each may be NULL. */
struct kernel_places {
	const char *packaged; /* a file */
	const char *boot;     /* a folder with vmlinuz-RELEASE */
	const char *modules;  /* a folder with RELEASE/vmlinuz and RELEASE/modules.dep */
	const char *release;  /* of the host's kernel */
};
int sandbox_kernel_find_in(const struct kernel_places *p, const char *configured,
			   int *ret_kernel_fd, int *ret_modules_dir, struct err *e);

#endif
