/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What FUSE has gained since the oldest <linux/fuse.h> that we build with (7.37), by the
 * documented ABI. Structures have names of our own, as the header may have theirs.
 */
#ifndef VM_VIRTIO_FS_ABI_H
#define VM_VIRTIO_FS_ABI_H

#include <linux/fuse.h>
#include <stdint.h>

/* The minor version that we speak: 7.41 has all that is answered here. */
#define FS_FUSE_MINOR     41
#define FS_FUSE_MINOR_MIN 31 /* virtio-fs came with it, in Linux 5.4 */

/* Operations by number: enumerators of the header can't be asked for. */
#define FS_OP_SYNCFS             50
#define FS_OP_TMPFILE            51
#define FS_OP_STATX              52
#define FS_OP_COPY_FILE_RANGE_64 53 /* 7.45 */
#define FS_OP_MAX                53

#ifndef FUSE_CREATE_SUPP_GROUP
#define FUSE_CREATE_SUPP_GROUP (1ULL << 34)
#endif
#ifndef FUSE_DIRECT_IO_ALLOW_MMAP
#define FUSE_DIRECT_IO_ALLOW_MMAP (1ULL << 36)
#endif
#ifndef FUSE_ALLOW_IDMAP
#define FUSE_ALLOW_IDMAP (1ULL << 40)
#endif
#ifndef FOPEN_PARALLEL_DIRECT_WRITES
#define FOPEN_PARALLEL_DIRECT_WRITES (1 << 6)
#endif

/* in_header.total_extlen, 7.38: where older headers have padding. */
#define FS_IN_EXTLEN_OFF 36

/* An extension at the end of a request: size with this header, type, data. */
#define FS_EXT_GROUPS 32
struct fs_ext_header {
	uint32_t size, type;
};

struct fs_sx_time {
	int64_t sec;
	uint32_t nsec;
	int32_t reserved;
};

struct fs_statx {
	uint32_t mask, blksize;
	uint64_t attributes;
	uint32_t nlink, uid, gid;
	uint16_t mode, spare0;
	uint64_t ino, size, blocks, attributes_mask;
	struct fs_sx_time atime, btime, ctime, mtime;
	uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
	uint64_t spare2[14];
};
_Static_assert(sizeof(struct fs_statx) == 256, "as statx(2) has it");

struct fs_statx_in {
	uint32_t getattr_flags, reserved;
	uint64_t fh;
	uint32_t sx_flags, sx_mask;
};

struct fs_statx_out {
	uint64_t attr_valid;
	uint32_t attr_valid_nsec, flags;
	uint64_t spare[2];
	struct fs_statx stat;
};

struct fs_copy_out {
	uint64_t copied;
};

/* Sizes on the wire. */
_Static_assert(sizeof(struct fuse_in_header) == 40, "FUSE 7.31");
_Static_assert(sizeof(struct fuse_out_header) == 16, "FUSE 7.31");
_Static_assert(sizeof(struct fuse_entry_out) == 128, "FUSE 7.31");
_Static_assert(sizeof(struct fuse_init_out) == 64, "FUSE 7.31");
_Static_assert(sizeof(struct fuse_init_in) == 64, "FUSE 7.36");

#endif
