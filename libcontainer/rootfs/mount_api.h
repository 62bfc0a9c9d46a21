/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's mount calls by descriptor (fsopen(2), open_tree(2), move_mount(2),
 * mount_setattr(2)), which libc has only since yesterday. A descriptor or 0, or -errno;
 * all are safe after clone.
 */
#ifndef LIBCONTAINER_ROOTFS_MOUNT_API_H
#define LIBCONTAINER_ROOTFS_MOUNT_API_H

#include <linux/mount.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What changes about a mount: MOUNT_ATTR_* (linux/mount.h), and MS_PRIVATE, MS_SLAVE,
 * MS_SHARED or MS_UNBINDABLE (0: none). */
struct mount_change {
	uint64_t set, clear, propagation;
};

/* A filesystem of this type that is being configured. */
int mount_fs_open(const char *type);

/* One option of it; value NULL for a word without one. */
int mount_fs_param(int fs, const char *key, const char *value);

/* Makes the filesystem and a detached mount of it with these MOUNT_ATTR_*. */
int mount_fs_create(int fs, uint64_t attrs);

/* The kernel's own words on what the last call on fs disliked, "" if it has none. */
void mount_fs_explain(int fs, char *buf, size_t len);

/* A detached copy of the mount at path (symlinks followed), or of what fd refers to. */
int mount_clone_path(const char *path, bool recursive);
int mount_clone_fd(int fd, bool recursive);

/* Attaches a detached mount to the folder or file that target refers to. */
int mount_attach(int mount, int target);

/* The same to a path of the host; a symlink at its end is not followed. */
int mount_attach_path(int mount, const char *path);

/* Changes the mount whose top fd refers to, and all below it if recursive. */
int mount_change_fd(int fd, const struct mount_change *c, bool recursive);

/* The same by a path of the caller's root. */
int mount_change_path(const char *path, const struct mount_change *c, bool recursive);

/* mount(2) on target for what fsconfig(2) can't carry: values of 256 bytes and more, and
 * MS_* flags without a name there. proc_fd is a trusted procfs; the cwd is changed. */
int mount_by_data(int proc_fd, int target, const char *source, const char *type,
		  unsigned long flags, const char *data);

#endif
