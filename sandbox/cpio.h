/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An archive that Linux unpacks as its first root filesystem: cpio's "newc" format
 * (Documentation/driver-api/early-userspace/buffer-format.rst). The same input makes the
 * same bytes: owner and times are 0, inodes are counted.
 */
#ifndef SANDBOX_CPIO_H
#define SANDBOX_CPIO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct cpio {
	int fd; /* borrowed: written from its position on */
	uint32_t inode;
	uint64_t written;
};

/* Names are paths without a leading slash; folders come before what is in them. */
int cpio_folder(struct cpio *c, const char *name, mode_t mode, struct err *e);
int cpio_device(struct cpio *c, const char *name, mode_t mode, dev_t device,
		struct err *e);
int cpio_file(struct cpio *c, const char *name, mode_t mode, const void *data, size_t len,
	      struct err *e);

/* The same with all that is in a regular file. */
int cpio_file_from(struct cpio *c, const char *name, mode_t mode, int fd, struct err *e);

/* The mark of the archive's end. Another archive may follow it. */
int cpio_end(struct cpio *c, struct err *e);

#endif
