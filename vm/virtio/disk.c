/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system calls here are preadv2, pwritev2, fdatasync, fallocate and, on block devices,
 * ioctl BLKDISCARD. They work on the guest's memory directly: a part of it that was plugged
 * out meanwhile is EFAULT.
 */
#include "vm/virtio/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "vm/virtio/queue.h"

#define ZEROS 4096

static int size_of(int fd, const struct stat *st, uint64_t *ret, struct err *e)
{
	if (S_ISREG(st->st_mode)) {
		*ret = (uint64_t)st->st_size;
		return 0;
	}
	if (!S_ISBLK(st->st_mode))
		return err_set(e, EINVAL, "a disk is a regular file or a block device");
	if (ioctl(fd, BLKGETSIZE64, ret) < 0)
		return err_sys(e, "ask for the block device's size");
	return 0;
}

/* pwrite(2) on a descriptor with O_APPEND appends, whatever the offset; O_DIRECT wants an
 * alignment that guests don't keep. */
static int check_flags(int fd, bool read_only, struct err *e)
{
	int flags = fcntl(fd, F_GETFL), mode = flags & O_ACCMODE;

	if (flags < 0)
		return err_sys(e, "look at the descriptor");
	if (flags & (O_APPEND | O_DIRECT | O_PATH))
		return err_set(e, EINVAL, "opened with O_APPEND, O_DIRECT or O_PATH");
	if (mode == O_WRONLY || (mode == O_RDONLY && !read_only))
		return err_set(e, EINVAL, "not opened for %s",
			       mode == O_WRONLY ? "reading" : "writing");
	return 0;
}

int disk_open(const struct vm_block_config *c, struct disk *ret, struct err *e)
{
	size_t len = c->serial ? strlen(c->serial) : 0;
	uint64_t size = 0;
	struct stat st;
	int r;

	if (len > DISK_ID_LEN)
		return err_set(e, EINVAL, "a serial of more than %d bytes", DISK_ID_LEN);
	if (fstat(c->fd, &st) < 0)
		return err_sys(e, "look at the disk");
	r = check_flags(c->fd, c->read_only, e);
	if (r == 0)
		r = size_of(c->fd, &st, &size, e);
	if (r < 0)
		return r;
	*ret = (struct disk){
		.fd = c->fd,
		.capacity = size / DISK_SECTOR,
		.read_only = c->read_only,
		.device = S_ISBLK(st.st_mode),
	};
	if (len)
		memcpy(ret->id, c->serial, len);
	return 0;
}

void disk_close(struct disk *d)
{
	fd_close(&d->fd);
	*d = (struct disk){.fd = -1};
}

static int check_range(const struct disk *d, uint64_t sector, uint64_t sectors)
{
	return sector <= d->capacity && sectors <= d->capacity - sector ? 0 : -EIO;
}

typedef ssize_t vector_io(int fd, const struct iovec *iov, int count, off_t offset,
			  int flags);

/* All of it, in as many calls as it takes. */
static int transfer(const struct disk *d, vector_io *io, uint64_t sector,
		    struct iovec *iov, unsigned count, uint64_t *ret_done)
{
	unsigned used = 0;
	uint64_t len = 0;
	off_t offset;
	ssize_t n;

	*ret_done = 0;
	for (unsigned i = 0; i < count; i++)
		len += iov[i].iov_len;
	if (len % DISK_SECTOR || check_range(d, sector, len / DISK_SECTOR) < 0)
		return -EIO;
	offset = (off_t)(sector * DISK_SECTOR);
	while (*ret_done < len) {
		n = io(d->fd, iov + used, (int)(count - used), offset, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) /* a file that was cut has no more */
			return n < 0 ? -errno : -EIO;
		used += iov_cut(iov + used, count - used, (size_t)n);
		*ret_done += (uint64_t)n;
		offset += n;
	}
	return 0;
}

int disk_read(const struct disk *d, uint64_t sector, struct iovec *iov, unsigned count,
	      uint64_t *ret_done)
{
	return transfer(d, preadv2, sector, iov, count, ret_done);
}

int disk_write(const struct disk *d, uint64_t sector, struct iovec *iov, unsigned count)
{
	uint64_t done;

	return d->read_only ? -EROFS : transfer(d, pwritev2, sector, iov, count, &done);
}

int disk_flush(const struct disk *d)
{
	if (d->fd < 0)
		return -EIO;
	return d->read_only || fdatasync(d->fd) == 0 ? 0 : -errno;
}

static int change_range(const struct disk *d, uint64_t sector, uint64_t sectors)
{
	return d->read_only ? -EROFS : check_range(d, sector, sectors);
}

int disk_discard(const struct disk *d, uint64_t sector, uint64_t sectors)
{
	int r = change_range(d, sector, sectors);
	uint64_t range[2];

	if (r < 0 || sectors == 0)
		return r;
	range[0] = sector * DISK_SECTOR;
	range[1] = sectors * DISK_SECTOR;
	r = d->device ? ioctl(d->fd, BLKDISCARD, range)
		      : fallocate(d->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				  (off_t)range[0], (off_t)range[1]);
	return r < 0 ? -errno : 0;
}

/* Where the filesystem knows no quick way. */
static int write_zeros(const struct disk *d, uint64_t offset, uint64_t len)
{
	static const char zeros[ZEROS];
	struct iovec iov = {.iov_base = (void *)zeros};
	ssize_t n;

	for (; len; len -= (uint64_t)n, offset += (uint64_t)n) {
		iov.iov_len = len < ZEROS ? len : ZEROS;
		do {
			n = pwritev2(d->fd, &iov, 1, (off_t)offset, 0);
		} while (n < 0 && errno == EINTR);
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
	}
	return 0;
}

int disk_zero(const struct disk *d, uint64_t sector, uint64_t sectors, bool unmap)
{
	int r = change_range(d, sector, sectors);
	uint64_t offset, len;

	if (r < 0 || sectors == 0)
		return r;
	offset = sector * DISK_SECTOR;
	len = sectors * DISK_SECTOR;
	if (unmap && fallocate(d->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       (off_t)offset, (off_t)len) == 0)
		return 0;
	if (fallocate(d->fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
		      (off_t)len) == 0)
		return 0;
	return errno == EOPNOTSUPP ? write_zeros(d, offset, len) : -errno;
}
