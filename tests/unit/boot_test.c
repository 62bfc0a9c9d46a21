/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What arch_boot_write() leaves in guest memory, and the initrd.
 */
#include <asm/bootparam.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "vm/memory.h"
#include "vm/x86/x86.h"

#include "tests/unit/tap.h"

#define MIB UINT64_C(1048576)
#define GIB (1024 * MIB)

static struct memory *memory_of(uint64_t size, uint64_t hotplug)
{
	const struct memory_config c = {.size = size, .hotplug = hotplug, .fd = -1};
	struct memory *m = NULL;
	struct err e = {0};

	if (memory_new(-1, &c, &m, &e) < 0)
		abort();
	return m;
}

static struct arch_boot boot_of(void)
{
	return (struct arch_boot){
		.kernel = {.entry = 16 * MIB,
			   .pvh_entry = 16 * MIB + 64,
			   .begin = 16 * MIB,
			   .end = 48 * MIB},
		.initrd_gpa = 100 * MIB,
		.initrd_len = 12345,
		.cmdline = "console=ttyS0 quiet",
		.vcpus = 2,
		.vcpus_max = 4,
		.acpi = true,
	};
}

static struct boot_params zero_page(const struct memory *m)
{
	struct boot_params p;

	CHECK(memory_read(m, X86_ZERO_PAGE, &p, sizeof(p)) == 0);
	return p;
}

static void the_zero_page_says_where_things_are(void)
{
	struct memory *m = memory_of(128 * MIB, 0);
	const struct arch_boot b = boot_of();
	struct boot_params p;
	struct err e = {0};

	CHECK(arch_boot_write(m, &b, &e) == 0);
	p = zero_page(m);
	CHECK(p.sentinel == 0);
	CHECK(p.hdr.boot_flag == 0xaa55 && memcmp(&p.hdr.header, "HdrS", 4) == 0);
	CHECK(p.hdr.version >= 0x20c && p.hdr.type_of_loader == 0xff);
	CHECK(p.hdr.loadflags & LOADED_HIGH);
	CHECK(p.hdr.cmd_line_ptr == X86_CMDLINE && p.ext_cmd_line_ptr == 0);
	CHECK_STR(memory_at(m, X86_CMDLINE, 64), b.cmdline);
	CHECK(p.hdr.ramdisk_image == 100 * MIB && p.hdr.ramdisk_size == 12345);
	CHECK(p.ext_ramdisk_image == 0 && p.ext_ramdisk_size == 0);
	CHECK(p.acpi_rsdp_addr == X86_ACPI);
	CHECK(memcmp(memory_at(m, X86_ACPI, 8), "RSD PTR ", 8) == 0);
	CHECK(memcmp(memory_at(m, X86_EBDA, 4), "_MP_", 4) == 0);
	memory_free(m);
}

static void an_initrd_may_be_above_four_gib(void)
{
	struct memory *m = memory_of(6 * GIB, 0);
	struct arch_boot b = boot_of();
	struct boot_params p;
	struct err e = {0};

	b.initrd_gpa = 5 * GIB + 0x1000;
	CHECK(arch_boot_write(m, &b, &e) == 0);
	p = zero_page(m);
	CHECK(p.hdr.ramdisk_image == GIB + 0x1000 && p.ext_ramdisk_image == 1);
	CHECK(p.hdr.ramdisk_size == 12345 && p.ext_ramdisk_size == 0);
	memory_free(m);
}

static void without_acpi_there_is_none(void)
{
	struct memory *m = memory_of(128 * MIB, 0);
	struct arch_boot b = boot_of();
	uint64_t info[7];
	struct err e = {0};

	b.acpi = false;
	CHECK(arch_boot_write(m, &b, &e) == 0);
	CHECK(zero_page(m).acpi_rsdp_addr == 0);
	CHECK(memory_read(m, X86_PVH_INFO, info, sizeof(info)) == 0 && info[4] == 0);
	CHECK(memcmp(memory_at(m, X86_ACPI, 8), "\0\0\0\0\0\0\0", 8) == 0);
	CHECK(memcmp(memory_at(m, X86_EBDA, 4), "_MP_", 4) == 0);
	memory_free(m);
}

/* What a kernel may use: exactly boot memory without the firmware's area; the hotplug
 * range is in neither map. */
static void check_memory_map(uint64_t size, const uint64_t (*want)[3], unsigned count)
{
	struct memory *m = memory_of(size, GIB);
	const struct arch_boot b = boot_of();
	struct boot_params p;
	uint64_t info[7], range[3];
	struct err e = {0};

	CHECK(arch_boot_write(m, &b, &e) == 0);
	p = zero_page(m);
	CHECK(p.e820_entries == count);
	CHECK(memory_read(m, X86_PVH_INFO, info, sizeof(info)) == 0);
	CHECK((uint32_t)info[6] == count);
	for (unsigned i = 0; i < count; i++) {
		CHECK(p.e820_table[i].addr == want[i][0]);
		CHECK(p.e820_table[i].size == want[i][1]);
		CHECK(p.e820_table[i].type == want[i][2]);
		CHECK(memory_read(m, info[5] + UINT64_C(24) * i, range, sizeof(range)) ==
		      0);
		CHECK(memcmp(range, want[i], sizeof(range)) == 0);
	}
	memory_free(m);
}

static void memory_is_told_as_it_is(void)
{
	static const uint64_t small[][3] = {
		{0, 0x9fc00, 1}, {0x9fc00, 0x60400, 2}, {MIB, 511 * MIB, 1}};
	static const uint64_t large[][3] = {{0, 0x9fc00, 1},
					    {0x9fc00, 0x60400, 2},
					    {MIB, 3 * GIB - MIB, 1},
					    {4 * GIB, 2 * GIB, 1}};

	check_memory_map(512 * MIB, small, 3);
	check_memory_map(5 * GIB, large, 4);
}

static void pvh_has_the_same(void)
{
	struct memory *m = memory_of(128 * MIB, 0);
	const struct arch_boot b = boot_of();
	uint32_t head[4];
	uint64_t info[7], module[4];
	struct err e = {0};

	CHECK(arch_boot_write(m, &b, &e) == 0);
	CHECK(memory_read(m, X86_PVH_INFO, head, sizeof(head)) == 0);
	CHECK(memory_read(m, X86_PVH_INFO, info, sizeof(info)) == 0);
	CHECK(head[0] == 0x336ec578 && head[1] == 1 && head[2] == 0 && head[3] == 1);
	CHECK(info[3] == X86_CMDLINE && info[4] == X86_ACPI);
	CHECK(memory_read(m, info[2], module, sizeof(module)) == 0);
	CHECK(module[0] == 100 * MIB && module[1] == 12345 && module[2] == 0);
	memory_free(m);
}

static void without_an_initrd_there_is_no_module(void)
{
	struct memory *m = memory_of(128 * MIB, 0);
	struct arch_boot b = boot_of();
	uint32_t head[4];
	struct err e = {0};

	b.initrd_len = b.initrd_gpa = 0;
	CHECK(arch_boot_write(m, &b, &e) == 0);
	CHECK(memory_read(m, X86_PVH_INFO, head, sizeof(head)) == 0);
	CHECK(head[3] == 0);
	CHECK(zero_page(m).hdr.ramdisk_size == 0);
	memory_free(m);
}

static void each_boot_has_a_seed_of_its_own(void)
{
	struct memory *m = memory_of(128 * MIB, 0);
	const struct arch_boot b = boot_of();
	uint8_t seed[2][32], zero[32] = {0};
	struct setup_data d;
	struct err e = {0};
	uint64_t gpa;

	for (int i = 0; i < 2; i++) {
		CHECK(arch_boot_write(m, &b, &e) == 0);
		gpa = zero_page(m).hdr.setup_data;
		CHECK(memory_read(m, gpa, &d, sizeof(d)) == 0);
		CHECK(d.next == 0 && d.type == SETUP_RNG_SEED && d.len == 32);
		CHECK(memory_read(m, gpa + sizeof(d), seed[i], 32) == 0);
	}
	CHECK(memcmp(seed[0], seed[1], 32) != 0);
	CHECK(memcmp(seed[0], zero, 32) != 0 && memcmp(seed[1], zero, 32) != 0);
	memory_free(m);
}

/* Walks the tables as the processor does, for 2 MiB pages. */
static uint64_t translate(const struct memory *m, uint64_t addr)
{
	uint64_t table = X86_PAGE_TABLES, entry = 0;

	for (int shift = 39; shift >= 21; shift -= 9) {
		CHECK(memory_read(m, table + (addr >> shift & 511) * 8, &entry, 8) == 0);
		if ((entry & 3) != 3)
			return UINT64_MAX;
		table = entry & ~UINT64_C(0xfff);
	}
	return entry & 0x80 ? table & ~UINT64_C(0x1fffff) : UINT64_MAX;
}

static void the_first_four_gib_are_mapped_as_they_are(void)
{
	struct memory *m = memory_of(128 * MIB, 0);
	const struct arch_boot b = boot_of();
	struct err e = {0};

	CHECK(arch_boot_write(m, &b, &e) == 0);
	for (uint64_t a = 0; a < 4 * GIB; a += 2 * MIB)
		CHECK(translate(m, a) == a);
	CHECK(translate(m, 4 * GIB) == UINT64_MAX);
	CHECK(translate(m, UINT64_C(1) << 39) == UINT64_MAX);
	memory_free(m);
}

static void the_gdt_suits_the_entry(void)
{
	struct memory *m = memory_of(128 * MIB, 0);
	struct arch_boot b = boot_of();
	uint64_t gdt[5];
	struct err e = {0};

	CHECK(arch_boot_write(m, &b, &e) == 0);
	CHECK(memory_read(m, X86_GDT, gdt, sizeof(gdt)) == 0);
	CHECK(gdt[0] == 0 && gdt[2] >> 53 & 1); /* 0x10: 64-bit code */
	CHECK((gdt[3] >> 40 & 0x1f) == 0x13);   /* 0x18: data */
	b.pvh = true;
	CHECK(arch_boot_write(m, &b, &e) == 0);
	CHECK(memory_read(m, X86_GDT, gdt, sizeof(gdt)) == 0);
	CHECK(!(gdt[2] >> 53 & 1) && gdt[2] >> 54 & 1); /* 32-bit code */
	CHECK((gdt[2] & 0xffff) == 0xffff && (gdt[2] >> 48 & 15) == 15 && gdt[2] >> 55);
	b.kernel.pvh_entry = 0; /* it is entered in 64-bit mode after all */
	CHECK(arch_boot_write(m, &b, &e) == 0);
	CHECK(memory_read(m, X86_GDT, gdt, sizeof(gdt)) == 0);
	CHECK(gdt[2] >> 53 & 1);
	memory_free(m);
}

static void the_command_line_is_bounded(void)
{
	struct memory *m = memory_of(128 * MIB, 0);
	struct arch_boot b = boot_of();
	char *line = malloc(X86_CMDLINE_MAX + 1);
	struct err e = {0};

	if (!line)
		abort();
	memset(line, 'x', X86_CMDLINE_MAX);
	line[X86_CMDLINE_MAX - 1] = '\0';
	b.cmdline = line;
	CHECK(arch_boot_write(m, &b, &e) == 0);
	CHECK_STR(memory_at(m, X86_CMDLINE, X86_CMDLINE_MAX), line);
	CHECK(zero_page(m).hdr.cmdline_size == X86_CMDLINE_MAX - 1);
	line[X86_CMDLINE_MAX - 1] = 'x';
	line[X86_CMDLINE_MAX] = '\0';
	CHECK(arch_boot_write(m, &b, &e) == -E2BIG);
	CHECK_STR(e.text, "the kernel's command line has 65536 bytes, more than 65535");
	free(line);
	memory_free(m);
}

static void check_refused(const struct arch_boot *b, uint64_t size, int code,
			  const char *text)
{
	struct memory *m = memory_of(size, 0);
	struct err e = {0};

	CHECK(arch_boot_write(m, b, &e) == -code);
	CHECK_STR(e.text, text);
	memory_free(m);
}

static void what_can_t_be_is_refused(void)
{
	struct arch_boot b = boot_of();

	b.vcpus = 0;
	check_refused(&b, 128 * MIB, EINVAL, "0 processors of 4, at most 64");
	b.vcpus = 5;
	check_refused(&b, 128 * MIB, EINVAL, "5 processors of 4, at most 64");
	b.vcpus_max = 65;
	check_refused(&b, 128 * MIB, EINVAL, "5 processors of 65, at most 64");
	b = boot_of();
	b.initrd_gpa = 48 * MIB - 1;
	check_refused(
		&b, 128 * MIB, ENOMEM,
		"the kernel and an initrd of 12345 bytes do not fit in guest memory");
	b.initrd_gpa = 16 * MIB - 12344;
	check_refused(
		&b, 128 * MIB, ENOMEM,
		"the kernel and an initrd of 12345 bytes do not fit in guest memory");
	b.initrd_gpa = 128 * MIB - 12344;
	check_refused(&b, 128 * MIB, EINVAL, "the initrd is outside of guest memory");
	b.initrd_gpa = UINT64_MAX - 10;
	check_refused(&b, 128 * MIB, EINVAL, "the initrd is outside of guest memory");
	b.initrd_gpa = MIB - 1;
	check_refused(&b, 128 * MIB, EINVAL, "the initrd is outside of guest memory");
}

/* ---- the initrd ---- */

static int initrd_of(size_t len)
{
	int fd = memfd_create("initrd", MFD_CLOEXEC);
	uint8_t b[4096];

	for (size_t i = 0; i < sizeof(b); i++)
		b[i] = (uint8_t)(i * 3 + 1);
	for (size_t n = 0; n < len; n += sizeof(b)) {
		if (write(fd, b, len - n < sizeof(b) ? len - n : sizeof(b)) < 0)
			abort();
	}
	return fd;
}

static void check_initrd(uint64_t size, uint64_t limit, size_t len, uint64_t want_gpa)
{
	struct memory *m = memory_of(size, 0);
	AUTO_FD fd = initrd_of(len);
	uint64_t gpa = 0, got = 0;
	struct err e = {0};
	const uint8_t *p;

	CHECK(kernel_load_initrd(m, fd, limit, &gpa, &got, &e) == 0);
	CHECK(gpa == want_gpa && got == len);
	p = memory_at(m, gpa, len);
	for (size_t i = 0; p && i < len; i++) {
		if (p[i] != (uint8_t)(i % 4096 * 3 + 1)) {
			CHECK(p[i] == (uint8_t)(i % 4096 * 3 + 1));
			break;
		}
	}
	memory_free(m);
}

static void an_initrd_goes_to_the_top_of_low_memory(void)
{
	check_initrd(64 * MIB, UINT64_MAX, 4096, 64 * MIB - 4096);
	check_initrd(64 * MIB, UINT64_MAX, 1, 64 * MIB - 4096);
	check_initrd(64 * MIB, UINT64_MAX, 10000, 64 * MIB - 12288);
	check_initrd(4 * GIB, 0x7fffffff, 10000, 2 * GIB - 12288);
	check_initrd(6 * GIB, UINT64_MAX, 10000, 3 * GIB - 12288);
}

static void an_initrd_that_does_not_fit_is_refused(void)
{
	struct memory *m = memory_of(4 * MIB, 0);
	AUTO_FD fd = initrd_of(3 * MIB);
	AUTO_FD empty = initrd_of(0);
	AUTO_FD pipe = -1;
	uint64_t gpa = 7, len = 7;
	struct err e = {0};
	int pair[2];

	CHECK(kernel_load_initrd(m, fd, UINT64_MAX, &gpa, &len, &e) == -ENOMEM);
	CHECK_STR(e.text, "the initrd of 3145728 bytes does not fit in guest memory");
	CHECK(kernel_load_initrd(m, fd, 0, &gpa, &len, &e) == -ENOMEM);
	CHECK(kernel_load_initrd(m, empty, UINT64_MAX, &gpa, &len, &e) == -EINVAL);
	CHECK_STR(e.text, "the initrd is empty");
	CHECK(fd_pair(pair, &e) == 0);
	pipe = pair[0];
	CHECK(kernel_load_initrd(m, pipe, UINT64_MAX, &gpa, &len, &e) == -EINVAL);
	CHECK_STR(e.text, "the initrd is not a regular file");
	CHECK(gpa == 7 && len == 7);
	(void)close(pair[1]);
	memory_free(m);
}

static const struct test tests[] = {
	{"the zero page says where things are", the_zero_page_says_where_things_are},
	{"an initrd may be above 4 GiB", an_initrd_may_be_above_four_gib},
	{"without ACPI there is none, and an MP table", without_acpi_there_is_none},
	{"memory is told as it is, without what may be plugged in",
	 memory_is_told_as_it_is},
	{"PVH has the same", pvh_has_the_same},
	{"without an initrd there is no module", without_an_initrd_there_is_no_module},
	{"each boot has a seed of its own", each_boot_has_a_seed_of_its_own},
	{"the first 4 GiB are mapped as they are",
	 the_first_four_gib_are_mapped_as_they_are},
	{"the GDT suits the entry", the_gdt_suits_the_entry},
	{"the command line is bounded", the_command_line_is_bounded},
	{"what can't be is refused", what_can_t_be_is_refused},
	{"an initrd goes to the top of low memory",
	 an_initrd_goes_to_the_top_of_low_memory},
	{"an initrd that does not fit is refused",
	 an_initrd_that_does_not_fit_is_refused},
};
TEST_MAIN(tests)
