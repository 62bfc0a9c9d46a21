/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/cgroup/path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/path.h"
#include "base/str.h"

/* Opens a folder if the unified hierarchy is mounted on it, or -errno. */
static int open_if_cgroup2(const char *path)
{
	AUTO_FD fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct statfs st;

	if (fd < 0 || fstatfs(fd, &st) < 0)
		return -errno;
	return st.f_type == CGROUP2_SUPER_MAGIC ? fd_take(&fd) : -EMEDIUMTYPE;
}

int cgroup_path_top(struct err *e)
{
	int fd = open_if_cgroup2("/sys/fs/cgroup");

	if (fd < 0)
		fd = open_if_cgroup2("/sys/fs/cgroup/unified");
	return fd >= 0 ? fd
		       : err_set(e, ENODEV,
				 "no cgroup v2 hierarchy on /sys/fs/cgroup or "
				 "/sys/fs/cgroup/unified (cgroup v1 alone is not "
				 "supported)");
}

int cgroup_path_of(pid_t pid, char *ret, size_t len, struct err *e)
{
	AUTO_FREE char *text = NULL;
	char *line, *next, name[40] = "/proc/self/cgroup";
	const char *path;
	size_t n;
	int r;

	if (pid > 0)
		(void)snprintf(name, sizeof(name), "/proc/%d/cgroup", pid);
	r = file_read(AT_FDCWD, name, 1 << 20, &text, &n, e);
	if (r < 0)
		return r;
	for (line = text; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		path = str_after(line, "0::");
		if (!path)
			continue;
		n = strlen(path);
		if (n >= len)
			return err_set(e, ENAMETOOLONG, "%s: the path is too long", name);
		memcpy(ret, path, n + 1);
		return 0;
	}
	return err_set(e, ENODEV, "%s: no cgroup v2 there", name);
}

static bool has_dot_dot(const char *path)
{
	size_t n;

	for (const char *p = path; *p; p += n) {
		p += strspn(p, "/");
		n = strcspn(p, "/");
		if (n == 2 && memcmp(p, "..", 2) == 0)
			return true;
	}
	return false;
}

/* "slice:prefix:name" */
static bool is_systemd_form(const char *s)
{
	const char *colon = strchr(s, ':');

	return s[0] != '/' && colon && strchr(colon + 1, ':');
}

/* Cuts the last component off, leaving "" of "/x". */
static void cut_last(char *path)
{
	char *slash = strrchr(path, '/');

	if (slash)
		*slash = '\0';
}

int cgroup_path_make(const char *cgroups_path, const char *id, char *ret, size_t len,
		     struct err *e)
{
	const char *s = cgroups_path && *cgroups_path ? cgroups_path : NULL;
	AUTO_FREE char *joined = NULL;
	char own[4096] = "";
	int r;

	if (!s) {
		joined = str_fmt("/%s", id);
	} else if (s[0] == '/') {
		joined = str_fmt("%s", s);
	} else if (is_systemd_form(s)) {
		return err_set(
			e, EINVAL,
			"linux.cgroupsPath \"%s\" is of the form slice:prefix:name of "
			"the systemd driver; the cgroupfs driver needs a path",
			s);
	} else {
		r = cgroup_path_of(0, own, sizeof(own), e);
		if (r < 0)
			return r;
		/* Outside our cgroup namespace; nothing there is ours. */
		if (has_dot_dot(own))
			own[0] = '\0';
		cut_last(own);
		joined = str_fmt("%s/%s", own, s);
	}
	if (!joined)
		return err_code(e, ENOMEM, "cgroup path");
	if (has_dot_dot(joined))
		return err_set(e, EINVAL,
			       "linux.cgroupsPath \"%s\": \"..\" is not allowed", joined);
	if (path_clean(joined, ret, len) < 0)
		return err_set(e, ENAMETOOLONG, "linux.cgroupsPath: more than %zu bytes",
			       len - 1);
	return cgroup_path_check(ret, e);
}

int cgroup_path_check(const char *path, struct err *e)
{
	if (path[0] != '/' || has_dot_dot(path))
		return err_set(e, EINVAL, "cgroup \"%s\": not an absolute path", path);
	if (path[strspn(path, "/")] == '\0')
		return err_set(e, EINVAL,
			       "cgroup \"%s\": the top of the hierarchy can't be a "
			       "container's",
			       path);
	return 0;
}

int cgroup_path_open(int top, const char *path)
{
	return path_open_plain(top, path, O_RDONLY | O_DIRECTORY, 0, 1);
}
