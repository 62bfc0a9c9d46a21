/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the kernel's first root filesystem to a system that containers can be made in.
 */
#ifndef SANDBOX_GUEST_BOOT_H
#define SANDBOX_GUEST_BOOT_H

#include "base/err.h"

/* Modules, mounts, and a root that can be pivoted away from. Nothing here differs from one
 * guest to another: a machine may be saved after it, and restored many times. */
int boot(struct err *e);

/* What is done when the first container comes. */
int boot_connect(struct err *e);

/* Mounts one of the host's two filesystems (protocol.h), which has trees by now. */
int boot_mount(const char *fs, struct err *e);

#endif
