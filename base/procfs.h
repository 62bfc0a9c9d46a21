/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A procfs that nobody can have put something else in place of: the host's, held by a
 * descriptor that was verified, and reached without following symlinks or crossing the
 * mounts that others may have put over parts of it. (Label and sysctl writes that went
 * through a container's /proc were CVE-2019-16884, CVE-2019-19921 and CVE-2025-52881.)
 */
#ifndef BASE_PROCFS_H
#define BASE_PROCFS_H

#include <sys/types.h>

#include "base/err.h"

/* Opens /proc, or a new private procfs where that one is covered. Call it before
 * entering a container's root. Returns an O_PATH descriptor. */
int procfs_open(struct err *e);

/* Opens a file below it: "sys/net/ipv4/ip_forward"; "self/..." and "thread-self/..." are
 * understood. Returns a descriptor or -errno; safe after clone. */
int procfs_open_at(int proc_fd, const char *path, int flags);

/* The caller's pid as this procfs numbers it, or -errno (-ENOENT: not in its pid namespace);
 * safe after clone. */
pid_t procfs_self(int proc_fd);

/* One write(2) of text to such a file. 0 or -errno; safe after clone. */
int procfs_write(int proc_fd, const char *path, const char *text);

#endif
