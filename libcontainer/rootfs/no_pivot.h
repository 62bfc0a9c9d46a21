/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --no-pivot: for a root that pivot_root(2) can't leave (an initramfs). The new root is
 * moved over "/" and chrooted into. What is below stays mounted, so the host's procfs and
 * sysfs are taken away first: while they are there the kernel would let a user namespace
 * mount them anew without the container's masks.
 */
#ifndef LIBCONTAINER_ROOTFS_NO_PIVOT_H
#define LIBCONTAINER_ROOTFS_NO_PIVOT_H

#include "base/arena.h"
#include "base/err.h"
#include "libcontainer/spec/spec.h"

/* The mount points of all whole procfs and sysfs that are not below root_path. */
int no_pivot_plan(struct arena *a, const char *root_path, struct strings *ret,
		  struct err *e);

/* In the child. */
int no_pivot_move(const struct strings *hide, int root_fd, struct err *e);

#endif
