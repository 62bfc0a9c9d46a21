/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/cpio.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"

#define END "TRAILER!!!"

static int put(struct cpio *c, const void *data, size_t len, struct err *e)
{
	int r = fd_write_full(c->fd, data, len);

	if (r < 0)
		return err_code(e, r, "write the initramfs");
	c->written += len;
	return 0;
}

/* Names and contents begin at multiples of four bytes. */
static int pad(struct cpio *c, struct err *e)
{
	static const char zeros[4];

	return put(c, zeros, -c->written & 3, e);
}

static int header(struct cpio *c, const char *name, mode_t mode, dev_t device,
		  uint64_t len, struct err *e)
{
	uint32_t name_len = (uint32_t)strlen(name) + 1;
	char text[6 + 13 * 8 + 1];
	int r;

	if (len > UINT32_MAX)
		return err_set(e, EFBIG, "initramfs: %s is larger than 4 GiB", name);
	/* magic, inode, mode, uid, gid, links, mtime, size, device (2), of a device node
	 * (2), length of the name, checksum (none in this format) */
	(void)snprintf(text, sizeof(text),
		       "070701%08" PRIX32 "%08X%08X%08X%08X%08X%08" PRIX32
		       "%08X%08X%08X%08X%08" PRIX32 "%08X",
		       c->inode++, mode, 0U, 0U, S_ISDIR(mode) ? 2U : 1U, 0U,
		       (uint32_t)len, 0U, 0U, major(device), minor(device), name_len, 0U);
	r = put(c, text, sizeof(text) - 1, e);
	if (r == 0)
		r = put(c, name, name_len, e);
	return r < 0 ? r : pad(c, e);
}

int cpio_folder(struct cpio *c, const char *name, mode_t mode, struct err *e)
{
	return header(c, name, S_IFDIR | mode, 0, 0, e);
}

int cpio_device(struct cpio *c, const char *name, mode_t mode, dev_t device,
		struct err *e)
{
	return header(c, name, mode, device, 0, e);
}

int cpio_file(struct cpio *c, const char *name, mode_t mode, const void *data, size_t len,
	      struct err *e)
{
	int r = header(c, name, S_IFREG | mode, 0, len, e);

	if (r == 0)
		r = put(c, data, len, e);
	return r < 0 ? r : pad(c, e);
}

static int copy(struct cpio *c, int fd, uint64_t len, struct err *e)
{
	off_t at = 0;

	while ((uint64_t)at < len) {
		ssize_t n = sendfile(c->fd, fd, &at, len - (uint64_t)at);

		if (n == 0)
			return err_set(e, EIO, "it became shorter while it was read");
		if (n < 0 && errno != EINTR)
			return err_sys(e, "copy it into the initramfs");
	}
	c->written += len;
	return 0;
}

int cpio_file_from(struct cpio *c, const char *name, mode_t mode, int fd, struct err *e)
{
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return err_sys(e, "stat %s", name);
	if (!S_ISREG(st.st_mode))
		return err_set(e, EINVAL, "%s is not a regular file", name);
	r = header(c, name, S_IFREG | mode, 0, (uint64_t)st.st_size, e);
	if (r < 0)
		return r;
	r = copy(c, fd, (uint64_t)st.st_size, e);
	return r < 0 ? err_wrap(e, "%s", name) : pad(c, e);
}

int cpio_end(struct cpio *c, struct err *e)
{
	c->inode = 0;
	return header(c, END, 0, 0, 0, e);
}
