/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who a worker is. Requests are carried out as the process is, since the guest's kernel
 * has checked permissions already; what creates becomes the requester for that one call,
 * so that the owner, set-id bits and ACLs come out as if it had been local.
 *
 * All by raw system calls: libc's would change every thread. The real and saved ids stay,
 * so that nobody of that user can touch us meanwhile, and the way back is open.
 *
 * System calls: capget capset setresuid setresgid setgroups getgroups prctl umask
 * unshare fchdir.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vm/virtio/fs/internal.h"

/* What a creating user keeps: the guest has decided that it may. Not FSETID, by which the
 * kernel knows who may make set-group-id files of other groups. */
#define KEPT                                                                             \
	(1U << CAP_DAC_OVERRIDE | 1U << CAP_FOWNER | 1U << CAP_SETUID |                  \
	 1U << CAP_SETGID | 1U << CAP_MKNOD)

#define SAME ((uid_t)-1)

static int set_caps(const struct __user_cap_data_struct *caps) /* two */
{
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};

	return (int)syscall(SYS_capset, &h, caps);
}

static bool capable(const struct fs_worker *w, unsigned cap)
{
	return w->caps[0].effective >> cap & 1;
}

static int get_groups(struct fs_worker *w)
{
	w->n_groups = getgroups(0, NULL);
	if (w->n_groups < 0)
		return -1;
	w->groups = calloc((size_t)w->n_groups + 1, sizeof(gid_t));
	if (!w->groups)
		return -1;
	w->n_groups = getgroups(w->n_groups, w->groups);
	return w->n_groups;
}

int cred_init(struct fs_worker *w, struct err *e)
{
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};

	/* Working folder and umask become this thread's own. */
	if (unshare(CLONE_FS) < 0)
		return err_sys(e, "filesystem worker: unshare");
	if (fchdir(w->fs->self_fd) < 0)
		return err_sys(e, "filesystem worker: fchdir to procfs");
	(void)umask(0);
	if (syscall(SYS_capget, &h, w->caps) < 0)
		return err_sys(e, "filesystem worker: capget");
	if (get_groups(w) < 0)
		return err_sys(e, "filesystem worker: getgroups");
	w->uid = geteuid();
	w->gid = getegid();
	w->can_switch = capable(w, CAP_SETUID) && capable(w, CAP_SETGID);
	return 0;
}

/* Leaving uid 0 has emptied the effective set; the permitted one is still there. */
static void keep_caps(const struct fs_worker *w)
{
	struct __user_cap_data_struct caps[2] = {w->caps[0], w->caps[1]};

	caps[0].effective &= KEPT;
	caps[1].effective = 0;
	(void)set_caps(caps);
}

static int enter(struct fs_req *r, struct cred_switch *s)
{
	struct fs_worker *w = r->w;

	if (r->has_group) {
		/* Refused in some user namespaces: the group is then not had. */
		s->groups = syscall(SYS_setgroups, 1, &r->group) == 0;
	}
	if (r->h.uid == w->uid && r->h.gid == w->gid)
		return 0;
	s->user = true;
	if (syscall(SYS_setresgid, SAME, r->h.gid, SAME) < 0)
		return -errno;
	if (syscall(SYS_setresuid, SAME, r->h.uid, SAME) < 0)
		return -errno;
	keep_caps(w);
	return 0;
}

int cred_enter(struct fs_req *r, struct cred_switch *s)
{
	int e;

	*s = (struct cred_switch){0};
	if (!r->w->can_switch)
		return 0;
	if (r->h.uid == SAME || r->h.gid == SAME)
		return -EINVAL; /* would mean: don't change */
	e = enter(r, s);
	if (e < 0)
		cred_leave(r->w, s);
	return e == -EINVAL ? -EOVERFLOW : e; /* not mapped in our user namespace */
}

void cred_leave(struct fs_worker *w, const struct cred_switch *s)
{
	if (s->user) {
		/* These can't fail: the ids are our real ones. If they did, we would go
		 * on with less. */
		(void)syscall(SYS_setresuid, SAME, w->uid, SAME);
		(void)syscall(SYS_setresgid, SAME, w->gid, SAME);
		(void)set_caps(w->caps);
	}
	if (s->groups)
		(void)syscall(SYS_setgroups, w->n_groups, w->groups);
	/* The kernel has made the process undumpable, with its /proc/PID root's. */
	if (s->user && w->fs->was_dumpable)
		(void)prctl(PR_SET_DUMPABLE, 1);
}

void cred_umask(struct fs_worker *w, mode_t mask)
{
	mask &= 0777;
	if (w->umask == mask)
		return;
	(void)umask(mask);
	w->umask = mask;
}

void cred_drop_fsetid(struct fs_worker *w)
{
	struct __user_cap_data_struct caps[2] = {w->caps[0], w->caps[1]};

	if (!capable(w, CAP_FSETID))
		return;
	caps[0].effective &= ~(1U << CAP_FSETID);
	(void)set_caps(caps);
}

void cred_restore(struct fs_worker *w)
{
	if (capable(w, CAP_FSETID))
		(void)set_caps(w->caps);
}

bool cred_kill_suid(struct fs_worker *w, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || !(st.st_mode & (S_ISUID | S_ISGID)))
		return false;
	cred_drop_fsetid(w);
	return true;
}
