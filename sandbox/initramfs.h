/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's first root filesystem: hull-guest as /init, and the modules of a modular
 * kernel, which it loads in the order of GUEST_MODULES/order.
 */
#ifndef SANDBOX_INITRAMFS_H
#define SANDBOX_INITRAMFS_H

#include "base/err.h"

#define GUEST_MODULES "modules"

/* modules: the folder lib/modules/VERSION of the kernel, or -1 for one without. A sealed
 * file in memory. */
int initramfs_make(int modules, int *ret_fd, struct err *e);

#endif
