/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/jail.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "libcontainer/process/caps.h"
#include "libcontainer/rootfs/mount_api.h"
#include "sandbox/jail_rules.h"

struct jail {
	struct arena arena;
	uint64_t caps;
	struct seccomp_filter filter[JAIL_THREADS];
};

/* ---- in the runtime's process ---- */

int jail_prepare(const struct jail_config *c, struct jail **ret, struct err *e)
{
	struct jail *j = calloc(1, sizeof(*j));
	int r = 0;

	if (!j)
		return err_set(e, ENOMEM, "jail: no memory");
	j->caps = jail_capabilities(c->device_nodes);
	for (unsigned i = 0; i < JAIL_THREADS && r == 0; i++)
		r = jail_filter_make(&j->arena, (enum jail_thread)i, c->saving,
				     &j->filter[i], e);
	if (r < 0) {
		jail_free(j);
		return r;
	}
	*ret = j;
	return 0;
}

void jail_free(struct jail *j)
{
	if (!j)
		return;
	arena_done(&j->arena);
	free(j);
}

/* ---- in the monitor ---- */

static int close_range_(unsigned first, unsigned last, struct err *e)
{
	return syscall(SYS_close_range, first, last, 0) < 0
		       ? err_sys(e, "close descriptors %u to %u", first, last)
		       : 0;
}

/* The lowest of those that stay, from n on; or -1. */
static int next_kept(const struct jail_room *room, int n)
{
	int next = -1;

	for (size_t i = 0; i < room->keep_count; i++) {
		if (room->keep[i] >= n && (next < 0 || room->keep[i] < next))
			next = room->keep[i];
	}
	return next;
}

static int close_others(const struct jail_room *room, struct err *e)
{
	int n = 0, r = 0;

	if (!room->keep)
		return 0;
	for (int kept; r == 0 && (kept = next_kept(room, n)) >= 0; n = kept + 1) {
		if (kept > n)
			r = close_range_((unsigned)n, (unsigned)kept - 1, e);
	}
	return r < 0 ? r : close_range_((unsigned)n, ~0U, e);
}

/* A mount of this folder by itself, so that ".." leads nowhere. The procfs of the pid
 * namespace that we came from does as well: it knows us by the number that we have there. */
static int clone_self_fd(struct err *e)
{
	AUTO_FD fd = mount_clone_path("/proc/self/fd", false);
	struct statfs fs;

	if (fd < 0)
		return err_code(e, fd, "clone /proc/self/fd");
	if (fstatfs(fd, &fs) < 0)
		return err_sys(e, "look at /proc");
	if (fs.f_type != PROC_SUPER_MAGIC)
		return err_set(e, EINVAL, "/proc is no procfs");
	return fd_take(&fd);
}

/* A detached filesystem with nothing in it, and nothing that could be put there. */
static int make_empty(struct err *e)
{
	AUTO_FD fs = mount_fs_open("tmpfs");
	int r = fs;

	if (r >= 0)
		r = mount_fs_param(fs, "size", "4096");
	if (r >= 0)
		r = mount_fs_param(fs, "nr_inodes", "1");
	if (r >= 0)
		r = mount_fs_param(fs, "mode", "0555");
	if (r >= 0)
		r = mount_fs_create(fs, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
						MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	return r < 0 ? err_code(e, r, "make an empty root") : r;
}

/* Of the old root only what a descriptor refers to is left. */
static int leave_root(struct err *e)
{
	const struct mount_change alone = {.propagation = MS_PRIVATE};
	AUTO_FD empty = -1;
	int r = mount_change_path("/", &alone, true);

	if (r < 0)
		return err_code(e, r, "make all mounts private");
	empty = make_empty(e);
	if (empty < 0)
		return empty;
	r = mount_attach_path(empty, "/");
	if (r < 0)
		return err_code(e, r, "mount an empty root");
	if (fchdir(empty) < 0)
		return err_sys(e, "enter the empty root");
	/* As in rootfs.c: the old root comes to lie over the new one. */
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return err_sys(e, "pivot_root");
	if (umount2(".", MNT_DETACH) < 0)
		return err_sys(e, "unmount the old root");
	return chdir("/") < 0 ? err_sys(e, "enter the root") : 0;
}

/* Up to the hard limit, which only the privileged raise. */
static int limit(int resource, uint64_t wanted, const char *name, struct err *e)
{
	struct rlimit l;

	if (getrlimit(resource, &l) < 0)
		return err_sys(e, "getrlimit %s", name);
	l.rlim_cur = wanted;
	if (l.rlim_max > wanted)
		l.rlim_max = wanted;
	else
		l.rlim_cur = l.rlim_max;
	return setrlimit(resource, &l) < 0 ? err_sys(e, "setrlimit %s", name) : 0;
}

static int set_limits(const struct jail_room *room, struct err *e)
{
	int r = limit(RLIMIT_CORE, 0, "core", e);

	return r < 0 ? r : limit(RLIMIT_NOFILE, room->nofile, "nofile", e);
}

/* What the caller's session has in its keyring is none of the guest's business. No call
 * for keys is allowed later, so where this one is refused nothing is lost. */
static void leave_keyring(void)
{
	(void)syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
}

/* What of the capabilities is there at all: a user namespace's root has all of them. */
static int permitted(uint64_t *ret, struct err *e)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data) < 0)
		return err_sys(e, "get capabilities");
	*ret = (uint64_t)data[1].permitted << 32 | data[0].permitted;
	return 0;
}

static int drop_privileges(const struct jail *j, struct err *e)
{
	struct caps caps = {.bounding = j->caps};
	uint64_t have = 0;
	int r = permitted(&have, e);

	if (r == 0)
		r = caps_drop_bounding(&caps, e);
	caps.permitted = caps.effective = j->caps & have;
	if (r == 0)
		r = caps_apply(&caps, NULL, e);
	if (r < 0)
		return r;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(e, "set no_new_privs");
	return prctl(PR_SET_DUMPABLE, 0) < 0 ? err_sys(e, "set dumpable") : 0;
}

int jail_enter(const struct jail *j, const struct jail_room *room, int *ret_proc_fd,
	       struct err *e)
{
	AUTO_FD self_fd = -1;
	int r = close_others(room, e);

	if (r == 0)
		r = self_fd = clone_self_fd(e);
	if (r >= 0)
		r = leave_root(e);
	if (r == 0)
		r = set_limits(room, e);
	if (r == 0) {
		leave_keyring();
		r = drop_privileges(j, e);
	}
	if (r < 0)
		return err_wrap(e, "jail");
	*ret_proc_fd = fd_take(&self_fd);
	return 0;
}

/* ---- on each of its threads ---- */

/* Names by which ps and a test tell them apart; the first keeps the program's. */
static const char *const names[JAIL_THREADS] = {
	[JAIL_VCPU] = "vcpu",
	[JAIL_FS] = "fs",
	[JAIL_BLOCK] = "block",
	[JAIL_PROXY] = "proxy",
};

int jail_enter_thread(const struct jail *j, enum jail_thread kind, struct err *e)
{
	const struct caps none = {0};
	int r = 0;

	if (names[kind])
		(void)prctl(PR_SET_NAME, names[kind]);
	/* capset(2) is of one thread. */
	if (kind != JAIL_FS)
		r = caps_apply(&none, NULL, e);
	if (r == 0)
		r = seccomp_filter_load(&j->filter[kind], e);
	return r < 0 ? err_wrap(e, "jail") : 0;
}
