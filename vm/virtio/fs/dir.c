/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading folders. A position is what the host's filesystem calls one; entries that did
 * not fit into one reply are kept for the next, which mostly follows at once.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "vm/virtio/fs/internal.h"

struct dir_stream {
	pthread_mutex_t lock; /* of the descriptor's position, too */
	uint64_t at;          /* the position of what is at buf[pos] */
	size_t pos, len;
	_Alignas(8) uint8_t buf[8192];
};

/* As getdents64(2) gives it. */
struct host_entry {
	uint64_t ino;
	int64_t next;
	uint16_t len;
	uint8_t type;
	char name[];
};

/* A reply that is being filled. */
struct listing {
	struct fs_req *r;
	struct inode *dir;
	int dir_fd;
	bool plus;
	uint8_t *at;
	size_t left;
};

void dir_stream_free(struct dir_stream *d)
{
	if (!d)
		return;
	(void)pthread_mutex_destroy(&d->lock);
	free(d);
}

static struct dir_stream *stream_new(void)
{
	struct dir_stream *d = malloc(sizeof(*d));

	if (!d)
		return NULL;
	(void)pthread_mutex_init(&d->lock, NULL);
	d->at = 0;
	d->pos = d->len = 0;
	return d;
}

int dir_open(struct fs *fs, struct inode *i, uint64_t *ret_fh)
{
	struct handle *h;
	struct dir_stream *d;
	int path_fd = inode_fd(fs, i), fd, e;

	if (path_fd < 0)
		return path_fd;
	fd = fd_reopen(fs, path_fd, S_IFDIR, O_RDONLY | O_DIRECTORY);
	inode_fd_put(fs, i);
	if (fd < 0)
		return fd;
	d = stream_new();
	e = d ? handle_new(fs, i, &fd, false, ret_fh) : -ENOMEM;
	if (e == 0) {
		/* Nobody has been told the number, but a guest can guess it. */
		e = handle_get(fs, *ret_fh, i, &h);
		if (e == 0) {
			(void)pthread_mutex_lock(&fs->lock);
			h->dir = TAKE(d);
			(void)pthread_mutex_unlock(&fs->lock);
			handle_put(fs, h);
		}
	}
	dir_stream_free(d);
	if (fd >= 0)
		fds_close(fs, &fd);
	return e;
}

int op_opendir(struct fs_req *r)
{
	struct fuse_open_out *out = r->reply;
	uint64_t fh = 0;
	int e;

	if (r->inode->tree) {
		e = dir_open(r->fs, r->inode, &fh);
		if (e < 0)
			return e;
	}
	*out = (struct fuse_open_out){.fh = fh};
	if (r->fs->kind == VM_FS_PRIVATE && r->inode->tree)
		out->open_flags = FOPEN_KEEP_CACHE | FOPEN_CACHE_DIR;
	return sizeof(*out);
}

int op_releasedir(struct fs_req *r)
{
	const struct fuse_release_in *in = r->args;

	return r->inode->tree ? handle_release(r->fs, in->fh, r->inode) : 0;
}

static bool is_dots(const char *name)
{
	return str_eq(name, ".") || str_eq(name, "..");
}

/* The part that READDIRPLUS has more: as LOOKUP would answer. What can't be looked up is
 * listed all the same (nodeid 0: the guest asks when it needs to know). */
static void add_entry(struct listing *l, const char *name, struct fuse_entry_out *ret)
{
	struct fs *fs = l->r->fs;
	struct inode *i = NULL;
	struct statx st;
	int e;

	memset(ret, 0, sizeof(*ret));
	if (is_dots(name))
		return;
	if (l->dir->tree)
		e = name_lookup(fs, l->dir, l->dir_fd, name, &st, &i);
	else
		e = tree_lookup(fs, name, &st, &i);
	if (e == 0) {
		entry_fill(fs, i, &st, ret);
		inode_looked_up(fs, i);
	}
	inode_put(fs, i);
}

/* False: it doesn't fit. */
static bool add(struct listing *l, const char *name, uint64_t ino, uint32_t type,
		uint64_t next)
{
	size_t name_len = strlen(name),
	       head = l->plus ? sizeof(struct fuse_entry_out) : 0;
	size_t len = head + FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + name_len);
	struct fuse_dirent *d;

	if (len > l->left)
		return false;
	memset(l->at + len - 8, 0, 8); /* the padding */
	d = (void *)(l->at + head);
	d->ino = ino;
	d->off = next;
	d->namelen = (uint32_t)name_len;
	d->type = type;
	memcpy(d->name, name, name_len);
	if (l->plus)
		add_entry(l, name, (void *)l->at);
	l->at += len;
	l->left -= len;
	return true;
}

/* The next entry of the host's, NULL at the end or with *ret_e. */
static const struct host_entry *next_entry(struct dir_stream *d, int fd, int *ret_e)
{
	if (d->pos == d->len) {
		long n = syscall(SYS_getdents64, fd, d->buf, sizeof(d->buf));

		d->pos = d->len = 0;
		if (n <= 0) {
			*ret_e = n < 0 ? -errno : 0;
			return NULL;
		}
		d->len = (size_t)n;
	}
	return (const void *)(d->buf + d->pos);
}

static int fill(struct listing *l, struct dir_stream *d, uint64_t offset)
{
	int e = 0;

	if (offset != d->at) {
		if (lseek(l->dir_fd, (off_t)offset, SEEK_SET) < 0)
			return -errno;
		d->pos = d->len = 0;
		d->at = offset;
	}
	for (;;) {
		const struct host_entry *h = next_entry(d, l->dir_fd, &e);

		if (!h)
			return e;
		if (!add(l, h->name, h->ino, h->type, (uint64_t)h->next))
			return 0;
		d->at = (uint64_t)h->next;
		d->pos += h->len;
	}
}

/* Positions in the top folder count its entries. */
static void fill_top(struct listing *l, uint64_t offset)
{
	static const char *const dots[] = {".", ".."};
	char name[FS_NAME_BUF];

	for (; offset < 2; offset++) {
		if (!add(l, dots[offset], 1, DT_DIR, offset + 1))
			return;
	}
	for (; offset < UINT32_MAX; offset++) {
		if (tree_name(l->r->fs, (unsigned)offset - 2, name) < 0 ||
		    !add(l, name, offset, DT_UNKNOWN, offset + 1))
			return;
	}
}

static int fill_handle(struct listing *l, const struct fuse_read_in *in)
{
	struct fs_req *r = l->r;
	struct handle *h;
	struct dir_stream *d;
	int e = handle_get(r->fs, in->fh, r->inode, &h);

	if (e < 0)
		return e;
	(void)pthread_mutex_lock(&r->fs->lock);
	d = h->dir;
	(void)pthread_mutex_unlock(&r->fs->lock);
	if (d) {
		l->dir_fd = h->fd;
		(void)pthread_mutex_lock(&d->lock);
		e = fill(l, d, in->offset);
		(void)pthread_mutex_unlock(&d->lock);
	} else {
		e = -EBADF;
	}
	handle_put(r->fs, h);
	return e;
}

static int read_dir(struct fs_req *r, bool plus)
{
	const struct fuse_read_in *in = r->args;
	struct listing l = {
		.r = r,
		.dir = r->inode,
		.plus = plus,
		.at = r->reply,
		.left = in->size < r->reply_max ? in->size : r->reply_max,
	};
	size_t used;
	int e = 0;

	if (r->inode->tree)
		e = fill_handle(&l, in);
	else
		fill_top(&l, in->offset);
	used = (size_t)(l.at - (uint8_t *)r->reply);
	/* What was given already must be told: the guest counts lookups by it. */
	return e < 0 && used == 0 ? e : (int)used;
}

int op_readdir(struct fs_req *r)
{
	return read_dir(r, false);
}

int op_readdirplus(struct fs_req *r)
{
	return read_dir(r, true);
}
