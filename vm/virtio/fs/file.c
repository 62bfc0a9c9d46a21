/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The content of open files: read and written straight from and to the guest's memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/fd.h"
#include "vm/virtio/fs/internal.h"

/* Copied by one request at most, so that a worker comes back (and a tree that is to be
 * detached becomes idle); the guest asks for the rest. */
#define COPY_MAX (64U << 20)

/* Cuts an array of iovecs to len bytes; returns how many are left. */
static unsigned cap_iov(struct iovec *iov, unsigned n, size_t len)
{
	for (unsigned i = 0; i < n; i++) {
		if (iov[i].iov_len >= len) {
			iov[i].iov_len = len;
			return len > 0 ? i + 1 : i;
		}
		len -= iov[i].iov_len;
	}
	return n;
}

int op_read(struct fs_req *r)
{
	const struct fuse_read_in *in = r->args;
	size_t len = in->size < FS_IO_MAX ? in->size : FS_IO_MAX;
	struct handle *h;
	unsigned n;
	ssize_t got;
	int e;

	if (in->offset > INT64_MAX)
		return -EINVAL;
	if (len > r->out_len)
		len = r->out_len;
	e = handle_get(r->fs, in->fh, r->inode, &h);
	if (e < 0)
		return e;
	n = cap_iov(r->out, r->n_out, len);
	got = preadv(h->fd, r->out, n < IOV_MAX ? (int)n : IOV_MAX, (off_t)in->offset);
	if (got < 0)
		got = -errno;
	handle_put(r->fs, h);
	r->direct = true;
	return (int)got;
}

int op_write(struct fs_req *r)
{
	const struct fuse_write_in *in = r->args;
	struct fuse_write_out *out = r->reply;
	struct handle *h;
	bool restore = false;
	int e, how = 0;
	unsigned n;
	ssize_t put;

	if (in->size > FS_IO_MAX || in->size > r->in_len || in->offset > INT64_MAX)
		return -EINVAL;
	e = handle_get(r->fs, in->fh, r->inode, &h);
	if (e < 0)
		return e;
	/* The end of the file is where the host says; but pages that the guest's cache
	 * writes back go where they belong, by whatever handle. */
	if (in->flags & O_APPEND && !(in->write_flags & FUSE_WRITE_CACHE) &&
	    !fs_has(r->fs, FUSE_WRITEBACK_CACHE))
		how = RWF_APPEND;
	if (in->write_flags & FUSE_WRITE_KILL_SUIDGID)
		restore = cred_kill_suid(r->w, h->fd);
	n = cap_iov(r->in, r->n_in, in->size);
	put = pwritev2(h->fd, r->in, n < IOV_MAX ? (int)n : IOV_MAX, (off_t)in->offset,
		       how);
	if (put < 0)
		put = -errno;
	if (restore)
		cred_restore(r->w);
	handle_put(r->fs, h);
	if (put < 0)
		return (int)put;
	*out = (struct fuse_write_out){.size = (uint32_t)put};
	return sizeof(*out);
}

int op_fsync(struct fs_req *r)
{
	const struct fuse_fsync_in *in = r->args;
	struct handle *h;
	int e = handle_get(r->fs, in->fh, r->inode, &h);

	if (e < 0)
		return e;
	if (in->fsync_flags & FUSE_FSYNC_FDATASYNC)
		e = fdatasync(h->fd);
	else
		e = fsync(h->fd);
	if (e < 0)
		e = -errno;
	handle_put(r->fs, h);
	return e;
}

int op_syncfs(struct fs_req *r)
{
	int path_fd, fd, e;

	if (!r->inode->tree || r->inode->tree->read_only)
		return 0;
	path_fd = inode_fd(r->fs, r->inode);
	if (path_fd < 0)
		return path_fd;
	fd = fd_reopen(r->fs, path_fd, r->inode->id.type, O_RDONLY);
	inode_fd_put(r->fs, r->inode);
	if (fd < 0)
		return fd;
	e = syncfs(fd) < 0 ? -errno : 0;
	fds_close(r->fs, &fd);
	return e;
}

int op_statfs(struct fs_req *r)
{
	struct fuse_statfs_out *out = r->reply;
	struct statfs sf = {.f_bsize = 4096, .f_frsize = 4096, .f_namelen = NAME_MAX};
	int fd, e = 0;

	if (r->inode->tree) {
		fd = inode_fd(r->fs, r->inode);
		if (fd < 0)
			return fd;
		e = fstatfs(fd, &sf) < 0 ? -errno : 0;
		inode_fd_put(r->fs, r->inode);
	}
	if (e < 0)
		return e;
	memset(out, 0, sizeof(*out));
	out->st = (struct fuse_kstatfs){
		.blocks = sf.f_blocks,
		.bfree = sf.f_bfree,
		.bavail = sf.f_bavail,
		.files = sf.f_files,
		.ffree = sf.f_ffree,
		.bsize = (uint32_t)sf.f_bsize,
		.namelen = (uint32_t)sf.f_namelen,
		.frsize = (uint32_t)sf.f_frsize,
	};
	return sizeof(*out);
}

/* For what changes an open file's content, where Linux doesn't say whose set-id bits stay:
 * those of the requester that is root in the guest. True: cred_restore. */
static bool kill_suid(struct fs_req *r, const struct handle *h)
{
	return h->write && r->h.uid != 0 && cred_kill_suid(r->w, h->fd);
}

int op_fallocate(struct fs_req *r)
{
	const struct fuse_fallocate_in *in = r->args;
	struct handle *h;
	bool restore;
	int e;

	if (in->offset > INT64_MAX || in->length > INT64_MAX)
		return -EINVAL;
	e = handle_get(r->fs, in->fh, r->inode, &h);
	if (e < 0)
		return e;
	restore = kill_suid(r, h);
	if (!h->write)
		e = -EBADF;
	else if (fallocate(h->fd, (int)in->mode, (off_t)in->offset, (off_t)in->length) <
		 0)
		e = -errno;
	if (restore)
		cred_restore(r->w);
	handle_put(r->fs, h);
	return e;
}

/* Linux asks for holes and data without having written back what it keeps: data that we
 * don't know of yet would be a hole to cp(1), and lost. It then does without holes. */
int op_lseek(struct fs_req *r)
{
	const struct fuse_lseek_in *in = r->args;
	struct fuse_lseek_out *out = r->reply;
	struct handle *h;
	off_t at;
	int e;

	if (fs_has(r->fs, FUSE_WRITEBACK_CACHE))
		return -ENOSYS;
	if (in->whence != SEEK_DATA && in->whence != SEEK_HOLE && in->whence != SEEK_END)
		return -EINVAL;
	if (r->inode->id.type != S_IFREG)
		return -EINVAL; /* a folder's position is dir.c's */
	e = handle_get(r->fs, in->fh, r->inode, &h);
	if (e < 0)
		return e;
	at = lseek(h->fd, (off_t)in->offset, (int)in->whence);
	if (at < 0)
		e = -errno;
	handle_put(r->fs, h);
	if (e < 0)
		return e;
	*out = (struct fuse_lseek_out){.offset = (uint64_t)at};
	return sizeof(*out);
}

static ssize_t copy_between(struct fs_req *r, const struct handle *from,
			    const struct handle *to)
{
	const struct fuse_copy_file_range_in *in = r->args;
	off_t off_in = (off_t)in->off_in, off_out = (off_t)in->off_out;
	bool restore;
	ssize_t n;

	if (!to->write)
		return -EBADF;
	restore = kill_suid(r, to);
	n = copy_file_range(from->fd, &off_in, to->fd, &off_out,
			    in->len < COPY_MAX ? in->len : COPY_MAX, 0);
	if (n < 0)
		n = -errno;
	if (restore)
		cred_restore(r->w);
	return n;
}

static ssize_t copy(struct fs_req *r)
{
	const struct fuse_copy_file_range_in *in = r->args;
	struct handle *from = NULL, *to = NULL;
	struct inode *target;
	ssize_t n;

	if (in->flags != 0 || in->off_in > INT64_MAX || in->off_out > INT64_MAX)
		return -EINVAL;
	n = inode_get(r->fs, in->nodeid_out, &target);
	if (n < 0)
		return n;
	n = target->tree != r->inode->tree ? -EXDEV : 0;
	if (n == 0)
		n = handle_get(r->fs, in->fh_in, r->inode, &from);
	if (n == 0)
		n = handle_get(r->fs, in->fh_out, target, &to);
	if (n == 0)
		n = copy_between(r, from, to);
	handle_put(r->fs, to);
	handle_put(r->fs, from);
	inode_put(r->fs, target);
	return n;
}

int op_copy_file_range(struct fs_req *r)
{
	struct fuse_write_out *out = r->reply;
	ssize_t n = copy(r);

	if (n < 0)
		return (int)n;
	*out = (struct fuse_write_out){.size = (uint32_t)n};
	return sizeof(*out);
}

int op_copy_file_range_64(struct fs_req *r)
{
	struct fs_copy_out *out = r->reply;
	ssize_t n = copy(r);

	if (n < 0)
		return (int)n;
	*out = (struct fs_copy_out){.copied = (uint64_t)n};
	return sizeof(*out);
}
