/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/cgroup/procs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"

/* Gone: the cgroup was removed while we looked at it. */
static bool is_gone(int code)
{
	return code == ENOENT || code == ENODEV;
}

/* Where a walk was in a folder that it has gone down from. */
struct level {
	long at;
	char name[NAME_MAX + 1]; /* of the folder that it went to */
};

/* One folder is open at a time, whatever a container has nested: descriptors are few. */
struct walk {
	DIR *stream;
	struct level *v; /* owned */
	size_t depth, room;
};

/* Takes fd, which may be an error. */
static int walk_open(struct walk *w, int fd)
{
	DIR *stream;
	int r;

	if (fd < 0)
		return fd;
	stream = fdopendir(fd);
	if (!stream) {
		r = -errno;
		fd_close(&fd);
		return r;
	}
	if (w->stream)
		(void)closedir(w->stream);
	w->stream = stream;
	return 0;
}

static int open_dir(int parent, const char *name)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int walk_down(struct walk *w, const char *name)
{
	size_t room = w->room ? w->room * 2 : 16;
	struct level *more;
	int below;

	below = open_dir(dirfd(w->stream), name);
	if (below < 0)
		return is_gone(-below) ? 0 : below;
	if (w->depth == w->room) {
		more = reallocarray(w->v, room, sizeof(*more));
		if (!more) {
			fd_close(&below);
			return -ENOMEM;
		}
		w->v = more;
		w->room = room;
	}
	w->v[w->depth].at = telldir(w->stream);
	(void)snprintf(w->v[w->depth].name, sizeof(w->v->name), "%s", name);
	w->depth++;
	return walk_open(w, below);
}

/* Back to where it went down; the folder that it comes from is done. */
static const char *walk_up(struct walk *w, int *ret_error)
{
	*ret_error = walk_open(w, open_dir(dirfd(w->stream), ".."));
	if (*ret_error < 0)
		return NULL;
	w->depth--;
	seekdir(w->stream, w->v[w->depth].at);
	return w->v[w->depth].name;
}

static bool is_child(const struct dirent *d)
{
	return d->d_type == DT_DIR && !str_eq(d->d_name, ".") && !str_eq(d->d_name, "..");
}

int cgroup_dirs_each(int dir, int (*visit)(int parent, const char *name, void *arg),
		     void *arg)
{
	struct walk w = {0};
	const struct dirent *d;
	const char *name;
	int r;

	/* An own open file, for its own position. */
	r = walk_open(&w, open_dir(dir, "."));
	if (r < 0 || !w.stream)
		return is_gone(-r) ? 0 : r;
	while (r >= 0) {
		d = readdir(w.stream);
		if (d && is_child(d)) {
			r = walk_down(&w, d->d_name);
		} else if (!d && w.depth == 0) {
			break;
		} else if (!d) {
			name = walk_up(&w, &r);
			if (name)
				r = visit(dirfd(w.stream), name, arg);
		}
	}
	(void)closedir(w.stream);
	free(w.v);
	return r < 0 ? r : 0;
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
