/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/rootfs/masks.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/fd.h"
#include "base/path.h"
#include "libcontainer/rootfs/mount_api.h"

#define NULL_MAJOR 1
#define NULL_MINOR 3

int masks_plan_make(const struct spec *s, bool in_userns, struct masks_plan *p,
		    struct err *e)
{
	const struct spec_linux *l = s->linux_;
	int r;

	p->masked = &l->masked_paths;
	p->readonly = &l->readonly_paths;
	p->label = l->mount_label && *l->mount_label ? l->mount_label : NULL;
	p->null = (struct host_tree)HOST_TREE_INIT;
	p->null_mount = -1;
	if (!p->masked->count)
		return 0;
	/* Never the container's: an image could have put anything in its place
	 * (CVE-2025-31133). */
	r = host_tree_open(&p->null, "/dev/null", false, in_userns);
	if (r < 0)
		return err_code(e, r, "/dev/null of the host");
	if (!S_ISCHR(p->null.mode) || p->null.rdev != makedev(NULL_MAJOR, NULL_MINOR))
		return err_set(e, EINVAL, "/dev/null of the host is another device");
	return 0;
}

void masks_plan_done(struct masks_plan *p)
{
	host_tree_done(&p->null);
}

int masks_fetch(struct masks_plan *p, struct err *e)
{
	if (!p->masked->count)
		return 0;
	p->null_mount = host_tree_take(&p->null);
	return p->null_mount < 0 ? err_code(e, p->null_mount, "/dev/null of the host")
				 : 0;
}

/* The one empty folder for all masked ones. */
static int make_empty(const struct masks_plan *p, struct err *e)
{
	AUTO_FD fs = mount_fs_open("tmpfs");
	int r = fs;

	if (r >= 0)
		r = mount_fs_param(fs, "source", "tmpfs");
	if (r >= 0)
		r = mount_fs_param(fs, "mode", "0555");
	if (r >= 0)
		r = mount_fs_param(fs, "nr_inodes", "1");
	if (r >= 0 && p->label)
		r = mount_fs_param(fs, "context", p->label);
	if (r >= 0)
		r = mount_fs_create(fs, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
						MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	return r < 0 ? err_code(e, r, "empty tmpfs") : r;
}

/*
 * Puts a copy of *mount over target. The first time the mount itself is used, as a
 * detached mount can't be copied (before Linux 6.15), an attached one can.
 */
static int cover(int mount, bool *attached, int target)
{
	AUTO_FD copy = -1;
	int r;

	if (*attached) {
		copy = mount_clone_fd(mount, false);
		if (copy < 0)
			return copy;
		return mount_attach(copy, target);
	}
	r = mount_attach(mount, target);
	*attached = r >= 0;
	return r;
}

struct covers {
	int empty;
	bool empty_attached, null_attached;
};

static bool is_missing(int r)
{
	return r == -ENOENT || r == -ENOTDIR;
}

/* Takes fd, the target, which may be an error. */
static int mask(struct masks_plan *p, struct covers *c, int fd, struct err *e)
{
	AUTO_FD target = fd;
	struct stat st;
	int r;

	if (is_missing(target))
		return 0;
	if (target < 0)
		return err_code(e, target, "open");
	if (fstat(target, &st) < 0)
		return err_sys(e, "stat");
	if (!S_ISDIR(st.st_mode)) {
		r = cover(p->null_mount, &c->null_attached, target);
		return r < 0 ? err_code(e, r, "cover") : 0;
	}
	if (c->empty < 0) {
		c->empty = make_empty(p, e);
		if (c->empty < 0)
			return c->empty;
	}
	r = cover(c->empty, &c->empty_attached, target);
	return r < 0 ? err_code(e, r, "cover") : 0;
}

/* As mask. */
static int make_readonly(int fd, struct err *e)
{
	const struct mount_change read_only = {.set = MOUNT_ATTR_RDONLY};
	AUTO_FD target = fd, mount = -1;
	int r;

	if (is_missing(target))
		return 0;
	if (target < 0)
		return err_code(e, target, "open");
	mount = mount_clone_fd(target, true);
	if (mount < 0)
		return err_code(e, mount, "copy of the mount");
	r = mount_change_fd(mount, &read_only, false);
	if (r < 0)
		return err_code(e, r, "flags");
	r = mount_attach(mount, target);
	return r < 0 ? err_code(e, r, "attach") : 0;
}

int masks_apply(struct masks_plan *p, const struct mounts_plan *mounts, int root,
		struct err *e)
{
	struct covers c = {.empty = -1};
	int r = 0;

	for (size_t i = 0; r >= 0 && i < p->readonly->count; i++) {
		r = make_readonly(mounts_open(mounts, root, p->readonly->v[i]), e);
		if (r < 0)
			(void)err_wrap(e, "read-only path %s", p->readonly->v[i]);
	}
	for (size_t i = 0; r >= 0 && i < p->masked->count; i++) {
		r = mask(p, &c, mounts_open(mounts, root, p->masked->v[i]), e);
		if (r < 0)
			(void)err_wrap(e, "masked path %s", p->masked->v[i]);
	}
	fd_close(&c.empty);
	fd_close(&p->null_mount);
	return r;
}
