/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Something of the host that goes into the container: the rootfs, the source of a bind, a
 * device node.
 *
 * The runtime's process opens it as a detached copy of its mount, because the child, in
 * a user namespace, may lack the right to reach it. There the child first tries itself
 * nevertheless: the copy that the kernel made of the mounts for its less privileged
 * namespace has the host's nosuid, nodev and read-only flags and its covering mounts
 * locked (mount_namespaces(7)), the runtime's own copy has not.
 */
#ifndef LIBCONTAINER_ROOTFS_HOST_TREE_H
#define LIBCONTAINER_ROOTFS_HOST_TREE_H

#include <stdbool.h>
#include <sys/stat.h>

struct host_tree {
	const char *path; /* absolute; NULL: there is none */
	int fd;           /* owned; -1 if only the child can open it */
	bool recursive;
	bool is_dir;
	bool in_userns;
	mode_t mode; /* with the type */
	dev_t rdev;
};

#define HOST_TREE_INIT                                                                   \
	{                                                                                \
		.fd = -1                                                                 \
	}

/* In the runtime's process. path is kept, not copied. 0 or -errno. */
int host_tree_open(struct host_tree *t, const char *path, bool recursive, bool in_userns);

/* In the child, still in the host's root: the detached mount, now the caller's. */
int host_tree_take(struct host_tree *t);

void host_tree_done(struct host_tree *t);

#endif
