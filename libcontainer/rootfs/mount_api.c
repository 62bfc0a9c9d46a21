/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/rootfs/mount_api.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"

/* glibc and linux/mount.h can't be included together everywhere, so the calls are made
 * by number. */
#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

static int result(long r)
{
	return r < 0 ? -errno : (int)r;
}

int mount_fs_open(const char *type)
{
	return result(syscall(SYS_fsopen, type, FSOPEN_CLOEXEC));
}

int mount_fs_param(int fs, const char *key, const char *value)
{
	return result(syscall(SYS_fsconfig, fs,
			      value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, key, value,
			      0));
}

int mount_fs_create(int fs, uint64_t attrs)
{
	if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	return result(syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, (unsigned)attrs));
}

void mount_fs_explain(int fs, char *buf, size_t len)
{
	ssize_t n = read(fs, buf, len - 1);

	buf[n > 0 ? n : 0] = '\0';
	/* "e tmpfs: Bad value for 'size'": the letter is the message's level. */
	if (n > 2 && buf[1] == ' ')
		memmove(buf, buf + 2, (size_t)n - 1);
	buf[strcspn(buf, "\n")] = '\0';
}

static int clone_tree(int dir, const char *path, unsigned flags, bool recursive)
{
	flags |= OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0U);
	return result(syscall(SYS_open_tree, dir, path, flags));
}

int mount_clone_path(const char *path, bool recursive)
{
	return clone_tree(AT_FDCWD, path, 0, recursive);
}

int mount_clone_fd(int fd, bool recursive)
{
	return clone_tree(fd, "", AT_EMPTY_PATH, recursive);
}

int mount_attach(int mount, int target)
{
	return result(syscall(SYS_move_mount, mount, "", target, "",
			      MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH));
}

int mount_attach_path(int mount, const char *path)
{
	return result(syscall(SYS_move_mount, mount, "", AT_FDCWD, path,
			      MOVE_MOUNT_F_EMPTY_PATH));
}

static int change_attr(int dir, const char *path, unsigned flags,
		       const struct mount_change *c, bool recursive)
{
	struct mount_attr attr = {
		.attr_set = c->set,
		.attr_clr = c->clear,
		.propagation = c->propagation,
	};

	flags |= recursive ? AT_RECURSIVE : 0U;
	return result(syscall(SYS_mount_setattr, dir, path, flags, &attr, sizeof(attr)));
}

int mount_change_fd(int fd, const struct mount_change *c, bool recursive)
{
	return change_attr(fd, "", AT_EMPTY_PATH, c, recursive);
}

int mount_change_path(const char *path, const struct mount_change *c, bool recursive)
{
	return change_attr(AT_FDCWD, path, 0, c, recursive);
}

int mount_by_data(int proc_fd, int target, const char *source, const char *type,
		  unsigned long flags, const char *data)
{
	char path[FD_PATH_MAX];

	/* mount(2) takes no descriptors: name it relative to the trusted procfs. */
	(void)snprintf(path, sizeof(path), "self/fd/%d", target);
	if (fchdir(proc_fd) < 0)
		return -errno;
	return result(syscall(SYS_mount, source, path, type, flags, data));
}
