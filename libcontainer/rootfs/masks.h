/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux.maskedPaths and linux.readonlyPaths, put in place after the pivot. Paths that
 * don't exist are passed over.
 */
#ifndef LIBCONTAINER_ROOTFS_MASKS_H
#define LIBCONTAINER_ROOTFS_MASKS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "libcontainer/rootfs/mounts.h"
#include "libcontainer/spec/spec.h"

struct masks_plan {
	const struct strings *masked, *readonly;
	const char *label;     /* of SELinux, or NULL */
	struct host_tree null; /* the host's /dev/null, proven to be it */
	int null_mount;        /* child: that, as a mount of the child's namespace */
};

int masks_plan_make(const struct spec *s, bool in_userns, struct masks_plan *p,
		    struct err *e);
void masks_plan_done(struct masks_plan *p);

/* In the child, while the host's root is still there: fetches what masks need of it. */
int masks_fetch(struct masks_plan *p, struct err *e);

/* In the child, after the pivot; root: "/". */
int masks_apply(struct masks_plan *p, const struct mounts_plan *mounts, int root,
		struct err *e);

#endif
