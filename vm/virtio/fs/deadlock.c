/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deadlocks between the owners of POSIX locks in a guest: EDEADLK, as from a local
 * filesystem. It matters more here than there: Linux doesn't interrupt what waits for
 * virtio-fs, so that the processes couldn't even be killed.
 *
 * The kernel finds none between open files, whose locks ours are, nor does it tell who has
 * one. But who has it isn't in its own way: if it is there for the one that waits, and
 * not for another owner, then that one has it. (Where several have it nothing is found.)
 */
#include <errno.h>

#include "vm/virtio/fs/lock.h"

#define CHAIN_MAX   10 /* as Linux has it */
#define WAITING_MAX 16

struct waiting {
	uint64_t nodeid;
	struct fuse_lk_in lk;
};

static bool in_the_way_of(const struct lock_owner *o, const struct fuse_lk_in *lk)
{
	struct flock fl;

	return lock_to_flock(&lk->lk, &fl) < 0 || fcntl(o->fd, F_OFD_GETLK, &fl) < 0 ||
	       fl.l_type != F_UNLCK;
}

/* Whether this owner, and nobody else, has what is waited for. */
static bool has_it(struct fs *fs, struct inode *i, const struct waiting *w,
		   uint64_t owner)
{
	struct lock_owner *o = lock_owner_get(fs, i, owner);
	struct lock_owner *own = lock_owner_get(fs, i, w->lk.owner);
	bool has = o && own && in_the_way_of(own, &w->lk) && !in_the_way_of(o, &w->lk) &&
		   in_the_way_of(own, &w->lk);

	if (o)
		lock_owner_put(fs, o);
	if (own)
		lock_owner_put(fs, own);
	return has;
}

/* Those that wait for POSIX locks, but for one owner. */
static unsigned who_waits(struct fs *fs, uint64_t but, struct waiting ret[WAITING_MAX])
{
	unsigned n = 0;

	(void)pthread_mutex_lock(&fs->lock);
	for (const struct parked *p = fs->parked; p && n < WAITING_MAX; p = p->next) {
		if (!(p->lk.lk_flags & FUSE_LK_FLOCK) && p->lk.owner != but)
			ret[n++] = (struct waiting){p->nodeid, p->lk};
	}
	(void)pthread_mutex_unlock(&fs->lock);
	return n;
}

/* From what is waited for to what its owner waits for. False: to nothing. */
static bool follow(struct fs *fs, struct inode *i, struct waiting *w)
{
	struct waiting all[WAITING_MAX];
	unsigned n = who_waits(fs, w->lk.owner, all);

	for (unsigned k = 0; k < n; k++) {
		if (has_it(fs, i, w, all[k].lk.owner)) {
			*w = all[k];
			return true;
		}
	}
	return false;
}

bool lock_is_deadlock(struct fs *fs, const struct parked *p)
{
	struct waiting w = {p->nodeid, p->lk};

	for (int n = 0; n < CHAIN_MAX; n++) {
		struct inode *i;
		bool found, more;

		if (inode_get(fs, w.nodeid, &i) < 0)
			return false;
		found = n > 0 && has_it(fs, i, &w, p->lk.owner);
		more = !found && follow(fs, i, &w);
		inode_put(fs, i);
		if (!more)
			return found;
	}
	return false;
}
