/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a kernel's file is, and from a packed one to an ELF file that can be mapped.
 */
#include "vm/kernel.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/sha256.h"
#include "base/str.h"
#include "vm/kernel_image.h"

#define HEAD_LEN 4096
#define CHUNK_LEN                                                                        \
	((size_t)128 * 1024) /* hashed at once: it stays in the processor's cache */

/* A private copy of a file, or room for one, in pages of its own: a kernel is tens of
 * MiB, which must go back to the system at once. */
struct pages {
	uint8_t *p; /* owned; NULL: none */
	size_t len;
};

static void pages_done(struct pages *b)
{
	if (b->p)
		(void)munmap(b->p, b->len);
	*b = (struct pages){0};
}

#define AUTO_PAGES __attribute__((cleanup(pages_done))) struct pages

static int pages_new(size_t len, struct pages *ret, struct err *e)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return err_sys(e, "memory for the kernel");
	*ret = (struct pages){p, len};
	return 0;
}

/* Reads up to len bytes from the file's beginning; returns how many there were. */
static ssize_t read_head(int fd, void *buf, size_t len, struct err *e)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = pread(fd, (char *)buf + done, len - done, (off_t)done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, "read the kernel");
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

static int file_size(int fd, uint64_t *ret, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, "stat the kernel");
	if (!S_ISREG(st.st_mode))
		return err_set(e, ENOEXEC, "the kernel is not a regular file");
	if (st.st_size == 0)
		return err_set(e, ENOEXEC, "the kernel's file is empty");
	*ret = (uint64_t)st.st_size;
	return 0;
}

/* What people take for a kernel, or a kernel of another machine: named, so that nobody
 * has to guess. */
static const char *other_kind(const uint8_t *p, size_t len)
{
	static const struct {
		unsigned off, len;
		const char *magic, *name;
	} other[] = {
		{0x38, 4, "ARM\x64", "an Image for aarch64"},
		{4, 4, "zimg", "an EFI zboot image"},
		{0, 2, "\x1f\x8b", "a gzip file: unpack it first"},
		{0, 6, "\xfd\x37zXZ\0", "an xz file: unpack it first"},
		{0, 4, "\x28\xb5\x2f\xfd", "a zstd file: unpack it first"},
		{0, 2, "MZ", "an EFI program"},
		{0, 6, "070701", "an initrd (cpio)"},
		{0, 2, "#!", "a script"},
	};

	for (size_t i = 0; i < ARRAY_LEN(other); i++) {
		if (len >= other[i].off + other[i].len &&
		    memcmp(p + other[i].off, other[i].magic, other[i].len) == 0)
			return other[i].name;
	}
	return NULL;
}

static bool is_bzimage(const uint8_t *p, size_t len)
{
	return len >= 0x206 && p[0x1fe] == 0x55 && p[0x1ff] == 0xaa &&
	       memcmp(p + 0x202, "HdrS", 4) == 0;
}

int kernel_kind(int fd, enum kernel_kind *ret, struct err *e)
{
	uint8_t head[HEAD_LEN];
	const char *other;
	uint64_t size = 0;
	ssize_t n;
	int r;

	r = file_size(fd, &size, e);
	if (r < 0)
		return r;
	n = read_head(fd, head, sizeof(head), e);
	if (n < 0)
		return (int)n;
	if (n >= SELFMAG && memcmp(head, ELFMAG, SELFMAG) == 0) {
		*ret = KERNEL_ELF;
		return 0;
	}
	if (is_bzimage(head, (size_t)n)) {
		r = bzimage_check(head, (size_t)n, size, e);
		if (r == 0)
			*ret = KERNEL_BZIMAGE;
		return r;
	}
	other = other_kind(head, (size_t)n);
	if (other)
		return err_set(e, ENOEXEC, "the kernel's file is %s", other);
	return err_set(e, ENOEXEC, "the kernel's file is neither ELF nor bzImage");
}

/* All of it is read, not mapped: what is hashed and checked is what is unpacked, and
 * nobody can cut it under us. */
static int read_bzimage(int fd, struct pages *ret, struct err *e)
{
	enum kernel_kind kind = KERNEL_ELF;
	uint64_t size = 0;
	ssize_t n;
	int r;

	r = kernel_kind(fd, &kind, e);
	if (r == 0 && kind != KERNEL_BZIMAGE)
		r = err_set(e, ENOEXEC, "the kernel is not a bzImage");
	if (r == 0)
		r = file_size(fd, &size, e);
	if (r == 0)
		r = pages_new(size, ret, e);
	if (r < 0)
		return r;
	n = read_head(fd, ret->p, size, e);
	if (n < 0)
		return (int)n;
	return (size_t)n == size ? 0 : err_set(e, ENOEXEC, "the kernel became shorter");
}

static int unpack(const struct pages *image, struct pages *ret, struct err *e)
{
	struct bzimage b;
	int r;

	r = bzimage_parse(image->p, image->len, &b, e);
	if (r == 0)
		r = pages_new(b.unpacked_len, ret, e);
	if (r == 0)
		r = kernel_decompress(b.payload, b.payload_len, ret->p, ret->len, e);
	if (r < 0)
		return r;
	if (ret->len < SELFMAG || memcmp(ret->p, ELFMAG, SELFMAG) != 0)
		return err_set(e, ENOEXEC, "what is packed in the kernel is not ELF");
	return 0;
}

int kernel_unpack(int bzimage_fd, int out_fd, struct err *e)
{
	AUTO_PAGES image = {0};
	AUTO_PAGES elf = {0};
	int r;

	r = read_bzimage(bzimage_fd, &image, e);
	if (r == 0)
		r = unpack(&image, &elf, e);
	if (r < 0)
		return r;
	r = fd_write_full(out_fd, elf.p, elf.len);
	return r < 0 ? err_code(e, r, "write the unpacked kernel") : 0;
}

/* ---- the cache ---- */

/* Something else at that name (or a file cut by a crash) is as good as nothing. */
static int cache_open(int dir_fd, const char *name)
{
	AUTO_FD fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	enum kernel_kind kind = KERNEL_ELF;

	if (fd < 0 || kernel_kind(fd, &kind, ERR_IGNORE) < 0 || kind != KERNEL_ELF)
		return -ENOENT;
	return fd_take(&fd);
}

static int link_at(int fd, int dir_fd, const char *name)
{
	char path[FD_PATH_MAX];

	/* The first needs CAP_DAC_READ_SEARCH on most kernels, the second a /proc. */
	if (linkat(fd, "", dir_fd, name, AT_EMPTY_PATH) == 0 || errno == EEXIST)
		return 0;
	if (linkat(AT_FDCWD, fd_path(fd, path), dir_fd, name, AT_SYMLINK_FOLLOW) == 0 ||
	    errno == EEXIST)
		return 0;
	return -errno;
}

/* On the disk before it has a name, so that no crash leaves half of it. */
static int cache_write(int dir_fd, const char *name, const struct pages *elf)
{
	AUTO_FD fd = openat(dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	int r;

	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL))
		return file_replace(dir_fd, name, elf->p, elf->len, 0600, ERR_IGNORE);
	if (fd < 0)
		return -errno;
	r = fd_write_full(fd, elf->p, elf->len);
	if (r == 0 && fdatasync(fd) < 0)
		r = -errno;
	return r < 0 ? r : link_at(fd, dir_fd, name);
}

static int make_memfd(const struct pages *elf, struct err *e)
{
	AUTO_FD fd = memfd_create("kernel", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	if (fd < 0)
		return err_sys(e, "memfd for the kernel");
	r = fd_write_full(fd, elf->p, elf->len);
	if (r < 0)
		return err_code(e, r, "write the unpacked kernel");
	if (fcntl(fd, F_ADD_SEALS,
		  F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		return err_sys(e, "seal the unpacked kernel");
	return fd_take(&fd);
}

/* The name of what is in the file now. */
static int cache_name(int fd, char ret[SHA256_HEX], struct err *e)
{
	AUTO_FREE uint8_t *chunk = malloc(CHUNK_LEN);
	struct sha256 s;
	off_t off = 0;
	ssize_t n;

	if (!chunk)
		return err_code(e, ENOMEM, "read the kernel");
	sha256_init(&s);
	while ((n = pread(fd, chunk, CHUNK_LEN, off)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, "read the kernel");
		sha256_add(&s, chunk, (size_t)n);
		off += n;
	}
	sha256_end(&s, ret);
	return 0;
}

/* Named after what was unpacked, should the file have changed since it was looked up. */
static int cache_add(int dir_fd, const struct pages *image, const struct pages *elf)
{
	char name[SHA256_HEX];
	struct sha256 s;
	int r;

	sha256_init(&s);
	sha256_add(&s, image->p, image->len);
	sha256_end(&s, name);
	r = cache_write(dir_fd, name, elf);
	if (r == 0)
		r = cache_open(dir_fd, name);
	if (r != -ENOENT)
		return r;
	/* What is at that name can't be used: it makes room. */
	(void)unlinkat(dir_fd, name, 0);
	r = cache_write(dir_fd, name, elf);
	return r < 0 ? r : cache_open(dir_fd, name);
}

static int open_unpacked(int fd, int dir_fd, struct err *e)
{
	AUTO_PAGES image = {0};
	AUTO_PAGES elf = {0};
	int r;

	r = read_bzimage(fd, &image, e);
	if (r == 0)
		r = unpack(&image, &elf, e);
	if (r < 0)
		return r;
	/* A cache that can't be written (full, read-only) costs time, never the start. */
	if (dir_fd >= 0) {
		r = cache_add(dir_fd, &image, &elf);
		if (r >= 0)
			return r;
	}
	return make_memfd(&elf, e);
}

int kernel_open_elf(int fd, int dir_fd, struct err *e)
{
	char name[SHA256_HEX];
	enum kernel_kind kind = KERNEL_ELF;
	int r;

	r = kernel_kind(fd, &kind, e);
	if (r < 0)
		return r;
	if (kind == KERNEL_ELF) {
		r = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		return r < 0 ? err_sys(e, "duplicate the kernel's descriptor") : r;
	}
	if (dir_fd >= 0) {
		r = cache_name(fd, name, e);
		if (r < 0)
			return r;
		r = cache_open(dir_fd, name);
		if (r >= 0)
			return r;
	}
	return open_unpacked(fd, dir_fd, e);
}
