/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's state out of a saved machine, whose file may be damaged or hostile: what it
 * says is looked up as a guest would do it, then given the number that it had.
 *
 * A file is the one that it was if it has the same inode number and birth time at the same
 * place. What a guest keeps of a private tree it believes for long, so there nothing may
 * have changed either.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "base/fd.h"
#include "vm/virtio/fs/internal.h"
#include "vm/virtio/fs/saved.h"

struct saved_inode {
	uint64_t nodeid, parent, nlookup;
	uint32_t tree;
	uint32_t name_len;
	const char *name; /* in the state, not terminated */
	struct saved_file file;
	struct inode *made;        /* with a request's reference */
	struct saved_inode *below; /* to be made after it */
	bool waiting;              /* for what is above it */
};

struct restoring {
	struct fs *fs;
	struct state_reader *r;
	struct saved_tree {
		struct fs_tree *t;
		uint64_t nodeid, nlookup;
	} * tree; /* as listed in the state */
	uint32_t trees;
	struct saved_inode *inode; /* by nodeid */
	uint32_t inodes;
	uint32_t last_index, last_gen; /* of inodes; the generation of handles, too */
};

/* A name, or "" where none may be. */
static void copy_name(struct restoring *s, const char *p, uint32_t len,
		      char ret[FS_NAME_BUF])
{
	ret[0] = '\0';
	if (len == 0)
		return;
	if (len >= FS_NAME_BUF || memchr(p, 0, len)) {
		state_refuse(s->r, "a name that is none");
		return;
	}
	memcpy(ret, p, len);
	ret[len] = '\0';
	if (!fs_name_ok(ret))
		state_refuse(s->r, "a name that is none");
}

static struct saved_file get_file(struct state_reader *r)
{
	struct saved_file f;

	f.ino = state_get_u64(r);
	f.btime_sec = state_get_u64(r);
	f.btime_nsec = state_get_u32(r);
	f.type = state_get_u32(r);
	f.ctime_sec = state_get_u64(r);
	f.ctime_nsec = state_get_u32(r);
	f.size = state_get_u64(r);
	return f;
}

static bool failed(const struct restoring *s)
{
	return state_check(s->r, ERR_IGNORE) < 0;
}

/* Whether it is the file that it was; `what` names it. */
static void check_file(struct restoring *s, const struct inode *i, const struct statx *st,
		       const struct saved_file *f, const char *what)
{
	bool born = !i->mnt->use_btime || ((uint64_t)i->id.btime_sec == f->btime_sec &&
					   i->id.btime_nsec == f->btime_nsec);

	if (i->id.ino != f->ino || i->id.type != f->type || !born)
		state_refuse(s->r, "'%s' is another file now", what);
	else if (s->fs->kind == VM_FS_PRIVATE &&
		 ((uint64_t)st->stx_ctime.tv_sec != f->ctime_sec ||
		  st->stx_ctime.tv_nsec != f->ctime_nsec || st->stx_size != f->size))
		state_refuse(s->r, "'%s' has changed", what);
}

/* A number that is going to be given. */
static void note_number(struct restoring *s, uint64_t nodeid)
{
	uint32_t index = (uint32_t)nodeid, gen = (uint32_t)(nodeid >> 32);

	if (index == 0 || index > s->fs->max_inodes)
		state_refuse(s->r, "inode %#llx", (unsigned long long)nodeid);
	if (index > s->last_index)
		s->last_index = index;
	if (gen > s->last_gen)
		s->last_gen = gen;
}

/* Gives it the number that it had; once. */
static void renumber(struct restoring *s, struct inode *i, uint64_t nodeid)
{
	int e = -EEXIST;

	(void)pthread_mutex_lock(&s->fs->lock);
	if ((uint32_t)i->nodeid > s->last_index)
		e = slots_place(&s->fs->inodes, nodeid, i);
	if (e == 0) {
		slots_del(&s->fs->inodes, i->nodeid);
		i->nodeid = nodeid;
	}
	(void)pthread_mutex_unlock(&s->fs->lock);
	if (e < 0)
		state_refuse(s->r, "inode %#llx", (unsigned long long)nodeid);
}

static void set_lookups(struct restoring *s, struct inode *i, uint64_t nlookup)
{
	(void)pthread_mutex_lock(&s->fs->lock);
	if (nlookup > 0 && i->nlookup == 0)
		i->refs++;
	i->nlookup = nlookup;
	(void)pthread_mutex_unlock(&s->fs->lock);
}

/* ---- trees ---- */

static struct fs_tree *find_tree(struct fs *fs, const char *name)
{
	struct fs_tree *t = fs->trees;

	while (t && strcmp(t->name, name) != 0)
		t = t->next;
	return t;
}

/* Roots are out of the way of other inodes' numbers until they get theirs. */
static int move_roots(struct fs *fs, uint32_t reserve)
{
	int e;

	for (struct fs_tree *t = fs->trees; t; t = t->next)
		slots_del(&fs->inodes, t->root->nodeid);
	e = slots_reserve(&fs->inodes, reserve);
	for (struct fs_tree *t = fs->trees; t; t = t->next) {
		int r = slots_add(&fs->inodes, t->root, &t->root->nodeid);

		e = r < 0 ? r : e;
	}
	return e;
}

static void read_tree(struct restoring *s, struct saved_tree *ret)
{
	char name[FS_NAME_BUF];
	struct saved_file f;
	struct statx st;
	uint32_t len;
	const char *p = state_get_bytes(s->r, &len);

	copy_name(s, p, len, name);
	ret->nodeid = state_get_u64(s->r);
	f = get_file(s->r);
	ret->nlookup = state_get_u64(s->r);
	note_number(s, ret->nodeid);
	if (failed(s))
		return;
	ret->t = find_tree(s->fs, name);
	if (!ret->t)
		state_refuse(s->r, "there is no tree '%s'", name);
	else if (fs_statx(s->fs, ret->t->root->fd, NULL, &st) < 0)
		state_refuse(s->r, "tree '%s'", name);
	else
		check_file(s, ret->t->root, &st, &f, name);
}

static void read_trees(struct restoring *s)
{
	uint32_t have = 0, n = state_get_u32(s->r);

	for (struct fs_tree *t = s->fs->trees; t; t = t->next)
		have++;
	if (failed(s))
		return;
	if (n > have) {
		state_refuse(s->r, "%u trees were attached, and %u are", n, have);
		return;
	}
	s->tree = calloc((size_t)n + 1, sizeof(*s->tree));
	if (!s->tree) {
		state_refuse(s->r, "no memory");
		return;
	}
	for (; s->trees < n && !failed(s); s->trees++)
		read_tree(s, &s->tree[s->trees]);
}

static void number_roots(struct restoring *s)
{
	int e;

	(void)pthread_mutex_lock(&s->fs->lock);
	e = move_roots(s->fs, s->last_index);
	(void)pthread_mutex_unlock(&s->fs->lock);
	if (e < 0)
		state_refuse(s->r, "no memory");
	for (uint32_t n = 0; n < s->trees && !failed(s); n++) {
		renumber(s, s->tree[n].t->root, s->tree[n].nodeid);
		set_lookups(s, s->tree[n].t->root, s->tree[n].nlookup);
	}
}

/* ---- inodes ---- */

static int by_nodeid(const void *a, const void *b)
{
	const struct saved_inode *x = a, *y = b;

	return x->nodeid < y->nodeid ? -1 : x->nodeid > y->nodeid;
}

static struct saved_inode *find_saved(struct restoring *s, uint64_t nodeid)
{
	const struct saved_inode key = {.nodeid = nodeid};

	return bsearch(&key, s->inode, s->inodes, sizeof(key), by_nodeid);
}

static struct inode *root_of(struct restoring *s, uint64_t nodeid)
{
	for (uint32_t n = 0; n < s->trees; n++) {
		if (s->tree[n].nodeid == nodeid)
			return s->tree[n].t->root;
	}
	return NULL;
}

static void read_inode(struct restoring *s, struct saved_inode *i)
{
	i->nodeid = state_get_u64(s->r);
	i->tree = state_get_u32(s->r);
	i->parent = state_get_u64(s->r);
	i->name = state_get_bytes(s->r, &i->name_len);
	i->file = get_file(s->r);
	i->nlookup = state_get_u64(s->r);
	note_number(s, i->nodeid);
	if (i->tree >= s->trees || (i->parent != 0 && i->name_len == 0))
		state_refuse(s->r, "inode %#llx", (unsigned long long)i->nodeid);
}

static void read_inodes(struct restoring *s)
{
	uint32_t n = state_get_u32(s->r);

	if (failed(s))
		return;
	if (n > s->fs->max_inodes) {
		state_refuse(s->r, "%u inodes", n);
		return;
	}
	for (; s->inodes < n && !failed(s); s->inodes++) {
		/* As many as there really are, whatever the number says. */
		if ((s->inodes & (s->inodes - 1)) == 0) {
			size_t cap = s->inodes ? (size_t)s->inodes * 2 : 64;
			void *p = reallocarray(s->inode, cap < 64 ? 64 : cap,
					       sizeof(*s->inode));

			if (!p) {
				state_refuse(s->r, "no memory");
				return;
			}
			s->inode = p;
		}
		s->inode[s->inodes] = (struct saved_inode){0};
		read_inode(s, &s->inode[s->inodes]);
	}
	if (s->inodes > 0)
		qsort(s->inode, s->inodes, sizeof(*s->inode), by_nodeid);
}

/* One that was stale stays so. */
static void make_stale(struct restoring *s, struct saved_inode *i)
{
	struct fs_tree *t = i->tree < s->trees ? s->tree[i->tree].t : NULL;
	struct identity id = {.ino = i->nodeid, .type = i->file.type & S_IFMT};
	int fd = -1;

	if (!t) { /* read_inode() has seen to that */
		state_refuse(s->r, "no tree");
		return;
	}
	(void)pthread_mutex_lock(&s->fs->lock);
	t->root->mnt->refs++;
	(void)pthread_mutex_unlock(&s->fs->lock);
	if (inode_intern(s->fs, t, t->root->mnt, &id, NULL, NULL, &fd, &i->made) < 0)
		state_refuse(s->r, "no memory");
	else
		renumber(s, i->made, i->nodeid);
}

static void make(struct restoring *s, struct saved_inode *i, struct inode *parent)
{
	char name[FS_NAME_BUF];
	struct statx st;
	int fd, e;

	copy_name(s, i->name, i->name_len, name);
	if (failed(s))
		return;
	fd = parent && parent->id.type == S_IFDIR ? inode_fd(s->fs, parent) : -ENOTDIR;
	if (fd < 0) {
		state_refuse(s->r, "the folder of '%s'", name);
		return;
	}
	e = name_lookup(s->fs, parent, fd, name, &st, &i->made);
	inode_fd_put(s->fs, parent);
	if (e < 0) {
		state_refuse(s->r, "'%s' is gone", name);
		return;
	}
	check_file(s, i->made, &st, &i->file, name);
	if (!failed(s))
		renumber(s, i->made, i->nodeid);
}

/* The topmost one above i that isn't made yet, linked down to i; *ret_parent: what it is
 * in (NULL: nowhere). */
static struct saved_inode *topmost(struct restoring *s, struct saved_inode *i,
				   struct inode **ret_parent)
{
	struct saved_inode *p;

	for (*ret_parent = NULL; i->parent != 0; i = p) {
		*ret_parent = root_of(s, i->parent);
		if (*ret_parent)
			return i;
		p = find_saved(s, i->parent);
		i->waiting = true;
		if (!p || p->waiting) {
			state_refuse(s->r, "inode %#llx has no folder",
				     (unsigned long long)i->nodeid);
			return NULL;
		}
		*ret_parent = p->made;
		if (*ret_parent)
			return i;
		p->below = i;
	}
	return i;
}

/* Parents first. */
static void restore_inode(struct restoring *s, struct saved_inode *i)
{
	struct inode *parent;

	if (i->made)
		return;
	for (i = topmost(s, i, &parent); i && !failed(s); i = i->below) {
		if (i->parent == 0)
			make_stale(s, i);
		else
			make(s, i, parent);
		i->waiting = false;
		parent = i->made;
	}
}

static void restore_inodes(struct restoring *s)
{
	for (uint32_t n = 0; n < s->inodes && !failed(s); n++)
		restore_inode(s, &s->inode[n]);
	for (uint32_t n = 0; n < s->inodes && !failed(s); n++)
		set_lookups(s, s->inode[n].made, s->inode[n].nlookup);
}

/* ---- handles ---- */

static int open_file(struct fs *fs, struct inode *i, int flags, uint64_t *ret_fh)
{
	bool write = (flags & O_ACCMODE) != O_RDONLY;
	int path_fd, fd, e;

	if (write && i->tree->read_only)
		return -EROFS;
	path_fd = inode_fd(fs, i);
	if (path_fd < 0)
		return path_fd;
	fd = fd_reopen(fs, path_fd, i->id.type, flags);
	inode_fd_put(fs, i);
	if (fd < 0)
		return fd;
	e = handle_new(fs, i, &fd, write, ret_fh);
	if (e < 0)
		fds_close(fs, &fd);
	return e;
}

static int renumber_handle(struct fs *fs, uint64_t now, uint64_t fh, uint8_t lock)
{
	struct handle *h;
	int e;

	(void)pthread_mutex_lock(&fs->lock);
	h = slots_get(&fs->handles, now);
	e = slots_place(&fs->handles, fh, h);
	if (e == 0) {
		slots_del(&fs->handles, now);
		h->fh = fh;
		h->flock = lock;
	}
	(void)pthread_mutex_unlock(&fs->lock);
	if (e == 0 && lock && flock(h->fd, lock | LOCK_NB) < 0)
		e = -errno;
	return e;
}

static void restore_handle(struct restoring *s)
{
	uint64_t fh = state_get_u64(s->r), nodeid = state_get_u64(s->r), now = 0;
	int flags = (int)(state_get_u32(s->r) & (FS_OPEN_PASSED & ~O_TRUNC)), e;
	uint8_t lock = state_get_u8(s->r);
	struct inode *i;

	if (failed(s))
		return;
	if ((flags & O_ACCMODE) == O_ACCMODE ||
	    (lock != 0 && lock != LOCK_SH && lock != LOCK_EX) ||
	    inode_get(s->fs, nodeid, &i) < 0) {
		state_refuse(s->r, "handle %#llx", (unsigned long long)fh);
		return;
	}
	if (!i->tree)
		e = -EINVAL;
	else if (i->id.type == S_IFDIR)
		e = dir_open(s->fs, i, &now);
	else
		e = open_file(s->fs, i, flags, &now);
	if (e == 0)
		e = renumber_handle(s->fs, now, fh, lock);
	inode_put(s->fs, i);
	if (fh >> 32 > s->last_gen)
		s->last_gen = (uint32_t)(fh >> 32);
	if (e == -EWOULDBLOCK)
		state_refuse(s->r, "a lock that was held is another's now");
	else if (e < 0)
		state_refuse(s->r, "an open file can't be opened again");
}

static void restore_handles(struct restoring *s)
{
	uint32_t n = state_get_u32(s->r);

	if (failed(s))
		return;
	if (n > s->fs->max_fds || slots_reserve(&s->fs->handles, s->fs->max_fds) < 0) {
		state_refuse(s->r, "%u open files", n);
		return;
	}
	while (n-- > 0 && !failed(s))
		restore_handle(s);
}

static void restore_all(struct restoring *s)
{
	read_trees(s);
	read_inodes(s);
	if (!failed(s))
		number_roots(s);
	restore_inodes(s);
	restore_handles(s);
}

int fs_restore(struct fs *fs, struct state_reader *r, struct err *e)
{
	struct restoring s = {.fs = fs, .r = r};
	uint64_t flags = state_get_u64(r);

	if (!(flags & FS_READY))
		return state_check(r, e);
	if (flags & ~FS_READY & ~fs_offer(fs, UINT64_MAX))
		state_refuse(r, "features %#llx", (unsigned long long)flags);
	fs_end_session(fs, 0);
	if (!failed(&s))
		restore_all(&s);
	for (uint32_t n = 0; n < s.inodes; n++)
		inode_put(fs, s.inode[n].made);
	if (failed(&s))
		fs_end_session(fs, 0);
	else
		atomic_store(&fs->flags, flags);
	(void)pthread_mutex_lock(&fs->lock);
	slots_settle(&fs->inodes, s.last_gen + 1);
	slots_settle(&fs->handles, s.last_gen + 1);
	(void)pthread_mutex_unlock(&fs->lock);
	free(s.inode);
	free(s.tree);
	return state_check(r, e);
}
