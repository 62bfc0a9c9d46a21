/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is behind a block device: a regular file or a block device of the host, in sectors.
 * Each function makes sure that it stays within the capacity; any thread may call them.
 */
#ifndef VM_VIRTIO_DISK_H
#define VM_VIRTIO_DISK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/err.h"
#include "vm/vm.h"

#define DISK_SECTOR 512
#define DISK_ID_LEN 20

struct disk {
	int fd;            /* owned, -1: there is none */
	uint64_t capacity; /* sectors */
	bool read_only;
	bool device;          /* a block device */
	char id[DISK_ID_LEN]; /* not terminated if it is full */
};

/* Takes c->fd over if it returns 0. */
int disk_open(const struct vm_block_config *c, struct disk *ret, struct err *e);
void disk_close(struct disk *d);

/* Each returns 0 or -errno: -EIO where the disk ends, -EROFS, -EOPNOTSUPP. The iovecs are
 * used up; *ret_done is how many bytes there were, of whole sectors. */
int disk_read(const struct disk *d, uint64_t sector, struct iovec *iov, unsigned count,
	      uint64_t *ret_done);
int disk_write(const struct disk *d, uint64_t sector, struct iovec *iov, unsigned count);
int disk_flush(const struct disk *d);
int disk_discard(const struct disk *d, uint64_t sector, uint64_t sectors);

/* unmap: the space may be given back. */
int disk_zero(const struct disk *d, uint64_t sector, uint64_t sectors, bool unmap);

#endif
