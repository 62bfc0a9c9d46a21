/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/rootfs/copy_up.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"

#define DEPTH_MAX 48

/* getdents64(2) straight: opendir(3) allocates. */
struct entry {
	uint64_t ino;
	int64_t off;
	uint16_t len;
	uint8_t type;
	char name[];
};

static int copy_dir(int from, int to, int depth, struct err *e);

static int copy_bytes(int from, int to)
{
	ssize_t n;

	do {
		n = sendfile(to, from, NULL, 1 << 30);
	} while (n > 0 || (n < 0 && errno == EINTR));
	return n < 0 ? -errno : 0;
}

static int copy_file(int from, const char *name, const struct stat *st, int to)
{
	AUTO_FD in = -1, out = -1;
	struct stat now;

	/* What was a file may be a pipe by now: never wait for one. */
	in = path_open_plain(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0,
			     1);
	if (in < 0)
		return in;
	if (fstat(in, &now) < 0)
		return -errno;
	if (now.st_ino != st->st_ino || now.st_dev != st->st_dev)
		return -ESTALE;
	out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		     0600);
	return out < 0 ? -errno : copy_bytes(in, out);
}

static int copy_link(int from, const char *name, int to)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(from, name, target, sizeof(target) - 1);

	if (n < 0)
		return -errno;
	target[n] = '\0';
	return symlinkat(target, to, name) < 0 ? -errno : 0;
}

static int copy_subdir(int from, const char *name, int to, int depth, struct err *e)
{
	AUTO_FD in = -1, out = -1;
	int r;

	if (mkdirat(to, name, 0700) < 0)
		return err_sys(e, "copy %s", name);
	in = path_open_plain(from, name, O_RDONLY | O_DIRECTORY, 0, 1);
	if (in == -EXDEV)
		return 0;
	if (in < 0)
		return err_code(e, in, "copy %s", name);
	out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (out < 0)
		return err_sys(e, "copy %s", name);
	r = copy_dir(in, out, depth + 1, e);
	return r < 0 ? err_wrap(e, "%s", name) : 0;
}

/* Owner before mode, as a change of owner takes set-id bits away; times last. */
static int copy_meta(int to, const char *name, const struct stat *st)
{
	const struct timespec times[2] = {st->st_atim, st->st_mtim};

	if (fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISLNK(st->st_mode) && fchmodat(to, name, st->st_mode & 07777, 0) < 0)
		return -errno;
	return utimensat(to, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int copy_one(int from, const char *name, int to, int depth, struct err *e)
{
	struct stat st;
	int r;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, "copy %s", name);
	switch (st.st_mode & S_IFMT) {
	case S_IFDIR:
		r = copy_subdir(from, name, to, depth, e);
		if (r < 0)
			return r;
		break;
	case S_IFREG:
		r = copy_file(from, name, &st, to);
		break;
	case S_IFLNK:
		r = copy_link(from, name, to);
		break;
	default:
		r = mknodat(to, name, st.st_mode & S_IFMT, st.st_rdev) < 0 ? -errno : 0;
		break;
	}
	if (r >= 0)
		r = copy_meta(to, name, &st);
	return r < 0 ? err_code(e, r, "copy %s", name) : 0;
}

static int copy_dir(int from, int to, int depth, struct err *e)
{
	_Alignas(struct entry) char buf[2048];
	long n;
	int r;

	if (depth > DEPTH_MAX)
		return err_set(e, ELOOP, "folders nested deeper than %d", DEPTH_MAX);
	for (;;) {
		n = syscall(SYS_getdents64, from, buf, sizeof(buf));
		if (n <= 0)
			return n < 0 ? err_sys(e, "read folder") : 0;
		for (long at = 0; at < n;) {
			const struct entry *d = (const struct entry *)(buf + at);

			at += d->len;
			if (str_eq(d->name, ".") || str_eq(d->name, ".."))
				continue;
			r = copy_one(from, d->name, to, depth, e);
			if (r < 0)
				return r;
		}
	}
}

int copy_up(int from, int to, struct err *e)
{
	AUTO_FD in = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (in < 0)
		return err_sys(e, "tmpcopyup");
	r = copy_dir(in, to, 0, e);
	return r < 0 ? err_wrap(e, "tmpcopyup") : 0;
}
