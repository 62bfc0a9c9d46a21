/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/rootfs/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "libcontainer/rootfs/dev_nodes.h"
#include "libcontainer/rootfs/masks.h"
#include "libcontainer/rootfs/mount_api.h"
#include "libcontainer/rootfs/mounts.h"
#include "libcontainer/rootfs/no_pivot.h"

#ifndef MNT_DETACH
#define MNT_DETACH 2 /* umount2(2) */
#endif

/* What the child uses up, descriptors that is, hangs on pointers: it has the plan as
 * const. */
struct rootfs_plan {
	const char *path; /* of the root, resolved */
	struct host_tree *root;
	struct mounts_plan *mounts;
	struct dev_plan *devs; /* NULL: /dev is a bind, and its owner's to fill */
	struct masks_plan *masks;
	struct strings *hide; /* NULL: pivot_root */
	bool read_only;
	/* linux.rootfsPropagation, MS_*; 0 if absent */
	uint64_t propagation;
	bool propagation_recursive;
};

/* ---- the plan ---- */

static int plan_propagation(struct rootfs_plan *p, const struct rootfs_options *o,
			    struct err *e)
{
	const char *word = o->spec->linux_->rootfs_propagation;

	if (!word || !*word)
		return 0;
	if (!mount_propagation_parse(word, &p->propagation, &p->propagation_recursive))
		return err_set(e, EINVAL,
			       "linux.rootfsPropagation: \"%s\" is not supported", word);
	if (o->no_pivot && p->propagation == MS_PRIVATE)
		return err_set(
			e, EINVAL,
			"rootfsPropagation of [r]private is not safe without pivot_root");
	return 0;
}

/* What comes from the host's mounts must not carry the container's mounts back to them,
 * unless the spec wants just that. */
static uint64_t from_host(const struct rootfs_plan *p)
{
	switch (p->propagation) {
	case MS_SHARED:
		return 0;
	case MS_PRIVATE:
	case MS_UNBINDABLE:
		return MS_PRIVATE;
	default:
		return MS_SLAVE;
	}
}

static int plan_root(struct arena *a, struct rootfs_plan *p,
		     const struct rootfs_options *o, struct err *e)
{
	const struct spec_root *root = o->spec->root;
	AUTO_FREE char *real = NULL;
	const char *path;
	int r;

	if (!root || !root->path || !*root->path)
		return err_set(e, EINVAL, "root.path is missing");
	path = root->path[0] == '/' ? root->path
				    : arena_fmt(a, "%s/%s", o->bundle, root->path);
	if (!path)
		return err_code(e, ENOMEM, "root.path");
	/* Resolved here and once. */
	real = realpath(path, NULL);
	if (!real)
		return err_sys(e, "root.path %s", path);
	p->path = arena_strdup(a, real);
	if (!p->path)
		return err_code(e, ENOMEM, "root.path");
	r = host_tree_open(p->root, p->path, true, o->in_userns);
	if (r < 0)
		return err_code(e, r, "root.path %s", p->path);
	if (!p->root->is_dir)
		return err_set(e, ENOTDIR, "root.path %s: a file, not a folder", p->path);
	p->read_only = root->readonly;
	return 0;
}

static bool binds_dev(const struct mounts_plan *m)
{
	for (size_t i = 0; i < m->count; i++) {
		if (m->v[i].kind == MOUNT_BIND && str_eq(m->v[i].dest, "/dev"))
			return true;
	}
	return false;
}

static int plan_parts(struct arena *a, struct rootfs_plan *p,
		      const struct rootfs_options *o, struct err *e)
{
	int r = plan_propagation(p, o, e);

	if (r < 0)
		return r;
	r = plan_root(a, p, o, e);
	if (r < 0)
		return r;
	p->mounts->from_host = from_host(p);
	r = mounts_plan_make(a, o, p->path, p->mounts, e);
	if (r < 0)
		return r;
	r = masks_plan_make(o->spec, o->in_userns, p->masks, e);
	if (r < 0)
		return r;
	if (binds_dev(p->mounts)) {
		p->devs = NULL;
	} else {
		r = dev_plan_make(a, o->spec, o->in_userns, p->devs, e);
		if (r < 0)
			return r;
	}
	if (!o->no_pivot)
		return 0;
	p->hide = arena_alloc(a, sizeof(*p->hide));
	if (!p->hide)
		return err_code(e, ENOMEM, "plan");
	return no_pivot_plan(a, p->path, p->hide, e);
}

int rootfs_plan_make(struct arena *a, const struct rootfs_options *o,
		     struct rootfs_plan **ret, const char **ret_path, struct err *e)
{
	struct rootfs_plan *p = arena_alloc(a, sizeof(*p));
	int r;

	if (p) {
		p->root = arena_alloc(a, sizeof(*p->root));
		p->mounts = arena_alloc(a, sizeof(*p->mounts));
		p->devs = arena_alloc(a, sizeof(*p->devs));
		p->masks = arena_alloc(a, sizeof(*p->masks));
	}
	if (!p || !p->root || !p->mounts || !p->devs || !p->masks)
		return err_code(e, ENOMEM, "plan");
	p->root->fd = p->masks->null.fd = -1;
	r = plan_parts(a, p, o, e);
	if (r < 0) {
		rootfs_plan_done(p);
		return r;
	}
	*ret = p;
	*ret_path = p->path;
	return 0;
}

void rootfs_plan_done(struct rootfs_plan *p)
{
	if (!p)
		return;
	host_tree_done(p->root);
	mounts_plan_done(p->mounts);
	if (p->devs)
		dev_plan_done(p->devs);
	masks_plan_done(p->masks);
}

/* ---- the child ---- */

static int change(int fd, uint64_t set, uint64_t propagation, bool recursive)
{
	return mount_change_fd(
		fd, &(struct mount_change){.set = set, .propagation = propagation},
		recursive);
}

/* Puts the rootfs where the host has it, as hooks look for it there, but as a mount of
 * its own. */
static int attach_root(const struct rootfs_plan *p, struct err *e)
{
	AUTO_FD root = host_tree_take(p->root);
	int r;

	if (root < 0)
		return err_code(e, root, "root.path %s", p->path);
	r = p->mounts->from_host ? change(root, 0, p->mounts->from_host, true)
				 : change(root, 0, MS_PRIVATE, false);
	if (r < 0)
		return err_code(e, r, "propagation of the root");
	r = mount_attach_path(root, p->path);
	/* In a user namespace the folder may be out of reach; "/" is not. */
	if (r == -EACCES)
		r = mount_attach_path(root, "/");
	return r < 0 ? err_code(e, r, "mount the root %s", p->path) : fd_take(&root);
}

/* Whatever is asked for the container: nothing that happens to this copy of the host's
 * mounts may happen to them. */
static int isolate(struct err *e)
{
	const struct mount_change slave = {.propagation = MS_SLAVE};
	int r = mount_change_path("/", &slave, true);

	return r < 0 ? err_code(e, r, "propagation of the host's mounts") : 0;
}

int rootfs_mount(const struct rootfs_plan *p, int proc_fd, struct err *e)
{
	AUTO_FD root = -1;
	mode_t mask;
	int r;

	r = isolate(e);
	if (r < 0)
		return r;
	r = masks_fetch(p->masks, e);
	if (r < 0)
		return r;
	root = attach_root(p, e);
	if (root < 0)
		return root;
	mask = umask(0);
	r = mounts_walk(p->mounts, &root, proc_fd, e);
	if (r >= 0 && p->devs)
		r = dev_nodes_make(p->devs, root, e);
	(void)umask(mask);
	return r < 0 ? r : fd_take(&root);
}

int rootfs_pivot(const struct rootfs_plan *p, int root_fd, struct err *e)
{
	if (p->hide)
		return no_pivot_move(p->hide, root_fd, e);
	if (fchdir(root_fd) < 0)
		return err_sys(e, "enter the root");
	/* The old root comes to lie over the new one, where "." then finds it; the cwd is
	 * the new one from then on (pivot_root(2), NOTES). */
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return err_sys(e, "pivot_root");
	if (syscall(SYS_umount2, ".", MNT_DETACH) < 0)
		return err_sys(e, "unmount the old root");
	return 0;
}

int rootfs_seal(const struct rootfs_plan *p, struct err *e)
{
	AUTO_FD root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (root < 0)
		return err_sys(e, "open /");
	if (p->propagation && p->propagation != MS_PRIVATE) {
		r = change(root, 0, p->propagation, p->propagation_recursive);
		if (r < 0)
			return err_code(e, r, "propagation of the root");
	}
	r = mounts_seal(p->mounts, e);
	if (r < 0)
		return r;
	if (p->read_only) {
		r = change(root, MOUNT_ATTR_RDONLY, 0, false);
		if (r < 0)
			return err_code(e, r, "make the root read-only");
	}
	r = masks_apply(p->masks, p->mounts, root, e);
	mounts_close(p->mounts);
	return r;
}
