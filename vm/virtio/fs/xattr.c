/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extended attributes and, among them, ACLs. The calls take paths: a number in the
 * worker's working folder, procfs's self/fd, which works for every kind of file and
 * follows nothing further.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/str.h"
#include "vm/virtio/fs/internal.h"

#define VALUE_MAX 65536 /* XATTR_SIZE_MAX */

static bool name_ok(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len <= XATTR_NAME_MAX;
}

/* Linux tells that its ACL should clear set-group-id where the caller isn't of the group:
 * we may be. */
static int kill_sgid(int fd)
{
	char name[FD_NAME_BUF];
	struct stat st;

	if (fstatat(fd, "", &st, AT_EMPTY_PATH) < 0)
		return -errno;
	if (!(st.st_mode & S_ISGID))
		return 0;
	if (fchmodat(AT_FDCWD, fd_name(fd, name), st.st_mode & 07777 & ~S_ISGID, 0) < 0)
		return -errno;
	return 0;
}

int op_setxattr(struct fs_req *r)
{
	size_t head = fs_has(r->fs, FUSE_SETXATTR_EXT) ? sizeof(struct fuse_setxattr_in)
						       : FUSE_COMPAT_SETXATTR_IN_SIZE;
	const struct fuse_setxattr_in *in = r->args;
	const char *name = (const char *)r->args + head, *nul;
	char path[FD_NAME_BUF];
	bool kill;
	int fd, e;

	if (r->args_len <= head)
		return -EINVAL;
	nul = memchr(name, 0, r->args_len - head);
	if (!nul || in->size > VALUE_MAX ||
	    (size_t)((const char *)r->args + r->args_len - (nul + 1)) < in->size)
		return -EINVAL;
	if (!name_ok(name))
		return -ERANGE;
	kill = head > FUSE_COMPAT_SETXATTR_IN_SIZE &&
	       in->setxattr_flags & FUSE_SETXATTR_ACL_KILL_SGID;
	fd = inode_fd(r->fs, r->inode);
	if (fd < 0)
		return fd;
	e = setxattr(fd_name(fd, path), name, nul + 1, in->size, (int)in->flags) < 0
		    ? -errno
		    : 0;
	if (e == 0 && kill)
		e = kill_sgid(fd);
	inode_fd_put(r->fs, r->inode);
	return e;
}

/* Where there are no ACLs, a file has none: the guest, which was promised them, would
 * take another error for a refusal of all access. */
static int no_acl(const char *name, int e)
{
	return e == -EOPNOTSUPP && str_after(name, "system.posix_acl_") ? -ENODATA : e;
}

/* A value, or with size 0 its length. */
static int reply_value(struct fs_req *r, uint32_t size, ssize_t got)
{
	struct fuse_getxattr_out *out = r->reply;

	if (size > 0)
		return (int)got;
	if (r->reply_max < sizeof(*out))
		return -EINVAL;
	*out = (struct fuse_getxattr_out){.size = (uint32_t)got};
	return sizeof(*out);
}

int op_getxattr(struct fs_req *r)
{
	const struct fuse_getxattr_in *in = r->args;
	uint32_t size = in->size < VALUE_MAX ? in->size : VALUE_MAX;
	char path[FD_NAME_BUF];
	ssize_t got;
	int fd;

	if (!name_ok(r->name[0]))
		return -ERANGE;
	if (!r->inode->tree)
		return -ENODATA;
	if (size > r->reply_max)
		return -EINVAL;
	fd = inode_fd(r->fs, r->inode);
	if (fd < 0)
		return fd;
	got = getxattr(fd_name(fd, path), r->name[0], size ? r->reply : NULL, size);
	if (got < 0)
		got = no_acl(r->name[0], -errno);
	inode_fd_put(r->fs, r->inode);
	return got < 0 ? (int)got : reply_value(r, size, got);
}

int op_listxattr(struct fs_req *r)
{
	const struct fuse_getxattr_in *in = r->args;
	uint32_t size = in->size < VALUE_MAX ? in->size : VALUE_MAX;
	char path[FD_NAME_BUF];
	ssize_t got;
	int fd;

	if (!r->inode->tree)
		return reply_value(r, size, 0);
	if (size > r->reply_max)
		return -EINVAL;
	fd = inode_fd(r->fs, r->inode);
	if (fd < 0)
		return fd;
	got = listxattr(fd_name(fd, path), size ? r->reply : NULL, size);
	if (got < 0)
		got = -errno;
	inode_fd_put(r->fs, r->inode);
	return got < 0 ? (int)got : reply_value(r, size, got);
}

int op_removexattr(struct fs_req *r)
{
	char path[FD_NAME_BUF];
	int fd, e;

	if (!name_ok(r->name[0]))
		return -ERANGE;
	fd = inode_fd(r->fs, r->inode);
	if (fd < 0)
		return fd;
	e = removexattr(fd_name(fd, path), r->name[0]) < 0 ? -errno : 0;
	inode_fd_put(r->fs, r->inode);
	return e;
}
