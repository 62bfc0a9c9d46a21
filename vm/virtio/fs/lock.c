/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locks of a shared tree, held on the host, so that they hold between guests too.
 *
 * flock(2) belongs to an open file, which a handle is. POSIX locks belong to an owner in
 * the guest, for all its handles of an inode: each (inode, owner) has an open file of its
 * own here, whose OFD locks they are; closing it drops them.
 *
 * The kernel can't say when a lock has become free, but by blocking. So what has to wait
 * is parked, and tried again: at once when a lock of that inode is dropped by way of us,
 * else after 1 ms, 2 ms, ... 100 ms.
 */
#include "vm/virtio/fs/lock.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>

#include "base/fd.h"

#define PARKED_MAX  512
#define WAIT_MAX_NS UINT64_C(100000000)
#define MS          UINT64_C(1000000)
#define PATIENCE    3 /* tries before deadlocks are looked for, and that find one */

static uint64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Others may wait for what was just dropped. */
static void wake(struct fs *fs, const struct inode *i)
{
	(void)pthread_mutex_lock(&fs->lock);
	for (struct parked *p = fs->parked; p; p = p->next) {
		if (p->nodeid == i->nodeid)
			p->due = p->wait = 0;
	}
	(void)pthread_mutex_unlock(&fs->lock);
}

void lock_owner_put(struct fs *fs, struct lock_owner *o)
{
	bool last;

	(void)pthread_mutex_lock(&fs->lock);
	last = --o->refs == 0;
	(void)pthread_mutex_unlock(&fs->lock);
	if (!last)
		return;
	fds_close(fs, &o->fd);
	free(o);
}

void lock_owners_free(struct fs *fs, struct inode *i)
{
	while (i->owners) {
		struct lock_owner *o = i->owners;

		i->owners = o->next;
		lock_owner_put(fs, o);
	}
}

/* Drops those that match, of owner or else of handle. */
static void drop(struct fs *fs, struct inode *i, bool by_owner, uint64_t id)
{
	for (;;) {
		struct lock_owner **at, *o;

		(void)pthread_mutex_lock(&fs->lock);
		at = &i->owners;
		while (*at && (by_owner ? (*at)->owner : (*at)->fh) != id)
			at = &(*at)->next;
		o = *at;
		if (o)
			*at = o->next;
		(void)pthread_mutex_unlock(&fs->lock);
		if (!o)
			return;
		lock_owner_put(fs, o);
		wake(fs, i);
	}
}

void lock_flush(struct fs *fs, struct inode *i, uint64_t owner)
{
	drop(fs, i, true, owner);
}

/* A flock goes with the handle's descriptor, whose close comes after this: the first wait
 * of those who want it is short. */
void lock_release(struct fs *fs, struct inode *i, uint64_t fh)
{
	if (fs->kind != VM_FS_SHARED)
		return;
	drop(fs, i, false, fh);
	wake(fs, i);
}

static struct lock_owner *find_locked(const struct inode *i, uint64_t owner)
{
	struct lock_owner *o = i->owners;

	while (o && o->owner != owner)
		o = o->next;
	if (o)
		o->refs++;
	return o;
}

struct lock_owner *lock_owner_get(struct fs *fs, struct inode *i, uint64_t owner)
{
	struct lock_owner *o;

	(void)pthread_mutex_lock(&fs->lock);
	o = find_locked(i, owner);
	(void)pthread_mutex_unlock(&fs->lock);
	return o;
}

/* ... which uses this handle now. */
static struct lock_owner *owner_find(struct fs *fs, struct inode *i, uint64_t owner,
				     uint64_t fh)
{
	struct lock_owner *o;

	(void)pthread_mutex_lock(&fs->lock);
	o = find_locked(i, owner);
	if (o)
		o->fh = fh;
	(void)pthread_mutex_unlock(&fs->lock);
	return o;
}

/* An open file for an owner: for writing if that can be had, as a write lock needs it. */
static int owner_new(struct fs *fs, struct inode *i, const struct handle *h,
		     uint64_t owner, struct lock_owner **ret)
{
	struct lock_owner *o = calloc(1, sizeof(*o)), *other;

	if (!o)
		return -ENOMEM;
	o->fd = i->tree->read_only ? -EROFS : fd_reopen(fs, h->fd, i->id.type, O_RDWR);
	if (o->fd < 0 && o->fd != -ENFILE && o->fd != -EAGAIN)
		o->fd = fd_reopen(fs, h->fd, i->id.type, O_RDONLY);
	if (o->fd < 0) {
		int e = o->fd;

		free(o);
		return e;
	}
	o->owner = owner;
	o->fh = h->fh;
	o->refs = 2; /* the list's and the caller's */
	(void)pthread_mutex_lock(&fs->lock);
	other = find_locked(i, owner);
	if (other) {
		o->refs = 1;
	} else {
		o->next = i->owners;
		i->owners = o;
	}
	(void)pthread_mutex_unlock(&fs->lock);
	if (other)
		lock_owner_put(fs, o);
	*ret = other ? other : o;
	return 0;
}

int lock_to_flock(const struct fuse_file_lock *lk, struct flock *ret)
{
	if (lk->start > lk->end || lk->end > INT64_MAX ||
	    (lk->type != F_RDLCK && lk->type != F_WRLCK && lk->type != F_UNLCK))
		return -EINVAL;
	*ret = (struct flock){
		.l_type = (short)lk->type,
		.l_whence = SEEK_SET,
		.l_start = (off_t)lk->start,
		.l_len = lk->end == INT64_MAX ? 0 : (off_t)(lk->end - lk->start + 1),
	};
	return 0;
}

static int try_flock(struct fs *fs, struct handle *h, uint32_t type)
{
	int how = type == F_RDLCK ? LOCK_SH : type == F_WRLCK ? LOCK_EX : LOCK_UN;

	if (flock(h->fd, how | LOCK_NB) < 0)
		return -errno;
	(void)pthread_mutex_lock(&fs->lock);
	h->flock = how == LOCK_UN ? 0 : (uint8_t)how;
	(void)pthread_mutex_unlock(&fs->lock);
	return 0;
}

static int try_posix(struct fs *fs, struct inode *i, const struct handle *h,
		     const struct fuse_lk_in *lk)
{
	struct lock_owner *o;
	struct flock fl;
	int e = lock_to_flock(&lk->lk, &fl);

	if (e < 0)
		return e;
	o = owner_find(fs, i, lk->owner, h->fh);
	if (!o && fl.l_type == F_UNLCK)
		return 0;
	if (!o) {
		e = owner_new(fs, i, h, lk->owner, &o);
		if (e < 0)
			return e;
	}
	if (fcntl(o->fd, F_OFD_SETLK, &fl) < 0)
		e = errno == EACCES ? -EAGAIN : -errno;
	lock_owner_put(fs, o);
	return e;
}

/* Without waiting: 0, or -EAGAIN if another has it. */
static int try_lock(struct fs *fs, struct inode *i, const struct fuse_lk_in *lk)
{
	struct handle *h;
	int e;

	if (fs->kind != VM_FS_SHARED)
		return -ENOSYS; /* the guest keeps its own */
	if (i->id.type != S_IFREG && !(lk->lk_flags & FUSE_LK_FLOCK))
		return -EINVAL;
	e = handle_get(fs, lk->fh, i, &h);
	if (e < 0)
		return e;
	if (lk->lk_flags & FUSE_LK_FLOCK)
		e = try_flock(fs, h, lk->lk.type);
	else
		e = try_posix(fs, i, h, lk);
	handle_put(fs, h);
	/* Less of a lock may be what another waits for. */
	if (e == 0 && lk->lk.type != F_WRLCK)
		wake(fs, i);
	return e;
}

int op_setlk(struct fs_req *r)
{
	return try_lock(r->fs, r->inode, r->args);
}

static int park(struct fs_req *r)
{
	struct fs *fs = r->fs;
	struct parked *p;
	int e = -EINPROGRESS;

	if (r->n_head != 1)
		return -EINVAL;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->tree = r->inode->tree;
	p->nodeid = r->inode->nodeid;
	p->unique = r->h.unique;
	p->token = r->token;
	p->lk = *(const struct fuse_lk_in *)r->args;
	p->head = r->head[0];
	p->wait = MS;
	p->due = now_ns() + MS;
	(void)pthread_mutex_lock(&fs->lock);
	if (fs->n_parked < PARKED_MAX) {
		p->next = fs->parked;
		fs->parked = p;
		fs->n_parked++;
	} else {
		free(p);
		e = -ENOLCK;
	}
	(void)pthread_mutex_unlock(&fs->lock);
	return e;
}

int op_setlkw(struct fs_req *r)
{
	int e = try_lock(r->fs, r->inode, r->args);

	return e == -EAGAIN ? park(r) : e;
}

int op_getlk(struct fs_req *r)
{
	const struct fuse_lk_in *in = r->args;
	struct fuse_lk_out *out = r->reply;
	struct lock_owner *o;
	struct handle *h;
	struct flock fl;
	int e = lock_to_flock(&in->lk, &fl);

	if (r->fs->kind != VM_FS_SHARED)
		return -ENOSYS;
	if (e < 0)
		return e;
	e = handle_get(r->fs, in->fh, r->inode, &h);
	if (e < 0)
		return e;
	/* Its own locks aren't in its way; who has none asks by the handle. */
	o = owner_find(r->fs, r->inode, in->owner, in->fh);
	if (fcntl(o ? o->fd : h->fd, F_OFD_GETLK, &fl) < 0)
		e = -errno;
	if (o)
		lock_owner_put(r->fs, o);
	handle_put(r->fs, h);
	if (e < 0)
		return e;
	*out = (struct fuse_lk_out){.lk.type = (uint32_t)fl.l_type};
	if (fl.l_type != F_UNLCK) {
		out->lk.start = (uint64_t)fl.l_start;
		out->lk.end = fl.l_len ? (uint64_t)(fl.l_start + fl.l_len - 1)
				       : INT64_MAX;
	}
	return sizeof(*out);
}

static void answer(struct fs *fs, struct parked *p, int error)
{
	fs_reply_error(&p->head, 1, p->unique, error);
	fs->done(fs->arg, p->token, sizeof(struct fuse_out_header));
	free(p);
}

void lock_answer(struct fs *fs, struct parked *list, int error)
{
	while (list) {
		struct parked *p = list;

		list = p->next;
		if (error < 0)
			answer(fs, p, error);
		else
			free(p);
	}
}

static void take_locked(struct fs *fs, struct parked **at)
{
	*at = (*at)->next;
	fs->n_parked--;
}

/* Those being tried find out themselves that what they were for is gone. */
struct parked *lock_unpark_locked(struct fs *fs, const struct fs_tree *t)
{
	struct parked **at = &fs->parked, *list = NULL;

	while (*at) {
		struct parked *p = *at;

		if (p->trying || (t && p->tree != t)) {
			at = &p->next;
			continue;
		}
		take_locked(fs, at);
		p->next = list;
		list = p;
	}
	return list;
}

int op_interrupt(struct fs_req *r)
{
	const struct fuse_interrupt_in *in = r->args;
	struct fs *fs = r->fs;
	struct parked **at, *p;

	(void)pthread_mutex_lock(&fs->lock);
	at = &fs->parked;
	while (*at && (*at)->unique != in->unique)
		at = &(*at)->next;
	p = *at;
	if (p && p->trying) {
		p->cancelled = true;
		p = NULL;
	} else if (p) {
		take_locked(fs, at);
	}
	(void)pthread_mutex_unlock(&fs->lock);
	if (p)
		answer(fs, p, -EINTR);
	return 0;
}

/* Seen often enough that it is one. */
static bool is_deadlock(struct fs *fs, struct parked *p)
{
	if (p->lk.lk_flags & FUSE_LK_FLOCK || ++p->tries < PATIENCE)
		return false;
	p->deadlocks = lock_is_deadlock(fs, p) ? p->deadlocks + 1 : 0;
	return p->deadlocks == PATIENCE;
}

static int try_again(struct fs *fs, struct parked *p)
{
	struct inode *i;
	int e = inode_get(fs, p->nodeid, &i);

	if (e < 0)
		return e;
	e = try_lock(fs, i, &p->lk);
	inode_put(fs, i);
	return e == -EAGAIN && is_deadlock(fs, p) ? -EDEADLK : e;
}

/* The next one to try, marked; else NULL and how long until one is due. */
static struct parked *next_due(struct fs *fs, int *ret_ms)
{
	uint64_t now = now_ns(), next = UINT64_MAX;
	struct parked *p;

	(void)pthread_mutex_lock(&fs->lock);
	for (p = fs->parked; p; p = p->next) {
		if (p->trying)
			continue;
		if (p->due <= now)
			break;
		if (p->due < next)
			next = p->due;
	}
	if (p)
		p->trying = true;
	(void)pthread_mutex_unlock(&fs->lock);
	*ret_ms = next == UINT64_MAX ? -1 : (int)((next - now) / MS + 1);
	return p;
}

static void tried(struct fs *fs, struct parked *p, int e)
{
	struct parked **at;

	(void)pthread_mutex_lock(&fs->lock);
	if (e == -EAGAIN && !p->cancelled) {
		p->trying = false;
		p->wait = p->wait * 2 < WAIT_MAX_NS ? p->wait * 2 + MS : WAIT_MAX_NS;
		p->due = now_ns() + p->wait;
		p = NULL;
	} else {
		at = &fs->parked;
		while (*at != p)
			at = &(*at)->next;
		take_locked(fs, at);
		if (e == -EAGAIN)
			e = -EINTR;
	}
	(void)pthread_mutex_unlock(&fs->lock);
	if (p)
		answer(fs, p, e);
}

/* Each once at most: others may keep them due for as long as they like. */
int fs_poll(struct fs_worker *w)
{
	struct parked *p;
	int ms;

	for (unsigned n = 0; n < PARKED_MAX; n++) {
		p = next_due(w->fs, &ms);
		if (!p)
			return ms;
		tried(w->fs, p, try_again(w->fs, p));
	}
	return 1;
}
