/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open files and folders, by the number that the guest got for them.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/fd.h"
#include "vm/virtio/fs/internal.h"

int handle_new(struct fs *fs, struct inode *i, int *fd, bool write, uint64_t *ret_fh)
{
	struct handle *h = calloc(1, sizeof(*h));
	int e;

	if (!h)
		return -ENOMEM;
	(void)pthread_mutex_lock(&fs->lock);
	e = slots_add(&fs->handles, h, &h->fh);
	if (e == 0) {
		h->inode = i;
		i->refs++;
		h->refs = 1;
		h->fd = fd_take(fd);
		h->write = write;
		h->tree_next = i->tree->handles;
		if (h->tree_next)
			h->tree_next->tree_prev = h;
		i->tree->handles = h;
		*ret_fh = h->fh;
	}
	(void)pthread_mutex_unlock(&fs->lock);
	if (e < 0)
		free(h);
	return e;
}

int handle_get(struct fs *fs, uint64_t fh, const struct inode *i, struct handle **ret)
{
	struct handle *h;
	int e = 0;

	(void)pthread_mutex_lock(&fs->lock);
	h = slots_get(&fs->handles, fh);
	if (!h || h->inode != i) {
		e = -EBADF;
	} else {
		h->refs++;
		*ret = h;
	}
	(void)pthread_mutex_unlock(&fs->lock);
	return e;
}

/* Out of the tables; true: that was the last reference. */
static bool unref_locked(struct handle *h)
{
	struct fs_tree *t = h->inode->tree;

	if (--h->refs > 0)
		return false;
	if (h->tree_prev)
		h->tree_prev->tree_next = h->tree_next;
	else
		t->handles = h->tree_next;
	if (h->tree_next)
		h->tree_next->tree_prev = h->tree_prev;
	h->tree_next = NULL;
	return true;
}

void handle_bury(struct fs *fs, struct handle *dead)
{
	while (dead) {
		struct handle *h = dead;
		struct inode *dead_inodes = NULL;

		dead = h->tree_next;
		dir_stream_free(h->dir);
		fds_close(fs, &h->fd);
		(void)pthread_mutex_lock(&fs->lock);
		inode_unref_locked(fs, h->inode, &dead_inodes);
		(void)pthread_mutex_unlock(&fs->lock);
		inode_bury(fs, dead_inodes);
		free(h);
	}
}

void handle_put(struct fs *fs, struct handle *h)
{
	bool last;

	if (!h)
		return;
	(void)pthread_mutex_lock(&fs->lock);
	last = unref_locked(h);
	(void)pthread_mutex_unlock(&fs->lock);
	if (last)
		handle_bury(fs, h);
}

int handle_release(struct fs *fs, uint64_t fh, const struct inode *i)
{
	struct handle *h;
	bool last = false;

	(void)pthread_mutex_lock(&fs->lock);
	h = slots_get(&fs->handles, fh);
	if (h && h->inode != i)
		h = NULL;
	if (h) {
		slots_del(&fs->handles, fh);
		last = unref_locked(h);
	}
	(void)pthread_mutex_unlock(&fs->lock);
	if (last)
		handle_bury(fs, h);
	return h ? 0 : -EBADF;
}

void handle_drop_all_locked(struct fs *fs, struct fs_tree *tree, struct handle **dead)
{
	for (uint32_t n = 0; n < fs->handles.count; n++) {
		struct handle *h = fs->handles.slot[n].p;

		if (!h || (tree && h->inode->tree != tree))
			continue;
		slots_del(&fs->handles, h->fh);
		if (unref_locked(h)) {
			h->tree_next = *dead;
			*dead = h;
		}
	}
}
