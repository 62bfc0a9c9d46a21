/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server as a whole: made, emptied, ended.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/fd.h"
#include "vm/virtio/fs/internal.h"

#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x1000U /* Linux 5.8 */
#endif
#define MNT_ID_UNIQUE 0x4000U /* STATX_MNT_ID_UNIQUE, Linux 6.8 */

#define MAX_INODES    (2U << 20)
#define MAX_FDS       (1U << 16)

/* Which mount id this kernel has, seen on the procfs. */
static int probe_statx(struct fs *fs, struct err *e)
{
	static const unsigned ids[] = {MNT_ID_UNIQUE, STATX_MNT_ID};
	struct statx st;

	for (unsigned i = 0; i < 2; i++) {
		fs->statx_mask = STATX_BASIC_STATS | STATX_BTIME | ids[i];
		if (fs_statx(fs, fs->self_fd, NULL, &st) == 0 && st.stx_mask & ids[i]) {
			fs->mnt_id_unique = ids[i] == MNT_ID_UNIQUE;
			return 0;
		}
	}
	return err_set(e, ENOSYS, "statx has no mount ids (Linux 5.8 is needed)");
}

static unsigned default_fds(void)
{
	struct rlimit lim;
	rlim_t n = MAX_FDS;

	if (getrlimit(RLIMIT_NOFILE, &lim) == 0 && lim.rlim_cur / 8 * 3 < n)
		n = lim.rlim_cur / 8 * 3;
	return (unsigned)n;
}

static int set_up(struct fs *fs, const struct fs_config *c, struct err *e)
{
	uint64_t id;
	int r;

	fs->self_fd = openat(c->proc_fd, "self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fs->self_fd < 0 && errno == ENOENT) /* it is that folder */
		fs->self_fd = openat(c->proc_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fs->self_fd < 0)
		return err_sys(e, "open self/fd of procfs");
	r = probe_statx(fs, e);
	if (r < 0)
		return r;
	fs->hash_len = 1024;
	fs->hash = calloc(fs->hash_len, sizeof(struct inode *));
	if (!fs->hash || slots_add(&fs->inodes, &fs->top, &id) < 0)
		return err_set(e, ENOMEM, "filesystem");
	return dax_init(fs, c, e);
}

int fs_new(const struct fs_config *c, struct fs **ret, struct err *e)
{
	struct fs *fs = calloc(1, sizeof(*fs));
	int r;

	if (!fs)
		return err_set(e, ENOMEM, "filesystem");
	(void)pthread_mutex_init(&fs->session, NULL);
	(void)pthread_mutex_init(&fs->lock, NULL);
	(void)pthread_mutex_init(&fs->dax_lock, NULL);
	(void)pthread_cond_init(&fs->idle, NULL);
	fs->kind = c->kind;
	fs->devices = c->devices;
	fs->done = c->done;
	fs->arg = c->arg;
	fs->self_fd = -1;
	fs->max_fds = c->max_fds ? c->max_fds : default_fds();
	fs->max_inodes = c->max_inodes ? c->max_inodes : MAX_INODES;
	fs->was_dumpable = prctl(PR_GET_DUMPABLE) == 1;
	fs->lru.lru_next = fs->lru.lru_prev = &fs->lru;
	fs->top.nodeid = FUSE_ROOT_ID;
	fs->top.refs = 1;
	fs->top.fd = -1;
	fs->top.id.type = S_IFDIR;
	r = set_up(fs, c, e);
	if (r < 0) {
		fs_free(fs);
		return r;
	}
	*ret = fs;
	return 0;
}

void fs_end_session(struct fs *fs, int error)
{
	struct handle *dead_handles = NULL;
	struct inode *dead = NULL;
	struct parked *parked;

	(void)pthread_mutex_lock(&fs->session);
	atomic_store(&fs->flags, 0);
	(void)pthread_mutex_lock(&fs->lock);
	parked = lock_unpark_locked(fs, NULL);
	handle_drop_all_locked(fs, NULL, &dead_handles);
	(void)pthread_mutex_unlock(&fs->lock);
	lock_answer(fs, parked, error);
	handle_bury(fs, dead_handles);
	dax_drop(fs, NULL);
	(void)pthread_mutex_lock(&fs->lock);
	inode_drop_all_locked(fs, NULL, &dead);
	(void)pthread_mutex_unlock(&fs->lock);
	inode_bury(fs, dead);
	(void)pthread_mutex_unlock(&fs->session);
}

void fs_reset(struct fs *fs)
{
	fs_end_session(fs, 0);
}

void fs_free(struct fs *fs)
{
	if (!fs)
		return;
	if (fs->hash)
		fs_reset(fs);
	while (fs->trees)
		(void)fs_detach(fs, fs->trees->name, ERR_IGNORE);
	fd_close(&fs->self_fd);
	free(fs->inodes.slot);
	free(fs->handles.slot);
	free(fs->hash);
	free(fs->dax_owner);
	(void)pthread_cond_destroy(&fs->idle);
	(void)pthread_mutex_destroy(&fs->dax_lock);
	(void)pthread_mutex_destroy(&fs->lock);
	(void)pthread_mutex_destroy(&fs->session);
	free(fs);
}

struct fs_counts fs_counts(struct fs *fs)
{
	struct fs_counts c;

	(void)pthread_mutex_lock(&fs->lock);
	c.fds = fs->fds;
	c.inodes = fs->inodes.used;
	c.handles = fs->handles.used;
	c.parked = fs->n_parked;
	(void)pthread_mutex_unlock(&fs->lock);
	return c;
}

int fs_worker_new(struct fs *fs, struct fs_worker **ret, struct err *e)
{
	struct fs_worker *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return err_set(e, ENOMEM, "filesystem worker");
	w->fs = fs;
	r = cred_init(w, e);
	if (r < 0) {
		fs_worker_free(w);
		return r;
	}
	*ret = w;
	return 0;
}

void fs_worker_free(struct fs_worker *w)
{
	if (!w)
		return;
	free(w->groups);
	free(w);
}
