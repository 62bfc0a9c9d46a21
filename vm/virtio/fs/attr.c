/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attributes: what stat shows and chmod, chown, truncate and utimens change.
 *
 * How long the guest may believe them: for a private tree, which nobody else changes, a
 * day. Of a shared one it believes names for a second (opening one that has been replaced
 * is noticed by us: open.c) and attributes not at all, so that each read sees what the
 * host or another guest has appended, and locks order what they are meant to order.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vm/virtio/fs/internal.h"

#define DAY 86400

static uint64_t attr_seconds(const struct fs *fs)
{
	return fs->kind == VM_FS_PRIVATE ? DAY : 0;
}

/* Trees come and go: their names are asked for each time. */
static uint64_t entry_seconds(const struct fs *fs, const struct inode *i)
{
	if (i == i->tree->root)
		return 0;
	return fs->kind == VM_FS_PRIVATE ? DAY : 1;
}

static void attr_fill(const struct inode *i, const struct statx *st,
		      struct fuse_attr *ret)
{
	uint32_t minor = st->stx_rdev_minor, major = st->stx_rdev_major;

	*ret = (struct fuse_attr){
		.ino = st->stx_ino,
		.size = st->stx_size,
		.blocks = st->stx_blocks,
		.atime = (uint64_t)st->stx_atime.tv_sec,
		.mtime = (uint64_t)st->stx_mtime.tv_sec,
		.ctime = (uint64_t)st->stx_ctime.tv_sec,
		.atimensec = st->stx_atime.tv_nsec,
		.mtimensec = st->stx_mtime.tv_nsec,
		.ctimensec = st->stx_ctime.tv_nsec,
		.mode = st->stx_mode,
		.nlink = st->stx_nlink,
		.uid = st->stx_uid,
		.gid = st->stx_gid,
		/* as the kernel's new_decode_dev() wants it */
		.rdev = (minor & 0xff) | major << 8 | (minor & ~0xffU) << 12,
		.blksize = st->stx_blksize,
	};
	if (i->submount)
		ret->flags |= FUSE_ATTR_SUBMOUNT;
	if (i->tree && i->tree->dax && i->id.type == S_IFREG)
		ret->flags |= FUSE_ATTR_DAX;
}

void entry_fill(struct fs *fs, struct inode *i, const struct statx *st,
		struct fuse_entry_out *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->nodeid = i->nodeid;
	ret->entry_valid = entry_seconds(fs, i);
	ret->attr_valid = attr_seconds(fs);
	attr_fill(i, st, &ret->attr);
	if (!fs_has(fs, FUSE_SUBMOUNTS))
		ret->attr.flags &= ~(uint32_t)FUSE_ATTR_SUBMOUNT;
}

int entry_reply(struct fs_req *r, struct inode *i, const struct statx *st)
{
	entry_fill(r->fs, i, st, r->reply);
	inode_looked_up(r->fs, i);
	return sizeof(struct fuse_entry_out);
}

/* A closed inode below an open folder needs no descriptor of its own for this: one call
 * shows the attributes and that it is the same one still. */
static int stat_by_name(struct fs *fs, struct inode *i, struct statx *ret)
{
	char name[FS_NAME_BUF];
	struct inode *parent, *dead = NULL;
	struct identity id;
	int e;

	(void)pthread_mutex_lock(&fs->lock);
	parent = i->parent;
	if (i->fd >= 0 || !parent || parent->fd < 0) {
		(void)pthread_mutex_unlock(&fs->lock);
		return -EAGAIN;
	}
	lru_remove(parent);
	parent->fd_users++;
	parent->refs++;
	(void)snprintf(name, sizeof(name), "%s", i->name);
	(void)pthread_mutex_unlock(&fs->lock);
	e = fs_statx(fs, parent->fd, name, ret);
	(void)pthread_mutex_lock(&fs->lock);
	if (--parent->fd_users == 0)
		lru_add(fs, parent);
	inode_unref_locked(fs, parent, &dead);
	(void)pthread_mutex_unlock(&fs->lock);
	inode_bury(fs, dead);
	if (e < 0)
		return e;
	identity_of(ret, &id);
	return identity_same(i, &id) ? 0 : -ESTALE;
}

int attr_get(struct fs *fs, struct inode *i, struct statx *ret)
{
	int fd, e;

	if (!i->tree) {
		top_statx(ret);
		return 0;
	}
	if (stat_by_name(fs, i, ret) == 0)
		return 0;
	fd = inode_fd(fs, i);
	if (fd < 0)
		return fd;
	e = fs_statx(fs, fd, NULL, ret);
	inode_fd_put(fs, i);
	return e;
}

/* By the handle, where the guest gave one: it is there for files without a name, too. */
static int attr_get_by(struct fs_req *r, bool by_fh, uint64_t fh, struct statx *ret)
{
	struct handle *h;
	int e;

	if (!by_fh || !r->inode->tree)
		return attr_get(r->fs, r->inode, ret);
	e = handle_get(r->fs, fh, r->inode, &h);
	if (e < 0)
		return e;
	e = fs_statx(r->fs, h->fd, NULL, ret);
	handle_put(r->fs, h);
	return e;
}

static int attr_reply(struct fs_req *r, const struct statx *st)
{
	struct fuse_attr_out *out = r->reply;

	memset(out, 0, sizeof(*out));
	out->attr_valid = attr_seconds(r->fs);
	attr_fill(r->inode, st, &out->attr);
	return sizeof(*out);
}

int op_getattr(struct fs_req *r)
{
	const struct fuse_getattr_in *in = r->args;
	struct statx st;
	int e = attr_get_by(r, in->getattr_flags & FUSE_GETATTR_FH, in->fh, &st);

	return e < 0 ? e : attr_reply(r, &st);
}

static struct fs_sx_time sx_time(const struct statx_timestamp *t)
{
	return (struct fs_sx_time){.sec = t->tv_sec, .nsec = t->tv_nsec};
}

int op_statx(struct fs_req *r)
{
	const struct fs_statx_in *in = r->args;
	struct fs_statx_out *out = r->reply;
	struct statx st;
	int e = attr_get_by(r, in->getattr_flags & FUSE_GETATTR_FH, in->fh, &st);

	if (e < 0)
		return e;
	memset(out, 0, sizeof(*out));
	out->attr_valid = attr_seconds(r->fs);
	out->stat = (struct fs_statx){
		.mask = st.stx_mask & (STATX_BASIC_STATS | STATX_BTIME),
		.blksize = st.stx_blksize,
		.attributes = st.stx_attributes,
		.nlink = st.stx_nlink,
		.uid = st.stx_uid,
		.gid = st.stx_gid,
		.mode = st.stx_mode,
		.ino = st.stx_ino,
		.size = st.stx_size,
		.blocks = st.stx_blocks,
		.attributes_mask = st.stx_attributes_mask,
		.atime = sx_time(&st.stx_atime),
		.btime = sx_time(&st.stx_btime),
		.ctime = sx_time(&st.stx_ctime),
		.mtime = sx_time(&st.stx_mtime),
		.rdev_major = st.stx_rdev_major,
		.rdev_minor = st.stx_rdev_minor,
		.dev_major = st.stx_dev_major,
		.dev_minor = st.stx_dev_minor,
	};
	return sizeof(*out);
}

static int set_owner(int fd, const struct fuse_setattr_in *in)
{
	uid_t uid = in->valid & FATTR_UID ? in->uid : (uid_t)-1;
	gid_t gid = in->valid & FATTR_GID ? in->gid : (gid_t)-1;

	return fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

/* The working folder is procfs's self/fd. Only regular files and folders: a link has no
 * mode of its own, and of others nothing but the inode is touched. */
static int set_mode(int fd, uint32_t mode)
{
	char name[FD_NAME_BUF];

	return fchmodat(AT_FDCWD, fd_name(fd, name), mode & 07777, 0) < 0 ? -errno : 0;
}

/* truncate(2) would wait for another process's lease. */
static int truncate_fd(struct fs *fs, int path_fd, const struct handle *h,
		       const struct inode *i, uint64_t size)
{
	int fd, e;

	if (size > INT64_MAX)
		return -EFBIG;
	if (h && h->write)
		return ftruncate(h->fd, (off_t)size) < 0 ? -errno : 0;
	if (i->id.type != S_IFREG)
		return -EINVAL;
	fd = fd_reopen(fs, path_fd, i->id.type, O_WRONLY);
	if (fd < 0)
		return fd;
	e = ftruncate(fd, (off_t)size) < 0 ? -errno : 0;
	fds_close(fs, &fd);
	return e;
}

static int set_size(struct fs_req *r, int fd, const struct handle *h)
{
	const struct fuse_setattr_in *in = r->args;
	bool kill = in->valid & FATTR_KILL_SUIDGID;
	int e;

	if (kill)
		cred_drop_fsetid(r->w);
	e = truncate_fd(r->fs, fd, h, r->inode, in->size);
	if (kill)
		cred_restore(r->w);
	return e;
}

static struct timespec set_time(uint32_t valid, uint32_t given, uint32_t now,
				uint64_t sec, uint32_t nsec)
{
	if (valid & now)
		return (struct timespec){.tv_nsec = UTIME_NOW};
	if (valid & given)
		return (struct timespec){(time_t)sec, nsec < 1000000000 ? nsec : 0};
	return (struct timespec){.tv_nsec = UTIME_OMIT};
}

static int set_times(int fd, const struct fuse_setattr_in *in)
{
	struct timespec t[2] = {
		set_time(in->valid, FATTR_ATIME, FATTR_ATIME_NOW, in->atime,
			 in->atimensec),
		set_time(in->valid, FATTR_MTIME, FATTR_MTIME_NOW, in->mtime,
			 in->mtimensec),
	};

	/* glibc wants a path; the call itself knows AT_EMPTY_PATH since 5.8. */
	return syscall(SYS_utimensat, fd, "", t, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

/* The owner first: changing it clears set-id bits, which a mode given along restores. */
static int set_all(struct fs_req *r, int fd, const struct handle *h)
{
	const struct fuse_setattr_in *in = r->args;
	int e = 0;

	if (in->valid & (FATTR_UID | FATTR_GID))
		e = set_owner(fd, in);
	if (e == 0 && in->valid & FATTR_MODE)
		e = set_mode(fd, in->mode);
	if (e == 0 && in->valid & FATTR_SIZE)
		e = set_size(r, fd, h);
	if (e == 0 &&
	    in->valid & (FATTR_ATIME | FATTR_MTIME | FATTR_ATIME_NOW | FATTR_MTIME_NOW))
		e = set_times(fd, in);
	return e;
}

int op_setattr(struct fs_req *r)
{
	const struct fuse_setattr_in *in = r->args;
	struct handle *h = NULL;
	struct statx st = {0};
	bool own = false;
	int fd, e;

	if (in->valid & FATTR_FH) {
		e = handle_get(r->fs, in->fh, r->inode, &h);
		if (e < 0)
			return e;
		fd = h->fd;
	} else {
		fd = inode_fd(r->fs, r->inode);
		if (fd < 0)
			return fd;
		own = true;
	}
	e = set_all(r, fd, h);
	if (e == 0)
		e = fs_statx(r->fs, fd, NULL, &st);
	if (own)
		inode_fd_put(r->fs, r->inode);
	handle_put(r->fs, h);
	return e < 0 ? e : attr_reply(r, &st);
}
