/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/cgroup/cgroupfs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/path.h"
#include "base/str.h"
#include "libcontainer/cgroup/events.h"
#include "libcontainer/cgroup/path.h"
#include "libcontainer/cgroup/procs.h"

/* The kernel has some fifteen controllers of short names. */
#define LIST_MAX 512

/* Whether a list "cpu io memory" has a word. */
static bool list_has(const char *list, const char *word, size_t len)
{
	size_t n;

	for (const char *p = list; *p; p += n) {
		p += strspn(p, " ");
		n = strcspn(p, " ");
		if (n == len && memcmp(p, word, n) == 0)
			return true;
	}
	return false;
}

/* The words of `all` that `have` lacks, as "+cpu +io"; the number of them. */
static int list_missing(const char *all, const char *have, char *ret, size_t len)
{
	size_t n, used = 0;
	int count = 0;

	ret[0] = '\0';
	for (const char *p = all; *p; p += n) {
		p += strspn(p, " ");
		n = strcspn(p, " ");
		if (n == 0 || list_has(have, p, n) || used + n + 3 > len)
			continue;
		used += (size_t)snprintf(ret + used, len - used, "%s+%.*s",
					 count > 0 ? " " : "", (int)n, p);
		count++;
	}
	return count;
}

int cgroupfs_has_controller(int dir, const char *name, int name_len)
{
	char list[LIST_MAX];
	ssize_t n;

	n = file_read_line(dir, "cgroup.controllers", list, sizeof(list));
	return n < 0 ? (int)n : list_has(list, name, (size_t)name_len);
}

/* Enables in one folder, for those below it, what it has itself. */
static void enable_in(int dir)
{
	char have[LIST_MAX], on[LIST_MAX], missing[LIST_MAX], *word, *rest;

	if (file_read_line(dir, "cgroup.controllers", have, sizeof(have)) <= 0 ||
	    file_read_line(dir, "cgroup.subtree_control", on, sizeof(on)) < 0 ||
	    list_missing(have, on, missing, sizeof(missing)) == 0)
		return;
	if (file_write(dir, "cgroup.subtree_control", missing) == 0)
		return;
	/* The kernel takes all or none of a line; one that fails (EBUSY because of a
	 * process in this cgroup, say) must not lose the others. */
	for (word = strtok_r(missing, " ", &rest); word;
	     word = strtok_r(NULL, " ", &rest))
		(void)file_write(dir, "cgroup.subtree_control", word);
}

/* The length of the first n components of a path, or of all. */
static size_t prefix_len(const char *path, unsigned n)
{
	const char *p = path;

	for (; n > 0 && *p; n--) {
		p += strspn(p, "/");
		p += strcspn(p, "/");
	}
	return (size_t)(p - path);
}

static unsigned depth_of(const char *path)
{
	unsigned n = 0;

	while (prefix_len(path, n) < strlen(path))
		n++;
	return n;
}

/* Enables the controllers of the top in all folders above the container's. If its own
 * has got them all, all above it have them enabled: two short files tell the usual case.
 */
static void enable_above(int top, const char *path, int leaf)
{
	char all[LIST_MAX], have[LIST_MAX], missing[LIST_MAX], prefix[4096];
	unsigned depth = depth_of(path);

	if (file_read_line(top, "cgroup.controllers", all, sizeof(all)) <= 0)
		return;
	if (file_read_line(leaf, "cgroup.controllers", have, sizeof(have)) >= 0 &&
	    list_missing(all, have, missing, sizeof(missing)) == 0)
		return;
	for (unsigned i = 0; i < depth; i++) {
		AUTO_FD dir = -1;

		(void)snprintf(prefix, sizeof(prefix), "%.*s", (int)prefix_len(path, i),
			       path);
		dir = path_open_plain(top, prefix, O_PATH | O_DIRECTORY, 0, 1);
		if (dir >= 0)
			enable_in(dir);
	}
}

/* mkdir for all of the path; the number of new folders or -errno. */
static int make_dirs(int top, const char *path)
{
	unsigned depth = depth_of(path), made = 0;
	char prefix[4096];
	int r = 0;

	/* The usual case: only the last is missing. */
	if (mkdirat(top, path + 1, 0755) == 0)
		return 1;
	if (errno != ENOENT)
		return errno == EEXIST ? 0 : -errno;
	for (unsigned i = 1; i <= depth && r == 0; i++) {
		(void)snprintf(prefix, sizeof(prefix), "%.*s", (int)prefix_len(path, i),
			       path);
		if (mkdirat(top, prefix + 1, 0755) == 0)
			made++;
		else if (errno != EEXIST)
			r = -errno;
		if (r < 0 && i > 1) {
			(void)snprintf(prefix, sizeof(prefix), "%.*s",
				       (int)prefix_len(path, i - 1), path);
			cgroupfs_unmake(top, prefix, made);
		}
	}
	return r < 0 ? r : (int)made;
}

int cgroupfs_make(int top, const char *path, unsigned *ret_made, struct err *e)
{
	AUTO_FD fd = -1;
	int made, r;

	made = make_dirs(top, path);
	if (made < 0)
		return err_code(e, made, "make cgroup %s", path);
	fd = cgroup_path_open(top, path);
	if (fd < 0) {
		r = err_code(e, fd, "open cgroup %s", path);
		cgroupfs_unmake(top, path, (unsigned)made);
		return r;
	}
	enable_above(top, path, fd);
	*ret_made = (unsigned)made;
	return fd_take(&fd);
}

void cgroupfs_unmake(int top, const char *path, unsigned made)
{
	unsigned depth = depth_of(path);
	char prefix[4096];

	for (; made > 0 && depth > 0; made--, depth--) {
		(void)snprintf(prefix, sizeof(prefix), "%.*s",
			       (int)prefix_len(path, depth), path);
		if (unlinkat(top, prefix + 1, AT_REMOVEDIR) < 0 && errno != ENOENT)
			return;
	}
}

static int remove_one(int parent, const char *name, void *arg)
{
	(void)arg;
	/* A busy one is met again when its parent can't be removed. */
	if (unlinkat(parent, name, AT_REMOVEDIR) < 0 && errno != ENOENT && errno != EBUSY)
		return -errno;
	return 0;
}

int cgroupfs_remove(int top, const char *path, int64_t deadline_ms, struct err *e)
{
	AUTO_FD dir = -1;
	int r, rounds = 0;

	for (;;) {
		if (unlinkat(top, path + 1, AT_REMOVEDIR) == 0 || errno == ENOENT)
			return 0;
		if (errno != EBUSY)
			return err_sys(e, "remove cgroup %s", path);
		if (dir < 0)
			dir = cgroup_path_open(top, path);
		if (dir < 0)
			return dir == -ENOENT
				       ? 0
				       : err_code(e, dir, "remove cgroup %s", path);
		/* Only an unpopulated one can go, and its children go first. */
		r = cgroup_events_wait(dir, "populated", 0, deadline_ms);
		if (r == -ETIMEDOUT)
			return err_set(e, EBUSY,
				       "remove cgroup %s: %d process(es) still in it",
				       path, cgroup_procs_count(dir));
		if (r >= 0)
			r = cgroup_dirs_each(dir, remove_one, NULL);
		if (r < 0)
			return err_code(e, r, "remove cgroup %s", path);
		if (cgroup_events_now() >= deadline_ms)
			return err_set(e, EBUSY, "remove cgroup %s: it stays busy", path);
		/* Somebody makes new ones as fast as we remove; don't spin. */
		if (rounds++ > 0)
			(void)poll(NULL, 0, 5);
	}
}
