/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bzImages that the test makes, and packs by the same libraries that unpack them.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/sha256.h"
#include "base/str.h"
#include "vm/decompress.h"
#include "vm/kernel.h"
#include "vm/kernel_image.h"

#include "tests/unit/kernel_file.h"
#include "tests/unit/tap.h"

/* Our declarations are those of the libraries, where their headers are there. */
#if __has_include(<zlib.h>)
#include <zlib.h>
_Static_assert(sizeof(struct zlib_stream) == sizeof(z_stream), "z_stream");
_Static_assert(offsetof(struct zlib_stream, next_out) == offsetof(z_stream, next_out),
	       "z_stream.next_out");
_Static_assert(offsetof(struct zlib_stream, avail_out) == offsetof(z_stream, avail_out),
	       "z_stream.avail_out");
_Static_assert(ZLIB_FINISH == Z_FINISH && ZLIB_STREAM_END == Z_STREAM_END, "zlib");
#endif
#if __has_include(<lzma.h>)
#include <lzma.h>
_Static_assert(LZMA_OK == 0 && sizeof(lzma_ret) == sizeof(int), "lzma_ret");
#endif
#if __has_include(<zstd.h>)
#include <zstd.h>
_Static_assert(_Generic(&ZSTD_decompress, zstd_decompress_fn * : 1, default : 0),
	       "ZSTD_decompress");
#endif

#define SETUP       0x800 /* three sectors of set-up, one of boot */
#define PAYLOAD_OFF 0x40
#define PAYLOAD_AT  (SETUP + PAYLOAD_OFF)
#define IMAGE_MAX   (PAYLOAD_AT + FILE_LEN + 4096)

static struct kernel_file elf;
static uint8_t image[IMAGE_MAX];
static size_t image_len;

static void put32(size_t at, uint64_t v)
{
	const uint32_t n = (uint32_t)v;

	memcpy(image + at, &n, sizeof(n));
}

static void put_bytes(size_t at, const char *bytes, size_t n)
{
	memcpy(image + at, bytes, n);
}

/* ---- packing: each returns the length, 0 if the library isn't there ---- */

typedef size_t pack_fn(const uint8_t *in, size_t len, uint8_t *out, size_t room);

// NOLINTNEXTLINE(readability-non-const-parameter): zlib writes to out
static size_t pack_gzip(const uint8_t *in, size_t len, uint8_t *out, size_t room)
{
	void *library = dlopen("libz.so.1", RTLD_NOW);
	int (*init)(struct zlib_stream *, int, int, int, int, int, const char *, int);
	zlib_inflate_fn *deflate;
	zlib_end_fn *end;
	struct zlib_stream z = {.next_in = in,
				.avail_in = (unsigned)len,
				.next_out = out,
				.avail_out = (unsigned)room};

	if (!library)
		return 0;
	init = dlsym(library, "deflateInit2_");
	deflate = dlsym(library, "deflate");
	end = dlsym(library, "deflateEnd");
	if (init(&z, 9, 8, ZLIB_WINDOW_GZIP, 8, 0, "1", sizeof(z)) != 0 ||
	    deflate(&z, ZLIB_FINISH) != ZLIB_STREAM_END)
		abort();
	(void)end(&z);
	(void)dlclose(library);
	return room - z.avail_out;
}

/* What kernels' builds append: the length of what is packed. */
static size_t append_length(uint8_t *out, size_t n, size_t len)
{
	const uint32_t v = (uint32_t)len;

	memcpy(out + n, &v, sizeof(v));
	return n + sizeof(v);
}

static size_t pack_xz(const uint8_t *in, size_t len, uint8_t *out, size_t room)
{
	void *library = dlopen("liblzma.so.5", RTLD_NOW);
	int (*encode)(uint32_t, int, const void *, const uint8_t *, size_t, uint8_t *,
		      size_t *, size_t);
	size_t n = 0;

	if (!library)
		return 0;
	encode = dlsym(library, "lzma_easy_buffer_encode");
	if (encode(6, 1, NULL, in, len, out, &n, room) != 0)
		abort();
	(void)dlclose(library);
	return append_length(out, n, len);
}

static size_t pack_zstd(const uint8_t *in, size_t len, uint8_t *out, size_t room)
{
	void *library = dlopen("libzstd.so.1", RTLD_NOW);
	size_t (*compress)(void *, size_t, const void *, size_t, int);
	size_t n;

	if (!library)
		return 0;
	compress = dlsym(library, "ZSTD_compress");
	n = compress(out, room, in, len, 3);
	if (n > room)
		abort();
	(void)dlclose(library);
	return append_length(out, n, len);
}

static size_t put_length(uint8_t *out, size_t len)
{
	size_t n = 0;

	if (len < 15)
		return 0;
	for (len -= 15; len >= 255; len -= 255)
		out[n++] = 255;
	out[n++] = (uint8_t)len;
	return n;
}

static size_t put_sequence(uint8_t *out, const uint8_t *literals, size_t count,
			   size_t back, size_t match)
{
	size_t n = 1;

	out[0] = (uint8_t)((count < 15 ? count : 15) << 4);
	n += put_length(out + n, count);
	memcpy(out + n, literals, count);
	n += count;
	if (match == 0)
		return n;
	out[0] |= (uint8_t)(match - 4 < 15 ? match - 4 : 15);
	out[n++] = (uint8_t)back;
	out[n++] = (uint8_t)(back >> 8);
	return n + put_length(out + n, match - 4);
}

/* The longest match of what is at `at` among some distances, overlapping ones as well. */
static size_t find_match(const uint8_t *in, size_t len, size_t at, size_t *ret_back)
{
	static const size_t tried[] = {1, 2, 3, 5, 8, 15, 16, 17, 64, 256, 1792, 4096};
	size_t best = 0, n;

	for (size_t i = 0; i < ARRAY_LEN(tried) && tried[i] <= at; i++) {
		for (n = 0; at + n + 5 < len && in[at + n] == in[at + n - tried[i]]; n++)
			;
		if (n > best) {
			best = n;
			*ret_back = tried[i];
		}
	}
	return best;
}

static size_t lz4_block(const uint8_t *in, size_t len, uint8_t *out)
{
	size_t literals = 0, back = 0, n = 4, match;

	for (size_t at = 0; at < len;) {
		match = find_match(in, len, at, &back);
		if (match < 4) {
			at++;
			continue;
		}
		n += put_sequence(out + n, in + literals, at - literals, back, match);
		at += match;
		literals = at;
	}
	n += put_sequence(out + n, in + literals, len - literals, 0, 0);
	append_length(out, 0, n - 4);
	return n;
}

static size_t pack_lz4(const uint8_t *in, size_t len, uint8_t *out, size_t room)
{
	const uint32_t magic = 0x184c2102;
	size_t n;

	(void)room;
	memcpy(out, &magic, 4);
	n = 4 + lz4_block(in, len, out + 4);
	return append_length(out, n, len);
}

/* ---- images ---- */

static void make_head(size_t payload_len)
{
	memset(image, 0, PAYLOAD_AT);
	image[0x1f1] = 3;
	image[0x1fe] = 0x55;
	image[0x1ff] = 0xaa;
	put_bytes(0x202, "HdrS", 4);
	image[0x206] = 0x0f;
	image[0x207] = 0x02;
	image[0x211] = 1;
	image[0x236] = 1;
	put32(0x248, PAYLOAD_OFF);
	put32(0x24c, payload_len);
}

static bool make_image(pack_fn *pack)
{
	size_t n;

	kernel_file_make(&elf);
	/* Something that repeats, with small and large periods */
	memset(elf.byte + 0x1100, 0x90, 700);
	for (size_t i = 0x1400; i < 0x1800; i++)
		elf.byte[i] = (uint8_t)(i % 3);
	n = pack(elf.byte, FILE_LEN, image + PAYLOAD_AT, IMAGE_MAX - PAYLOAD_AT);
	if (n == 0)
		return false;
	make_head(n);
	image_len = PAYLOAD_AT + n;
	return true;
}

static int open_image(int dir, struct err *e)
{
	AUTO_FD fd = file_of(image, image_len);

	return kernel_open_elf(fd, dir, e);
}

static bool is_the_elf(int fd)
{
	uint8_t buf[FILE_LEN + 1];

	return pread(fd, buf, sizeof(buf), 0) == FILE_LEN &&
	       memcmp(buf, elf.byte, FILE_LEN) == 0;
}

/* Any byte of the payload may be changed and any part of it be missing: it is unpacked
 * as it was, or refused. */
static void check_damage(void)
{
	uint8_t good[IMAGE_MAX];
	size_t good_len = image_len;
	struct err e;

	memcpy(good, image, good_len);
	for (size_t at = PAYLOAD_AT; at < good_len; at += 61) {
		AUTO_FD fd = -1;

		image[at] ^= 0x21;
		e = (struct err){0};
		fd = open_image(-1, &e);
		CHECK(fd < 0 ? e.code == ENOEXEC && e.text[0] : true);
		image[at] = good[at];
		e = (struct err){0};
		put32(0x24c, at - PAYLOAD_AT);
		CHECK(open_image(-1, &e) < 0 && e.code == ENOEXEC);
		memcpy(image, good, good_len);
	}
}

static void check_format(pack_fn *pack)
{
	AUTO_FD fd = -1;
	AUTO_FD out = memfd_create("out", MFD_CLOEXEC);
	AUTO_FD in = -1;
	struct err e = {0};

	if (!make_image(pack))
		SKIP("its library is not installed");
	fd = open_image(-1, &e);
	CHECK(fd >= 0 && is_the_elf(fd));
	CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	in = file_of(image, image_len);
	CHECK(kernel_unpack(in, out, &e) == 0 && is_the_elf(out));
	check_damage();
}

/* By a library that is loaded when it is needed: which a static build can't, and says. */
static void check_library_format(pack_fn *pack)
{
#ifdef HULL_STATIC
	struct err e = {0};

	if (!make_image(pack))
		SKIP("its library is not installed");
	CHECK(open_image(-1, &e) < 0 && strstr(e.text, "static"));
#else
	check_format(pack);
#endif
}

static void unpacks_gzip(void)
{
	check_library_format(pack_gzip);
}

static void unpacks_xz(void)
{
	check_library_format(pack_xz);
}

static void unpacks_zstd(void)
{
	check_library_format(pack_zstd);
}

static void unpacks_lz4(void)
{
	check_format(pack_lz4);
}

/* ---- LZ4 by itself ---- */

static int lz4(const void *block, uint32_t len, uint8_t *out, size_t out_len)
{
	static const uint8_t magic[4] = {0x02, 0x21, 0x4c, 0x18};
	uint8_t in[300];

	memcpy(in, magic, 4);
	memcpy(in + 4, &len, 4);
	memcpy(in + 8, block, len);
	return lz4_legacy_unpack(in, 8 + len, out, out_len);
}

static void lz4_refuses_hostile_blocks(void)
{
	uint8_t out[64 + 16], runaway[280];

	memset(out, 0xee, sizeof(out));
	/* "abcd", then 8 more of distance 4, then "x": 13 bytes */
	CHECK(lz4("\x44"
		  "abcd\x04\0\x10x",
		  9, out, 13) == 0);
	CHECK(memcmp(out, "abcdabcdabcdx\xee", 14) == 0);
	/* another length than was told */
	CHECK(lz4("\x44"
		  "abcd\x04\0\x10x",
		  9, out, 12) == -EBADMSG);
	CHECK(lz4("\x44"
		  "abcd\x04\0\x10x",
		  9, out, 14) == -EBADMSG);
	/* distance 0, before the beginning, literals past the end, no end */
	CHECK(lz4("\x44"
		  "abcd\0\0\x10x",
		  9, out, 13) == -EBADMSG);
	CHECK(lz4("\x44"
		  "abcd\x05\0\x10x",
		  9, out, 13) == -EBADMSG);
	CHECK(lz4("\x50"
		  "abcd",
		  5, out, 5) == -EBADMSG);
	CHECK(lz4("\x44"
		  "abcd\x04",
		  6, out, 12) == -EBADMSG);
	CHECK(lz4("\x44"
		  "abcd\x04\0",
		  7, out, 12) == -EBADMSG);
	CHECK(lz4("", 0, out, 1) == -EBADMSG);
	/* lengths that never end */
	memset(runaway, 0xff, sizeof(runaway));
	CHECK(lz4(runaway, sizeof(runaway), out, 64) == -EBADMSG);
	CHECK(out[64] == 0xee);
}

static void lz4_joins_blocks_and_frames(void)
{
	static const uint8_t in[] = {2,    0x21, 0x4c, 0x18, 3, 0, 0,    0,    0x20,
				     'a',  'b',  2,    0,    0, 0, 0x10, 'c',  2,
				     0x21, 0x4c, 0x18, 2,    0, 0, 0,    0x10, 'd'};
	uint8_t out[4];

	CHECK(lz4_legacy_unpack(in, sizeof(in), out, 4) == 0);
	CHECK(memcmp(out, "abcd", 4) == 0);
	for (size_t n = 0; n < sizeof(in); n++)
		CHECK(lz4_legacy_unpack(in, n, out, 4) == -EBADMSG);
}

/* ---- headers ---- */

static void old_protocol(void)
{
	image[0x206] = 0x0b;
}
static void low(void)
{
	image[0x211] = 0;
}
static void only32(void)
{
	image[0x236] = 0;
}
static void payload_none(void)
{
	put32(0x24c, 0);
}
static void payload_long(void)
{
	put32(0x24c, image_len - PAYLOAD_AT + 1);
}
static void payload_far(void)
{
	put32(0x248, UINT32_MAX);
}
static void payload_wraps(void)
{
	put32(0x248, UINT32_MAX);
	put32(0x24c, UINT32_MAX);
}
static void claims_nothing(void)
{
	put32(image_len - 4, 0);
}
static void claims_too_much(void)
{
	put32(image_len - 4, KERNEL_UNPACKED_MAX + 1);
}
static void claims_less(void)
{
	put32(image_len - 4, FILE_LEN - 1);
}
static void claims_more(void)
{
	put32(image_len - 4, KERNEL_UNPACKED_MAX);
}
static void packed_bzip2(void)
{
	put_bytes(PAYLOAD_AT, "BZh9", 4);
}
static void packed_oddly(void)
{
	put_bytes(PAYLOAD_AT, "\1\2\3\4", 4);
}
static void cut_in_header(void)
{
	image_len = 0x250;
}
static void aarch64_image(void)
{
	memset(image, 0, PAYLOAD_AT);
	put_bytes(0x38, "ARM\x64", 4);
}
static void zboot_image(void)
{
	memset(image, 0, PAYLOAD_AT);
	put_bytes(0, "MZ\0\0zimg", 8);
}
static void gzip_file(void)
{
	memset(image, 0, PAYLOAD_AT);
	put_bytes(0, "\x1f\x8b", 2);
}
static void text_file(void)
{
	memset(image, 'a', PAYLOAD_AT);
}
static void empty_file(void)
{
	image_len = 0;
}

static const struct wrong {
	void (*make)(void);
	int code;
	const char *text;
} wrongs[] = {
	{old_protocol, ENOEXEC, "the kernel's boot protocol is 2.11, and 2.12 is needed"},
	{low, ENOEXEC, "the kernel is a zImage, which runs in 640 KiB"},
	{only32, ENOEXEC, "the kernel is for 32-bit x86"},
	{payload_none, ENOEXEC, "the kernel has no payload"},
	{payload_long, ENOEXEC,
	 "the kernel's payload is outside of the file: it is truncated"},
	{payload_far, ENOEXEC,
	 "the kernel's payload is outside of the file: it is truncated"},
	{payload_wraps, ENOEXEC,
	 "the kernel's payload is outside of the file: it is truncated"},
	{claims_nothing, ENOEXEC, "the kernel claims to have 0 bytes unpacked"},
	{claims_too_much, ENOEXEC, "the kernel claims to have 268435457 bytes unpacked"},
	{claims_less, ENOEXEC, "the kernel's lz4 data is damaged"},
	{claims_more, ENOEXEC, "the kernel's lz4 data is damaged"},
	{packed_bzip2, ENOTSUP,
	 "the kernel is packed with bzip2: only gzip, xz, zstd and lz4 can be unpacked"},
	{packed_oddly, ENOEXEC, "the kernel is packed in an unknown format"},
	{cut_in_header, ENOEXEC, "the kernel ends in its set-up header"},
	{aarch64_image, ENOEXEC, "the kernel's file is an Image for aarch64"},
	{zboot_image, ENOEXEC, "the kernel's file is an EFI zboot image"},
	{gzip_file, ENOEXEC, "the kernel's file is a gzip file: unpack it first"},
	{text_file, ENOEXEC, "the kernel's file is neither ELF nor bzImage"},
	{empty_file, ENOEXEC, "the kernel's file is empty"},
};

static void each_wrong_image_is_named(void)
{
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(wrongs); i++) {
		e = (struct err){0};
		CHECK(make_image(pack_lz4));
		wrongs[i].make();
		CHECK(open_image(-1, &e) == -wrongs[i].code);
		CHECK_STR(e.text, wrongs[i].text);
	}
}

static void what_is_packed_must_be_elf(void)
{
	struct err e = {0};

	CHECK(make_image(pack_lz4));
	elf.byte[0] = 0;
	make_head(
		pack_lz4(elf.byte, FILE_LEN, image + PAYLOAD_AT, IMAGE_MAX - PAYLOAD_AT));
	CHECK(open_image(-1, &e) == -ENOEXEC);
	CHECK_STR(e.text, "what is packed in the kernel is not ELF");
}

static void an_elf_file_is_itself(void)
{
	AUTO_FD fd = -1;
	AUTO_FD in = -1;
	struct err e = {0};
	struct stat a, b;

	kernel_file_make(&elf);
	in = file_of(elf.byte, FILE_LEN);
	fd = kernel_open_elf(in, -1, &e);
	CHECK(fd >= 0 && fd != in);
	CHECK(fstat(fd, &a) == 0 && fstat(in, &b) == 0 && a.st_ino == b.st_ino);
	CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
}

/* ---- the cache ---- */

struct world {
	char path[32];
	int dir; /* owned */
};

static struct world world_make(void)
{
	struct world w = {"/tmp/kernel_test.XXXXXX", -1};

	if (!mkdtemp(w.path))
		abort();
	w.dir = open(w.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return w;
}

/* Calls fn for each name; returns how many there are. */
static int world_each(const struct world *w, void (*fn)(int dir, const char *name))
{
	DIR *d = opendir(w->path);
	const struct dirent *i;
	int n = 0;

	while (d && (i = readdir(d))) {
		if (i->d_name[0] == '.')
			continue;
		n++;
		if (fn)
			fn(w->dir, i->d_name);
	}
	if (d)
		(void)closedir(d);
	return n;
}

static void remove_it(int dir, const char *name)
{
	if (unlinkat(dir, name, 0) < 0)
		(void)unlinkat(dir, name, AT_REMOVEDIR);
}

static void world_remove(struct world *w)
{
	(void)world_each(w, remove_it);
	(void)rmdir(w->path);
	fd_close(&w->dir);
}

static void name_of_image(char name[SHA256_HEX])
{
	struct sha256 s;

	sha256_init(&s);
	sha256_add(&s, image, image_len);
	sha256_end(&s, name);
}

static void unpacks_once(void)
{
	struct world w = world_make();
	AUTO_FD first = -1;
	AUTO_FD second = -1;
	char name[SHA256_HEX];
	struct err e = {0};
	struct stat a = {0}, b = {0}, c = {0};

	CHECK(make_image(pack_lz4));
	name_of_image(name);
	first = open_image(w.dir, &e);
	CHECK(first >= 0 && is_the_elf(first));
	CHECK(world_each(&w, NULL) == 1);
	CHECK(fstatat(w.dir, name, &a, 0) == 0 && (a.st_mode & 0777) == 0600);
	CHECK((fcntl(first, F_GETFL) & O_ACCMODE) == O_RDONLY);
	second = open_image(w.dir, &e);
	CHECK(second >= 0 && is_the_elf(second));
	CHECK(fstat(first, &b) == 0 && fstat(second, &c) == 0);
	CHECK(a.st_ino == b.st_ino && b.st_ino == c.st_ino);
	image[0x100] ^= 1; /* another kernel */
	fd_close(&second);
	second = open_image(w.dir, &e);
	CHECK(second >= 0 && world_each(&w, NULL) == 2);
	world_remove(&w);
}

static void check_in_the_way(struct world *w, const char *name, bool replaced)
{
	AUTO_FD fd = -1;
	struct err e = {0};
	struct stat a = {0}, b = {0};

	fd = open_image(w->dir, &e);
	CHECK(fd >= 0 && is_the_elf(fd));
	CHECK(fstatat(w->dir, name, &a, AT_SYMLINK_NOFOLLOW) == 0 && fstat(fd, &b) == 0);
	CHECK((a.st_ino == b.st_ino) == replaced);
	remove_it(w->dir, name);
}

static void what_is_in_the_way_is_not_taken_for_a_kernel(void)
{
	struct world w = world_make();
	char name[SHA256_HEX];

	CHECK(make_image(pack_lz4));
	name_of_image(name);
	CHECK(mkdirat(w.dir, name, 0700) == 0);
	check_in_the_way(&w, name, false);
	CHECK(symlinkat("/dev/null", w.dir, name) == 0);
	check_in_the_way(&w, name, true);
	CHECK(mkfifoat(w.dir, name, 0600) == 0);
	check_in_the_way(&w, name, true);
	CHECK(mknodat(w.dir, name, S_IFREG | 0600, 0) == 0); /* empty */
	check_in_the_way(&w, name, true);
	world_remove(&w);
}

static void a_cache_that_can_t_be_written_costs_time_only(void)
{
	AUTO_FD dir = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD fd = -1;
	struct err e = {0};

	CHECK(make_image(pack_lz4));
	fd = open_image(dir, &e);
	CHECK(fd >= 0 && is_the_elf(fd));
	CHECK(write(fd, "x", 1) < 0 && errno == EPERM); /* sealed */
}

static void a_damaged_image_leaves_nothing_in_the_cache(void)
{
	struct world w = world_make();
	struct err e = {0};

	CHECK(make_image(pack_lz4));
	image[PAYLOAD_AT + 5] ^= 1;
	CHECK(open_image(w.dir, &e) == -ENOEXEC);
	CHECK(world_each(&w, NULL) == 0);
	world_remove(&w);
}

static const struct test tests[] = {
	{"unpacks gzip, and refuses it damaged", unpacks_gzip},
	{"unpacks xz, and refuses it damaged", unpacks_xz},
	{"unpacks zstd, and refuses it damaged", unpacks_zstd},
	{"unpacks lz4, and survives it damaged", unpacks_lz4},
	{"lz4 refuses hostile blocks", lz4_refuses_hostile_blocks},
	{"lz4 joins blocks and frames, and misses what is cut",
	 lz4_joins_blocks_and_frames},
	{"each wrong image is named", each_wrong_image_is_named},
	{"what is packed must be ELF", what_is_packed_must_be_elf},
	{"an ELF file is itself", an_elf_file_is_itself},
	{"an image is unpacked once, into a file named after its content", unpacks_once},
	{"what is in the way in the cache is not taken for a kernel",
	 what_is_in_the_way_is_not_taken_for_a_kernel},
	{"a cache that can't be written costs time only",
	 a_cache_that_can_t_be_written_costs_time_only},
	{"a damaged image leaves nothing in the cache",
	 a_damaged_image_leaves_nothing_in_the_cache},
};
TEST_MAIN(tests)
