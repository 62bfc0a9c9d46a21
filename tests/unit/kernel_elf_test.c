/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/fd.h"
#include "base/str.h"
#include "vm/kernel.h"
#include "vm/memory.h"

#include "tests/unit/kernel_file.h"
#include "tests/unit/tap.h"

#define MIB UINT64_C(1048576)

static struct kernel_file file;

static struct memory *memory_of(uint64_t size, int fd, bool shared)
{
	const struct memory_config c = {.size = size, .fd = fd, .shared = shared};
	struct err e = {0};
	struct memory *m = NULL;

	if (memory_new(-1, &c, &m, &e) < 0)
		abort();
	return m;
}

static int load(struct memory *m, struct kernel *k, struct err *e)
{
	AUTO_FD fd = file_of(file.byte, file.len);

	return kernel_load(m, fd, k, e);
}

static bool all_are(const uint8_t *p, size_t len, uint8_t value)
{
	for (size_t i = 0; i < len; i++) {
		if (p[i] != value)
			return false;
	}
	return true;
}

static bool same(struct memory *m, uint64_t gpa, const void *p, size_t len)
{
	const void *q = memory_at(m, gpa, len);

	return q && memcmp(p, q, len) == 0;
}

static void check_loaded(struct memory *m, const struct kernel *k)
{
	CHECK(k->entry == TEXT_GPA + 0x10);
	CHECK(k->pvh_entry == PVH_ENTRY);
	CHECK(k->begin == TEXT_GPA && k->end == KERNEL_END);
	CHECK(same(m, TEXT_GPA, file.byte + 0x1000, TEXT_LEN));
	CHECK(same(m, DATA_GPA, file.byte + 0x4000, DATA_LEN));
	CHECK(same(m, ODD_GPA, file.byte + 0x5234, ODD_LEN));
	CHECK(all_are(memory_at(m, DATA_GPA + DATA_LEN, DATA_MEMSZ - DATA_LEN),
		      DATA_MEMSZ - DATA_LEN, 0));
	CHECK(all_are(memory_at(m, ODD_GPA + ODD_LEN, ODD_MEMSZ - ODD_LEN),
		      ODD_MEMSZ - ODD_LEN, 0));
}

static void loads_segments_where_they_belong(void)
{
	struct memory *m = memory_of(64 * MIB, -1, false);
	struct kernel k = {0};
	struct err e = {0};

	kernel_file_make(&file);
	CHECK(load(m, &k, &e) == 0);
	check_loaded(m, &k);
	memory_free(m);
}

/* What was in memory is neither seen by the kernel nor lost around it. */
static void bss_is_zero_and_neighbours_are_kept(bool shared)
{
	AUTO_FD fd = memfd_create("memory", MFD_CLOEXEC);
	struct kernel k = {0};
	struct err e = {0};
	struct memory *m;
	uint8_t *p;

	CHECK(ftruncate(fd, 32 * MIB) == 0);
	m = memory_of(32 * MIB, fd, shared);
	memset(memory_at(m, 0, 32 * MIB), 0xee, 32 * MIB);
	kernel_file_make(&file);
	CHECK(load(m, &k, &e) == 0);
	check_loaded(m, &k);
	p = memory_at(m, 0, 32 * MIB);
	CHECK(all_are(p, TEXT_GPA, 0xee));
	CHECK(all_are(p + TEXT_GPA + TEXT_LEN, DATA_GPA - TEXT_GPA - TEXT_LEN, 0xee));
	CHECK(all_are(p + DATA_GPA + DATA_MEMSZ, ODD_GPA - DATA_GPA - DATA_MEMSZ, 0xee));
	CHECK(all_are(p + KERNEL_END, 32 * MIB - KERNEL_END, 0xee));
	memory_free(m);
}

static void bss_is_zero_in_memory_of_a_private_file(void)
{
	bss_is_zero_and_neighbours_are_kept(false);
}

static void bss_is_zero_in_memory_of_a_shared_file(void)
{
	bss_is_zero_and_neighbours_are_kept(true);
}

/* The line of /proc/self/maps that a pointer is in. */
static void find_mapping(const void *p, char line[512])
{
	FILE *f = fopen("/proc/self/maps", "re");
	unsigned long begin, end;

	line[0] = '\0';
	while (f && fgets(line, 512, f)) {
		if (sscanf(line, "%lx-%lx", &begin, &end) == 2 && // NOLINT(cert-err34-c)
		    (unsigned long)p >= begin && (unsigned long)p < end)
			break;
	}
	if (f)
		(void)fclose(f);
}

static void whole_pages_are_the_file_s(void)
{
	struct memory *m = memory_of(64 * MIB, -1, false);
	AUTO_FD fd = -1;
	struct kernel k = {0};
	struct err e = {0};
	char line[512];
	uint8_t *p;

	kernel_file_make(&file);
	fd = file_of(file.byte, file.len);
	CHECK(kernel_load(m, fd, &k, &e) == 0);
	p = memory_at(m, DATA_GPA, DATA_MEMSZ);
	find_mapping(p, line);
	CHECK(strstr(line, "test-kernel"));
	find_mapping(p + DATA_LEN, line);
	CHECK(!strstr(line, "test-kernel"));
	find_mapping(memory_at(m, TEXT_GPA, 1), line);
	CHECK(!strstr(line, "test-kernel"));
	find_mapping(memory_at(m, ODD_GPA, 1), line);
	CHECK(!strstr(line, "test-kernel"));
	/* copy-on-write: the guest can't change the file */
	memset(p, 0x55, DATA_LEN);
	CHECK(pread(fd, line, 16, 0x4000) == 16);
	CHECK(memcmp(line, file.byte + 0x4000, 16) == 0);
	memory_free(m);
}

static void a_kernel_without_the_note_has_no_pvh_entry(void)
{
	struct memory *m = memory_of(64 * MIB, -1, false);
	struct kernel k = {.pvh_entry = 1};
	struct err e = {0};

	kernel_file_make(&file);
	file.byte[PVH_NOTE_AT + 8] = 17;
	CHECK(load(m, &k, &e) == 0 && k.pvh_entry == 0);
	kernel_file_make(&file);
	memcpy(file.byte + PVH_NOTE_AT + 12, "GNU", 4);
	CHECK(load(m, &k, &e) == 0 && k.pvh_entry == 0);
	kernel_file_make(&file);
	file.segment[3].p_filesz = 0;
	CHECK(load(m, &k, &e) == 0 && k.pvh_entry == 0);
	memory_free(m);
}

static void the_pvh_entry_has_four_or_eight_bytes(void)
{
	struct memory *m = memory_of(64 * MIB, -1, false);
	const uint32_t pvh = TEXT_GPA + 4;
	struct kernel k = {0};
	struct err e = {0};

	kernel_file_make(&file);
	kernel_file_note(&file, PVH_NOTE_AT, 18, &pvh, 4);
	file.segment[3].p_filesz = 20 + 20;
	CHECK(load(m, &k, &e) == 0 && k.pvh_entry == pvh);
	memory_free(m);
}

static void every_cut_of_the_file_is_refused(void)
{
	struct memory *m = memory_of(64 * MIB, -1, false);
	struct kernel k = {0};
	struct err e = {0};

	kernel_file_make(&file);
	for (file.len = 0; file.len < NOTES_OFF + 44; file.len += file.len < 400 ? 1 : 97)
		CHECK(load(m, &k, &e) == -ENOEXEC);
	memory_free(m);
}

/* ---- what is wrong with a file, and what is said of it ---- */

static void not_elf(void)
{
	file.byte[1] = 'e';
}
static void class32(void)
{
	file.head.e_ident[EI_CLASS] = ELFCLASS32;
}
static void big_endian(void)
{
	file.head.e_ident[EI_DATA] = ELFDATA2MSB;
}
static void aarch64(void)
{
	file.head.e_machine = EM_AARCH64;
}
static void odd_machine(void)
{
	file.head.e_machine = 4711;
}
static void shared_object(void)
{
	file.head.e_type = ET_DYN;
}
static void odd_phdrs(void)
{
	file.head.e_phentsize = 32;
}
static void no_phdrs(void)
{
	file.head.e_phnum = 0;
}
static void many_phdrs(void)
{
	file.head.e_phnum = 65;
}
static void phdrs_far(void)
{
	file.head.e_phoff = UINT64_MAX - 8;
}
static void more_in_file(void)
{
	file.segment[1].p_memsz = DATA_LEN - 1;
}
static void offset_wraps(void)
{
	file.segment[0].p_offset = UINT64_MAX - 0xfff;
}
static void past_the_end(void)
{
	file.segment[2].p_offset = FILE_LEN - ODD_LEN + 1;
}
static void first_mib(void)
{
	file.segment[0].p_paddr = 0xff000;
}
static void address_wraps(void)
{
	file.segment[1].p_paddr = UINT64_MAX - 0xfff;
}
static void size_wraps(void)
{
	file.segment[1].p_memsz = UINT64_MAX - DATA_GPA + 1;
}
static void above_memory(void)
{
	file.segment[1].p_paddr = 64 * MIB - 0x1000;
}
static void above_4g(void)
{
	file.segment[1].p_paddr = 0xfffff000;
}
static void overlapping(void)
{
	file.segment[2].p_paddr = DATA_GPA + DATA_MEMSZ - 1;
}
static void entry_outside(void)
{
	file.head.e_entry = TEXT_GPA + TEXT_LEN;
}
static void nothing_to_load(void)
{
	for (int i = 0; i < 3; i++)
		file.segment[i].p_type = PT_NULL;
}
static void notes_outside(void)
{
	file.segment[3].p_offset = FILE_LEN - 8;
}
static void notes_huge(void)
{
	file.segment[3].p_offset = 0;
	file.segment[3].p_filesz = FILE_LEN + 1;
}
static void note_name_long(void)
{
	const uint32_t n = UINT32_MAX;

	memcpy(file.byte + NOTES_OFF, &n, 4);
}
static void note_desc_long(void)
{
	const uint32_t n = UINT32_MAX - 2;

	memcpy(file.byte + PVH_NOTE_AT + 4, &n, 4);
}
static void pvh_desc_odd(void)
{
	file.byte[PVH_NOTE_AT + 4] = 5;
}
static void pvh_outside(void)
{
	file.byte[PVH_NOTE_AT + 16 + 5] = 1;
}

static const struct wrong {
	void (*make)(void);
	int code;
	const char *text;
} wrongs[] = {
	{not_elf, ENOEXEC, "the kernel is not an ELF file"},
	{class32, ENOEXEC, "the kernel is not a 64-bit ELF file"},
	{big_endian, ENOEXEC, "the kernel is not little-endian"},
	{aarch64, ENOEXEC, "the kernel is for aarch64, and this machine is x86-64"},
	{odd_machine, ENOEXEC,
	 "the kernel is for ELF machine 4711, and this machine is x86-64"},
	{shared_object, ENOEXEC, "the kernel's ELF file is not an executable (type 3)"},
	{odd_phdrs, ENOEXEC, "the kernel's program headers have 32 bytes"},
	{no_phdrs, ENOEXEC, "the kernel has 0 program headers"},
	{many_phdrs, ENOEXEC, "the kernel has 65 program headers"},
	{phdrs_far, ENOEXEC, "the kernel ends in its program headers"},
	{more_in_file, ENOEXEC,
	 "the kernel's segment 1 is longer in the file than in memory"},
	{offset_wraps, ENOEXEC,
	 "the kernel's segment 0 is outside of the file: it is truncated"},
	{past_the_end, ENOEXEC,
	 "the kernel's segment 2 is outside of the file: it is truncated"},
	{first_mib, ENOEXEC, "the kernel's segment 0 is at 0xff000, in the first MiB"},
	{address_wraps, ENOEXEC, "the kernel's segment 1 is above 4 GiB"},
	{size_wraps, ENOEXEC, "the kernel's segment 1 is above 4 GiB"},
	{above_memory, ENOMEM,
	 "the kernel's segment 1, 0x5123 bytes at 0x3fff000, is outside of guest memory"},
	{above_4g, ENOEXEC, "the kernel's segment 1 is above 4 GiB"},
	{overlapping, ENOEXEC, "the kernel's segments 1 and 2 overlap"},
	{entry_outside, ENOEXEC,
	 "the kernel's entry 0x1002800 is outside of its segments"},
	{nothing_to_load, ENOEXEC, "the kernel has nothing to load"},
	{notes_outside, ENOEXEC,
	 "the kernel's notes are outside of the file: it is truncated"},
	{notes_huge, ENOEXEC,
	 "the kernel's notes are outside of the file: it is truncated"},
	{note_name_long, ENOEXEC, "a note of the kernel is longer than its segment"},
	{note_desc_long, ENOEXEC, "a note of the kernel is longer than its segment"},
	{pvh_desc_odd, ENOEXEC, "the kernel's PVH note has 5 bytes"},
	{pvh_outside, ENOEXEC,
	 "the kernel's PVH entry 0x10001000850 is outside of its segments"},
};

static void each_wrong_kernel_is_named_and_touches_nothing(void)
{
	struct memory *m = memory_of(64 * MIB, -1, false);
	struct kernel k = {.entry = 42};
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(wrongs); i++) {
		e = (struct err){0};
		kernel_file_make(&file);
		wrongs[i].make();
		CHECK(load(m, &k, &e) == -wrongs[i].code);
		CHECK(e.code == wrongs[i].code);
		CHECK_STR(e.text, wrongs[i].text);
	}
	CHECK(k.entry == 42);
	CHECK(all_are(memory_at(m, MIB, 63 * MIB), 63 * MIB, 0));
	memory_free(m);
}

static void what_is_no_regular_file_is_refused(void)
{
	struct memory *m = memory_of(64 * MIB, -1, false);
	AUTO_FD fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	struct kernel k = {0};
	struct err e = {0};
	enum kernel_kind kind;

	CHECK(kernel_load(m, fd, &k, &e) == -ENOEXEC);
	CHECK_STR(e.text, "the kernel is not a regular file");
	CHECK(kernel_kind(fd, &kind, &e) == -ENOEXEC);
	CHECK_STR(e.text, "the kernel is not a regular file");
	memory_free(m);
}

static const struct test tests[] = {
	{"loads segments where they belong", loads_segments_where_they_belong},
	{"bss is zero, and its neighbours are kept, in memory of a private file",
	 bss_is_zero_in_memory_of_a_private_file},
	{"bss is zero, and its neighbours are kept, in memory of a shared file",
	 bss_is_zero_in_memory_of_a_shared_file},
	{"whole pages of data are the file's, copy-on-write, and code is a copy",
	 whole_pages_are_the_file_s},
	{"a kernel without the note has no PVH entry",
	 a_kernel_without_the_note_has_no_pvh_entry},
	{"the PVH entry has four or eight bytes", the_pvh_entry_has_four_or_eight_bytes},
	{"every cut of the file is refused", every_cut_of_the_file_is_refused},
	{"each wrong kernel is named, and touches no guest memory",
	 each_wrong_kernel_is_named_and_touches_nothing},
	{"what is no regular file is refused", what_is_no_regular_file_is_refused},
};
TEST_MAIN(tests)
