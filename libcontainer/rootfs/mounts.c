/* SPDX-License-Identifier: Apache-2.0 */
/* The child's half of mounts.h: no path of the container but by openat2(2) below its
 * root, no mount but from descriptor to descriptor, no allocation. */
#include "libcontainer/rootfs/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "libcontainer/rootfs/copy_up.h"
#include "libcontainer/rootfs/filesystem.h"
#include "libcontainer/rootfs/mount_api.h"

#define TARGET_MODE 0755

/* The flags that runc clears on a bind that gives any flag but not these. */
#define PLAIN_FLAGS                                                                      \
	((uint64_t)(MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |           \
		    MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSYMFOLLOW))

struct walk {
	const struct mounts_plan *p;
	struct mount_entry *m; /* the one at hand */
	int *root;
	int proc_fd;
};

const char *mounts_find_cgroup2(void)
{
	static const char *const places[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
	struct statfs fs;

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		if (statfs(places[i], &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC)
			return places[i];
	}
	return NULL;
}

/* Where a symlink has led a target to, nothing of procfs may be: the check of the text
 * has not seen it. */
static int check_led(int fd, const char *dest, struct err *e)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return err_sys(e, "target %s", dest);
	if (fs.f_type == PROC_SUPER_MAGIC)
		return err_set(e, EPERM,
			       "\"%s\" cannot be mounted because it is inside /proc",
			       dest);
	return 0;
}

/* A missing folder whose parent is there and reached without symlinks, as most are; any
 * failure is path_mkdirs_in's to meet again. */
static int make_last(int root, const char *dest)
{
	const char *name = strrchr(dest, '/') + 1;
	char up[PATH_MAX];
	AUTO_FD dir = -1;

	if (strlen(dest) >= sizeof(up))
		return -ENAMETOOLONG;
	memcpy(up, dest, (size_t)(name - dest));
	up[name - dest] = '\0';
	dir = path_open_plain(root, up, O_PATH | O_DIRECTORY, 0, 0);
	if (dir < 0)
		return dir;
	if (mkdirat(dir, name, TARGET_MODE) < 0)
		return -errno;
	return path_open_plain(dir, name, O_PATH | O_DIRECTORY, 0, 1);
}

/* "not a directory" is what docker adds its hint to: "Are you trying to mount a directory
 * onto a file (or vice-versa)?" */
static int bad_target(const struct walk *w, bool dir, int code, struct err *e)
{
	AUTO_FD file = -1;

	if (dir && code == -ENOTDIR)
		file = path_open_in(*w->root, w->m->dest, O_PATH, 0);
	return file >= 0
		       ? err_words(e, ENOTDIR, "target %s is not a directory", w->m->dest)
		       : err_code(e, code, "target %s", w->m->dest);
}

/* The target, made if it is missing: *ret_made. */
static int open_target(const struct walk *w, bool dir, bool *ret_made, struct err *e)
{
	const char *dest = w->m->dest;
	int flags = O_PATH | (dir ? O_DIRECTORY : 0), r;
	AUTO_FD fd = path_open_plain(*w->root, dest, flags, 0, 0);

	*ret_made = fd == -ENOENT;
	if (fd == -ENOENT && dir)
		fd = make_last(*w->root, dest);
	if (fd >= 0)
		return fd_take(&fd);
	fd = path_open_in(*w->root, dest, flags, 0);
	*ret_made = fd == -ENOENT;
	if (fd == -ENOENT)
		fd = dir ? path_mkdirs_in(*w->root, dest, TARGET_MODE)
			 : path_mkfile_in(*w->root, dest, TARGET_MODE);
	if (fd < 0)
		return bad_target(w, dir, fd, e);
	r = check_led(fd, dest, e);
	return r < 0 ? r : fd_take(&fd);
}

/* For proc and sysfs: what is trusted to be there later must be where its name says, not
 * on a volume that another container can rename (CVE-2019-19921, CVE-2023-27561). */
static int open_strict_target(const struct walk *w, struct err *e)
{
	const char *dest = w->m->dest;
	AUTO_FD made = -1;
	int fd = path_open_plain(*w->root, dest, O_PATH | O_DIRECTORY, 0, 0);

	if (fd == -ENOENT) {
		made = path_mkdirs_in(*w->root, dest, TARGET_MODE);
		if (made < 0)
			return err_code(e, made, "target %s", dest);
		fd = path_open_plain(*w->root, dest, O_PATH | O_DIRECTORY, 0, 0);
	}
	if (fd == -ELOOP || fd == -ENOTDIR)
		return err_set(e, ENOTDIR,
			       "filesystem \"%s\" must be mounted on ordinary directory",
			       w->m->type);
	return fd < 0 ? err_code(e, fd, "target %s", dest) : fd;
}

static bool is_change(const struct mount_change *c)
{
	return c->set || c->clear || c->propagation;
}

static int change(int mount, const struct mount_change *c, bool recursive, struct err *e)
{
	int r = is_change(c) ? mount_change_fd(mount, c, recursive) : 0;

	return r < 0 ? err_code(e, r,
				"mount flags 0x%llx, not 0x%llx, propagation 0x%llx",
				(unsigned long long)c->set, (unsigned long long)c->clear,
				(unsigned long long)c->propagation)
		     : 0;
}

/* The spec's propagation words from the i-th on. */
static int propagate(const struct mount_options *o, size_t i, int mount, struct err *e)
{
	int r = 0;

	for (; r >= 0 && i < o->propagation_count; i++) {
		r = change(mount,
			   &(struct mount_change){.propagation = o->propagation[i].type},
			   o->propagation[i].recursive, e);
	}
	return r;
}

/* Flags of a bind. As with runc, giving any flag makes the ones that aren't given go,
 * except where they are locked (mount_namespaces(7)); asking for the removal of a locked
 * one is an error. */
static int change_top(const struct walk *w, int mount, struct err *e)
{
	const struct mount_options *o = &w->m->o;
	struct mount_change c = {.set = o->set, .clear = o->clear};

	/* A tree that came from the runtime's process has no locks that would tell. */
	if (o->flags_given && !w->p->in_userns) {
		c.clear |= PLAIN_FLAGS & ~o->set;
		if (mount_change_fd(mount, &c, false) >= 0)
			return 0;
		c.clear = o->clear;
	}
	return change(mount, &c, false, e);
}

/* Everything that is asked of a bind, before anyone can see it. What comes from the host
 * gets a propagation first (from_host), unless the first word of the spec is as strict.
 */
static int change_bind(const struct walk *w, int mount, struct err *e)
{
	const struct mount_options *o = &w->m->o;
	bool recursive = w->m->host.recursive;
	struct mount_change all = {
		.set = o->rec_set,
		.clear = o->rec_clear,
		.propagation = w->p->from_host,
	};
	size_t next = 0;
	int r;

	if (o->propagation_count && (o->propagation[0].recursive || !recursive) &&
	    (!w->p->from_host || o->propagation[0].type == w->p->from_host ||
	     o->propagation[0].type & (MS_PRIVATE | MS_UNBINDABLE)))
		all.propagation = o->propagation[next++].type;
	r = change_top(w, mount, e);
	if (r >= 0)
		r = change(mount, &all, recursive, e);
	return r < 0 ? r : propagate(o, next, mount, e);
}

/* What is trusted to be there later. */
static bool is_kernels(const struct mount_entry *m)
{
	return m->kind == MOUNT_STRICT || str_eq(m->dest, "/proc") ||
	       str_eq(m->dest, "/sys");
}

static void keep(struct mount_entry *m, int *mount)
{
	if (m->read_only_late)
		m->held = fd_take(mount);
	else if (is_kernels(m))
		m->top = fd_take(mount);
}

static int attach(const struct walk *w, int *mount, int target, struct err *e)
{
	int r = mount_attach(*mount, target);

	if (r < 0)
		return err_code(e, r, "attach");
	if (str_eq(w->m->dest, "/")) {
		fd_close(w->root);
		*w->root = fcntl(*mount, F_DUPFD_CLOEXEC, 3);
		if (*w->root < 0)
			return err_sys(e, "dup");
	}
	keep(w->m, mount);
	return 0;
}

/* ---- binds ---- */

/* A source in the root: what earlier mounts have made of it. */
static int clone_in_root(const struct walk *w, bool *ret_dir, struct err *e)
{
	AUTO_FD fd = path_open_in(*w->root, w->m->in_root, O_PATH, 0);
	struct stat st;
	int mount;

	if (fd < 0)
		return err_code(e, fd, "source %s", w->m->source);
	if (fstat(fd, &st) < 0)
		return err_sys(e, "source %s", w->m->source);
	*ret_dir = S_ISDIR(st.st_mode);
	mount = mount_clone_fd(fd, w->m->host.recursive);
	return mount < 0 ? err_code(e, mount, "source %s", w->m->source) : mount;
}

static int clone_source(const struct walk *w, bool *ret_dir, struct err *e)
{
	int mount;

	if (w->m->in_root)
		return clone_in_root(w, ret_dir, e);
	*ret_dir = w->m->host.is_dir;
	mount = host_tree_take(&w->m->host);
	return mount < 0 ? err_code(e, mount, "source %s", w->m->host.path) : mount;
}

static int mount_bind(const struct walk *w, struct err *e)
{
	AUTO_FD mount = -1, target = -1;
	bool dir = false, made;
	struct stat st;
	int r;

	mount = clone_source(w, &dir, e);
	if (mount < 0)
		return mount;
	r = change_bind(w, mount, e);
	if (r < 0)
		return r;
	target = dir && is_kernels(w->m) ? open_strict_target(w, e)
					 : open_target(w, dir, &made, e);
	if (target < 0)
		return target;
	r = attach(w, &mount, target, e);
	if (r == -EINVAL && !dir && fstat(target, &st) == 0 && S_ISDIR(st.st_mode))
		return err_words(e, ENOTDIR,
				 "source is not a directory, and target %s is one",
				 w->m->dest);
	return r;
}

/* ---- filesystems ---- */

/* mqueue has no `context` option: its top folder is labelled (runc does the same). */
static int label_top(const struct mount_entry *m, int mount, struct err *e)
{
	AUTO_FD fd = openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(e, "open to label");
	if (fsetxattr(fd, "security.selinux", m->label, strlen(m->label) + 1, 0) < 0)
		return err_sys(e, "label %s", m->label);
	return 0;
}

static int dress_fs(const struct walk *w, int mount, int target, struct err *e)
{
	int r = 0;

	if (w->m->label && w->m->label_top)
		r = label_top(w->m, mount, e);
	if (r >= 0 && w->m->o.copy_up)
		r = copy_up(target, mount, e);
	return r < 0 ? r : propagate(&w->m->o, 0, mount, e);
}

/*
 * In a user namespace the kernel mounts sysfs and cgroup2 only for who owns the network
 * or cgroup namespace too. Then the host's is bound, with every flag that was asked for:
 * a lost "ro" was CVE-2023-25809. /sys comes with all that is mounted in it, so there the
 * flags are for all of these.
 */
static int bind_instead(const struct walk *w, const char *path, bool recursive,
			struct err *e)
{
	const struct mount_change c = {
		.set = w->m->o.set,
		/* Changing how access times are kept may be locked too. */
		.clear = w->m->o.set & MOUNT_ATTR__ATIME ? MOUNT_ATTR__ATIME : 0,
		.propagation = w->p->from_host,
	};
	AUTO_FD mount = mount_clone_path(path, recursive);
	int r;

	if (mount < 0)
		return err_code(e, mount, "bind of %s", path);
	r = change(mount, &c, recursive, e);
	return r < 0 ? r : fd_take(&mount);
}

/* What is mounted where even the bind has nothing to show: read-only emptiness. */
static int make_empty(struct err *e)
{
	const struct mount_entry empty = {
		.type = "tmpfs",
		.source = "tmpfs",
		.o.set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
			 MOUNT_ATTR_NOEXEC,
	};
	bool denied;

	return filesystem_make(&empty, -1, &denied, e);
}

static int bind_cgroup(const struct walk *w, struct err *e)
{
	const char *top = mounts_find_cgroup2();
	char path[8192];
	int mount;

	if (!top)
		return err_set(e, ENOTSUP, "no cgroup v2 hierarchy is mounted");
	(void)snprintf(path, sizeof(path), "%s/%s", top, w->p->cgroup_path);
	mount = bind_instead(w, path, false, e);
	/* Never leave what is below visible: it may be the host's, writable. */
	return e->code == ENOENT && mount < 0 ? make_empty(e) : mount;
}

static int make_cgroup(const struct walk *w, int target, struct err *e)
{
	AUTO_FD mount = -1;
	bool denied;
	int r;

	if (w->p->own_cgroupns) {
		r = filesystem_make(w->m, target, &denied, e);
		return denied ? bind_cgroup(w, e) : r;
	}
	mount = host_tree_take(&w->m->host);
	if (mount < 0)
		return err_code(e, mount, "source %s", w->m->host.path);
	r = change(
		mount,
		&(struct mount_change){
			.set = w->m->o.set,
			.clear = w->m->o.set & MOUNT_ATTR__ATIME ? MOUNT_ATTR__ATIME : 0,
			.propagation = w->p->from_host,
		},
		false, e);
	return r < 0 ? r : fd_take(&mount);
}

static int make_any(const struct walk *w, int target, struct err *e)
{
	bool denied;
	int mount;

	if (w->m->kind == MOUNT_CGROUP)
		return make_cgroup(w, target, e);
	mount = filesystem_make(w->m, target, &denied, e);
	if (denied && w->p->in_userns && str_eq(w->m->type, "sysfs"))
		return bind_instead(w, "/sys", true, e);
	return mount;
}

static int mount_fs(const struct walk *w, struct err *e)
{
	AUTO_FD mount = -1, target = -1;
	bool made = false;
	int r;

	target = w->m->kind == MOUNT_STRICT ? open_strict_target(w, e)
					    : open_target(w, true, &made, e);
	if (target < 0)
		return target;
	/* There is no mode to take over from what we have just made. */
	w->m->inherit_mode &= !made;
	if (w->m->data) {
		mount = filesystem_make_old(w->m, *w->root, w->proc_fd, target, e);
		if (mount < 0)
			return mount;
		r = dress_fs(w, mount, target, e);
		if (r >= 0)
			keep(w->m, &mount);
		return r;
	}
	mount = make_any(w, target, e);
	if (mount < 0)
		return mount;
	r = dress_fs(w, mount, target, e);
	return r < 0 ? r : attach(w, &mount, target, e);
}

int mounts_walk(const struct mounts_plan *p, int *root, int proc_fd, struct err *e)
{
	struct walk w = {.p = p, .proc_fd = proc_fd};
	int r;

	w.root = root;
	for (size_t i = 0; i < p->count; i++) {
		w.m = &p->v[i];
		r = w.m->kind == MOUNT_BIND ? mount_bind(&w, e) : mount_fs(&w, e);
		if (r < 0)
			return err_wrap(e, "error mounting \"%s\" to rootfs at \"%s\"",
					w.m->source ? w.m->source : w.m->type, w.m->dest);
	}
	return 0;
}

int mounts_open(const struct mounts_plan *p, int root, const char *path)
{
	const struct mount_entry *best = NULL;
	const char *rest = NULL, *below;
	char clean[PATH_MAX];
	int r;

	r = path_clean(path, clean, sizeof(clean));
	if (r < 0)
		return r;
	for (size_t i = 0; i < p->count; i++) {
		const struct mount_entry *m = &p->v[i];

		below = m->top < 0 ? NULL : str_after(clean, m->dest);
		if (!below || (*below != '\0' && *below != '/'))
			continue;
		/* The innermost; of two in one place, the later is on top. */
		if (!best || strlen(m->dest) >= strlen(best->dest)) {
			best = m;
			rest = below;
		}
	}
	return best ? path_open_in(best->top, rest, O_PATH, 0)
		    : path_open_in(root, clean, O_PATH, 0);
}

void mounts_close(const struct mounts_plan *p)
{
	for (size_t i = 0; i < p->count; i++)
		fd_close(&p->v[i].top);
}

int mounts_seal(const struct mounts_plan *p, struct err *e)
{
	const struct mount_change read_only = {.set = MOUNT_ATTR_RDONLY};
	int r;

	for (size_t i = 0; i < p->count; i++) {
		if (p->v[i].held < 0)
			continue;
		r = mount_change_fd(p->v[i].held, &read_only, false);
		if (r < 0)
			return err_code(e, r, "make %s read-only", p->v[i].dest);
		fd_close(&p->v[i].held);
	}
	return 0;
}
