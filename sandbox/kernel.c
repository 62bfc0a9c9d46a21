/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/fd.h"
#include "base/str.h"
#include "base/trusted.h"

#ifndef HULL_PKGLIBDIR /* part.mk */
#define HULL_PKGLIBDIR  "/usr/local/lib/hull"
#define HULL_SYSCONFDIR "/usr/local/etc"
#endif
#define PACKAGED HULL_PKGLIBDIR "/vmlinux"
#define CONFIG   HULL_SYSCONFDIR "/hull/config.json"

/* The version that a bzImage says it has (x86/boot.rst: "HdrS", kernel_version), its first
 * word; NULL: none, as in an ELF file. */
static const char *release_of(struct arena *a, int fd)
{
	unsigned char head[0x210];
	char text[128];
	uint16_t at;
	ssize_t n;

	if (pread(fd, head, sizeof(head), 0) != (ssize_t)sizeof(head) ||
	    memcmp(head + 0x202, "HdrS", 4) != 0)
		return NULL;
	at = (uint16_t)(head[0x20e] | head[0x20f] << 8);
	if (at == 0)
		return NULL;
	n = pread(fd, text, sizeof(text) - 1, 0x200 + (off_t)at);
	if (n <= 0)
		return NULL;
	text[n] = '\0';
	text[strcspn(text, " \t\n")] = '\0';
	/* It becomes a part of a path. */
	if (!*text || text[0] == '.' || strchr(text, '/'))
		return NULL;
	return arena_strdup(a, text);
}

/* A folder with a modules.dep in it, or -ENOENT; all else is an error. */
static int open_modules(const char *path, int *ret_fd, struct err *e)
{
	AUTO_FD fd = -1;
	struct stat st;

	if (!path)
		return err_code(e, ENOMEM, "the kernel's modules");
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR
			       ? -ENOENT
			       : err_sys(e, "the kernel's modules in %s", path);
	if (fstatat(fd, "modules.dep", &st, 0) < 0)
		return -ENOENT;
	if (fstat(fd, &st) < 0)
		return err_sys(e, "the kernel's modules in %s", path);
	if (!trusted_owner(st.st_uid) || (st.st_mode & (S_IWGRP | S_IWOTH)))
		return err_set(
			e, EPERM,
			"the kernel's modules in %s: others than root can write there",
			path);
	*ret_fd = fd_take(&fd);
	return 0;
}

/* 0 with -1 if it has none anywhere. */
static int find_modules(const struct kernel_places *p, const char *kernel, int fd,
			int *ret_dir, struct err *e)
{
	AUTO_ARENA a = {0};
	const char *slash = strrchr(kernel, '/'), *release = release_of(&a, fd);
	char *dir = arena_strndup(&a, kernel, slash ? (size_t)(slash - kernel) : 0);
	int r;

	*ret_dir = -1;
	if (!dir)
		return err_code(e, ENOMEM, "the kernel's modules");
	r = open_modules(arena_fmt(&a, "%s/modules", dir), ret_dir, e);
	if (r == -ENOENT && release)
		r = open_modules(arena_fmt(&a, "%s/modules/%s", dir, release), ret_dir,
				 e);
	if (r == -ENOENT && release && p->modules)
		r = open_modules(arena_fmt(&a, "%s/%s", p->modules, release), ret_dir, e);
	return r == -ENOENT ? 0 : r;
}

/* A kernel with its modules; -ENOENT if it isn't there. */
static int find_both(const struct kernel_places *p, const char *path, int *ret_kernel,
		     int *ret_modules, struct err *e)
{
	AUTO_FD kernel = -1;
	int r;

	if (!path)
		return err_code(e, ENOMEM, "the kernel of the sandbox");
	kernel = trusted_open("kernel", path, e);
	if (kernel < 0)
		return kernel;
	r = find_modules(p, path, kernel, ret_modules, e);
	if (r == 0)
		*ret_kernel = fd_take(&kernel);
	return r;
}

static int find_hosts(const struct kernel_places *p, int *ret_kernel, int *ret_modules,
		      struct err *e)
{
	AUTO_ARENA a = {0};
	int r = -ENOENT;

	if (!p->release)
		return -ENOENT;
	if (p->boot)
		r = find_both(p, arena_fmt(&a, "%s/vmlinuz-%s", p->boot, p->release),
			      ret_kernel, ret_modules, e);
	if (r == -ENOENT && p->modules)
		r = find_both(p, arena_fmt(&a, "%s/%s/vmlinuz", p->modules, p->release),
			      ret_kernel, ret_modules, e);
	return r;
}

int sandbox_kernel_find_in(const struct kernel_places *p, const char *configured,
			   int *ret_kernel_fd, int *ret_modules_dir, struct err *e)
{
	struct err tried = {0};
	int r = -ENOENT;

	if (configured && configured[0] != '/')
		return err_set(e, EINVAL, "kernel %s: not an absolute path", configured);
	if (configured)
		return find_both(p, configured, ret_kernel_fd, ret_modules_dir, e);
	if (p->packaged)
		r = find_both(p, p->packaged, ret_kernel_fd, ret_modules_dir, &tried);
	if (r == -ENOENT)
		r = find_hosts(p, ret_kernel_fd, ret_modules_dir, &tried);
	if (r < 0 && r != -ENOENT)
		*e = tried;
	if (r != -ENOENT)
		return r;
	return err_set(e, ENOENT,
		       "no kernel for a sandbox: neither %s nor the host's own "
		       "(%s/vmlinuz-%s) is there; contrib/guest-kernel/build makes one, "
		       "and vm.kernel in " CONFIG " names one",
		       p->packaged ? p->packaged : "one of hull's",
		       p->boot ? p->boot : "", p->release ? p->release : "");
}

int sandbox_kernel_find(const char *configured, int *ret_kernel_fd, int *ret_modules_dir,
			struct err *e)
{
	struct utsname host;
	struct kernel_places p = {
		.packaged = PACKAGED,
		.boot = "/boot",
		.modules = "/lib/modules",
	};

	if (uname(&host) == 0)
		p.release = host.release;
	return sandbox_kernel_find_in(&p, configured, ret_kernel_fd, ret_modules_dir, e);
}
