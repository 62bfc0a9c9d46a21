/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/rootfs/host_tree.h"

#include <errno.h>

#include "base/fd.h"
#include "libcontainer/rootfs/mount_api.h"

int host_tree_open(struct host_tree *t, const char *path, bool recursive, bool in_userns)
{
	AUTO_FD fd = mount_clone_path(path, recursive);
	struct stat st;

	/* Rootless: no right to copy mounts out here. What is missing is still told
	 * early. */
	if (fd < 0 && !(in_userns && (fd == -EPERM || fd == -EINVAL)))
		return fd;
	if (fd >= 0 ? fstat(fd, &st) < 0 : stat(path, &st) < 0)
		return -errno;
	*t = (struct host_tree){
		.path = path,
		.fd = fd < 0 ? -1 : fd_take(&fd),
		.recursive = recursive,
		.is_dir = S_ISDIR(st.st_mode),
		.in_userns = in_userns,
		.mode = st.st_mode,
		.rdev = st.st_rdev,
	};
	return 0;
}

/* The path may lead elsewhere by now. */
static int is_same_kind(const struct host_tree *t, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	return (st.st_mode & S_IFMT) == (t->mode & S_IFMT) && st.st_rdev == t->rdev
		       ? 0
		       : -ESTALE;
}

int host_tree_take(struct host_tree *t)
{
	AUTO_FD fd = -1;
	int r;

	if (!t->in_userns)
		return fd_take(&t->fd);
	fd = mount_clone_path(t->path, t->recursive);
	/* Only where it can't be reached: any other refusal is about the mount itself,
	 * and must not be evaded. */
	if (fd == -EACCES && t->fd >= 0)
		return fd_take(&t->fd);
	if (fd < 0)
		return fd;
	r = is_same_kind(t, fd);
	return r < 0 ? r : fd_take(&fd);
}

void host_tree_done(struct host_tree *t)
{
	fd_close(&t->fd);
}
