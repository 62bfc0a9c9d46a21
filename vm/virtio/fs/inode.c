/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inodes that the guest knows. One is known by its identity, not by a path: looking
 * up two names of a file gives one inode. It lives as long as somebody refers to it: the
 * guest (until it forgets it), handles, children (which are found again through it), and
 * requests that are being carried out.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/fd.h"
#include "base/str.h"
#include "vm/virtio/fs/internal.h"

void identity_of(const struct statx *st, struct identity *ret)
{
	*ret = (struct identity){
		.mnt_id = st->stx_mnt_id,
		.dev = makedev(st->stx_dev_major, st->stx_dev_minor),
		.ino = st->stx_ino,
		.type = st->stx_mode & S_IFMT,
	};
	if (st->stx_mask & STATX_BTIME) {
		ret->btime_sec = st->stx_btime.tv_sec;
		ret->btime_nsec = st->stx_btime.tv_nsec;
	}
}

bool identity_same(const struct inode *i, const struct identity *id)
{
	const struct identity *own = &i->id;

	if (own->mnt_id != id->mnt_id || own->dev != id->dev || own->ino != id->ino ||
	    own->type != id->type)
		return false;
	return !i->mnt->use_btime ||
	       (own->btime_sec == id->btime_sec && own->btime_nsec == id->btime_nsec);
}

static uint32_t hash_of(const struct fs *fs, const struct identity *id)
{
	uint64_t h = id->ino * UINT64_C(0x9e3779b97f4a7c15);

	h ^= (id->dev + id->mnt_id) * UINT64_C(0xc2b2ae3d27d4eb4f);
	return (uint32_t)(h >> 32) & (fs->hash_len - 1);
}

static void hash_grow(struct fs *fs)
{
	uint32_t old_len = fs->hash_len;
	struct inode **old = fs->hash, **bigger;

	if (fs->inodes.used <= old_len)
		return;
	bigger = calloc((size_t)old_len * 2, sizeof(struct inode *));
	if (!bigger)
		return; /* slower, not wrong */
	fs->hash = bigger;
	fs->hash_len = old_len * 2;
	for (uint32_t b = 0; b < old_len; b++) {
		while (old[b]) {
			struct inode *i = old[b];
			uint32_t to = hash_of(fs, &i->id);

			old[b] = i->hash_next;
			i->hash_next = bigger[to];
			bigger[to] = i;
		}
	}
	free(old);
}

static struct inode *find_locked(const struct fs *fs, const struct fs_tree *tree,
				 const struct identity *id)
{
	struct inode *i = fs->hash[hash_of(fs, id)];

	while (i && (i->tree != tree || !identity_same(i, id)))
		i = i->hash_next;
	return i;
}

static void hold_locked(struct fs *fs, struct inode *i)
{
	i->refs++;
	tree_busy_locked(fs, i->tree, 1);
}

int inode_get(struct fs *fs, uint64_t nodeid, struct inode **ret)
{
	struct inode *i;
	int e = 0;

	(void)pthread_mutex_lock(&fs->lock);
	i = slots_get(&fs->inodes, nodeid);
	if (i == &fs->top && fs->trees && fs->trees->name[0] == '\0')
		i = fs->trees->root;
	if (!i || (i->tree && i->tree->gone)) {
		e = -ESTALE;
	} else {
		hold_locked(fs, i);
		*ret = i;
	}
	(void)pthread_mutex_unlock(&fs->lock);
	return e;
}

struct inode *inode_find(struct fs *fs, struct fs_tree *tree, const struct identity *id)
{
	struct inode *i;

	(void)pthread_mutex_lock(&fs->lock);
	i = find_locked(fs, tree, id);
	if (i)
		hold_locked(fs, i);
	(void)pthread_mutex_unlock(&fs->lock);
	return i;
}

static void unlink_locked(struct fs *fs, struct inode *i)
{
	struct inode **at = &fs->hash[hash_of(fs, &i->id)];

	while (*at != i)
		at = &(*at)->hash_next;
	*at = i->hash_next;
	if (i->tree_prev)
		i->tree_prev->tree_next = i->tree_next;
	else
		i->tree->inodes = i->tree_next;
	if (i->tree_next)
		i->tree_next->tree_prev = i->tree_prev;
	slots_del(&fs->inodes, i->nodeid);
	lru_remove(i);
	mount_put_locked(i->tree, i->mnt);
}

void inode_unref_locked(struct fs *fs, struct inode *i, struct inode **dead)
{
	while (i && --i->refs == 0) {
		struct inode *parent = i->parent;

		unlink_locked(fs, i);
		i->hash_next = *dead;
		*dead = i;
		i = parent;
	}
}

void inode_bury(struct fs *fs, struct inode *dead)
{
	while (dead) {
		struct inode *i = dead;

		dead = i->hash_next;
		lock_owners_free(fs, i);
		if (i->fd >= 0)
			fds_close(fs, &i->fd);
		free(i->name);
		free(i);
	}
}

/* With fs.lock held, which it gives up meanwhile: drops a reference and closes what dies,
 * before the tree can become idle. */
static void unref_and_bury(struct fs *fs, struct inode *i)
{
	struct inode *dead = NULL;

	inode_unref_locked(fs, i, &dead);
	if (!dead)
		return;
	(void)pthread_mutex_unlock(&fs->lock);
	inode_bury(fs, dead);
	(void)pthread_mutex_lock(&fs->lock);
}

void inode_put(struct fs *fs, struct inode *i)
{
	struct fs_tree *t;

	if (!i)
		return;
	t = i->tree;
	(void)pthread_mutex_lock(&fs->lock);
	unref_and_bury(fs, i);
	tree_busy_locked(fs, t, -1);
	(void)pthread_mutex_unlock(&fs->lock);
}

/* Whether dir is i or below it, by the names that we know. They may be old (others rename
 * too), so that what they form needn't be a tree: a name that would close a ring is not
 * taken. */
static bool is_below(const struct inode *dir, const struct inode *i)
{
	for (; dir; dir = dir->parent) {
		if (dir == i)
			return true;
	}
	return false;
}

static void lose_name_locked(struct fs *fs, struct inode *i, struct inode **dead)
{
	free(i->name);
	i->name = NULL;
	inode_unref_locked(fs, i->parent, dead);
	i->parent = NULL;
	lru_remove(i);
}

static void set_name_locked(struct fs *fs, struct inode *i, struct inode *dir,
			    const char *name, struct inode **dead)
{
	struct inode *old = i->parent;
	char *old_name = i->name;

	if (i == i->tree->root || (i->parent == dir && str_eq(i->name, name)))
		return;
	if (i->id.type == S_IFDIR && i->refs > 1 && is_below(dir, i))
		return; /* (a new one has no children) */
	i->name = str_fmt("%s", name);
	if (!i->name) {
		i->name = old_name; /* will be tried, and seen to be wrong */
		return;
	}
	free(old_name);
	dir->refs++;
	i->parent = dir;
	inode_unref_locked(fs, old, dead);
	lru_add(fs, i);
}

void inode_set_name(struct fs *fs, struct inode *i, struct inode *dir, const char *name)
{
	struct inode *dead = NULL;

	(void)pthread_mutex_lock(&fs->lock);
	set_name_locked(fs, i, dir, name, &dead);
	(void)pthread_mutex_unlock(&fs->lock);
	inode_bury(fs, dead);
}

void inode_lose_name(struct fs *fs, struct inode *i, struct inode *dir, const char *name)
{
	struct inode *dead = NULL;

	(void)pthread_mutex_lock(&fs->lock);
	if (i->parent == dir && str_eq(i->name, name))
		lose_name_locked(fs, i, &dead);
	(void)pthread_mutex_unlock(&fs->lock);
	inode_bury(fs, dead);
}

static int make_locked(struct fs *fs, struct fs_tree *tree, struct fs_mount *mnt,
		       const struct identity *id, struct inode **ret)
{
	struct inode *i;
	uint32_t b;
	int e;

	/* Roots are the host's, whatever the guest knows. */
	if (fs->inodes.used >= fs->max_inodes && tree->root)
		return -ENFILE;
	i = calloc(1, sizeof(*i));
	if (!i)
		return -ENOMEM;
	e = slots_add(&fs->inodes, i, &i->nodeid);
	if (e < 0) {
		free(i);
		return e;
	}
	i->tree = tree;
	i->mnt = mnt;
	i->id = *id;
	i->fd = -1;
	hash_grow(fs);
	b = hash_of(fs, id);
	i->hash_next = fs->hash[b];
	fs->hash[b] = i;
	i->tree_next = tree->inodes;
	if (tree->inodes)
		tree->inodes->tree_prev = i;
	tree->inodes = i;
	*ret = i;
	return 0;
}

int inode_intern(struct fs *fs, struct fs_tree *tree, struct fs_mount *mnt,
		 const struct identity *id, struct inode *dir, const char *name, int *fd,
		 struct inode **ret)
{
	struct inode *i, *dead = NULL;
	int e = 0;

	(void)pthread_mutex_lock(&fs->lock);
	i = find_locked(fs, tree, id);
	if (i) {
		mount_put_locked(tree, mnt);
	} else {
		e = make_locked(fs, tree, mnt, id, &i);
		if (e < 0) {
			mount_put_locked(tree, mnt);
			goto out;
		}
		i->submount = dir && id->type == S_IFDIR &&
			      (dir->id.mnt_id != id->mnt_id || dir->id.dev != id->dev);
	}
	hold_locked(fs, i);
	if (*fd >= 0 && i->fd < 0)
		i->fd = fd_take(fd);
	if (dir)
		set_name_locked(fs, i, dir, name, &dead);
	lru_add(fs, i);
	*ret = i;
out:
	(void)pthread_mutex_unlock(&fs->lock);
	if (*fd >= 0)
		fds_close(fs, fd);
	inode_bury(fs, dead);
	return e;
}

void inode_looked_up(struct fs *fs, struct inode *i)
{
	(void)pthread_mutex_lock(&fs->lock);
	if (i->nlookup == 0)
		i->refs++;
	if (i->nlookup < UINT64_MAX) /* a saved machine's may be any number */
		i->nlookup++;
	(void)pthread_mutex_unlock(&fs->lock);
}

void inode_forget(struct fs *fs, uint64_t nodeid, uint64_t nlookup)
{
	struct fs_tree *t;
	struct inode *i;

	(void)pthread_mutex_lock(&fs->lock);
	i = slots_get(&fs->inodes, nodeid);
	/* The top folder never was looked up; a tree that is gone takes all of it along. */
	if (i && i->nlookup > 0 && !i->tree->gone) {
		t = i->tree;
		i->nlookup -= nlookup < i->nlookup ? nlookup : i->nlookup;
		tree_busy_locked(fs, t, 1);
		if (i->nlookup == 0)
			unref_and_bury(fs, i);
		tree_busy_locked(fs, t, -1);
	}
	(void)pthread_mutex_unlock(&fs->lock);
}

/* A reference on the next one keeps it in the list while this one may take its parents
 * along. */
static void forget_all_locked(struct fs *fs, struct fs_tree *t, struct inode **dead)
{
	struct inode *i = t->inodes, *next;

	if (i)
		i->refs++;
	for (; i; i = next) {
		next = i->tree_next;
		if (next)
			next->refs++;
		if (i->nlookup > 0) {
			i->nlookup = 0;
			inode_unref_locked(fs, i, dead);
		}
		inode_unref_locked(fs, i, dead);
	}
}

void inode_drop_all_locked(struct fs *fs, struct fs_tree *tree, struct inode **dead)
{
	if (tree) {
		forget_all_locked(fs, tree, dead);
		inode_unref_locked(fs, tree->root, dead);
		return;
	}
	for (struct fs_tree *t = fs->trees; t; t = t->next)
		forget_all_locked(fs, t, dead);
}
