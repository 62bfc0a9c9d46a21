/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of the host a container in a guest sees: its rootfs and the sources of its binds,
 * each a tree of one of the machine's two filesystems. Each is a detached copy of the
 * mount that already carries what a hostile guest may not undo: read-only, nodev, nosuid,
 * and which later mounts of the host's come in.
 */
#ifndef SANDBOX_SHARES_H
#define SANDBOX_SHARES_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "libcontainer/spec/spec.h"
#include "vm/vm.h"

struct share {
	enum vm_fs fs;
	const char *name;
	int fd;       /* owned */
	size_t mount; /* index in spec->mounts, SHARE_ROOT: the rootfs */
};

#define SHARE_ROOT ((size_t)-1)

struct shares {
	struct share *v;
	size_t count;
	const char *root_path; /* resolved */
	const uint64_t *shm;   /* of each of the spec's mounts: guest_spec_shm_size() */
	size_t mounts;
};

/* In the runtime's process; lists are in the arena. */
int shares_make(struct arena *a, const struct spec *s, const char *bundle,
		struct shares *ret, struct err *e);
void shares_done(struct shares *s);

int shares_attach(const struct shares *s, struct vm *vm, struct err *e);

/* "root", "binds" and "shm" of the request that makes the container (protocol.h). */
void shares_write(const struct shares *s, struct json_writer *w);

#endif
