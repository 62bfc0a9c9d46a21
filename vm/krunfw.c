/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libkrunfw: a kernel as a shared library. Its interface, number 5: the first segment's
 * address on, all of the kernel's segments as one image; no ELF header, so no PVH.
 */
#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#include "vm/kernel.h"
#include "vm/kernel_image.h"

#define KRUNFW_ABI 5
#define LOWEST     UINT64_C(0x100000)

typedef int version_fn(void);
typedef char *get_kernel_fn(size_t *load_addr, size_t *entry_addr, size_t *size);

static int copy_kernel(struct memory *m, const void *image, uint64_t gpa, uint64_t entry,
		       uint64_t len, struct err *e)
{
	if (!image)
		return err_set(e, ENOEXEC, "it has no kernel");
	if (len == 0 || len > KERNEL_UNPACKED_MAX)
		return err_set(e, ENOEXEC, "it has a kernel of %llu bytes",
			       (unsigned long long)len);
	if (entry < gpa || entry - gpa >= len)
		return err_set(e, ENOEXEC, "its entry 0x%llx is outside of its kernel",
			       (unsigned long long)entry);
	if (gpa < LOWEST || memory_write(m, gpa, image, len) < 0)
		return err_set(e, ENOMEM,
			       "its kernel, 0x%llx bytes at 0x%llx, is outside of guest "
			       "memory",
			       (unsigned long long)len, (unsigned long long)gpa);
	return 0;
}

static int load(void *library, struct memory *m, struct kernel *ret, struct err *e)
{
	version_fn *version = dlsym(library, "krunfw_get_version");
	get_kernel_fn *get_kernel = dlsym(library, "krunfw_get_kernel");
	size_t gpa = 0, entry = 0, len = 0;
	const void *image;
	int r;

	if (!version || !get_kernel)
		return err_set(e, ENOEXEC, "it is not a libkrunfw");
	if (version() != KRUNFW_ABI)
		return err_set(e, ENOEXEC, "its interface has number %d, not %d",
			       version(), KRUNFW_ABI);
	image = get_kernel(&gpa, &entry, &len);
	r = copy_kernel(m, image, gpa, entry, len, e);
	if (r == 0)
		*ret = (struct kernel){.entry = entry, .begin = gpa, .end = gpa + len};
	return r;
}

int kernel_load_krunfw(struct memory *m, const char *path, struct kernel *ret,
		       struct err *e)
{
	void *library;
	int r;

#ifdef HULL_STATIC
	return err_set(e, ENOTSUP, "a static hull can't load %s", path);
#endif
	library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return err_set(e, ENOENT, "%s can't be loaded as a library", path);
	r = load(library, m, ret, e);
	(void)dlclose(library);
	return r < 0 ? err_wrap(e, "%s", path) : 0;
}
