/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"

int file_read_fd(int fd, const char *what, size_t max, char **ret, size_t *ret_len,
		 struct err *e)
{
	AUTO_FREE char *buf = NULL;
	size_t cap, len = 0;
	struct stat st;
	ssize_t n;
	char *more;

	if (fstat(fd, &st) < 0)
		return err_sys(e, "stat %s", what);
	if (S_ISDIR(st.st_mode))
		return err_set(e, EISDIR, "read %s: a folder, not a file", what);
	/* Two bytes more than it seems to have: one to see EOF, one to terminate. */
	cap = S_ISREG(st.st_mode) && st.st_size > 0 ? (size_t)st.st_size + 2 : 4096;
	if (cap > max + 2)
		cap = max + 2;
	for (;;) {
		more = realloc(buf, cap);
		if (!more)
			return err_code(e, ENOMEM, "read %s", what);
		buf = more;
		n = fd_read_full(fd, buf + len, cap - 1 - len);
		if (n < 0)
			return err_code(e, (int)n, "read %s", what);
		len += (size_t)n;
		if (len < cap - 1)
			break;
		if (len > max)
			return err_set(e, E2BIG, "read %s: more than %zu bytes", what,
				       max);
		cap = cap * 2 < max + 2 ? cap * 2 : max + 2;
	}
	buf[len] = '\0';
	*ret = TAKE(buf);
	*ret_len = len;
	return 0;
}

int file_read(int dir_fd, const char *name, size_t max, char **ret, size_t *ret_len,
	      struct err *e)
{
	/* O_NONBLOCK: a FIFO in the file's place must not hang us. */
	AUTO_FD fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return err_sys(e, "open %s", name);
	return file_read_fd(fd, name, max, ret, ret_len, e);
}

ssize_t file_read_line(int dir_fd, const char *name, char *buf, size_t len)
{
	AUTO_FD fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = fd_read_full(fd, buf, len - 1);
	if (n < 0)
		return n;
	if (n > 0 && buf[n - 1] == '\n')
		n--;
	buf[n] = '\0';
	return n;
}

int file_write(int dir_fd, const char *name, const char *text)
{
	AUTO_FD fd = openat(dir_fd, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
	size_t len = strlen(text);
	ssize_t n;

	if (fd < 0)
		return -errno;
	do {
		n = write(fd, text, len);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

int file_replace(int dir_fd, const char *name, const void *data, size_t len, mode_t mode,
		 struct err *e)
{
	const char *slash = strrchr(name, '/');
	int dir_len = slash ? (int)(slash - name) + 1 : 0;
	AUTO_FREE char *tmp = NULL;
	AUTO_FD fd = -1;
	int r;

	tmp = str_fmt("%.*s.%s.%d", dir_len, name, name + dir_len, gettid());
	if (!tmp)
		return err_code(e, ENOMEM, "write %s", name);
	/* A leftover of a killed process with our number would be in the way. */
	(void)unlinkat(dir_fd, tmp, 0);
	fd = openat(dir_fd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0)
		return err_sys(e, "create %s", tmp);
	r = fd_write_full(fd, data, len);
	if (r < 0) {
		(void)unlinkat(dir_fd, tmp, 0);
		return err_code(e, r, "write %s", tmp);
	}
	if (renameat(dir_fd, tmp, dir_fd, name) < 0) {
		r = err_sys(e, "rename %s to %s", tmp, name);
		(void)unlinkat(dir_fd, tmp, 0);
		return r;
	}
	return 0;
}
