/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a container's command is there: asked on the host, in its rootfs, so that
 * `create` fails with native's own words, and not later, in a guest.
 */
#ifndef SANDBOX_FIND_EXEC_H
#define SANDBOX_FIND_EXEC_H

#include "libcontainer/process/process.h"

/* In the monitor, which may still make processes and enter roots: one of its own looks.
 * What the spec mounts over isn't there as yet, so that only the guest can tell. root: the
 * rootfs, borrowed. */
int sandbox_find_exec(struct process_plan *plan, const struct spec *s, int root,
		      struct err *e);

#endif
