/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/initramfs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "sandbox/cpio.h"
#include "sandbox/guest_binary.h"
#include "sandbox/modules.h"

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int add_module(struct cpio *c, int dir, const char *path, struct err *e)
{
	AUTO_SBUF name = {0};
	AUTO_FD fd = path_open_in(dir, path, O_RDONLY, 0);

	if (fd < 0)
		return err_code(e, fd, "the kernel's module %s", path);
	sbuf_addf(&name, GUEST_MODULES "/%s", base_name(path));
	if (name.failed)
		return err_code(e, ENOMEM, "the initramfs");
	return cpio_file_from(c, name.data, 0644, fd, e);
}

static int add_modules(struct cpio *c, int dir, struct err *e)
{
	AUTO_ARENA a = {0};
	AUTO_SBUF order = {0};
	struct strings paths;
	int r = modules_find(&a, dir, guest_modules, &paths, e);

	if (r < 0 || paths.count == 0)
		return r;
	r = cpio_folder(c, GUEST_MODULES, 0755, e);
	for (size_t i = 0; r == 0 && i < paths.count; i++) {
		r = add_module(c, dir, paths.v[i], e);
		sbuf_addf(&order, "%s\n", base_name(paths.v[i]));
	}
	if (r < 0)
		return r;
	if (order.failed)
		return err_code(e, ENOMEM, "the initramfs");
	return cpio_file(c, GUEST_MODULES "/order", 0644, order.data, order.len, e);
}

/* The kernel opens /dev/console for /init before that can have mounted anything. */
static int add_all(struct cpio *c, int modules, struct err *e)
{
	int r = cpio_folder(c, "dev", 0755, e);

	if (r == 0)
		r = cpio_device(c, "dev/console", S_IFCHR | 0600, makedev(5, 1), e);
	if (r == 0)
		r = cpio_file(c, "init", 0755, guest_binary, guest_binary_len(), e);
	if (r == 0 && modules >= 0)
		r = add_modules(c, modules, e);
	return r == 0 ? cpio_end(c, e) : r;
}

int initramfs_make(int modules, int *ret_fd, struct err *e)
{
	AUTO_FD fd = -1;
	struct cpio c;
	int r;

	if (guest_binary_len() == 0)
		return err_set(
			e, ENOTSUP,
			"this hull was built without its guest: it has no sandboxes");
	fd = memfd_create("initramfs", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return err_sys(e, "the initramfs");
	c = (struct cpio){.fd = fd};
	r = add_all(&c, modules, e);
	if (r < 0)
		return r;
	if (fcntl(fd, F_ADD_SEALS,
		  F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		return err_sys(e, "the initramfs: seal");
	*ret_fd = fd_take(&fd);
	return 0;
}
