/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that decide what a program of root's does: nobody else may have written them.
 */
#ifndef BASE_TRUSTED_H
#define BASE_TRUSTED_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

/* Root, whoever that is here (in a user namespace the host's may be an id without a number,
 * which all files of the system have), or the caller. */
bool trusted_owner(uid_t uid);

/* Opens a regular file that only a trusted owner can write to, for reading; a FIFO or a
 * terminal in its place doesn't stop us. `what` comes before the path in errors:
 * "kernel". The descriptor or -errno. */
int trusted_open(const char *what, const char *path, struct err *e);

#endif
