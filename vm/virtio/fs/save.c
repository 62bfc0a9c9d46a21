/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's state into a saved machine. The machine is paused: nobody else is here.
 */
#include <fcntl.h>
#include <string.h>

#include "vm/virtio/fs/internal.h"
#include "vm/virtio/fs/saved.h"

static void put_file(struct state_writer *w, const struct inode *i,
		     const struct statx *st)
{
	state_put_u64(w, i->id.ino);
	state_put_u64(w, (uint64_t)i->id.btime_sec);
	state_put_u32(w, i->id.btime_nsec);
	state_put_u32(w, i->id.type);
	state_put_u64(w, (uint64_t)st->stx_ctime.tv_sec);
	state_put_u32(w, st->stx_ctime.tv_nsec);
	state_put_u64(w, st->stx_size);
}

static void put_text(struct state_writer *w, const char *s)
{
	state_put_bytes(w, s, (uint32_t)strlen(s));
}

static void save_trees(struct fs *fs, struct state_writer *w)
{
	struct statx st = {0};
	uint32_t n = 0;

	for (struct fs_tree *t = fs->trees; t; t = t->next)
		n++;
	state_put_u32(w, n);
	for (struct fs_tree *t = fs->trees; t; t = t->next) {
		put_text(w, t->name);
		state_put_u64(w, t->root->nodeid);
		(void)attr_get(fs, t->root, &st);
		put_file(w, t->root, &st);
		state_put_u64(w, t->root->nlookup);
	}
}

static uint32_t place_of(const struct fs *fs, const struct fs_tree *tree)
{
	uint32_t n = 0;

	for (const struct fs_tree *t = fs->trees; t != tree; t = t->next)
		n++;
	return n;
}

/* The guest may know what others have removed or moved: it is stale then, and will be. */
static void save_inode(struct fs *fs, struct inode *i, struct state_writer *w)
{
	struct statx st = {0};
	bool there = attr_get(fs, i, &st) == 0 && i->parent;

	state_put_u64(w, i->nodeid);
	state_put_u32(w, place_of(fs, i->tree));
	state_put_u64(w, there ? i->parent->nodeid : 0);
	put_text(w, there ? i->name : "");
	put_file(w, i, &st);
	state_put_u64(w, i->nlookup);
}

static bool is_root(const struct inode *i)
{
	return !i->tree || i == i->tree->root;
}

static void save_inodes(struct fs *fs, struct state_writer *w)
{
	uint32_t n = 0;

	for (int pass = 0; pass < 2; pass++) {
		for (uint32_t s = 0; s < fs->inodes.count; s++) {
			struct inode *i = fs->inodes.slot[s].p;

			if (!i || is_root(i))
				continue;
			if (pass == 0)
				n++;
			else
				save_inode(fs, i, w);
		}
		if (pass == 0)
			state_put_u32(w, n);
	}
}

static void save_handles(struct fs *fs, struct state_writer *w)
{
	const int kept = FS_OPEN_PASSED & ~O_TRUNC;

	state_put_u32(w, fs->handles.used);
	for (uint32_t s = 0; s < fs->handles.count; s++) {
		const struct handle *h = fs->handles.slot[s].p;

		if (!h)
			continue;
		state_put_u64(w, h->fh);
		state_put_u64(w, h->inode->nodeid);
		state_put_u32(w, (uint32_t)(fcntl(h->fd, F_GETFL) & kept));
		state_put_u8(w, h->flock);
	}
}

/* Files without a name that are in use, POSIX locks, locks that are waited for. */
static bool would_lose(const struct fs *fs)
{
	for (uint32_t s = 0; s < fs->inodes.count; s++) {
		const struct inode *i = fs->inodes.slot[s].p;

		if (i && !is_root(i) && ((!i->parent && i->fd >= 0) || i->owners))
			return true;
	}
	return fs->n_parked > 0;
}

void fs_save(struct fs *fs, struct state_writer *w)
{
	uint64_t flags = atomic_load(&fs->flags);

	state_put_u64(w, flags);
	if (!(flags & FS_READY))
		return;
	if (would_lose(fs))
		state_cannot(w, "removed files, or POSIX locks, are in use");
	save_trees(fs, w);
	save_inodes(fs, w);
	save_handles(fs, w);
}
