/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Out of memory in the guest, told where callers look: memory.events of the container's
 * cgroup on the host. A small process that waits in that cgroup outgrows its limit when it
 * is told to, and is the one that the kernel kills for it.
 */
#ifndef SANDBOX_OOM_H
#define SANDBOX_OOM_H

#include "base/err.h"

/* Makes it, in the calling process's cgroup and before that gives up its rights: the
 * descriptor (owned) that it waits on. It ends when that is closed. proc_fd: procfs.h. */
int oom_prepare(int proc_fd, int *ret_fd, struct err *e);

/* Has it killed, and waits for that; some seconds at most. */
void oom_strike(int fd);

#endif
