/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where cgroups are: the unified hierarchy's top, and a container's path below it.
 */
#ifndef LIBCONTAINER_CGROUP_PATH_H
#define LIBCONTAINER_CGROUP_PATH_H

#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

/* Opens the top of the cgroup v2 hierarchy: /sys/fs/cgroup, or /sys/fs/cgroup/unified
 * where the host still has v1 controllers (a hybrid host). Returns an O_PATH descriptor.
 */
int cgroup_path_top(struct err *e);

/* The cgroup of a process as its path from the top (proc_pid_cgroup, the line "0::");
 * pid 0 is the caller. */
int cgroup_path_of(pid_t pid, char *ret, size_t len, struct err *e);

/* linux.cgroupsPath (NULL or "": none) to a clean path from the top, "/pod/ctr". An
 * absolute one starts at the top; a relative one beside the caller's own cgroup, since
 * one with processes in it can't pass controllers on (as runc); none is "/<id>". */
int cgroup_path_make(const char *cgroups_path, const char *id, char *ret, size_t len,
		     struct err *e);

/* Refuses what isn't a clean absolute path below the top. */
int cgroup_path_check(const char *path, struct err *e);

/* Opens a cgroup's folder by its path from the top, for reading. Descriptor or -errno. */
int cgroup_path_open(int top, const char *path);

#endif
