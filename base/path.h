/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one door to paths that somebody else has made: a container's root filesystem, a
 * volume, a procfs. All is done from a descriptor of the top folder by openat2(2), so
 * that no symlink, "..", magic link or race leads out of it (the cause of most CVEs of
 * container runtimes).
 */
#ifndef BASE_PATH_H
#define BASE_PATH_H

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* Opens path as seen with root_fd as "/": symlinks, also absolute ones, and ".." stay
 * inside; magic links (/proc/self/fd/N) are refused with ELOOP. Mounts below root_fd
 * are crossed. flags as for openat(2); O_CLOEXEC is added. Returns the descriptor or
 * -errno. */
int path_open_in(int root_fd, const char *path, int flags, mode_t mode);

/* As path_open_in, but no symlink at all is followed (-ELOOP), and no mount crossed
 * (-EXDEV) if one_mount. */
int path_open_plain(int root_fd, const char *path, int flags, mode_t mode, int one_mount);

/* Opens path inside root_fd as a folder (O_PATH), making what is missing with this mode
 * on the way; existing symlinks are followed inside the root, a dangling one is made
 * good by making its target. New components are made by descriptor (mkdirat in an open
 * folder). Returns the descriptor or -errno. */
int path_mkdirs_in(int root_fd, const char *path, mode_t mode);

/* As path_mkdirs_in for the folders above path, then a regular file is made there if
 * nothing is; returns it, or what is there, as O_PATH. */
int path_mkfile_in(int root_fd, const char *path, mode_t mode);

/* Removes a folder with all in it, by descriptors, without following symlinks or
 * crossing into another filesystem. A missing one is no error. */
int path_remove_tree(int dir_fd, const char *name, struct err *e);

/* Cleans an absolute or relative path by its text only ("a//b/./c/.." -> "a/b"); ".."
 * at the front of an absolute path is dropped. ret holds at least len bytes;
 * -ENAMETOOLONG if it doesn't fit. An empty result is "." or "/". */
int path_clean(const char *path, char *ret, size_t len);

#endif
