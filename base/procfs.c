/* SPDX-License-Identifier: Apache-2.0 */
#include "base/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"

/* The inode number of a procfs' top folder (PROC_ROOT_INO): a bind of some folder in it
 * has another. */
#define PROC_TOP_INODE 1

static int is_procfs_top(int fd)
{
	struct statfs fs;
	struct statx stx;

	if (fstatfs(fd, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC)
		return 0;
	if (statx(fd, "", AT_EMPTY_PATH, STATX_INO, &stx) < 0)
		return 0;
	return stx.stx_ino == PROC_TOP_INODE;
}

static int open_private(void)
{
	AUTO_FD ctx = (int)syscall(SYS_fsopen, "proc", FSOPEN_CLOEXEC);
	long fd;

	if (ctx < 0)
		return -errno;
	if (syscall(SYS_fsconfig, ctx, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	fd = syscall(SYS_fsmount, ctx, FSMOUNT_CLOEXEC,
		     MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	return fd < 0 ? -errno : (int)fd;
}

int procfs_open(struct err *e)
{
	AUTO_FD fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD probe = -1;

	/* A host whose /proc/sys is covered is a container itself. */
	if (fd >= 0 && is_procfs_top(fd))
		probe = path_open_plain(fd, "sys", O_PATH | O_DIRECTORY, 0, 1);
	if (probe >= 0)
		return fd_take(&fd);
	fd_close(&fd);
	fd = open_private();
	if (fd < 0)
		return err_code(e, fd, "/proc is no procfs of its own, and making one");
	return fd_take(&fd);
}

/* "self" and "thread-self" are symlinks, which are never followed: read them. */
static int expand_self(int proc_fd, const char *path, char *buf, size_t len)
{
	static const char *const links[] = {"self", "thread-self"};
	const char *rest;
	ssize_t n;

	for (size_t i = 0; i < ARRAY_LEN(links); i++) {
		rest = str_after(path, links[i]);
		if (!rest || (*rest != '/' && *rest != '\0'))
			continue;
		n = readlinkat(proc_fd, links[i], buf, len - 1);
		if (n < 0)
			return -errno;
		if ((size_t)n + strlen(rest) >= len)
			return -ENAMETOOLONG;
		memcpy(buf + n, rest, strlen(rest) + 1);
		return 0;
	}
	if (strlen(path) >= len)
		return -ENAMETOOLONG;
	memcpy(buf, path, strlen(path) + 1);
	return 0;
}

int procfs_open_at(int proc_fd, const char *path, int flags)
{
	char buf[512];
	int r = expand_self(proc_fd, path, buf, sizeof(buf));

	if (r < 0)
		return r;
	return path_open_plain(proc_fd, buf, flags | O_NOCTTY, 0, 1);
}

pid_t procfs_self(int proc_fd)
{
	char text[16];
	ssize_t n = readlinkat(proc_fd, "self", text, sizeof(text) - 1);
	uint32_t pid = 0;
	int r;

	if (n < 0)
		return -errno;
	text[n] = '\0';
	r = str_to_u32(text, &pid);
	return r < 0 ? r : (pid_t)pid;
}

int procfs_write(int proc_fd, const char *path, const char *text)
{
	AUTO_FD fd = procfs_open_at(proc_fd, path, O_WRONLY);
	ssize_t n;

	if (fd < 0)
		return fd;
	do {
		n = write(fd, text, strlen(text));
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}
