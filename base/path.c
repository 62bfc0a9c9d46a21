/* SPDX-License-Identifier: Apache-2.0 */
/* See path.h. Everything but path_remove_tree is safe after clone. */
#include "base/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"

/* How often a rename elsewhere in the tree may make openat2 give up with EAGAIN (it
 * says so when it can't prove that ".." stayed inside, openat2(2)). */
#define RETRIES 128

static int open_how(int dir, const char *path, int flags, mode_t mode, uint64_t resolve)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.mode = flags & (O_CREAT | O_TMPFILE) ? mode : 0,
		.resolve = resolve,
	};
	long fd;

	for (int i = 0; i < RETRIES; i++) {
		fd = syscall(SYS_openat2, dir, path, &how, sizeof(how));
		if (fd >= 0)
			return (int)fd;
		if (errno != EAGAIN && errno != EINTR)
			break;
	}
	return -errno;
}

int path_open_in(int root_fd, const char *path, int flags, mode_t mode)
{
	return open_how(root_fd, *path ? path : ".", flags, mode,
			RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

int path_open_plain(int root_fd, const char *path, int flags, mode_t mode, int one_mount)
{
	return open_how(root_fd, *path ? path : ".", flags, mode,
			RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
				(one_mount ? RESOLVE_NO_XDEV : 0));
}

/*
 * A walk that makes what is missing. The path still to go is kept as text; an existing
 * symlink is put in front of it, as the kernel does, so that a dangling link's target
 * is made inside the root too.
 */
struct walk {
	int root;            /* borrowed */
	char done[PATH_MAX]; /* what was walked, always openable in the root */
	char todo[PATH_MAX];
	int links;
};

static int push_link(struct walk *w, int dir, const char *name)
{
	char target[PATH_MAX], rest[PATH_MAX];
	struct statfs fs;
	ssize_t n;

	n = readlinkat(dir, name, target, sizeof(target) - 1);
	if (n < 0)
		return -errno;
	/* Links of procfs may be magic, and what they say a name on the host: openat2
	 * refuses these. */
	if (fstatfs(dir, &fs) < 0)
		return -errno;
	if (fs.f_type == PROC_SUPER_MAGIC)
		return -ELOOP;
	target[n] = '\0';
	if (++w->links > 40) /* as the kernel's MAXSYMLINKS */
		return -ELOOP;
	if (target[0] == '/')
		w->done[0] = '\0';
	memcpy(rest, w->todo, sizeof(rest));
	if ((size_t)n + 1 + strlen(rest) >= sizeof(w->todo))
		return -ENAMETOOLONG;
	memcpy(w->todo, target, (size_t)n);
	w->todo[n] = '/';
	memcpy(w->todo + n + 1, rest, strlen(rest) + 1);
	return 0;
}

/* Takes the next component off todo; false at the end. */
static bool next_name(struct walk *w, char name[NAME_MAX + 1], int *ret_error)
{
	size_t skip = strspn(w->todo, "/");
	size_t n = strcspn(w->todo + skip, "/");

	*ret_error = 0;
	if (n == 0)
		return false;
	if (n > NAME_MAX) {
		*ret_error = -ENAMETOOLONG;
		return false;
	}
	memcpy(name, w->todo + skip, n);
	name[n] = '\0';
	memmove(w->todo, w->todo + skip + n, strlen(w->todo + skip + n) + 1);
	return true;
}

static int append_done(struct walk *w, const char *name)
{
	size_t n = strlen(w->done), m = strlen(name);
	char *slash;

	if (str_eq(name, "..")) {
		slash = strrchr(w->done, '/');
		*(slash ? slash : w->done) = '\0';
		return 0;
	}
	if (n + 1 + m >= sizeof(w->done))
		return -ENAMETOOLONG;
	w->done[n] = '/';
	memcpy(w->done + n + 1, name, m + 1);
	return 0;
}

/* Walks one component from *dir; makes a folder where nothing is. */
static int walk_dir(struct walk *w, int *dir, const char *name, mode_t mode)
{
	struct stat st;
	int fd, r;

	if (str_eq(name, "."))
		return 0;
	if (!str_eq(name, "..")) {
		if (mkdirat(*dir, name, mode) < 0 && errno != EEXIST) {
			/* A read-only filesystem says EROFS also where the folder is. */
			r = -errno;
			if (fstatat(*dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
				return r;
		}
		if (fstatat(*dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return -errno;
		if (S_ISLNK(st.st_mode)) {
			r = push_link(w, *dir, name);
			if (r < 0)
				return r;
			fd = path_open_plain(w->root, w->done, O_PATH | O_DIRECTORY, 0,
					     0);
			goto step;
		}
	}
	r = append_done(w, name);
	if (r < 0)
		return r;
	/* From the root and without symlinks: w->done holds none, so one that is there
	 * now was put there by somebody who races with us. */
	fd = path_open_plain(w->root, w->done, O_PATH | O_DIRECTORY, 0, 0);
step:
	if (fd < 0)
		return fd;
	fd_close(dir);
	*dir = fd;
	return 0;
}

static int walk_init(struct walk *w, int root_fd, const char *path)
{
	if (strlen(path) >= sizeof(w->todo))
		return -ENAMETOOLONG;
	w->root = root_fd;
	w->done[0] = '\0';
	w->links = 0;
	memcpy(w->todo, path, strlen(path) + 1);
	return path_open_plain(root_fd, "", O_PATH | O_DIRECTORY, 0, 0);
}

int path_mkdirs_in(int root_fd, const char *path, mode_t mode)
{
	char name[NAME_MAX + 1];
	AUTO_FD dir = -1;
	struct walk w;
	int r;

	/* The usual case: it is there. */
	dir = path_open_in(root_fd, path, O_PATH | O_DIRECTORY, 0);
	if (dir != -ENOENT)
		return fd_take(&dir);
	dir = walk_init(&w, root_fd, path);
	if (dir < 0)
		return dir;
	while (next_name(&w, name, &r)) {
		r = walk_dir(&w, &dir, name, mode);
		if (r < 0)
			return r;
	}
	return r < 0 ? r : fd_take(&dir);
}

static bool is_last(const struct walk *w)
{
	return w->todo[strspn(w->todo, "/")] == '\0';
}

/* The last component: an existing file, a new one, or a link to follow (1). */
static int walk_file(struct walk *w, int *dir, const char *name, mode_t mode)
{
	AUTO_FD fd = -1;
	int r, up;

	if (str_eq(name, ".") || str_eq(name, ".."))
		return -EISDIR;
	fd = openat(*dir, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC,
		    mode);
	if (fd >= 0 || errno == EEXIST || errno == EROFS) {
		fd_close(&fd);
		fd = openat(*dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	}
	if (fd < 0)
		return -errno;
	r = push_link(w, *dir, name);
	if (r == -EINVAL) /* not a symlink */
		return fd_take(&fd);
	if (r < 0)
		return r;
	up = path_open_plain(w->root, w->done, O_PATH | O_DIRECTORY, 0, 0);
	if (up < 0)
		return up;
	fd_close(dir);
	*dir = up;
	return -EAGAIN;
}

int path_mkfile_in(int root_fd, const char *path, mode_t mode)
{
	char name[NAME_MAX + 1];
	AUTO_FD dir = -1;
	struct walk w;
	int r;

	r = path_open_in(root_fd, path, O_PATH, 0);
	if (r != -ENOENT)
		return r;
	dir = walk_init(&w, root_fd, path);
	if (dir < 0)
		return dir;
	while (next_name(&w, name, &r)) {
		if (!is_last(&w)) {
			r = walk_dir(&w, &dir, name, 0755);
			if (r < 0)
				return r;
			continue;
		}
		r = walk_file(&w, &dir, name, mode);
		if (r != -EAGAIN)
			return r;
	}
	return r < 0 ? r : -EISDIR;
}

static int remove_children(int dir, dev_t dev);

static int remove_one(int dir, const char *name, dev_t dev)
{
	AUTO_FD fd = -1;
	struct stat st;

	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (dev && st.st_dev != dev)
		return -EXDEV;
	if (remove_children(fd_take(&fd), st.st_dev) < 0)
		return -errno;
	return unlinkat(dir, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

/* Takes dir. */
static int remove_children(int dir, dev_t dev)
{
	struct dirent *d;
	DIR *stream;
	int r = 0;

	stream = fdopendir(dir);
	if (!stream) {
		r = -errno;
		fd_close(&dir);
		return r;
	}
	while (r == 0 && (d = readdir(stream))) {
		if (!str_eq(d->d_name, ".") && !str_eq(d->d_name, ".."))
			r = remove_one(dirfd(stream), d->d_name, dev);
	}
	(void)closedir(stream);
	errno = -r;
	return r;
}

int path_remove_tree(int dir_fd, const char *name, struct err *e)
{
	int r = remove_one(dir_fd, name, 0);

	return r < 0 ? err_code(e, r, "remove %s", name) : 0;
}

/* Drops the last component of the first n bytes of ret, but neither the root of an
 * absolute path nor a leading "..". Returns the new length, or n if there is none. */
static size_t drop_last(const char *ret, size_t n, bool absolute)
{
	size_t base = absolute ? 1 : 0, end = n;

	while (end > base && ret[end - 1] != '/')
		end--;
	if (n - end == 2 && memcmp(ret + end, "..", 2) == 0)
		return n;
	if (n == base)
		return n;
	return end > base ? end - 1 : base;
}

int path_clean(const char *path, char *ret, size_t len)
{
	bool absolute = path[0] == '/';
	size_t n = 0, m, shorter;

	if (len < 2)
		return -ENAMETOOLONG;
	if (absolute)
		ret[n++] = '/';
	for (const char *p = path;; p += m) {
		p += strspn(p, "/");
		m = strcspn(p, "/");
		if (m == 0)
			break;
		if (m == 1 && p[0] == '.')
			continue;
		if (m == 2 && p[0] == '.' && p[1] == '.') {
			shorter = drop_last(ret, n, absolute);
			if (shorter < n || absolute) {
				n = shorter;
				continue;
			}
		}
		if (n + m + 2 > len)
			return -ENAMETOOLONG;
		if (n > (absolute ? 1U : 0U))
			ret[n++] = '/';
		memcpy(ret + n, p, m);
		n += m;
	}
	if (n == 0)
		ret[n++] = '.';
	ret[n] = '\0';
	return 0;
}
