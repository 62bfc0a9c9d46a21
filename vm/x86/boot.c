/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a kernel finds when it is entered: by the 64-bit protocol of Linux
 * (Documentation/arch/x86/boot.rst, zero-page.rst), or by PVH (the Xen project's
 * docs/misc/pvh.pandoc and public/arch-x86/hvm/start_info.h). Both are written.
 */
#include <asm/bootparam.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/str.h"
#include "vm/x86/x86.h"

#define PAGE   UINT64_C(4096)
#define LOWEST UINT64_C(0x100000) /* below are we */

/* The 64-bit protocol has its random seed in a list of such blocks. */
#define SETUP_DATA    0xf000
#define SEED_LEN      32

#define E820_RAM      1
#define E820_RESERVED 2
#define E820_MAX      4

#define PTE_PRESENT   0x01
#define PTE_WRITE     0x02
#define PTE_LARGE     0x80

struct pvh_info {
	uint32_t magic, version, flags, modules;
	uint64_t module_list, cmdline, rsdp, memory_map;
	uint32_t memory_entries, reserved;
};

struct pvh_module {
	uint64_t gpa, len, cmdline, reserved;
};

struct pvh_range {
	uint64_t gpa, len;
	uint32_t type, reserved;
};

_Static_assert(sizeof(struct pvh_info) == 56, "start_info.h, version 1");
_Static_assert(sizeof(struct pvh_module) == 32, "start_info.h");
_Static_assert(sizeof(struct pvh_range) == 24, "start_info.h");
_Static_assert(sizeof(struct boot_params) == PAGE, "the zero page");

#define PVH_MAGIC  0x336ec578
#define PVH_MODULE (X86_PVH_INFO + 0x40)
#define PVH_MEMORY (X86_PVH_INFO + 0x80)

/* What the guest may be told of memory: the hotplug range isn't in it. */
struct map {
	unsigned count;
	struct pvh_range range[E820_MAX];
};

static void map_add(struct map *map, uint64_t begin, uint64_t end, uint32_t type)
{
	map->range[map->count++] = (struct pvh_range){
		.gpa = begin, .len = end - begin, .type = type};
}

static int map_make(const struct memory *m, struct map *map, struct err *e)
{
	struct memory_range ranges[2];
	unsigned n = memory_ranges(m, ranges);

	if (n == 0 || ranges[0].gpa != 0 || ranges[0].len <= LOWEST)
		return err_set(e, EINVAL,
			       "the machine has no memory above the first MiB");
	*map = (struct map){0};
	map_add(map, 0, X86_EBDA, E820_RAM);
	map_add(map, X86_EBDA, LOWEST, E820_RESERVED); /* MP table, ACPI tables */
	map_add(map, LOWEST, ranges[0].len, E820_RAM);
	if (n > 1)
		map_add(map, ranges[1].gpa, ranges[1].gpa + ranges[1].len, E820_RAM);
	return 0;
}

static int put(struct memory *m, uint64_t gpa, const void *p, size_t len, struct err *e)
{
	return memory_write(m, gpa, p, len) < 0
		       ? err_set(e, EFAULT, "no guest memory at 0x%llx",
				 (unsigned long long)gpa)
		       : 0;
}

static int write_cmdline(struct memory *m, const char *cmdline, struct err *e)
{
	size_t len = strlen(cmdline) + 1;

	if (len > X86_CMDLINE_MAX)
		return err_set(e, E2BIG,
			       "the kernel's command line has %zu bytes, more than %d",
			       len - 1, X86_CMDLINE_MAX - 1);
	return put(m, X86_CMDLINE, cmdline, len, e);
}

/* Flat segments, by the selectors of the 64-bit protocol: code 0x10, data 0x18. */
static int write_gdt(struct memory *m, bool long_mode, struct err *e)
{
	const uint64_t gdt[5] = {
		[2] = long_mode ? 0x00af9b000000ffff : 0x00cf9b000000ffff,
		[3] = 0x00cf93000000ffff,
		[4] = 0x00008b0000000067, /* a task, which nobody switches to */
	};

	return put(m, X86_GDT, gdt, sizeof(gdt), e);
}

/* The first 4 GiB, each address as it is: PML4, PDPT, four tables of 2 MiB pages. */
static int write_page_tables(struct memory *m, struct err *e)
{
	uint64_t *t = memory_at(m, X86_PAGE_TABLES, 6 * PAGE);
	uint64_t *pdpt, *pd;

	if (!t)
		return err_set(e, EFAULT, "no guest memory for page tables");
	memset(t, 0, 2 * PAGE);
	pdpt = t + 512;
	pd = pdpt + 512;
	t[0] = (X86_PAGE_TABLES + PAGE) | PTE_PRESENT | PTE_WRITE;
	for (uint64_t i = 0; i < 4; i++)
		pdpt[i] = (X86_PAGE_TABLES + (2 + i) * PAGE) | PTE_PRESENT | PTE_WRITE;
	for (uint64_t i = 0; i < UINT64_C(4) * 512; i++)
		pd[i] = i << 21 | PTE_PRESENT | PTE_WRITE | PTE_LARGE;
	return 0;
}

/* Without it a guest has no entropy until its first device is there. */
static int write_seed(struct memory *m, struct err *e)
{
	const struct setup_data head = {.type = SETUP_RNG_SEED, .len = SEED_LEN};
	uint8_t seed[SEED_LEN];
	int r;

	if (getrandom(seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
		return err_sys(e, "random numbers");
	r = put(m, SETUP_DATA, &head, sizeof(head), e);
	if (r == 0)
		r = put(m, SETUP_DATA + sizeof(head), seed, sizeof(seed), e);
	explicit_bzero(seed, sizeof(seed));
	return r;
}

static int write_zero_page(struct memory *m, const struct arch_boot *b,
			   const struct map *map, struct err *e)
{
	struct boot_params p = {
		.acpi_rsdp_addr = b->acpi ? X86_ACPI : 0,
		.ext_ramdisk_image = (uint32_t)(b->initrd_gpa >> 32),
		.ext_ramdisk_size = (uint32_t)(b->initrd_len >> 32),
		.e820_entries = (uint8_t)map->count,
		.hdr =
			{
				.boot_flag = 0xaa55,
				.header = 0x53726448, /* "HdrS" */
				.version = 0x020f,
				.type_of_loader = 0xff, /* without a number of its own */
				.loadflags = LOADED_HIGH,
				.ramdisk_image = (uint32_t)b->initrd_gpa,
				.ramdisk_size = (uint32_t)b->initrd_len,
				.cmd_line_ptr = X86_CMDLINE,
				.cmdline_size = (uint32_t)strlen(b->cmdline),
				.initrd_addr_max = 0x7fffffff,
				.kernel_alignment = 0x1000000,
				.xloadflags = XLF_KERNEL_64 | XLF_CAN_BE_LOADED_ABOVE_4G,
				.setup_data = SETUP_DATA,
				.pref_address = b->kernel.begin,
				.init_size = (uint32_t)(b->kernel.end - b->kernel.begin),
			},
	};

	for (unsigned i = 0; i < map->count; i++) {
		p.e820_table[i].addr = map->range[i].gpa;
		p.e820_table[i].size = map->range[i].len;
		p.e820_table[i].type = map->range[i].type;
	}
	return put(m, X86_ZERO_PAGE, &p, sizeof(p), e);
}

static int write_pvh_info(struct memory *m, const struct arch_boot *b,
			  const struct map *map, struct err *e)
{
	const struct pvh_module initrd = {b->initrd_gpa, b->initrd_len, 0, 0};
	const struct pvh_info info = {
		.magic = PVH_MAGIC,
		.version = 1,
		.modules = b->initrd_len > 0,
		.module_list = b->initrd_len > 0 ? PVH_MODULE : 0,
		.cmdline = X86_CMDLINE,
		.rsdp = b->acpi ? X86_ACPI : 0,
		.memory_map = PVH_MEMORY,
		.memory_entries = map->count,
	};
	int r;

	r = put(m, X86_PVH_INFO, &info, sizeof(info), e);
	if (r == 0)
		r = put(m, PVH_MODULE, &initrd, sizeof(initrd), e);
	if (r == 0)
		r = put(m, PVH_MEMORY, map->range, map->count * sizeof(*map->range), e);
	return r;
}

static int check(const struct memory *m, const struct arch_boot *b, struct err *e)
{
	if (b->vcpus < 1 || b->vcpus > b->vcpus_max || b->vcpus_max > X86_VCPUS)
		return err_set(e, EINVAL, "%u processors of %u, at most %d", b->vcpus,
			       b->vcpus_max, X86_VCPUS);
	if (b->initrd_len == 0)
		return 0;
	if (b->initrd_gpa < LOWEST || !memory_at(m, b->initrd_gpa, b->initrd_len))
		return err_set(e, EINVAL, "the initrd is outside of guest memory");
	if (b->initrd_gpa < b->kernel.end &&
	    b->kernel.begin < b->initrd_gpa + b->initrd_len)
		return err_set(
			e, ENOMEM,
			"the kernel and an initrd of %llu bytes do not fit in guest "
			"memory",
			(unsigned long long)b->initrd_len);
	return 0;
}

int arch_boot_write(struct memory *m, const struct arch_boot *b, struct err *e)
{
	const struct acpi_config acpi = {b->vcpus, b->vcpus_max, b->serial};
	struct map map = {0};
	int r;

	r = check(m, b, e);
	if (r == 0)
		r = map_make(m, &map, e);
	if (r == 0)
		r = write_cmdline(m, b->cmdline, e);
	if (r == 0)
		r = write_gdt(m, !(b->pvh && b->kernel.pvh_entry), e);
	if (r == 0)
		r = write_page_tables(m, e);
	if (r == 0)
		r = write_seed(m, e);
	if (r == 0)
		r = write_zero_page(m, b, &map, e);
	if (r == 0)
		r = write_pvh_info(m, b, &map, e);
	if (r == 0)
		r = mptable_write(m, b->vcpus, e);
	if (r == 0 && b->acpi)
		r = acpi_write(m, &acpi, e);
	return r;
}
