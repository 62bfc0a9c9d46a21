/* SPDX-License-Identifier: Apache-2.0 */
#include "base/trusted.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

bool trusted_owner(uid_t uid)
{
	struct stat top;

	return uid == 0 || uid == geteuid() ||
	       (stat("/", &top) == 0 && uid == top.st_uid);
}

int trusted_open(const char *what, const char *path, struct err *e)
{
	AUTO_FD fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, "%s %s", what, path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, EINVAL, "%s %s: not a regular file", what, path);
	if (!trusted_owner(st.st_uid))
		return err_set(e, EPERM, "%s %s: its owner is user %u, not root", what,
			       path, (unsigned)st.st_uid);
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return err_set(e, EPERM, "%s %s: others than its owner can write to it",
			       what, path);
	return fd_take(&fd);
}
