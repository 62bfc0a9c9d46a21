/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The container's filesystem: its root, the spec's mounts, the devices, the masked and
 * read-only paths.
 *
 * Two halves. The plan is made by the runtime's process: options are parsed, everything
 * that comes from the host (the rootfs, the sources of binds, device nodes to bind) is
 * opened there, because the child may have no right to reach it. The child then only
 * walks the plan, in its own mount namespace and by descriptors: nothing is allocated,
 * no path of the container is ever resolved but by openat2 below its root.
 */
#ifndef LIBCONTAINER_ROOTFS_ROOTFS_H
#define LIBCONTAINER_ROOTFS_ROOTFS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/log.h"
#include "libcontainer/spec/spec.h"

struct rootfs_options {
	const struct spec *spec;
	const char *bundle; /* absolute; root.path and relative sources start here */
	const char
		*cgroup_path; /* the container's, from the hierarchy's top; "" if none */
	bool in_userns;       /* no mknod, mounts owned by another user namespace */
	bool no_pivot; /* MS_MOVE and chroot, for a root that pivot_root can't leave */
	const struct log *log;
};

struct rootfs_plan; /* lives in the arena; holds descriptors */

/* Makes the plan. The absolute path of the root is put in *ret_path (state.json). */
int rootfs_plan_make(struct arena *a, const struct rootfs_options *o,
		     struct rootfs_plan **ret, const char **ret_path, struct err *e);

/* Closes the plan's descriptors; NULL is fine. */
void rootfs_plan_done(struct rootfs_plan *p);

/*
 * The child's steps, in this order. All need the mount namespace to be the container's
 * own, and the pid, network, ipc and cgroup namespaces to be entered (procfs, sysfs,
 * mqueue and cgroup2 show those of whoever mounts them).
 */

/* Propagation, the root, all mounts of the spec, device nodes and the /dev links.
 * proc_fd: the trusted procfs (base/procfs.h). Returns a descriptor of the new root (as
 * it is seen after its mounts). */
int rootfs_mount(const struct rootfs_plan *p, int proc_fd, struct err *e);

/* Opens /dev/pts/ptmx of the root as a terminal of the container: stores the master and
 * the slave. Labels and sizes are the caller's. Serves exec too. */
int rootfs_open_pty(int root_fd, int *ret_master, int *ret_slave, struct err *e);

/* Binds a terminal's slave on /dev/console (made if it is missing). */
int rootfs_bind_console(int root_fd, int slave, struct err *e);

/* Makes root_fd "/" for good and lets go of the old root (pivot_root, or as no_pivot
 * says). The cwd is "/" afterwards. */
int rootfs_pivot(const struct rootfs_plan *p, int root_fd, struct err *e);

/* After the pivot: masked and read-only paths, propagation of the root, a read-only root.
 * Nothing more is mounted after it. */
int rootfs_seal(const struct rootfs_plan *p, struct err *e);

#endif
