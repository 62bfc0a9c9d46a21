/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lock.c and deadlock.c share: who has POSIX locks, and who waits for them.
 */
#ifndef VM_VIRTIO_FS_LOCK_H
#define VM_VIRTIO_FS_LOCK_H

#include <fcntl.h>

#include "vm/virtio/fs/internal.h"

struct lock_owner {
	uint64_t owner, fh; /* fh: the last handle that was used */
	int fd;
	unsigned refs;
	struct lock_owner *next;
};

struct parked {
	const struct fs_tree *tree; /* only compared */
	uint64_t nodeid, unique, token;
	struct fuse_lk_in lk;
	struct iovec head; /* where the answer goes */
	uint64_t due, wait;
	bool trying; /* by some worker, who takes it off the list or not */
	bool cancelled;
	unsigned tries, deadlocks; /* the trying worker's */
	struct parked *next;
};

/* How fcntl(2) wants it, or -EINVAL. */
int lock_to_flock(const struct fuse_file_lock *lk, struct flock *ret);

/* An owner of the inode's locks, with a reference, or NULL. */
struct lock_owner *lock_owner_get(struct fs *fs, struct inode *i, uint64_t owner);
void lock_owner_put(struct fs *fs, struct lock_owner *o);

/* Whether p, which is being tried, waits for somebody who waits for it. May be wrong where
 * locks change meanwhile: ask again. */
bool lock_is_deadlock(struct fs *fs, const struct parked *p);

#endif
