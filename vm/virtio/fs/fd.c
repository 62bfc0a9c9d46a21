/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors of inodes. Most inodes have none: it is opened when needed, by the inode's
 * name in its parent, seen to be the same file still, and kept while there is room. So a
 * guest may know a hundred thousand files, and without the privilege that file handles
 * (open_by_handle_at) would need.
 *
 * All descriptors of the server are counted, handles' too; at the bound the least
 * recently used one that can be opened again goes, and if there is none: ENFILE.
 */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vm/virtio/fs/internal.h"

/* Of parents without a descriptor, one upon the other. */
#define DEPTH_MAX 8192

void lru_remove(struct inode *i)
{
	if (!i->lru_next)
		return;
	i->lru_prev->lru_next = i->lru_next;
	i->lru_next->lru_prev = i->lru_prev;
	i->lru_prev = i->lru_next = NULL;
}

void lru_add(struct fs *fs, struct inode *i)
{
	if (i->fd < 0 || i->fd_users > 0 || !i->parent || i->lru_next || i->tree->gone)
		return;
	i->lru_next = &fs->lru;
	i->lru_prev = fs->lru.lru_prev;
	i->lru_prev->lru_next = i;
	fs->lru.lru_prev = i;
}

/* A descriptor that was taken away from its inode, whose tree waits for its close. */
struct evicted {
	int fd;
	struct fs_tree *tree;
};

/* The least recently used one, if there is any. */
static bool evict_locked(struct fs *fs, struct evicted *ret)
{
	struct inode *i = fs->lru.lru_next;

	if (i == &fs->lru)
		return false;
	lru_remove(i);
	*ret = (struct evicted){fd_take(&i->fd), i->tree};
	tree_busy_locked(fs, i->tree, 1);
	return true;
}

static void evicted_close(struct fs *fs, struct evicted *old)
{
	if (old->fd < 0)
		return;
	fd_close(&old->fd);
	(void)pthread_mutex_lock(&fs->lock);
	tree_busy_locked(fs, old->tree, -1);
	(void)pthread_mutex_unlock(&fs->lock);
}

int fds_take(struct fs *fs)
{
	struct evicted old = {.fd = -1};
	int e = 0;

	(void)pthread_mutex_lock(&fs->lock);
	if (fs->fds < fs->max_fds)
		fs->fds++;
	else if (!evict_locked(fs, &old))
		e = -ENFILE;
	(void)pthread_mutex_unlock(&fs->lock);
	evicted_close(fs, &old);
	return e;
}

void fds_give(struct fs *fs)
{
	(void)pthread_mutex_lock(&fs->lock);
	fs->fds--;
	(void)pthread_mutex_unlock(&fs->lock);
}

void fds_close(struct fs *fs, int *fd)
{
	fd_close(fd);
	fds_give(fs);
}

/* The process (or the system) has no descriptor left although we keep to our bound:
 * closes some that aren't used. False: none. */
static bool evict_some(struct fs *fs)
{
	bool some = false;

	for (int n = 0; n < 16; n++) {
		struct evicted old = {.fd = -1};

		(void)pthread_mutex_lock(&fs->lock);
		if (evict_locked(fs, &old))
			fs->fds--;
		(void)pthread_mutex_unlock(&fs->lock);
		if (old.fd < 0)
			break;
		some = true;
		evicted_close(fs, &old);
	}
	return some;
}

const char *fd_name(int fd, char buf[FD_NAME_BUF])
{
	(void)snprintf(buf, FD_NAME_BUF, "%d", fd);
	return buf;
}

int fs_statx(const struct fs *fs, int fd, const char *name, struct statx *ret)
{
	int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;

	if (!name) {
		name = "";
		flags |= AT_EMPTY_PATH;
	}
	return statx(fd, name, flags, fs->statx_mask, ret) < 0 ? -errno : 0;
}

static int open_child(int dir_fd, const char *name)
{
	struct open_how how = {
		.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS,
	};

	return (int)syscall(SYS_openat2, dir_fd, name, &how, sizeof(how));
}

int fd_open_child(struct fs *fs, int dir_fd, const char *name)
{
	int fd = fds_take(fs);

	if (fd < 0)
		return fd;
	do {
		fd = open_child(dir_fd, name);
	} while (fd < 0 && (errno == EMFILE || errno == ENFILE) && evict_some(fs));
	if (fd < 0) {
		fd = errno == EMFILE ? -ENFILE : -errno;
		fds_give(fs);
	}
	return fd;
}

/* Counted already. A file that another process has a lease on would be waited for, for
 * up to 45 s: it is told to give it up, and EAGAIN comes of it. */
static int reopen(struct fs *fs, int fd, int flags)
{
	char name[FD_NAME_BUF];
	int ret;

	(void)fd_name(fd, name);
	do {
		ret = openat(fs->self_fd, name,
			     flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	} while (ret < 0 && (errno == EMFILE || errno == ENFILE) && evict_some(fs));
	if (ret < 0) {
		ret = errno == EMFILE ? -ENFILE : -errno;
		fds_give(fs);
	} else if (!(flags & O_PATH)) {
		(void)fcntl(ret, F_SETFL, flags); /* no O_NONBLOCK from here on */
	}
	return ret;
}

int fd_reopen(struct fs *fs, int fd, uint32_t type, int flags)
{
	int e;

	if (!(flags & O_PATH) && type != S_IFREG && type != S_IFDIR)
		return -EPERM; /* a device, FIFO or socket of the host does things */
	e = fds_take(fs);
	return e < 0 ? e : reopen(fs, fd, flags);
}

int fd_open_root(struct fs *fs, int fd)
{
	(void)pthread_mutex_lock(&fs->lock);
	fs->fds++;
	(void)pthread_mutex_unlock(&fs->lock);
	return reopen(fs, fd, O_PATH);
}

/* Whether the descriptor is of the inode that was looked for. A mount id of an old kernel
 * may have become another mount's. */
static int verify(struct fs *fs, const struct inode *i, int fd)
{
	struct identity id;
	struct statfs sf;
	struct statx st;
	int e = fs_statx(fs, fd, NULL, &st);

	if (e < 0)
		return e;
	identity_of(&st, &id);
	if (!identity_same(i, &id))
		return -ESTALE;
	if (fs->mnt_id_unique)
		return 0;
	if (fstatfs(fd, &sf) < 0)
		return -errno;
	return fstype_served((uint64_t)sf.f_type) ? 0 : -EACCES;
}

/* What to open next so that i comes to be open: the topmost closed one above it, or i.
 * 0 and references on it and its parent (whose descriptor is in use), 1 if i is open (and
 * in use now), -ESTALE. */
static int next_closed(struct fs *fs, struct inode *i, struct inode **ret,
		       struct inode **ret_parent, char name[FS_NAME_BUF])
{
	struct inode *t = i;
	int e = 0;

	(void)pthread_mutex_lock(&fs->lock);
	if (i->fd >= 0) {
		lru_remove(i);
		i->fd_users++;
		e = 1;
		goto out;
	}
	for (unsigned depth = 0; t->parent && t->parent->fd < 0; depth++) {
		if (depth == DEPTH_MAX) {
			e = -ESTALE;
			goto out;
		}
		t = t->parent;
	}
	if (!t->parent) {
		e = -ESTALE;
		goto out;
	}
	lru_remove(t->parent);
	t->parent->fd_users++;
	t->parent->refs++;
	t->refs++;
	(void)snprintf(name, FS_NAME_BUF, "%s", t->name);
	*ret = t;
	*ret_parent = t->parent;
out:
	(void)pthread_mutex_unlock(&fs->lock);
	return e;
}

/* Gives t its descriptor (unless it has got one meanwhile), and the references back. */
static void settle(struct fs *fs, struct inode *t, struct inode *parent, int *fd)
{
	struct inode *dead = NULL;

	(void)pthread_mutex_lock(&fs->lock);
	if (*fd >= 0 && t->fd < 0)
		t->fd = fd_take(fd);
	lru_add(fs, t);
	if (--parent->fd_users == 0)
		lru_add(fs, parent);
	inode_unref_locked(fs, t, &dead);
	inode_unref_locked(fs, parent, &dead);
	(void)pthread_mutex_unlock(&fs->lock);
	if (*fd >= 0)
		fds_close(fs, fd);
	inode_bury(fs, dead);
}

/* One that is found missing or another is stale, whatever the reason: the guest then
 * looks its path up again. */
static int stale(int e)
{
	return e == -ENOENT || e == -ENOTDIR || e == -ELOOP || e == -EXDEV ? -ESTALE : e;
}

int inode_fd(struct fs *fs, struct inode *i)
{
	if (!i->tree)
		return -EOPNOTSUPP;
	for (;;) {
		struct inode *t, *parent;
		char name[FS_NAME_BUF];
		int e = next_closed(fs, i, &t, &parent, name), fd;

		if (e != 0)
			return e < 0 ? e : i->fd;
		fd = fd_open_child(fs, parent->fd, name);
		if (fd < 0) {
			e = stale(fd);
			fd = -1;
		} else {
			e = verify(fs, t, fd);
			if (e < 0)
				fds_close(fs, &fd);
		}
		settle(fs, t, parent, &fd);
		if (e < 0)
			return e;
	}
}

void inode_fd_put(struct fs *fs, struct inode *i)
{
	(void)pthread_mutex_lock(&fs->lock);
	if (--i->fd_users == 0)
		lru_add(fs, i);
	(void)pthread_mutex_unlock(&fs->lock);
}

int fd_open_fresh(struct fs *fs, struct inode *i)
{
	char name[FS_NAME_BUF];
	struct inode *parent;
	int dir_fd, fd, e;

	(void)pthread_mutex_lock(&fs->lock);
	parent = i->parent;
	if (parent) {
		parent->refs++;
		tree_busy_locked(fs, parent->tree, 1);
		(void)snprintf(name, sizeof(name), "%s", i->name);
	}
	(void)pthread_mutex_unlock(&fs->lock);
	if (!parent) {
		dir_fd = inode_fd(fs, i);
		if (dir_fd < 0)
			return dir_fd;
		fd = fd_reopen(fs, dir_fd, i->id.type, O_PATH);
		inode_fd_put(fs, i);
		return fd;
	}
	dir_fd = inode_fd(fs, parent);
	if (dir_fd < 0) {
		inode_put(fs, parent);
		return dir_fd;
	}
	fd = fd_open_child(fs, dir_fd, name);
	inode_fd_put(fs, parent);
	inode_put(fs, parent);
	if (fd < 0)
		return stale(fd);
	e = verify(fs, i, fd);
	if (e < 0) {
		fds_close(fs, &fd);
		return e;
	}
	return fd;
}
