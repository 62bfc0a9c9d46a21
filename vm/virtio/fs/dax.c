/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DAX: files mapped straight into a window of the guest's address space. Only for trees
 * that ask for it, and those should be changed by nobody else: a guest that touches what
 * has been cut off a mapped file is stopped.
 *
 * The window has granules of 2 MiB, as Linux uses it; whose each is, is known, so that
 * detaching a tree unmaps all that is of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/fd.h"
#include "vm/virtio/fs/internal.h"

#define GRANULE (UINT64_C(2) << 20)

int dax_init(struct fs *fs, const struct fs_config *c, struct err *e)
{
	if (c->dax_len == 0)
		return 0;
	if (c->dax_len % GRANULE != 0 || !c->dax_host)
		return err_set(e, EINVAL, "a DAX window is a multiple of 2 MiB");
	fs->dax_owner = calloc(c->dax_len / GRANULE, sizeof(struct fs_tree *));
	if (!fs->dax_owner)
		return err_set(e, ENOMEM, "DAX window");
	fs->dax_host = c->dax_host;
	fs->dax_len = c->dax_len;
	return 0;
}

/* Whole granules inside the window. */
static bool range_ok(const struct fs *fs, uint64_t off, uint64_t len)
{
	return len > 0 && off % GRANULE == 0 && len % GRANULE == 0 &&
	       len <= fs->dax_len && off <= fs->dax_len - len;
}

static void set_owner(struct fs *fs, uint64_t off, uint64_t len, struct fs_tree *t)
{
	for (uint64_t g = off / GRANULE; g < (off + len) / GRANULE; g++)
		fs->dax_owner[g] = t;
}

static int unmap(struct fs *fs, uint64_t off, uint64_t len)
{
	if (mmap((uint8_t *)fs->dax_host + off, len, PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
		 0) == MAP_FAILED)
		return -errno;
	set_owner(fs, off, len, NULL);
	return 0;
}

void dax_drop(struct fs *fs, const struct fs_tree *t)
{
	(void)pthread_mutex_lock(&fs->dax_lock);
	for (uint64_t off = 0; off < fs->dax_len; off += GRANULE) {
		const struct fs_tree *owner = fs->dax_owner[off / GRANULE];

		if (owner && (!t || owner == t))
			(void)unmap(fs, off, GRANULE);
	}
	(void)pthread_mutex_unlock(&fs->dax_lock);
}

/* Puts p there, in one step. */
static int move_in(struct fs *fs, void *p, uint64_t off, uint64_t len, struct fs_tree *t)
{
	int e = 0;

	(void)pthread_mutex_lock(&fs->dax_lock);
	if (mremap(p, len, len, MREMAP_MAYMOVE | MREMAP_FIXED,
		   (uint8_t *)fs->dax_host + off) == MAP_FAILED) {
		e = -errno;
		(void)unmap(fs, off, len); /* it may have got that far */
	} else {
		set_owner(fs, off, len, t);
	}
	(void)pthread_mutex_unlock(&fs->dax_lock);
	return e;
}

/* Not over the window at once: a filesystem may refuse to map a file when the kernel has
 * unmapped already what was there, and what the process maps next may come to be in that
 * hole, for the guest to see. */
static int map(struct fs_req *r, int fd, int prot)
{
	const struct fuse_setupmapping_in *in = r->args;
	void *p = mmap(NULL, in->len, prot, MAP_SHARED, fd, (off_t)in->foffset);
	int e;

	if (p == MAP_FAILED)
		return -errno;
	e = move_in(r->fs, p, in->moffset, in->len, r->inode->tree);
	if (e < 0)
		(void)munmap(p, in->len);
	return e;
}

int op_setupmapping(struct fs_req *r)
{
	const struct fuse_setupmapping_in *in = r->args;
	bool write = in->flags & FUSE_SETUPMAPPING_FLAG_WRITE;
	int path_fd, fd, e;

	if (!r->inode->tree->dax || r->inode->id.type != S_IFREG)
		return -EOPNOTSUPP;
	if (write && r->inode->tree->read_only)
		return -EROFS;
	if (!range_ok(r->fs, in->moffset, in->len) || in->foffset % 4096 != 0 ||
	    in->foffset > INT64_MAX - in->len)
		return -EINVAL;
	path_fd = inode_fd(r->fs, r->inode);
	if (path_fd < 0)
		return path_fd;
	fd = fd_reopen(r->fs, path_fd, S_IFREG, write ? O_RDWR : O_RDONLY);
	inode_fd_put(r->fs, r->inode);
	if (fd < 0)
		return fd;
	e = map(r, fd, PROT_READ | (write ? PROT_WRITE : 0));
	fds_close(r->fs, &fd);
	return e;
}

int op_removemapping(struct fs_req *r)
{
	const struct fuse_removemapping_in *in = r->args;
	size_t count = in->count, head = sizeof(*in);
	int e = 0;

	if (count > (r->args_len - head) / sizeof(struct fuse_removemapping_one))
		return -EINVAL;
	(void)pthread_mutex_lock(&r->fs->dax_lock);
	for (size_t n = 0; n < count && e == 0; n++) {
		struct fuse_removemapping_one one;

		__builtin_memcpy(&one, (const uint8_t *)r->args + head + n * sizeof(one),
				 sizeof(one));
		e = range_ok(r->fs, one.moffset, one.len)
			    ? unmap(r->fs, one.moffset, one.len)
			    : -EINVAL;
	}
	(void)pthread_mutex_unlock(&r->fs->dax_lock);
	return e;
}
