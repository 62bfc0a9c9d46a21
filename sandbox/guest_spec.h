/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a container's spec is done where. The host keeps what is about the machine, the
 * guest does what is about the process (properties.h has the table); here the caller's own
 * spec becomes the one that hull-guest's libcontainer is given.
 */
#ifndef SANDBOX_GUEST_SPEC_H
#define SANDBOX_GUEST_SPEC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "libcontainer/spec/spec.h"

/* The paths in the guest of what the host serves. */
struct guest_trees {
	const char *root; /* of the rootfs */
	const char *
		*binds; /* spec->mounts.count of them; NULL: no tree, mounted as it is */
	/* Sizes of the tmpfs that stand for the host's, as many; 0 or NULL: 64 MiB. */
	const uint64_t *shm;
};

/* In the guest: changes s in place; what it adds is in the arena. A sysfs is at /sys. */
int guest_spec_adjust(struct arena *a, struct spec *s, const char *id,
		      const struct guest_trees *t, struct err *e);

/* By its type or its options. */
bool guest_spec_is_bind(const struct spec_mount *m);

/* On the host, at create: whether a mount is a bind whose source the host serves (1), or
 * one that the guest makes itself (0). */
int guest_spec_is_served(const struct spec_mount *m);

/* The same, after which it is a tmpfs at /dev/shm: the size of the host's in bytes; 0 for
 * all other mounts. */
uint64_t guest_spec_shm_size(const struct spec_mount *m);

/* The filesystem that the guest mounts in place of a bind of this source of the host, as
 * only the guest's own can be meant ("/proc"); NULL: none. */
const char *guest_spec_own_type(const char *source);

#endif
