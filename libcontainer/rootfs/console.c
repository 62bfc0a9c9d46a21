/* SPDX-License-Identifier: Apache-2.0 */
/* The terminal of rootfs.h. No path of the container is trusted: the slave comes from the
 * master (TIOCGPTPEER) and is bound by descriptor (CVE-2025-52565), /dev/console is never
 * reached through a symlink (CVE-2026-88264). */
#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "libcontainer/rootfs/mount_api.h"
#include "libcontainer/rootfs/rootfs.h"

/* TTYAUX_MAJOR and the number of ptmx (Documentation/admin-guide/devices.txt). */
#define PTMX_MAJOR 5
#define PTMX_MINOR 2

static bool is_ptmx(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) &&
	       st.st_rdev == makedev(PTMX_MAJOR, PTMX_MINOR);
}

/* -ENOENT if the container has no devpts of its own. */
static int open_own_ptmx(int root_fd)
{
	AUTO_FD pts = path_open_in(root_fd, "/dev/pts", O_PATH | O_DIRECTORY, 0);
	AUTO_FD fd = -1;
	struct statfs fs;

	if (pts < 0)
		return pts == -ENOTDIR ? -ENOENT : pts;
	if (fstatfs(pts, &fs) < 0)
		return -errno;
	if (fs.f_type != DEVPTS_SUPER_MAGIC)
		return -ENOENT;
	/* In a devpts this name is the kernel's, but root in a container may have mounted
	 * something over it, whose ioctls would then be his. */
	fd = openat(pts, "ptmx", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (!is_ptmx(fd))
		return -ENODEV;
	fd_close(&fd);
	fd = openat(pts, "ptmx", O_RDWR | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return is_ptmx(fd) ? fd_take(&fd) : -ENODEV;
}

/* The one of the caller's root: the host's while a container is made. For exec that is
 * the container's again, so it is looked at before it is opened for real. */
static int open_callers_ptmx(void)
{
	AUTO_FD fd = open("/dev/ptmx", O_PATH | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (!is_ptmx(fd))
		return -ENODEV;
	fd_close(&fd);
	fd = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (!is_ptmx(fd))
		return -ENODEV;
	return fcntl(fd, F_SETFL, O_RDWR) < 0 ? -errno : fd_take(&fd);
}

static int open_place(int root_fd, struct err *e)
{
	AUTO_FD dev = path_mkdirs_in(root_fd, "/dev", 0755), fd = -1;
	struct stat st;

	if (dev < 0)
		return err_code(e, dev, "/dev");
	if (mknodat(dev, "console", S_IFREG | 0600, 0) < 0 && errno != EEXIST)
		return err_sys(e, "make /dev/console");
	fd = openat(dev, "console", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, "open /dev/console");
	if (S_ISLNK(st.st_mode) || S_ISDIR(st.st_mode))
		return err_set(e, EEXIST, "/dev/console is a %s",
			       S_ISDIR(st.st_mode) ? "folder" : "symlink");
	return fd_take(&fd);
}

int rootfs_bind_console(int root_fd, int slave, struct err *e)
{
	AUTO_FD place = open_place(root_fd, e);
	AUTO_FD mount = -1;
	int r;

	if (place < 0)
		return place;
	mount = mount_clone_fd(slave, false);
	if (mount < 0)
		return err_code(e, mount, "copy the terminal's mount");
	r = mount_attach(mount, place);
	return r < 0 ? err_code(e, r, "mount the terminal on /dev/console") : 0;
}

int rootfs_open_pty(int root_fd, int *ret_master, int *ret_slave, struct err *e)
{
	AUTO_FD master = open_own_ptmx(root_fd);
	int unlock = 0, slave;

	if (master == -ENOENT)
		master = open_callers_ptmx();
	if (master < 0)
		return err_code(e, master, "open a terminal");
	if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
		return err_sys(e, "unlock the terminal");
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return err_sys(e, "open the terminal's other side");
	*ret_master = fd_take(&master);
	*ret_slave = slave;
	return 0;
}
