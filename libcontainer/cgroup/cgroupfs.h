/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cgroupfs driver: folders made and removed by ourselves.
 */
#ifndef LIBCONTAINER_CGROUP_CGROUPFS_H
#define LIBCONTAINER_CGROUP_CGROUPFS_H

#include <stdint.h>

#include "base/err.h"

/* Makes the folder `path` (from the top) and those above it, and enables in them all
 * controllers that the hierarchy has. A controller that can't be enabled is no error
 * here: the limit that needs it will say so. *ret_made is the number of folders that are
 * new, counted from the deepest. Returns the folder's descriptor. */
int cgroupfs_make(int top, const char *path, unsigned *ret_made, struct err *e);

/* Removes that many folders again, the deepest first. */
void cgroupfs_unmake(int top, const char *path, unsigned made);

/* Removes the folder and all below it, waiting until the deadline (of
 * cgroup_events_now) for dying processes to leave. A missing one is no error. */
int cgroupfs_remove(int top, const char *path, int64_t deadline_ms, struct err *e);

/* Whether a cgroup's list of controllers (its file cgroup.controllers) has this one:
 * 1, 0 or -errno. name_len: it need not be terminated. */
int cgroupfs_has_controller(int dir, const char *name, int name_len);

#endif
