/* SPDX-License-Identifier: Apache-2.0 */
/* stdin, stdout and stderr of the container's process. See process.h, plan.h. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "libcontainer/process/plan.h"

static const char *const names[] = {"stdin", "stdout", "stderr"};

int stdio_check(struct err *e)
{
	for (int fd = 0; fd < 3; fd++) {
		if (fcntl(fd, F_GETFD) < 0)
			return err_sys(e, "%s is closed", names[fd]);
	}
	return 0;
}

/* Files that somebody has redirected to stay whose they are, and so do devices that
 * others use as well: /dev/null above all. */
static bool is_handed_over(int fd, const struct stat *st)
{
	if (S_ISFIFO(st->st_mode) || S_ISSOCK(st->st_mode))
		return true;
	return S_ISCHR(st->st_mode) && st->st_rdev != makedev(1, 3) && isatty(fd);
}

int process_own_stdio(const struct process_plan *p, struct err *e)
{
	struct stat st;

	for (int fd = 0; fd < 3; fd++) {
		if (fstat(fd, &st) < 0)
			return err_sys(e, "fstat %s", names[fd]);
		if (st.st_uid == p->user.uid || !is_handed_over(fd, &st))
			continue;
		/* The group stays: a terminal's is tty. */
		if (fchown(fd, p->user.uid, (gid_t)-1) == 0)
			continue;
		/* Its owner is not mapped in this user namespace (EINVAL, EPERM), or it
		 * lies on a read-only filesystem: better left alone. */
		if (errno != EINVAL && errno != EPERM && errno != EROFS)
			return err_sys(e, "fchown %s", names[fd]);
	}
	return 0;
}
