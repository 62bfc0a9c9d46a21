/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "vm/kvm.h"
#include "vm/memory.h"

#include "tests/unit/tap.h"
#include "tests/unit/usage.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

static struct memory *make(const struct memory_config *c)
{
	struct memory *m = NULL;
	struct err e = {0};

	if (memory_new(-1, c, &m, &e) < 0)
		printf("# %s\n", e.text);
	CHECK(m != NULL);
	return m;
}

/* A file of 2 MiB units, each page of which has its number in it. */
static int numbered_file(uint64_t len)
{
	int fd = memfd_create("numbered", MFD_CLOEXEC);

	CHECK(fd >= 0 && ftruncate(fd, (off_t)len) == 0);
	for (uint64_t off = 0; off < len; off += 4096)
		CHECK(pwrite(fd, &off, sizeof(off), (off_t)off) == sizeof(off));
	return fd;
}

static uint64_t value_at(const struct memory *m, uint64_t gpa)
{
	uint64_t v = UINT64_MAX;

	CHECK(memory_read(m, gpa, &v, sizeof(v)) == 0);
	return v;
}

static void put_value(struct memory *m, uint64_t gpa, uint64_t v)
{
	CHECK(memory_write(m, gpa, &v, sizeof(v)) == 0);
}

/* Page frames that a range of ours has. */
static size_t resident(void *host, uint64_t len)
{
	static unsigned char map[1 << 16];
	size_t n = 0;

	CHECK(len / 4096 <= sizeof(map) && mincore(host, len, map) == 0);
	for (size_t i = 0; i < len / 4096; i++)
		n += map[i] & 1;
	return n;
}

static void small_memory_is_one_range(void)
{
	struct memory_config c = {.size = 4 * MIB, .fd = -1};
	struct memory *m = make(&c);
	struct memory_range r[2];

	CHECK(memory_ranges(m, r) == 1);
	CHECK(r[0].gpa == 0 && r[0].len == 4 * MIB && r[0].host == memory_at(m, 0, 1));
	CHECK((uintptr_t)r[0].host % (2 * MIB) == 0);
	CHECK(memory_hotplug_range(m).len == 0);
	CHECK(memory_end(m) == 4 * GIB);
	memory_free(m);
}

static void large_memory_leaves_the_hole(void)
{
	struct memory_config c = {.size = 5 * GIB, .fd = -1};
	struct memory *m = make(&c);
	struct memory_range r[2];

	CHECK(memory_ranges(m, r) == 2);
	CHECK(r[0].gpa == 0 && r[0].len == MEMORY_HOLE_BEGIN);
	CHECK(r[1].gpa == MEMORY_HOLE_END && r[1].len == 2 * GIB);
	put_value(m, 4 * GIB, 7);
	put_value(m, 6 * GIB - 8, 8);
	CHECK(value_at(m, 4 * GIB) == 7 && value_at(m, 6 * GIB - 8) == 8);
	CHECK(memory_at(m, 3 * GIB, 1) == NULL);
	CHECK(memory_at(m, 3 * GIB - 1, 1) != NULL);
	CHECK(memory_at(m, 4 * GIB - 1, 1) == NULL);
	CHECK(memory_at(m, 6 * GIB, 1) == NULL);
	/* Contiguous here, not there. */
	CHECK(memory_at(m, 3 * GIB - 1, 2) == NULL);
	CHECK(memory_at(m, 3 * GIB - 4096, 2 * GIB) == NULL);
	memory_free(m);
}

static void the_door_refuses_what_is_not_all_inside(void)
{
	struct memory_config c = {.size = 2 * MIB, .fd = -1};
	struct memory *m = make(&c);
	char *base = memory_at(m, 0, 1);
	uint8_t b = 1;

	CHECK(memory_at(m, 5, 10) == base + 5);
	CHECK(memory_at(m, 0, 2 * MIB) == base);
	CHECK(memory_at(m, 0, 2 * MIB + 1) == NULL);
	CHECK(memory_at(m, 2 * MIB - 1, 1) == base + 2 * MIB - 1);
	CHECK(memory_at(m, 2 * MIB - 1, 2) == NULL);
	CHECK(memory_at(m, 2 * MIB, 1) == NULL);
	CHECK(memory_at(m, 0, 0) == NULL);
	CHECK(memory_at(m, 4096, 0) == NULL);
	/* Sums that wrap. */
	CHECK(memory_at(m, UINT64_MAX, 1) == NULL);
	CHECK(memory_at(m, UINT64_MAX, 2) == NULL);
	CHECK(memory_at(m, 1, UINT64_MAX) == NULL);
	CHECK(memory_at(m, 4096, UINT64_MAX - 4095) == NULL);
	CHECK(memory_at(m, UINT64_MAX - 4095, 4096) == NULL);
	CHECK(memory_read(m, 2 * MIB, &b, 1) == -EFAULT && b == 1);
	CHECK(memory_write(m, 2 * MIB - 1, "xy", 2) == -EFAULT);
	CHECK(memory_read(m, 2 * MIB - 1, &b, 1) == 0 && b == 0);
	memory_free(m);
}

static void sizes_that_make_no_sense_are_errors(void)
{
	static const struct memory_config bad[] = {
		{.size = 0, .fd = -1},
		{.size = 3 * MIB, .fd = -1},
		{.size = UINT64_MAX - 2 * MIB + 1, .fd = -1},
		{.size = 2 * MIB, .hotplug = MIB, .fd = -1},
		{.size = 2 * MIB, .hotplug = UINT64_MAX - 2 * MIB + 1, .fd = -1},
	};
	AUTO_FD small = numbered_file(2 * MIB);
	struct memory_config file = {.size = 4 * MIB, .fd = small};
	struct memory *m = NULL;
	struct err e;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		e.code = 0;
		CHECK(memory_new(-1, &bad[i], &m, &e) == -EINVAL && e.code == EINVAL);
	}
	CHECK(memory_new(-1, &file, &m, &e) == -EINVAL);
	CHECK_STR(e.text, "memory: the file has 2097152 bytes, not 4194304");
	CHECK(m == NULL);
}

static void making_it_touches_no_page(void)
{
	struct memory_config c = {.size = 64 * MIB, .hotplug = 64 * MIB, .fd = -1};
	struct memory *m = make(&c);

	CHECK(resident(memory_at(m, 0, 64 * MIB), 64 * MIB) == 0);
	CHECK(resident(memory_hotplug_range(m).host, 64 * MIB) == 0);
	memory_free(m);
}

static void a_file_is_mapped_without_a_hole(void)
{
	AUTO_FD fd = memfd_create("large", MFD_CLOEXEC);
	struct memory_config c = {.size = 4 * GIB, .fd = fd, .shared = true};
	uint64_t low = 0x1111, high = 0x2222, v = 0;
	struct memory *m;

	CHECK(ftruncate(fd, 4 * GIB) == 0);
	CHECK(pwrite(fd, &low, 8, 3 * GIB - 8) == 8 &&
	      pwrite(fd, &high, 8, 3 * GIB) == 8);
	m = make(&c);
	CHECK(value_at(m, 3 * GIB - 8) == low);
	CHECK(value_at(m, 4 * GIB) == high);
	put_value(m, 4 * GIB + 8, 0x3333);
	CHECK(pread(fd, &v, 8, 3 * GIB + 8) == 8 && v == 0x3333);
	memory_free(m);
}

static void a_private_file_keeps_its_content(void)
{
	AUTO_FD fd = numbered_file(4 * MIB);
	struct memory_config c = {.size = 4 * MIB, .fd = fd};
	struct memory *m = make(&c);
	uint64_t v;

	CHECK(value_at(m, 3 * MIB) == 3 * MIB);
	put_value(m, 3 * MIB, 1);
	CHECK(value_at(m, 3 * MIB) == 1);
	CHECK(pread(fd, &v, 8, 3 * MIB) == 8 && v == 3 * MIB);
	memory_free(m);
}

static void discarding_gives_frames_back(void)
{
	struct memory_config c = {.size = 4 * MIB, .fd = -1};
	struct memory *m = make(&c);
	char *host = memory_at(m, 0, 4 * MIB);

	memset(host, 1, 4 * MIB);
	CHECK(resident(host, 4 * MIB) == 1024);
	CHECK(memory_discard(m, MIB, 2 * MIB) == 0);
	CHECK(resident(host, 4 * MIB) == 512);
	CHECK(value_at(m, MIB) == 0 && value_at(m, 3 * MIB - 8) == 0);
	CHECK(value_at(m, MIB - 8) != 0 && value_at(m, 3 * MIB) != 0);
	memory_free(m);
}

static void discarding_a_private_file_shows_zeros(void)
{
	AUTO_FD fd = numbered_file(8 * MIB);
	struct memory_config c = {.size = 8 * MIB, .fd = fd};
	struct memory *m = make(&c);

	put_value(m, 4096, 1);
	CHECK(memory_discard(m, 4096, 4096) == 0);
	CHECK(value_at(m, 4096) == 0); /* neither 1 nor 4096 */
	CHECK(value_at(m, 8192) == 8192);
	CHECK(memory_discard(m, MIB, 4 * MIB) == 0); /* part, whole, part */
	for (uint64_t a = MIB; a < 5 * MIB; a += 4096)
		CHECK(value_at(m, a) == 0);
	CHECK(value_at(m, MIB - 4096) == MIB - 4096);
	CHECK(value_at(m, 5 * MIB) == 5 * MIB);
	put_value(m, 3 * MIB, 9);
	CHECK(value_at(m, 3 * MIB) == 9);
	CHECK(memory_discard(m, 2 * MIB, 2 * MIB) == 0);
	CHECK(value_at(m, 3 * MIB) == 0);
	memory_free(m);
}

static void discarding_a_shared_file_punches_a_hole(void)
{
	AUTO_FD fd = numbered_file(4 * MIB);
	struct memory_config c = {.size = 4 * MIB, .fd = fd, .shared = true};
	struct memory *m = make(&c);
	struct stat before, after;
	uint64_t v = 1;

	CHECK(fstat(fd, &before) == 0);
	CHECK(memory_discard(m, 2 * MIB, MIB) == 0);
	CHECK(fstat(fd, &after) == 0);
	CHECK(before.st_blocks - after.st_blocks == 2048);
	CHECK(pread(fd, &v, 8, 2 * MIB) == 8 && v == 0);
	CHECK(value_at(m, 2 * MIB + 4096) == 0 && value_at(m, 3 * MIB) == 3 * MIB);
	memory_free(m);
}

/* Each second page: nothing can be merged. 65,530 mappings are what a process may have. */
static void a_guest_cant_use_up_our_mappings(void)
{
	AUTO_FD fd = memfd_create("large", MFD_CLOEXEC);
	struct memory_config c = {.size = 512 * MIB, .fd = fd};
	struct memory *m;
	int r = 0;

	CHECK(ftruncate(fd, 512 * MIB) == 0);
	CHECK(pwrite(fd, "x", 1, 512 * MIB - 4096) == 1);
	m = make(&c);
	for (uint64_t a = 0; a < 512 * MIB && r == 0; a += 8192)
		r = memory_discard(m, a + 4096, 4096);
	CHECK(r == 0);
	CHECK(count_mappings() < 40000);
	CHECK(value_at(m, 512 * MIB - 4096) == 0);
	/* And whole huge pages are still given back. */
	CHECK(memory_discard(m, 0, 512 * MIB) == 0);
	CHECK(count_mappings() < 1000);
	CHECK(resident(memory_at(m, 0, 256 * MIB), 256 * MIB) == 0);
	memory_free(m);
}

static void discarding_refuses_parts_of_pages(void)
{
	struct memory_config c = {.size = 2 * MIB, .fd = -1};
	struct memory *m = make(&c);

	CHECK(memory_discard(m, 1, 4096) == -EINVAL);
	CHECK(memory_discard(m, 4096, 4095) == -EINVAL);
	CHECK(memory_discard(m, 4096, 0) == -EINVAL);
	CHECK(memory_discard(m, 2 * MIB, 4096) == -EINVAL);
	CHECK(memory_discard(m, 2 * MIB - 4096, 8192) == -EINVAL);
	CHECK(memory_discard(m, UINT64_MAX - 4095, 4096) == -EINVAL);
	memory_free(m);
}

static void a_mapped_file_is_shared_until_written(void)
{
	AUTO_FD fd = numbered_file(2 * MIB);
	struct memory_config c = {.size = 8 * MIB, .fd = -1};
	struct memory *m = make(&c);
	uint64_t v = 0;

	CHECK(memory_map_file(m, 3 * MIB, fd, 4096, MIB) == 0);
	CHECK(value_at(m, 3 * MIB) == 4096);
	CHECK(value_at(m, 3 * MIB - 8) == 0);
	put_value(m, 3 * MIB, 5);
	CHECK(pread(fd, &v, 8, 4096) == 8 && v == 4096);
	v = 77; /* what wasn't written is the file's */
	CHECK(pwrite(fd, &v, 8, 8192) == 8 && value_at(m, 3 * MIB + 4096) == 77);
	CHECK(memory_discard(m, 3 * MIB, MIB) == 0);
	CHECK(value_at(m, 3 * MIB) == 0 && value_at(m, 3 * MIB + 4096) == 0);
	memory_free(m);
}

static void a_file_that_is_too_short_is_not_mapped(void)
{
	AUTO_FD fd = memfd_create("short", MFD_CLOEXEC);
	struct memory_config c = {.size = 2 * MIB, .fd = -1};
	struct memory *m = make(&c);

	CHECK(ftruncate(fd, 5000) == 0);
	CHECK(memory_map_file(m, 0, fd, 0, 8192) == 0);
	CHECK(memory_map_file(m, 0, fd, 0, 12288) == -EINVAL);
	CHECK(memory_map_file(m, 0, fd, 8192, 4096) == -EINVAL);
	CHECK(memory_map_file(m, 0, fd, UINT64_MAX - 4095, 4096) == -EINVAL);
	CHECK(memory_map_file(m, 0, fd, 1, 4096) == -EINVAL);
	CHECK(memory_map_file(m, 2 * MIB, fd, 0, 4096) == -EINVAL);
	CHECK(memory_map_file(m, 1, fd, 0, 4096) == -EINVAL);
	memory_free(m);
}

/* What is in a shared file is all that the guest has. */
static void a_file_is_copied_into_a_shared_one(void)
{
	AUTO_FD fd = numbered_file(2 * MIB), ram = memfd_create("ram", MFD_CLOEXEC);
	struct memory_config c = {.size = 4 * MIB, .fd = ram, .shared = true};
	struct memory *m;
	uint64_t v = 0;

	CHECK(ftruncate(ram, 4 * MIB) == 0);
	m = make(&c);
	CHECK(memory_map_file(m, MIB, fd, 4096, 8192) == 0);
	CHECK(pread(ram, &v, 8, MIB + 4096) == 8 && v == 8192);
	memory_free(m);
}

/* The flags of the mapping that is here: proc(5), VmFlags of smaps. */
static void flags_of(const void *host, char ret[512])
{
	FILE *f = fopen("/proc/self/smaps", "re");
	unsigned long begin, at = (uintptr_t)host;
	bool here = false;
	char line[512], *rest;

	ret[0] = '\0';
	while (f && fgets(line, sizeof(line), f)) {
		begin = strtoul(line, &rest, 16);
		if (rest != line && *rest == '-')
			here = begin <= at && at < strtoul(rest + 1, NULL, 16);
		else if (here && strncmp(line, "VmFlags:", 8) == 0)
			memcpy(ret, line, sizeof(line));
	}
	if (f)
		(void)fclose(f);
}

/* Of boot memory, and of what was discarded where a file was mapped. */
static void check_pages(bool small, bool mergeable, const char *flag, const char *no_flag)
{
	AUTO_FD fd = numbered_file(2 * MIB);
	struct memory_config c = {
		.size = 8 * MIB, .fd = -1, .small_pages = small, .mergeable = mergeable};
	struct memory *m = make(&c);
	char flags[512];

	flags_of(memory_at(m, 0, 1), flags);
	CHECK(strstr(flags, flag) && !strstr(flags, no_flag));
	CHECK(memory_map_file(m, 4 * MIB, fd, 0, 2 * MIB) == 0);
	CHECK(memory_discard(m, 4 * MIB, 2 * MIB) == 0);
	flags_of(memory_at(m, 4 * MIB, 1), flags);
	CHECK(strstr(flags, flag) && !strstr(flags, no_flag));
	memory_free(m);
}

static void pages_are_huge_unless_small_are_asked_for(void)
{
	if (access("/sys/kernel/mm/transparent_hugepage", F_OK) < 0)
		SKIP("this kernel has no transparent huge pages");
	check_pages(false, false, " hg", " nh");
	check_pages(true, false, " nh", " hg");
}

static void pages_to_be_merged_are_not_made_huge(void)
{
	if (access("/sys/kernel/mm/ksm", F_OK) < 0)
		SKIP("this kernel merges no pages");
	check_pages(false, true, " mg", " hg");
}

static void blocks_are_plugged_in_and_out(void)
{
	struct memory_config c = {.size = 2 * MIB, .hotplug = 64 * MIB, .fd = -1};
	struct memory *m = make(&c);
	struct memory_range h = memory_hotplug_range(m);
	uint64_t b = memory_block_size(m);

	CHECK(h.gpa == 4 * GIB && h.len == 64 * MIB && b == 2 * MIB);
	CHECK(memory_at(m, h.gpa, 1) == NULL);
	CHECK(memory_plug(m, h.gpa, 2 * b) == 0);
	CHECK(memory_is_plugged(m, h.gpa, 2 * b));
	CHECK(!memory_is_plugged(m, h.gpa, 2 * b + 1));
	CHECK(!memory_is_plugged(m, h.gpa, 0));
	CHECK(memory_at(m, h.gpa, 2 * b) == h.host);
	CHECK(memory_at(m, h.gpa + b - 4, 8) == (char *)h.host + b - 4);
	CHECK(memory_at(m, h.gpa + 2 * b - 4, 8) == NULL);
	put_value(m, h.gpa + b, 5);
	/* A block that is there already: none changes. */
	CHECK(memory_plug(m, h.gpa + b, 2 * b) == -EBUSY);
	CHECK(memory_at(m, h.gpa + 2 * b, 1) == NULL && value_at(m, h.gpa + b) == 5);
	CHECK(memory_unplug(m, h.gpa + b, 2 * b) == -EBUSY);
	CHECK(value_at(m, h.gpa + b) == 5);
	CHECK(memory_unplug(m, h.gpa + b, b) == 0);
	CHECK(memory_at(m, h.gpa + b, 1) == NULL && memory_at(m, h.gpa, b) != NULL);
	/* Nothing is left of it, also if somebody wrote there late. */
	*(uint64_t *)((char *)h.host + b) = 6;
	CHECK(memory_plug(m, h.gpa + b, b) == 0 && value_at(m, h.gpa + b) == 0);
	memory_free(m);
}

static void what_are_no_blocks_is_refused(void)
{
	struct memory_config c = {.size = 2 * MIB, .hotplug = 64 * MIB, .fd = -1};
	struct memory *m = make(&c);
	uint64_t g = memory_hotplug_range(m).gpa;
	static const struct {
		uint64_t off, len;
	} bad[] = {{0, 0},
		   {0, MIB},
		   {MIB, 2 * MIB},
		   {0, 66 * MIB},
		   {64 * MIB, 2 * MIB},
		   {62 * MIB, 4 * MIB},
		   {-2 * MIB, 2 * MIB},
		   {2 * MIB, -2 * MIB}};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK(memory_plug(m, g + bad[i].off, bad[i].len) == -EINVAL);
		CHECK(memory_unplug(m, g + bad[i].off, bad[i].len) == -EINVAL);
	}
	CHECK(memory_plug(m, 0, 2 * MIB) == -EINVAL);
	CHECK(memory_discard(m, g, 4096) == -EINVAL);
	memory_free(m);
}

static void large_ranges_have_larger_blocks(void)
{
	struct memory_config c = {.size = 5 * GIB, .hotplug = 64 * GIB, .fd = -1};
	struct memory *m = make(&c);
	struct memory_range h = memory_hotplug_range(m);

	CHECK(h.gpa == 7 * GIB && h.len == 64 * GIB);
	CHECK(memory_block_size(m) == 64 * MIB);
	CHECK(memory_plug(m, h.gpa + 63 * GIB, GIB) == 0);
	put_value(m, h.gpa + 64 * GIB - 8, 3);
	CHECK(memory_unplug(m, h.gpa + 63 * GIB, GIB) == 0);
	CHECK(memory_end(m) == 71 * GIB);
	memory_free(m);
}

static void a_window_is_no_memory(void)
{
	struct memory_config c = {.size = 2 * MIB, .hotplug = 64 * MIB, .fd = -1};
	struct memory *m = make(&c);
	struct err e = {0};
	uint64_t first = 0, second = 0;
	static char window[8192] __attribute__((aligned(4096)));

	CHECK(memory_add_window(m, 8192, window, &first, &e) == 0 && first == 5 * GIB);
	CHECK(memory_add_window(m, 8192, window, &second, &e) == 0 && second == 6 * GIB);
	CHECK(memory_at(m, first, 1) == NULL);
	CHECK(memory_add_window(m, 100, window, &second, &e) == -EINVAL);
	for (unsigned i = 2; i < 8; i++)
		CHECK(memory_add_window(m, 8192, window, &second, &e) == 0);
	CHECK(memory_add_window(m, 8192, window, &second, &e) == -ENOSPC);
	memory_free(m);
}

struct asker {
	struct memory *m;
	uint64_t gpa;
	atomic_bool stop;
	_Atomic unsigned saw;
};

static void *ask(void *arg)
{
	struct asker *a = arg;
	volatile char *p;

	while (!atomic_load(&a->stop)) {
		p = memory_at(a->m, a->gpa, 4096);
		if (p) {
			*p = 1; /* never a fault, plugged out meanwhile or not */
			(void)atomic_fetch_add(&a->saw, 1);
		}
	}
	return NULL;
}

static void a_pointer_outlives_its_block(void)
{
	struct memory_config c = {.size = 2 * MIB, .hotplug = 16 * MIB, .fd = -1};
	struct memory *m = make(&c);
	struct asker a = {.m = m, .gpa = memory_hotplug_range(m).gpa};
	uint64_t b = memory_block_size(m);
	pthread_t t;

	CHECK(pthread_create(&t, NULL, ask, &a) == 0);
	for (unsigned i = 0; i < 2000 || !atomic_load(&a.saw); i++) {
		CHECK(memory_plug(m, a.gpa, b) == 0);
		CHECK(memory_unplug(m, a.gpa, b) == 0);
	}
	atomic_store(&a.stop, true);
	CHECK(pthread_join(t, NULL) == 0);
	memory_free(m);
}

static void nothing_is_left_mapped(void)
{
	struct memory_config c = {.size = 4 * GIB, .hotplug = 64 * MIB, .fd = -1};
	unsigned before = count_mappings();

	for (unsigned i = 0; i < 10; i++)
		memory_free(make(&c));
	CHECK(count_mappings() <= before + 1); /* the allocator's */
}

/* With KVM: all slots can be registered, and removed. */
static void a_vm_takes_a_thousand_blocks(void)
{
	struct memory_config c = {.size = 2 * MIB, .hotplug = 2 * GIB, .fd = -1};
	AUTO_FD kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	struct memory *m = NULL;
	struct err e = {0};
	struct memory_range h;

	if (kvm < 0)
		SKIP("no /dev/kvm that may be opened");
	AUTO_FD vm = kvm_create(kvm, &e);

	CHECK(memory_new(vm, &c, &m, &e) == 0);
	h = memory_hotplug_range(m);
	CHECK(h.len / memory_block_size(m) == 1024);
	CHECK(memory_plug(m, h.gpa, h.len) == 0);
	CHECK(memory_unplug(m, h.gpa + 1022 * memory_block_size(m), 4 * MIB) == 0);
	CHECK(memory_plug(m, h.gpa + 1023 * memory_block_size(m), 2 * MIB) == 0);
	memory_free(m);
}

/* A guest puts neighbouring pages into one buffer, and here they would be none. */
static void nothing_lies_right_behind_boot_memory(void)
{
	struct memory_config c = {.fd = -1, .hotplug = 64 * MIB};
	struct memory *m = NULL;
	struct memory_range r[2];
	struct err e;
	unsigned n;

	for (c.size = 2 * GIB; c.size <= 8 * GIB; c.size += GIB / 2) {
		CHECK(memory_new(-1, &c, &m, &e) == 0);
		n = memory_ranges(m, r);
		CHECK(memory_hotplug_range(m).gpa > r[n - 1].gpa + r[n - 1].len);
		memory_free(m);
	}
}

static const struct test tests[] = {
	{"small memory is one range", small_memory_is_one_range},
	{"large memory leaves the 32-bit hole", large_memory_leaves_the_hole},
	{"the door refuses what is not all inside",
	 the_door_refuses_what_is_not_all_inside},
	{"sizes that make no sense are errors", sizes_that_make_no_sense_are_errors},
	{"making it touches no page", making_it_touches_no_page},
	{"a file is mapped without a hole", a_file_is_mapped_without_a_hole},
	{"a private file keeps its content", a_private_file_keeps_its_content},
	{"discarding gives frames back", discarding_gives_frames_back},
	{"discarding a private file shows zeros", discarding_a_private_file_shows_zeros},
	{"discarding a shared file punches a hole",
	 discarding_a_shared_file_punches_a_hole},
	{"a guest can't use up our mappings", a_guest_cant_use_up_our_mappings},
	{"discarding refuses parts of pages", discarding_refuses_parts_of_pages},
	{"a mapped file is shared until it is written to",
	 a_mapped_file_is_shared_until_written},
	{"a file that is too short is not mapped",
	 a_file_that_is_too_short_is_not_mapped},
	{"a file is copied into a shared one", a_file_is_copied_into_a_shared_one},
	{"pages are huge, unless small ones are asked for",
	 pages_are_huge_unless_small_are_asked_for},
	{"pages that are to be merged are not made huge",
	 pages_to_be_merged_are_not_made_huge},
	{"blocks are plugged in and out, and come back empty",
	 blocks_are_plugged_in_and_out},
	{"what are no blocks is refused", what_are_no_blocks_is_refused},
	{"large ranges have larger blocks", large_ranges_have_larger_blocks},
	{"a window is no memory", a_window_is_no_memory},
	{"a pointer outlives its block", a_pointer_outlives_its_block},
	{"nothing is left mapped", nothing_is_left_mapped},
	{"a VM takes a thousand blocks", a_vm_takes_a_thousand_blocks},
	{"nothing lies right behind boot memory", nothing_lies_right_behind_boot_memory},
};
TEST_MAIN(tests)
