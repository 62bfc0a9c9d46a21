/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What kernels are packed with. gzip, xz and zstd are left to their libraries, which are
 * loaded when the first such kernel comes: most machines never need them. What we call of
 * them is declared here, so that nothing of theirs is needed to build; the unit test
 * compares it with their headers where those are there.
 */
#include "vm/decompress.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "vm/kernel_image.h"

#define XZ_MEMORY_MAX (UINT64_C(256) << 20) /* kernels are packed to need 32 MiB */

/* What each format's function gets. */
struct job {
	const uint8_t *in;
	size_t in_len;
	uint8_t *out;
	size_t out_len;
};

/* Each returns 0, -EBADMSG for damaged data, -ENOSYS if the library lacks a function. */
typedef int unpack_fn(void *library, const struct job *j);

static int unpack_gzip(void *library, const struct job *j)
{
	zlib_init_fn *init = dlsym(library, "inflateInit2_");
	zlib_inflate_fn *inflate = dlsym(library, "inflate");
	zlib_end_fn *end = dlsym(library, "inflateEnd");
	struct zlib_stream z = {
		.next_in = j->in,
		.avail_in = (unsigned)j->in_len,
		.next_out = j->out,
		.avail_out = (unsigned)j->out_len,
	};
	int r;

	if (!init || !inflate || !end)
		return -ENOSYS;
	if (init(&z, ZLIB_WINDOW_GZIP, "1", sizeof(z)) != 0)
		return -ENOMEM;
	r = inflate(&z, ZLIB_FINISH);
	(void)end(&z);
	return r == ZLIB_STREAM_END && z.avail_out == 0 ? 0 : -EBADMSG;
}

static int unpack_xz(void *library, const struct job *j)
{
	lzma_decode_fn *decode = dlsym(library, "lzma_stream_buffer_decode");
	size_t in_len = j->in_len - 4, in_at = 0, out_at = 0; /* less our length */
	uint64_t limit = XZ_MEMORY_MAX;

	if (!decode)
		return -ENOSYS;
	if (decode(&limit, 0, NULL, j->in, &in_at, in_len, j->out, &out_at, j->out_len) !=
	    0)
		return -EBADMSG;
	return out_at == j->out_len ? 0 : -EBADMSG;
}

static int unpack_zstd(void *library, const struct job *j)
{
	zstd_decompress_fn *decompress = dlsym(library, "ZSTD_decompress");

	if (!decompress)
		return -ENOSYS;
	/* An error is a number near the end of size_t. */
	return decompress(j->out, j->out_len, j->in, j->in_len - 4) == j->out_len
		       ? 0
		       : -EBADMSG;
}

static int unpack_lz4(void *library, const struct job *j)
{
	(void)library;
	return lz4_legacy_unpack(j->in, j->in_len - 4, j->out, j->out_len);
}

static const struct format {
	const char *name;
	unsigned magic_len;
	uint8_t magic[6];
	const char *library; /* NULL: ours; "": we have nothing */
	unpack_fn *unpack;
} formats[] = {
	{"gzip", 2, {0x1f, 0x8b}, "libz.so.1", unpack_gzip},
	{"xz", 6, {0xfd, '7', 'z', 'X', 'Z', 0}, "liblzma.so.5", unpack_xz},
	{"zstd", 4, {0x28, 0xb5, 0x2f, 0xfd}, "libzstd.so.1", unpack_zstd},
	{"lz4", 4, {0x02, 0x21, 0x4c, 0x18}, NULL, unpack_lz4},
	{"bzip2", 3, {'B', 'Z', 'h'}, "", NULL},
	{"lzma", 3, {0x5d, 0, 0}, "", NULL},
	{"lzo", 4, {0x89, 'L', 'Z', 'O'}, "", NULL},
};

static const struct format *find_format(const uint8_t *in, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
		if (len >= formats[i].magic_len &&
		    memcmp(in, formats[i].magic, formats[i].magic_len) == 0)
			return &formats[i];
	}
	return NULL;
}

static int unpack_by_library(const struct format *f, const struct job *j, struct err *e)
{
	void *library;
	int r;

#ifdef HULL_STATIC
	return err_set(e, ENOTSUP,
		       "the kernel is packed with %s, which a static hull can't unpack",
		       f->name);
#endif
	library = dlopen(f->library, RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return err_set(e, ENOTSUP,
			       "the kernel is packed with %s, and %s can't be loaded",
			       f->name, f->library);
	r = f->unpack(library, j);
	(void)dlclose(library);
	if (r == -ENOSYS)
		return err_set(e, ENOTSUP, "%s lacks what unpacks a kernel", f->library);
	return r;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the job's function writes to out */
int kernel_decompress(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len,
		      struct err *e)
{
	const struct format *f = in_len >= 8 ? find_format(in, in_len) : NULL;
	const struct job j = {in, in_len, out, out_len};
	int r;

	if (!f)
		return err_set(e, ENOEXEC, "the kernel is packed in an unknown format");
	if (!f->unpack)
		return err_set(
			e, ENOTSUP,
			"the kernel is packed with %s: only gzip, xz, zstd and lz4 "
			"can be unpacked",
			f->name);
	r = f->library ? unpack_by_library(f, &j, e) : f->unpack(NULL, &j);
	if (r == -EBADMSG)
		return err_set(e, ENOEXEC, "the kernel's %s data is damaged", f->name);
	if (r == -ENOMEM)
		return err_code(e, ENOMEM, "unpack the kernel");
	return r;
}
