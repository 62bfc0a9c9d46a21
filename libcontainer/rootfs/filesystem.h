/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new filesystem for an entry of the plan (mounts.h). Safe after clone.
 */
#ifndef LIBCONTAINER_ROOTFS_FILESYSTEM_H
#define LIBCONTAINER_ROOTFS_FILESYSTEM_H

#include <stdbool.h>

#include "base/err.h"
#include "libcontainer/rootfs/mounts.h"

/* Returns a detached mount of it. target: what it will cover (its mode may be taken
 * over). *ret_denied: the kernel refused to make it, with EPERM or EBUSY. */
int filesystem_make(const struct mount_entry *m, int target, bool *ret_denied,
		    struct err *e);

/* The same by mount(2), for an entry with `data`: it is attached to target at once.
 * Returns the mount that is then at the entry's destination below root. */
int filesystem_make_old(const struct mount_entry *m, int root, int proc_fd, int target,
			struct err *e);

#endif
