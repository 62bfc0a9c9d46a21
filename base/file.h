/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole files: read with a bound, written at once or not at all.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

/* Reads all of dir_fd/name (AT_FDCWD and a path work too) into a terminated heap buffer
 * that the caller frees. More than max bytes is E2BIG. Only regular files, except where
 * the kernel makes up the content. */
int file_read(int dir_fd, const char *name, size_t max, char **ret, size_t *ret_len,
	      struct err *e);

/* The same from an open descriptor; `what` names it in errors. */
int file_read_fd(int fd, const char *what, size_t max, char **ret, size_t *ret_len,
		 struct err *e);

/* Reads at most len - 1 bytes of a small kernel file into buf, terminated, without the
 * newline at its end; safe after clone. Returns the length or -errno. */
ssize_t file_read_line(int dir_fd, const char *name, char *buf, size_t len);

/* One write(2) of text to an existing file, as kernel interfaces want it; safe after
 * clone. No symlink is followed at the end. 0 or -errno. */
int file_write(int dir_fd, const char *name, const char *text);

/* Makes or replaces dir_fd/name with exactly these bytes: a temporary file (O_EXCL,
 * in the same folder) and rename(2), so that a reader sees the old or the new one. */
int file_replace(int dir_fd, const char *name, const void *data, size_t len, mode_t mode,
		 struct err *e);

#endif
