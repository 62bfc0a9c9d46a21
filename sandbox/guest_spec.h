/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a container's spec is done where. The host keeps what is about the machine, the
 * guest does what is about the process (properties.h has the table); here the caller's own
 * spec becomes the one that hull-guest's libcontainer is given.
 */
#ifndef SANDBOX_GUEST_SPEC_H
#define SANDBOX_GUEST_SPEC_H

#include "base/arena.h"
#include "base/err.h"
#include "libcontainer/spec/spec.h"

/* The paths in the guest of what the host serves. */
struct guest_trees {
	const char *root;   /* of the rootfs */
	const char **binds; /* spec->mounts.count of them; NULL: no tree, mounted as it is */
};

/* In the guest: changes s in place; what it adds is in the arena. */
int guest_spec_adjust(struct arena *a, struct spec *s, const char *id,
		      const struct guest_trees *t, struct err *e);

/* On the host, at create: whether a mount is a bind whose source the host serves (1), or
 * one that the guest makes itself (0). */
int guest_spec_is_served(const struct spec_mount *m);

#endif
