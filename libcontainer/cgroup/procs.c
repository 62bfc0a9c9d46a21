/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/cgroup/procs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"

/* Gone: the cgroup was removed while we looked at it. */
static bool is_gone(int code)
{
	return code == ENOENT || code == ENODEV;
}

static int each_dir(DIR *stream, int (*visit)(int, const char *, void *), void *arg)
{
	int r = 0, below;
	struct dirent *d;

	while (r >= 0 && (d = readdir(stream))) {
		if (d->d_type != DT_DIR || str_eq(d->d_name, ".") ||
		    str_eq(d->d_name, ".."))
			continue;
		below = openat(dirfd(stream), d->d_name,
			       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (below < 0) {
			r = is_gone(errno) ? 0 : -errno;
			continue;
		}
		r = cgroup_dirs_each(below, visit, arg);
		fd_close(&below);
		if (r >= 0)
			r = visit(dirfd(stream), d->d_name, arg);
	}
	return r < 0 ? r : 0;
}

int cgroup_dirs_each(int dir, int (*visit)(int parent, const char *name, void *arg),
		     void *arg)
{
	/* An own open file, for its own position. */
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream;
	int r;

	if (fd < 0)
		return is_gone(errno) ? 0 : -errno;
	stream = fdopendir(fd);
	if (!stream) {
		r = -errno;
		fd_close(&fd);
		return r;
	}
	r = each_dir(stream, visit, arg);
	(void)closedir(stream);
	return r;
}

struct pids {
	int (*visit)(pid_t pid, void *arg);
	void *arg;
};

/* Numbers, a line each; one may be cut in two by the end of a read. */
static int each_pid(int fd, const struct pids *p)
{
	char buf[4096];
	pid_t pid = 0;
	ssize_t n;
	int r;

	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		for (ssize_t i = 0; i < n; i++) {
			if (buf[i] >= '0' && buf[i] <= '9') {
				pid = pid * 10 + (buf[i] - '0');
				continue;
			}
			/* 0 is one that our pid namespace doesn't see. */
			r = pid > 0 ? p->visit(pid, p->arg) : 0;
			if (r < 0)
				return r;
			pid = 0;
		}
	}
	return n < 0 && !is_gone(errno) ? -errno : 0;
}

static int each_in_dir(int parent, const char *name, void *arg)
{
	AUTO_FREE char *path = str_fmt("%s/cgroup.procs", name);
	AUTO_FD fd = -1;

	if (!path)
		return -ENOMEM;
	fd = openat(parent, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		/* EOPNOTSUPP: a threaded cgroup lists its processes above. */
		return is_gone(errno) || errno == EOPNOTSUPP ? 0 : -errno;
	return each_pid(fd, arg);
}

int cgroup_procs_each(int dir, int (*visit)(pid_t pid, void *arg), void *arg)
{
	struct pids p = {.visit = visit, .arg = arg};
	int r;

	r = each_in_dir(dir, ".", &p);
	return r < 0 ? r : cgroup_dirs_each(dir, each_in_dir, &p);
}

static int count_one(pid_t pid, void *arg)
{
	(void)pid;
	(*(int *)arg)++;
	return 0;
}

int cgroup_procs_count(int dir)
{
	int count = 0, r;

	r = cgroup_procs_each(dir, count_one, &count);
	return r < 0 ? r : count;
}
