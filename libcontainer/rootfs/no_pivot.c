/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/rootfs/no_pivot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/str.h"
#include "libcontainer/rootfs/mount_api.h"

#define MOUNTINFO_MAX (16U << 20)

#ifndef MNT_DETACH
#define MNT_DETACH 2 /* umount2(2) */
#endif

/* mountinfo writes blanks and the like as three octal digits. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; to++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] && s[3]) {
			*to = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
			s += 4;
		} else {
			*to = *s++;
		}
	}
	*to = '\0';
}

/* The mount point if the line is one to hide, else NULL. proc_pid_mountinfo(5): fields 4
 * and 5 are the root and the mount point, the type follows " - ". */
static char *parse_line(char *line)
{
	char *save = NULL, *field[5], *type = strstr(line, " - ");

	if (!type)
		return NULL;
	*type = '\0';
	type += 3;
	type[strcspn(type, " ")] = '\0';
	if (!str_eq(type, "proc") && !str_eq(type, "sysfs"))
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(field); i++) {
		field[i] = strtok_r(i ? NULL : line, " ", &save);
		if (!field[i])
			return NULL;
	}
	if (!str_eq(field[3], "/"))
		return NULL;
	unescape(field[4]);
	return field[4];
}

static bool is_below(const char *path, const char *top)
{
	const char *rest = str_after(path, top);

	return rest && (*rest == '/' || *rest == '\0');
}

static size_t count_lines(const char *s)
{
	size_t n = 1;

	for (; *s; s++)
		n += *s == '\n';
	return n;
}

int no_pivot_plan(struct arena *a, const char *root_path, struct strings *ret,
		  struct err *e)
{
	AUTO_FREE char *text = NULL;
	char *save = NULL, *path;
	size_t len;
	int r;

	r = file_read(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &text, &len, e);
	if (r < 0)
		return r;
	ret->count = 0;
	ret->v = arena_array(a, count_lines(text), sizeof(*ret->v));
	if (!ret->v)
		return err_code(e, ENOMEM, "mountinfo");
	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		path = parse_line(l);
		if (!path || is_below(path, root_path))
			continue;
		path = arena_strdup(a, path);
		if (!path)
			return err_code(e, ENOMEM, "mountinfo");
		ret->v[ret->count++] = path;
	}
	return 0;
}

static int hide_one(const char *path, struct err *e)
{
	AUTO_FD fs = -1, mount = -1;
	int r;

	if (syscall(SYS_umount2, path, MNT_DETACH) == 0)
		return 0;
	if (errno != EINVAL && errno != EPERM)
		return err_sys(e, "unmount %s", path);
	/* Locked, in a user namespace: covered, it is as unreachable. */
	fs = mount_fs_open("tmpfs");
	mount = fs < 0 ? fs : mount_fs_create(fs, MOUNT_ATTR_RDONLY);
	r = mount < 0 ? mount : mount_attach_path(mount, path);
	return r < 0 ? err_code(e, r, "cover %s", path) : 0;
}

int no_pivot_move(const struct strings *hide, int root_fd, struct err *e)
{
	int r;

	/* The last mounted first: it may be on top of another. */
	for (size_t i = hide->count; i > 0; i--) {
		r = hide_one(hide->v[i - 1], e);
		if (r < 0)
			return r;
	}
	if (fchdir(root_fd) < 0)
		return err_sys(e, "enter the root");
	r = mount_attach_path(root_fd, "/");
	if (r < 0)
		return err_code(e, r, "move the root to /");
	if (chroot(".") < 0)
		return err_sys(e, "chroot");
	return chdir("/") < 0 ? err_sys(e, "chdir to /") : 0;
}
