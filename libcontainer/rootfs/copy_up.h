/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mount option tmpcopyup: a tmpfs begins as a copy of the folder that it covers.
 */
#ifndef LIBCONTAINER_ROOTFS_COPY_UP_H
#define LIBCONTAINER_ROOTFS_COPY_UP_H

#include "base/err.h"

/* Copies what is in the folder `from` (O_PATH will do) to the empty folder `to`: folders,
 * regular files, symlinks, devices, pipes and sockets, with owner, mode and times. No
 * symlink is followed and no other mount entered (its folder stays empty). Safe after
 * clone: folders may be nested 48 deep. */
int copy_up(int from, int to, struct err *e);

#endif
