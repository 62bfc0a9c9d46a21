/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Device nodes: the six that every container has (runtime-spec config-linux.md, Default
 * Devices), those of linux.devices, and the links in /dev.
 */
#ifndef LIBCONTAINER_ROOTFS_DEV_NODES_H
#define LIBCONTAINER_ROOTFS_DEV_NODES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"
#include "libcontainer/rootfs/host_tree.h"
#include "libcontainer/spec/spec.h"

struct dev_node {
	const char *path; /* in the container, clean and absolute */
	const char *name; /* its last component */
	const char *dir;  /* NULL: /dev */
	mode_t mode;      /* with the type */
	dev_t rdev;
	uid_t uid;
	gid_t gid;
	bool chown;            /* the owner isn't who makes it */
	struct host_tree host; /* the host's node, to be bound in a user namespace */
};

struct dev_plan {
	struct dev_node *v;
	size_t count;
	bool in_userns;
	uid_t uid; /* whose a new node is */
	gid_t gid;
	bool core; /* a link to /proc/kcore, where the kernel has that */
};

int dev_plan_make(struct arena *a, const struct spec *s, bool in_userns,
		  struct dev_plan *p, struct err *e);
void dev_plan_done(struct dev_plan *p);

/* In the child, after the mounts. The umask must be 0. */
int dev_nodes_make(const struct dev_plan *p, int root, struct err *e);

#endif
