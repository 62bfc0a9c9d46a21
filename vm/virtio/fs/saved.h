/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the server is saved, in this order:
 *
 *	flags that were agreed on (FS_READY not set: no guest, and nothing follows)
 *	what can't be had again: how many there are
 *	trees: count, then of each: name, number and file of the root
 *	inodes: count, then of each: number, tree (by place in the list of trees), parent's
 *		number (0: it isn't anywhere any more), name, file, lookups
 *	handles: count, then of each: number, inode's number, flags, lock
 *
 * where a file is: inode number, birth time (seconds, nanoseconds), type, time of change
 * (seconds, nanoseconds), size.
 */
#ifndef VM_VIRTIO_FS_SAVED_H
#define VM_VIRTIO_FS_SAVED_H

#include <stdint.h>

struct saved_file {
	uint64_t ino, btime_sec, ctime_sec, size;
	uint32_t btime_nsec, ctime_nsec, type;
};

#endif
