/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The spec's mounts: a plan (mounts_plan.c, the runtime's process) and the walk of it
 * (mounts.c, the child).
 */
#ifndef LIBCONTAINER_ROOTFS_MOUNTS_H
#define LIBCONTAINER_ROOTFS_MOUNTS_H

#include <stdbool.h>

#include "libcontainer/rootfs/host_tree.h"
#include "libcontainer/rootfs/mount_options.h"
#include "libcontainer/rootfs/rootfs.h"

enum mount_kind {
	MOUNT_FS,     /* a filesystem by its type's name */
	MOUNT_STRICT, /* proc, sysfs: on a real folder reached without symlinks only */
	MOUNT_CGROUP, /* the cgroup2 filesystem, or the host's mount of it */
	MOUNT_BIND,
};

struct mount_entry {
	enum mount_kind kind;
	const char *dest; /* clean and absolute */
	const char *type;
	const char *source;  /* as the kernel is to show it; NULL: none */
	const char *in_root; /* a bind's source that is below the root: seen from there */
	struct host_tree host; /* any other bind's source */
	struct mount_options o;
	const char *label;   /* of SELinux, for the `context` option; NULL: none */
	const char *data;    /* for mount(2), if fsconfig(2) can't carry the options */
	bool inherit_mode;   /* a tmpfs that gets the mode of the folder it covers */
	bool label_top;      /* label is set on the new filesystem's top folder instead */
	bool read_only_late; /* the mount is written to until rootfs_seal */
	int held;            /* child: the mount, if it becomes read-only late */
	int top;             /* child: the mount, if it is on /proc or /sys; else -1 */
};

struct mounts_plan {
	struct mount_entry *v;
	size_t count;
	bool in_userns, own_cgroupns;
	uint64_t from_host; /* propagation of what comes from the host (MS_*, or 0) */
	const char *cgroup_path; /* the container's, "" if none */
	const struct log *log;
};

/* root_path: the rootfs, resolved. p->from_host is set by the caller. */
int mounts_plan_make(struct arena *a, const struct rootfs_options *o,
		     const char *root_path, struct mounts_plan *p, struct err *e);
void mounts_plan_done(struct mounts_plan *p);

/* Mounts all; *root is replaced if a mount goes over it. */
int mounts_walk(const struct mounts_plan *p, int *root, int proc_fd, struct err *e);

/* Opens a path (O_PATH) below the root, or below what was mounted on /proc or /sys if its text
 * leads there: whoever can rename in the rootfs must not lead away what is to be hidden of
 * those (CVE-2019-19921). Returns a descriptor or -errno. */
int mounts_open(const struct mounts_plan *p, int root, const char *path);

/* Lets go of what mounts_open needs. */
void mounts_close(const struct mounts_plan *p);

/* Makes read-only what had to wait. */
int mounts_seal(const struct mounts_plan *p, struct err *e);

/* Where the host has its unified hierarchy; NULL if nowhere. */
const char *mounts_find_cgroup2(void);

#endif
