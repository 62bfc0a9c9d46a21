/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening, making and closing files. A file is opened through its O_PATH descriptor, so
 * that what is opened is what was looked up, and is known to be a regular file.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "vm/virtio/fs/internal.h"

/* The flags to open with, or -errno. O_DIRECT is between the guest's cache and us;
 * O_APPEND is done by each write. */
static int host_flags(const struct fs_req *r, uint32_t flags)
{
	int own = (int)(flags & FS_OPEN_PASSED);

	if ((own & O_ACCMODE) == O_ACCMODE)
		return -EINVAL;
	if (r->inode->tree->read_only && (own & (O_ACCMODE | O_TRUNC)) != O_RDONLY)
		return -EROFS;
	/* A guest that writes back pages reads the rest of them first. */
	if (fs_has(r->fs, FUSE_WRITEBACK_CACHE) && (own & O_ACCMODE) == O_WRONLY)
		own = (own & ~O_ACCMODE) | O_RDWR;
	return own;
}

static bool writes(int flags)
{
	return (flags & O_ACCMODE) != O_RDONLY;
}

/* O_NOATIME is the owner's and the mighty's; others do without. */
static int reopen(struct fs *fs, int path_fd, uint32_t type, int flags)
{
	int fd = fd_reopen(fs, path_fd, type, flags);

	if (fd == -EPERM && flags & O_NOATIME)
		fd = fd_reopen(fs, path_fd, type, flags & ~O_NOATIME);
	return fd;
}

/* In a shared tree the name is looked at once more: what another has put in its place is
 * what must be opened. ESTALE makes the guest look it up. */
static int open_inode(struct fs *fs, struct inode *i, int flags)
{
	int path_fd, fd;

	if (fs->kind == VM_FS_SHARED) {
		path_fd = fd_open_fresh(fs, i);
		if (path_fd < 0)
			return path_fd;
		fd = reopen(fs, path_fd, i->id.type, flags);
		fds_close(fs, &path_fd);
		return fd;
	}
	path_fd = inode_fd(fs, i);
	if (path_fd < 0)
		return path_fd;
	fd = reopen(fs, path_fd, i->id.type, flags);
	inode_fd_put(fs, i);
	return fd;
}

static int open_handle(struct fs_req *r, struct inode *i, uint32_t guest_flags,
		       uint32_t open_flags, uint64_t *ret_fh)
{
	bool kill = open_flags & FUSE_OPEN_KILL_SUIDGID;
	int flags = host_flags(r, guest_flags), fd, e;

	if (i->id.type != S_IFREG)
		return -EPERM;
	if (flags < 0)
		return flags;
	if (kill)
		cred_drop_fsetid(r->w);
	fd = open_inode(r->fs, i, flags);
	if (kill)
		cred_restore(r->w);
	if (fd < 0)
		return fd;
	e = handle_new(r->fs, i, &fd, writes(flags), ret_fh);
	if (e < 0)
		fds_close(r->fs, &fd);
	return e;
}

static void open_out(const struct fs *fs, uint64_t fh, struct fuse_open_out *ret)
{
	*ret = (struct fuse_open_out){
		.fh = fh,
		.open_flags = FOPEN_PARALLEL_DIRECT_WRITES,
	};
	if (fs->kind == VM_FS_PRIVATE)
		ret->open_flags |= FOPEN_KEEP_CACHE;
}

int op_open(struct fs_req *r)
{
	const struct fuse_open_in *in = r->args;
	uint64_t fh;
	int e = open_handle(r, r->inode, in->flags, in->open_flags, &fh);

	if (e < 0)
		return e;
	open_out(r->fs, fh, r->reply);
	return sizeof(struct fuse_open_out);
}

/* A new file, as the requester's; -EEXIST if anything is there (which is never opened by
 * this: it might be a FIFO). */
static int create_file(struct fs_req *r, int dir_fd, const char *name, int flags)
{
	const struct fuse_create_in *in = r->args;
	struct open_how how = {
		.flags = (uint64_t)flags | O_CLOEXEC,
		.mode = in->mode & 07777,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS,
	};
	struct cred_switch cred;
	int fd = fds_take(r->fs);

	if (fd < 0)
		return fd;
	fd = cred_enter(r, &cred);
	if (fd == 0) {
		cred_umask(r->w, fs_has(r->fs, FUSE_DONT_MASK) ? in->umask : 0);
		fd = (int)syscall(SYS_openat2, dir_fd, name, &how, sizeof(how));
		if (fd < 0)
			fd = errno == EMFILE ? -ENFILE : -errno;
		cred_leave(r->w, &cred);
	}
	if (fd < 0)
		fds_give(r->fs);
	return fd;
}

/* The inode of a file just made in r->inode; without a name its descriptor stays. */
static int intern_new(struct fs_req *r, int fd, const char *name, struct statx *st,
		      struct inode **ret)
{
	struct inode *dir = r->inode;
	struct identity id;
	int path_fd = -1;
	int e = fs_statx(r->fs, fd, NULL, st);

	if (e < 0)
		return e;
	if (st->stx_mnt_id != dir->id.mnt_id)
		return -EXDEV;
	if (!name) {
		path_fd = fd_reopen(r->fs, fd, S_IFREG, O_PATH);
		if (path_fd < 0)
			return path_fd;
	}
	(void)pthread_mutex_lock(&r->fs->lock);
	dir->mnt->refs++;
	(void)pthread_mutex_unlock(&r->fs->lock);
	identity_of(st, &id);
	return inode_intern(r->fs, dir->tree, dir->mnt, &id, name ? dir : NULL, name,
			    &path_fd, ret);
}

static int create_reply(struct fs_req *r, struct inode *i, const struct statx *st,
			uint64_t fh)
{
	int len = entry_reply(r, i, st);

	open_out(r->fs, fh, (void *)((uint8_t *)r->reply + len));
	return len + (int)sizeof(struct fuse_open_out);
}

/* Takes over *fd. */
static int new_file_reply(struct fs_req *r, int *fd, const char *name, bool write)
{
	struct inode *i = NULL;
	struct statx st;
	uint64_t fh = 0;
	int e = intern_new(r, *fd, name, &st, &i);

	if (e == 0)
		e = handle_new(r->fs, i, fd, write, &fh);
	if (*fd >= 0)
		fds_close(r->fs, fd);
	if (e == 0)
		e = create_reply(r, i, &st, fh);
	inode_put(r->fs, i);
	return e;
}

/* Somebody else has made it: opened as OPEN would. */
static int open_existing(struct fs_req *r, int dir_fd)
{
	const struct fuse_create_in *in = r->args;
	struct inode *i = NULL;
	struct statx st;
	uint64_t fh = 0;
	int e = name_lookup(r->fs, r->inode, dir_fd, r->name[0], &st, &i);

	if (e == 0)
		e = open_handle(r, i, in->flags & ~(uint32_t)O_EXCL, in->open_flags, &fh);
	if (e == 0)
		e = attr_get(r->fs, i, &st);
	if (e == 0)
		e = create_reply(r, i, &st, fh);
	inode_put(r->fs, i);
	return e;
}

int op_create(struct fs_req *r)
{
	const struct fuse_create_in *in = r->args;
	int flags = host_flags(r, in->flags);
	int dir_fd, fd, e;

	if (flags < 0)
		return flags;
	dir_fd = inode_fd(r->fs, r->inode);
	if (dir_fd < 0)
		return dir_fd;
	fd = create_file(r, dir_fd, r->name[0],
			 (flags & ~(O_TRUNC | O_NOATIME)) | O_CREAT | O_EXCL);
	if (fd >= 0)
		e = new_file_reply(r, &fd, r->name[0], writes(flags));
	else if (fd == -EEXIST && !(in->flags & O_EXCL))
		e = open_existing(r, dir_fd);
	else
		e = fd;
	inode_fd_put(r->fs, r->inode);
	return e;
}

int op_tmpfile(struct fs_req *r)
{
	const struct fuse_create_in *in = r->args;
	int flags = host_flags(r, in->flags);
	int dir_fd, fd, e;

	if (flags < 0)
		return flags;
	if (!writes(flags))
		return -EINVAL;
	dir_fd = inode_fd(r->fs, r->inode);
	if (dir_fd < 0)
		return dir_fd;
	flags &= ~(O_TRUNC | O_NOATIME);
	if (in->flags & O_EXCL)
		flags |= O_EXCL; /* never to be linked */
	fd = create_file(r, dir_fd, ".", flags | O_TMPFILE);
	e = fd < 0 ? fd : new_file_reply(r, &fd, NULL, true);
	inode_fd_put(r->fs, r->inode);
	return e;
}

int op_release(struct fs_req *r)
{
	const struct fuse_release_in *in = r->args;

	lock_release(r->fs, r->inode, in->fh);
	return handle_release(r->fs, in->fh, r->inode);
}

/* Each close of a descriptor in the guest. A network filesystem says now what it could not
 * write. */
static int flush_fd(struct fs *fs, int fd)
{
	int copy = fds_take(fs), e = 0;

	if (copy < 0)
		return 0;
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (copy >= 0 && close(copy) < 0)
		e = -errno;
	fds_give(fs);
	return e;
}

int op_flush(struct fs_req *r)
{
	const struct fuse_flush_in *in = r->args;
	struct handle *h;
	int e;

	if (r->fs->kind == VM_FS_PRIVATE)
		return -ENOSYS; /* not asked again */
	e = handle_get(r->fs, in->fh, r->inode, &h);
	if (e < 0)
		return e;
	lock_flush(r->fs, r->inode, in->lock_owner);
	e = h->write ? flush_fd(r->fs, h->fd) : 0;
	handle_put(r->fs, h);
	return e;
}
