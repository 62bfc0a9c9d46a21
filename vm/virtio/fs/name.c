/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names: looking them up, making, moving and removing what they are of. Each is one
 * component, relative to an open folder; nothing on the host follows a link.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "vm/virtio/fs/internal.h"

/* What is mounted at the name is opened, and stays so, and its filesystem looked at. */
static int cross(struct fs *fs, struct fs_tree *t, int dir_fd, const char *name,
		 struct statx *st, struct fs_mount **ret_mnt, int *ret_fd)
{
	int fd = fd_open_child(fs, dir_fd, name), e;

	if (fd < 0)
		return fd;
	e = fs_statx(fs, fd, NULL, st);
	if (e == 0)
		e = mount_get(fs, t, fd, st, ret_mnt);
	if (e < 0)
		fds_close(fs, &fd);
	else
		*ret_fd = fd;
	return e;
}

int name_lookup(struct fs *fs, struct inode *dir, int dir_fd, const char *name,
		struct statx *st, struct inode **ret)
{
	struct fs_mount *mnt = dir->mnt;
	struct identity id;
	int fd = -1;
	int e = fs_statx(fs, dir_fd, name, st);

	if (e < 0)
		return e;
	if (st->stx_mnt_id != dir->id.mnt_id) {
		e = cross(fs, dir->tree, dir_fd, name, st, &mnt, &fd);
		if (e < 0)
			return e;
	} else {
		(void)pthread_mutex_lock(&fs->lock);
		mnt->refs++;
		(void)pthread_mutex_unlock(&fs->lock);
	}
	identity_of(st, &id);
	return inode_intern(fs, dir->tree, mnt, &id, dir, name, &fd, ret);
}

/* That a name isn't there may be believed where nobody else makes it. */
static int negative(struct fs_req *r)
{
	struct fuse_entry_out *out = r->reply;

	if (r->fs->kind != VM_FS_PRIVATE)
		return -ENOENT;
	memset(out, 0, sizeof(*out));
	out->entry_valid = 86400;
	return sizeof(*out);
}

int op_lookup(struct fs_req *r)
{
	struct inode *i = NULL;
	struct statx st;
	int e, fd;

	if (!r->inode->tree) {
		e = tree_lookup(r->fs, r->name[0], &st, &i);
	} else {
		fd = inode_fd(r->fs, r->inode);
		if (fd < 0)
			return fd;
		e = name_lookup(r->fs, r->inode, fd, r->name[0], &st, &i);
		inode_fd_put(r->fs, r->inode);
		if (e == -ENOENT)
			return negative(r);
	}
	if (e == 0)
		e = entry_reply(r, i, &st);
	inode_put(r->fs, i);
	return e;
}

int op_readlink(struct fs_req *r)
{
	size_t max = r->reply_max < PATH_MAX ? r->reply_max : PATH_MAX;
	ssize_t n;
	int fd;

	if (r->inode->id.type != S_IFLNK || max == 0)
		return -EINVAL;
	fd = inode_fd(r->fs, r->inode);
	if (fd < 0)
		return fd;
	n = readlinkat(fd, "", r->reply, max);
	if (n < 0)
		n = -errno;
	inode_fd_put(r->fs, r->inode);
	return (int)n;
}

/* What makes a name: carried out as the requester, then looked up. */
struct maker {
	int (*make)(int dir_fd, const char *name, const struct maker *m);
	const char *name, *target;
	mode_t mode, umask;
	dev_t dev;
};

static int make(struct fs_req *r, const struct maker *m)
{
	struct inode *i = NULL;
	struct cred_switch cred;
	struct statx st;
	int fd = inode_fd(r->fs, r->inode), e;

	if (fd < 0)
		return fd;
	e = cred_enter(r, &cred);
	if (e == 0) {
		cred_umask(r->w, m->umask);
		e = m->make(fd, m->name, m) < 0 ? -errno : 0;
		cred_leave(r->w, &cred);
	}
	if (e == 0)
		e = name_lookup(r->fs, r->inode, fd, m->name, &st, &i);
	inode_fd_put(r->fs, r->inode);
	if (e == 0)
		e = entry_reply(r, i, &st);
	inode_put(r->fs, i);
	return e;
}

static int make_link(int dir_fd, const char *name, const struct maker *m)
{
	return symlinkat(m->target, dir_fd, name);
}

static int make_node(int dir_fd, const char *name, const struct maker *m)
{
	return mknodat(dir_fd, name, m->mode, m->dev);
}

static int make_dir(int dir_fd, const char *name, const struct maker *m)
{
	return mkdirat(dir_fd, name, m->mode);
}

/* The target is text that the guest resolves itself: any. */
int op_symlink(struct fs_req *r)
{
	struct maker m = {make_link, .name = r->name[0], .target = r->name[1]};

	if (!fs_name_ok(m.name) || m.target[0] == '\0')
		return -EINVAL;
	if (strlen(m.target) >= PATH_MAX)
		return -ENAMETOOLONG;
	return make(r, &m);
}

/* Device nodes, unless all is mounted nodev for this: only whiteouts, which no driver
 * answers to. */
static int node_ok(const struct fs *fs, mode_t type, dev_t dev)
{
	switch (type) {
	case 0:
	case S_IFREG:
	case S_IFIFO:
	case S_IFSOCK:
		return 0;
	case S_IFCHR:
		return dev == 0 || fs->devices ? 0 : -EPERM;
	case S_IFBLK:
		return fs->devices ? 0 : -EPERM;
	default:
		return -EINVAL;
	}
}

int op_mknod(struct fs_req *r)
{
	const struct fuse_mknod_in *in = r->args;
	struct maker m = {
		make_node,
		.name = r->name[0],
		.mode = in->mode & (S_IFMT | 07777),
		.umask = fs_has(r->fs, FUSE_DONT_MASK) ? in->umask : 0,
		.dev = makedev(in->rdev >> 8 & 0xfff,
			       (in->rdev & 0xff) | (in->rdev >> 12 & 0xfff00)),
	};
	int e = node_ok(r->fs, m.mode & S_IFMT, m.dev);

	return e < 0 ? e : make(r, &m);
}

int op_mkdir(struct fs_req *r)
{
	const struct fuse_mkdir_in *in = r->args;
	struct maker m = {
		make_dir,
		.name = r->name[0],
		.mode = in->mode & 07777,
		.umask = fs_has(r->fs, FUSE_DONT_MASK) ? in->umask : 0,
	};

	return make(r, &m);
}

/* What is about to lose its name, if the guest knows it: held open from before, as it
 * can't be opened afterwards, and may be in use in the guest. Where there is no
 * descriptor left for that, the name goes all the same. */
static struct inode *hold_open(struct fs *fs, struct inode *dir, int dir_fd,
			       const char *name)
{
	struct identity id;
	struct inode *i;
	struct statx st;
	int fd = fd_open_child(fs, dir_fd, name);

	if (fd < 0)
		return NULL;
	if (fs_statx(fs, fd, NULL, &st) < 0) {
		fds_close(fs, &fd);
		return NULL;
	}
	identity_of(&st, &id);
	i = inode_find(fs, dir->tree, &id);
	if (i) {
		(void)pthread_mutex_lock(&fs->lock);
		if (i->fd < 0)
			i->fd = fd_take(&fd);
		lru_remove(i);
		i->fd_users++;
		(void)pthread_mutex_unlock(&fs->lock);
	}
	if (fd >= 0)
		fds_close(fs, &fd);
	return i;
}

static void hold_done(struct fs *fs, struct inode *i)
{
	if (!i)
		return;
	inode_fd_put(fs, i);
	inode_put(fs, i);
}

static int remove_name(struct fs_req *r, int flags)
{
	struct inode *i;
	int fd = inode_fd(r->fs, r->inode), e;

	if (fd < 0)
		return fd;
	i = hold_open(r->fs, r->inode, fd, r->name[0]);
	e = unlinkat(fd, r->name[0], flags) < 0 ? -errno : 0;
	if (e == 0 && i)
		inode_lose_name(r->fs, i, r->inode, r->name[0]);
	hold_done(r->fs, i);
	inode_fd_put(r->fs, r->inode);
	return e;
}

int op_unlink(struct fs_req *r)
{
	return remove_name(r, 0);
}

int op_rmdir(struct fs_req *r)
{
	return remove_name(r, AT_REMOVEDIR);
}

/* What is at the name now is found there from now on. */
static void learn_name(struct fs *fs, struct inode *dir, int dir_fd, const char *name)
{
	struct identity id;
	struct inode *i;
	struct statx st;

	if (fs_statx(fs, dir_fd, name, &st) < 0)
		return;
	identity_of(&st, &id);
	i = inode_find(fs, dir->tree, &id);
	if (!i)
		return;
	inode_set_name(fs, i, dir, name);
	inode_put(fs, i);
}

static int move(struct fs_req *r, struct inode *to, int from_fd, int to_fd,
		uint32_t flags)
{
	const char *old = r->name[0], *new = r->name[1];
	struct inode *replaced = NULL;
	int e;

	if (!(flags & (RENAME_NOREPLACE | RENAME_EXCHANGE)))
		replaced = hold_open(r->fs, to, to_fd, new);
	e = renameat2(from_fd, old, to_fd, new, flags) < 0 ? -errno : 0;
	if (e == 0) {
		if (replaced)
			inode_lose_name(r->fs, replaced, to, new);
		learn_name(r->fs, to, to_fd, new);
		if (flags & RENAME_EXCHANGE)
			learn_name(r->fs, r->inode, from_fd, old);
	}
	hold_done(r->fs, replaced);
	return e;
}

static int rename_to(struct fs_req *r, uint64_t nodeid, uint32_t flags)
{
	struct inode *to;
	int e, from_fd, to_fd;

	if (flags & ~(uint32_t)(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT))
		return -EINVAL;
	e = inode_get(r->fs, nodeid, &to);
	if (e < 0)
		return e;
	if (to->tree != r->inode->tree) {
		inode_put(r->fs, to);
		return -EXDEV;
	}
	from_fd = inode_fd(r->fs, r->inode);
	to_fd = inode_fd(r->fs, to);
	if (from_fd < 0)
		e = from_fd;
	else if (to_fd < 0)
		e = to_fd;
	else if (to->id.type != S_IFDIR)
		e = -ENOTDIR;
	else
		e = move(r, to, from_fd, to_fd, flags);
	if (from_fd >= 0)
		inode_fd_put(r->fs, r->inode);
	if (to_fd >= 0)
		inode_fd_put(r->fs, to);
	inode_put(r->fs, to);
	return e;
}

int op_rename(struct fs_req *r)
{
	const struct fuse_rename_in *in = r->args;

	return rename_to(r, in->newdir, 0);
}

int op_rename2(struct fs_req *r)
{
	const struct fuse_rename2_in *in = r->args;

	return rename_to(r, in->newdir, in->flags);
}

/* By the number in procfs: AT_EMPTY_PATH would need CAP_DAC_READ_SEARCH. */
static int link_fd(struct fs *fs, int fd, int dir_fd, const char *name)
{
	char number[FD_NAME_BUF];

	return linkat(fs->self_fd, fd_name(fd, number), dir_fd, name, AT_SYMLINK_FOLLOW) <
			       0
		       ? -errno
		       : 0;
}

static int link_to(struct fs_req *r, struct inode *i)
{
	int fd = inode_fd(r->fs, i), dir_fd, e;
	struct statx st;

	if (fd < 0)
		return fd;
	dir_fd = inode_fd(r->fs, r->inode);
	if (dir_fd < 0) {
		e = dir_fd;
		goto out;
	}
	e = link_fd(r->fs, fd, dir_fd, r->name[0]);
	if (e == 0) {
		inode_set_name(r->fs, i, r->inode, r->name[0]);
		e = fs_statx(r->fs, fd, NULL, &st);
	}
	inode_fd_put(r->fs, r->inode);
	if (e == 0)
		e = entry_reply(r, i, &st);
out:
	inode_fd_put(r->fs, i);
	return e;
}

int op_link(struct fs_req *r)
{
	const struct fuse_link_in *in = r->args;
	struct inode *i;
	int e = inode_get(r->fs, in->oldnodeid, &i);

	if (e < 0)
		return e;
	if (i->tree != r->inode->tree)
		e = -EXDEV;
	else if (i->id.type == S_IFDIR)
		e = -EPERM;
	else
		e = link_to(r, i);
	inode_put(r->fs, i);
	return e;
}
