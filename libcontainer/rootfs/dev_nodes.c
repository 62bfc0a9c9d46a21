/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/rootfs/dev_nodes.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "libcontainer/rootfs/mount_api.h"

static const struct {
	const char *path;
	unsigned major, minor;
} defaults[] = {
	{"/dev/null", 1, 3},   {"/dev/zero", 1, 5},    {"/dev/full", 1, 7},
	{"/dev/random", 1, 8}, {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0},
};

/* /proc/self, not thread-self: what programs expect. */
static const struct {
	const char *target, *name;
} links[] = {
	{"/proc/self/fd", "fd"},
	{"/proc/self/fd/0", "stdin"},
	{"/proc/self/fd/1", "stdout"},
	{"/proc/self/fd/2", "stderr"},
};

/* ---- the plan ---- */

static int type_of(const char *type, mode_t *ret)
{
	if (!type || type[0] == '\0' || type[1] != '\0')
		return -EINVAL;
	switch (type[0]) {
	case 'c':
	case 'u':
		*ret = S_IFCHR;
		return 0;
	case 'b':
		*ret = S_IFBLK;
		return 0;
	case 'p':
		*ret = S_IFIFO;
		return 0;
	default:
		return -EINVAL;
	}
}

static int set_path(struct arena *a, struct dev_node *n, const char *path, struct err *e)
{
	const char *full = arena_fmt(a, "/%s", path);
	char *clean = arena_alloc(a, strlen(path) + 3), *dir;
	size_t len;
	int r;

	if (!full || !clean)
		return err_code(e, ENOMEM, "devices");
	r = path_clean(full, clean, strlen(path) + 3);
	if (r < 0)
		return err_code(e, r, "device %s", path);
	if (str_eq(clean, "/"))
		return err_set(e, EINVAL, "device \"%s\": not the path of a file", path);
	n->path = clean;
	n->name = strrchr(clean, '/') + 1;
	len = (size_t)(n->name - clean);
	dir = arena_strndup(a, clean, len > 1 ? len - 1 : 1);
	if (!dir)
		return err_code(e, ENOMEM, "devices");
	n->dir = str_eq(dir, "/dev") ? NULL : dir;
	return 0;
}

static int plan_host(struct dev_node *n, bool in_userns, struct err *e)
{
	int r;

	if (!in_userns || S_ISFIFO(n->mode))
		return 0;
	r = host_tree_open(&n->host, n->path, false, true);
	if (r < 0)
		return err_code(e, r, "device %s of the host", n->path);
	if ((n->host.mode & S_IFMT) != (n->mode & S_IFMT) || n->host.rdev != n->rdev)
		return err_set(e, EINVAL, "device %s: another one on the host", n->path);
	return 0;
}

static int plan_spec(struct arena *a, const struct spec_device *d, struct dev_node *n,
		     struct err *e)
{
	mode_t type;

	if (!d->path || !*d->path)
		return err_set(e, EINVAL, "a device without a path");
	if (type_of(d->type, &type) < 0)
		return err_set(e, EINVAL, "device %s: type \"%s\"", d->path,
			       d->type ? d->type : "");
	n->mode = type | ((d->file_mode.set ? d->file_mode.v : 0666U) & 07777);
	if (type != S_IFIFO) {
		if (d->major < 0 || d->minor < 0 || d->major > UINT_MAX ||
		    d->minor > UINT_MAX)
			return err_set(e, EINVAL, "device %s: no major, minor", d->path);
		n->rdev = makedev((unsigned)d->major, (unsigned)d->minor);
	}
	n->uid = d->uid.set ? d->uid.v : 0;
	n->gid = d->gid.set ? d->gid.v : 0;
	return set_path(a, n, d->path, e);
}

static bool in_spec(const struct dev_plan *p, const char *path)
{
	for (size_t i = 0; i < p->count; i++) {
		if (str_eq(p->v[i].path, path))
			return true;
	}
	return false;
}

static int finish(struct dev_plan *p, struct dev_node *n, struct err *e)
{
	n->chown = n->uid != p->uid || n->gid != p->gid;
	p->count++;
	return plan_host(n, p->in_userns, e);
}

int dev_plan_make(struct arena *a, const struct spec *s, bool in_userns,
		  struct dev_plan *p, struct err *e)
{
	const struct spec_linux *l = s->linux_;
	struct dev_node *n;
	int r;

	p->in_userns = in_userns;
	/* A new node belongs to whoever makes it; in a user namespace to its root. */
	p->uid = in_userns ? 0 : geteuid();
	p->gid = in_userns ? 0 : getegid();
	p->core = access("/proc/kcore", F_OK) == 0;
	p->v = arena_array(a, l->devices_count + ARRAY_LEN(defaults), sizeof(*p->v));
	if (!p->v)
		return err_code(e, ENOMEM, "devices");
	for (size_t i = 0; i < l->devices_count; i++) {
		n = &p->v[p->count];
		n->host.fd = -1;
		r = plan_spec(a, &l->devices[i], n, e);
		if (r < 0)
			return err_wrap(e, "linux.devices[%zu]", i);
		/* That is a link to the container's own devpts. */
		if (str_eq(n->path, "/dev/ptmx"))
			continue;
		r = finish(p, n, e);
		if (r < 0)
			return err_wrap(e, "linux.devices[%zu]", i);
	}
	for (size_t i = 0; i < ARRAY_LEN(defaults); i++) {
		n = &p->v[p->count];
		if (in_spec(p, defaults[i].path))
			continue;
		*n = (struct dev_node){
			.path = defaults[i].path,
			.name = strrchr(defaults[i].path, '/') + 1,
			.mode = S_IFCHR | 0666,
			.rdev = makedev(defaults[i].major, defaults[i].minor),
			.host = HOST_TREE_INIT,
		};
		r = finish(p, n, e);
		if (r < 0)
			return r;
	}
	return 0;
}

void dev_plan_done(struct dev_plan *p)
{
	for (size_t i = 0; i < p->count; i++)
		host_tree_done(&p->v[i].host);
}

/* ---- the child ---- */

/* What is there already is taken only if it is the same device. */
static int check_existing(const struct dev_node *n, int dir, struct err *e)
{
	struct stat st;

	if (fstatat(dir, n->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, "device %s", n->path);
	if ((st.st_mode & S_IFMT) != (n->mode & S_IFMT) || st.st_rdev != n->rdev)
		return err_set(e, EEXIST, "device %s: something else is in its place",
			       n->path);
	return 0;
}

/* A plain file to bind a device on, never through a symlink. */
static int open_place(const struct dev_node *n, int dir, struct err *e)
{
	AUTO_FD fd = -1;
	struct stat st;

	if (mknodat(dir, n->name, S_IFREG | 0600, 0) < 0 && errno != EEXIST)
		return err_sys(e, "device %s", n->path);
	fd = openat(dir, n->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, "device %s", n->path);
	if (S_ISLNK(st.st_mode) || S_ISDIR(st.st_mode))
		return err_set(e, EEXIST, "device %s: something else is in its place",
			       n->path);
	return fd_take(&fd);
}

static int bind_node(struct dev_node *n, int dir, struct err *e)
{
	AUTO_FD mount = -1, place = -1;
	struct stat st;
	int r;

	mount = n->host.path ? host_tree_take(&n->host)
			     : mount_clone_path(n->path, false);
	if (mount < 0)
		return err_code(e, mount, "device %s of the host", n->path);
	if (fstat(mount, &st) < 0)
		return err_sys(e, "device %s of the host", n->path);
	if ((st.st_mode & S_IFMT) != (n->mode & S_IFMT) || st.st_rdev != n->rdev)
		return err_set(e, EINVAL, "device %s: another one on the host", n->path);
	place = open_place(n, dir, e);
	if (place < 0)
		return place;
	r = mount_attach(mount, place);
	return r < 0 ? err_code(e, r, "bind device %s", n->path) : 0;
}

static int make_node(const struct dev_plan *p, struct dev_node *n, int dir, struct err *e)
{
	if (p->in_userns && !S_ISFIFO(n->mode))
		return bind_node(n, dir, e);
	if (mknodat(dir, n->name, n->mode, n->rdev) < 0) {
		if (errno == EEXIST)
			return check_existing(n, dir, e);
		/* A container that makes containers may have no right to make nodes. */
		if (errno == EPERM)
			return bind_node(n, dir, e);
		return err_sys(e, "make device %s", n->path);
	}
	if (n->chown && fchownat(dir, n->name, n->uid, n->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, "own device %s", n->path);
	return 0;
}

static int make_link(int dev, const char *target, const char *name, bool replace,
		     struct err *e)
{
	if (symlinkat(target, dev, name) == 0)
		return 0;
	if (errno != EEXIST)
		return err_sys(e, "make link /dev/%s", name);
	if (!replace)
		return 0;
	if (unlinkat(dev, name, 0) < 0 || symlinkat(target, dev, name) < 0)
		return err_sys(e, "replace /dev/%s", name);
	return 0;
}

static int make_links(const struct dev_plan *p, int dev, struct err *e)
{
	int r = make_link(dev, "pts/ptmx", "ptmx", true, e);

	for (size_t i = 0; r >= 0 && i < ARRAY_LEN(links); i++)
		r = make_link(dev, links[i].target, links[i].name, false, e);
	if (r >= 0 && p->core)
		r = make_link(dev, "/proc/kcore", "core", false, e);
	return r;
}

int dev_nodes_make(const struct dev_plan *p, int root, struct err *e)
{
	/* One descriptor for all: whatever an image makes of /dev, this folder is in the
	 * root and what is made is made in it (CVE-2026-41579, CVE-2026-47766). */
	AUTO_FD dev = path_mkdirs_in(root, "/dev", 0755);
	int r = 0;

	if (dev < 0)
		return err_code(e, dev, "/dev");
	for (size_t i = 0; r >= 0 && i < p->count; i++) {
		struct dev_node *n = &p->v[i];
		AUTO_FD dir = -1;

		if (n->dir) {
			dir = path_mkdirs_in(root, n->dir, 0755);
			if (dir < 0)
				return err_code(e, dir, "folder of device %s", n->path);
		}
		r = make_node(p, n, n->dir ? dir : dev, e);
	}
	return r < 0 ? r : make_links(p, dev, e);
}
