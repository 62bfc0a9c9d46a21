/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trees, and the top folder that lists them by name: nothing but their roots is in it,
 * and it can't be changed by the guest. Where a tree has the name "", it is the top.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/str.h"
#include "vm/virtio/fs/internal.h"

void tree_busy_locked(struct fs *fs, struct fs_tree *t, int by)
{
	if (!t)
		return;
	t->busy += (unsigned)by;
	if (t->gone && t->busy == 0)
		(void)pthread_cond_broadcast(&fs->idle);
}

static struct fs_tree **find_locked(struct fs *fs, const char *name)
{
	struct fs_tree **t = &fs->trees;

	while (*t && !str_eq((*t)->name, name))
		t = &(*t)->next;
	return t;
}

int tree_lookup(struct fs *fs, const char *name, struct statx *st, struct inode **ret)
{
	struct fs_tree *t;

	(void)pthread_mutex_lock(&fs->lock);
	t = *find_locked(fs, name);
	if (t) {
		t->busy++;
		t->root->refs++;
	}
	(void)pthread_mutex_unlock(&fs->lock);
	if (!t)
		return -ENOENT;
	*ret = t->root;
	return fs_statx(fs, t->root->fd, NULL, st);
}

int tree_name(struct fs *fs, unsigned index, char ret[FS_NAME_BUF])
{
	const struct fs_tree *t;

	(void)pthread_mutex_lock(&fs->lock);
	for (t = fs->trees; t && index > 0; t = t->next)
		index--;
	if (t)
		(void)snprintf(ret, FS_NAME_BUF, "%s", t->name);
	(void)pthread_mutex_unlock(&fs->lock);
	return t ? 0 : -ENOENT;
}

void top_statx(struct statx *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->stx_mask = STATX_BASIC_STATS;
	ret->stx_blksize = 4096;
	ret->stx_nlink = 2;
	ret->stx_mode = S_IFDIR | 0555;
	ret->stx_ino = 1;
}

static int check(struct fs *fs, const struct vm_tree_config *c, struct err *e)
{
	const char *name = c->name;
	bool root = fs->trees && fs->trees->name[0] == '\0';

	if (name[0] != '\0' && !fs_name_ok(name))
		return err_set(e, EINVAL, "tree '%s': not a name", name);
	if (root || (name[0] == '\0' && fs->trees))
		return err_set(e, EBUSY,
			       "tree '%s': a tree that is the root must be alone", name);
	if (*find_locked(fs, name))
		return err_set(e, EEXIST, "tree '%s' is there already", name);
	return 0;
}

/* The tree's root, with one reference, which is the tree's. */
static int open_root(struct fs *fs, struct fs_tree *t, int fd, struct err *e)
{
	struct identity id;
	struct fs_mount *mnt;
	struct statx st;
	int own, r;

	r = fs_statx(fs, fd, NULL, &st);
	if (r < 0)
		return err_code(e, r, "tree '%s': statx", t->name);
	identity_of(&st, &id);
	if (id.type != S_IFDIR && id.type != S_IFREG)
		return err_set(e, EINVAL, "tree '%s': neither a folder nor a file",
			       t->name);
	r = mount_get(fs, t, fd, &st, &mnt);
	if (r == -EACCES)
		return err_set(e, EPERM,
			       "tree '%s': its type of filesystem is not served",
			       t->name);
	if (r < 0)
		return err_code(e, r, "tree '%s'", t->name);
	own = fd_open_root(fs, fd);
	if (own < 0) {
		(void)pthread_mutex_lock(&fs->lock);
		mount_put_locked(t, mnt);
		(void)pthread_mutex_unlock(&fs->lock);
		return err_code(e, own, "tree '%s': open", t->name);
	}
	r = inode_intern(fs, t, mnt, &id, NULL, NULL, &own, &t->root);
	if (r < 0)
		return err_code(e, r, "tree '%s'", t->name);
	return 0;
}

int fs_attach(struct fs *fs, const struct vm_tree_config *c, struct err *e)
{
	struct fs_tree *t;
	int r;

	(void)pthread_mutex_lock(&fs->lock);
	r = check(fs, c, e);
	(void)pthread_mutex_unlock(&fs->lock);
	if (r < 0)
		return r;
	t = calloc(1, sizeof(*t));
	if (!t)
		return err_set(e, ENOMEM, "tree '%s'", c->name);
	(void)snprintf(t->name, sizeof(t->name), "%s", c->name);
	t->gone = true; /* its root has a number already, which a guest can guess */
	t->read_only = c->read_only;
	t->dax = c->dax && fs->dax_len > 0;
	r = open_root(fs, t, c->fd, e);
	if (r < 0) {
		free(t);
		return r;
	}
	(void)pthread_mutex_lock(&fs->lock);
	t->gone = false;
	tree_busy_locked(fs, t, -1); /* the reference stays, as the tree's own */
	t->root->submount = t->name[0] != '\0' && t->root->id.type == S_IFDIR;
	*find_locked(fs, t->name) = t; /* at the end */
	(void)pthread_mutex_unlock(&fs->lock);
	return 0;
}

/* Nobody can find anything of the tree any more, and nobody uses it. */
static void take_down(struct fs *fs, struct fs_tree *t)
{
	struct inode *dead = NULL;
	struct handle *dead_handles = NULL;
	struct parked *parked;

	(void)pthread_mutex_lock(&fs->session);
	(void)pthread_mutex_lock(&fs->lock);
	parked = lock_unpark_locked(fs, t);
	handle_drop_all_locked(fs, t, &dead_handles);
	(void)pthread_mutex_unlock(&fs->lock);
	lock_answer(fs, parked, -ESTALE);
	handle_bury(fs, dead_handles);
	dax_drop(fs, t);
	(void)pthread_mutex_lock(&fs->lock);
	inode_drop_all_locked(fs, t, &dead);
	(void)pthread_mutex_unlock(&fs->lock);
	inode_bury(fs, dead);
	(void)pthread_mutex_unlock(&fs->session);
	free(t);
}

/* Nothing of it can be found any more, nor taken away for its descriptor's sake. Waits for
 * those who have. */
static void make_idle_locked(struct fs *fs, struct fs_tree *t)
{
	t->gone = true;
	for (struct inode *i = t->inodes; i; i = i->tree_next)
		lru_remove(i);
	while (t->busy > 0)
		(void)pthread_cond_wait(&fs->idle, &fs->lock);
}

int fs_detach(struct fs *fs, const char *name, struct err *e)
{
	struct fs_tree **at, *t;

	(void)pthread_mutex_lock(&fs->lock);
	at = find_locked(fs, name);
	t = *at;
	if (t) {
		*at = t->next;
		make_idle_locked(fs, t);
	}
	(void)pthread_mutex_unlock(&fs->lock);
	if (!t)
		return err_set(e, ENOENT, "no tree '%s'", name);
	take_down(fs, t);
	return 0;
}
