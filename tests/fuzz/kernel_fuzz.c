/* SPDX-License-Identifier: Apache-2.0 */
/* Any file as a kernel. The first byte says how it is taken: as a file with its headers,
 * by a cache or not, or (which headers would seldom let through) as data to unpack to the
 * length of the next two bytes. What is loaded must lie where it was told. */
#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "vm/kernel.h"
#include "vm/kernel_image.h"
#include "vm/memory.h"
#include "vm/x86/x86.h"

#define MEMORY_LEN (UINT64_C(64) << 20)

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Kept, so that they aren't loaded again for each input. */
// NOLINTNEXTLINE(readability-non-const-parameter): libFuzzer's
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	(void)dlopen("libz.so.1", RTLD_NOW);
	(void)dlopen("liblzma.so.5", RTLD_NOW);
	(void)dlopen("libzstd.so.1", RTLD_NOW);
	return 0;
}

static void check_error(int r, const struct err *e)
{
	if (r < 0 ? e->code != -r || !e->text[0] : e->code != 0)
		abort();
}

static void boot(struct memory *m, const struct kernel *k)
{
	struct arch_boot b = {
		.kernel = *k,
		.cmdline = "quiet",
		.vcpus = 1,
		.vcpus_max = 2,
		.pvh = true,
		.acpi = true,
	};
	struct err e = {0};

	check_error(arch_boot_write(m, &b, &e), &e);
}

static void load(int fd)
{
	const struct memory_config c = {.size = MEMORY_LEN, .fd = -1};
	struct memory *m = NULL;
	struct kernel k = {0};
	struct err e = {0};
	int r;

	if (memory_new(-1, &c, &m, &e) < 0)
		abort();
	r = kernel_load(m, fd, &k, &e);
	check_error(r, &e);
	if (r == 0) {
		if (k.begin < 0x100000 || k.end > MEMORY_LEN || k.entry < k.begin ||
		    k.entry >= k.end)
			abort();
		if (k.pvh_entry && (k.pvh_entry < k.begin || k.pvh_entry >= k.end))
			abort();
		boot(m, &k);
	}
	memory_free(m);
}

static void open_and_load(const uint8_t *data, size_t size)
{
	AUTO_FD fd = memfd_create("fuzz", MFD_CLOEXEC);
	AUTO_FD elf = -1;
	struct err e = {0};

	if (fd < 0 || fd_write_full(fd, data, size) < 0)
		abort();
	load(fd);
	elf = kernel_open_elf(fd, -1, &e);
	check_error(elf < 0 ? elf : 0, &e);
	if (elf >= 0)
		load(elf);
}

static void unpack(const uint8_t *data, size_t size)
{
	size_t out_len = data[0] | (size_t)data[1] << 8;
	uint8_t *in, *out;
	struct err e = {0};

	/* Blocks of their own, so that any byte too far is seen. */
	in = malloc(size - 2 + 1);
	out = malloc(out_len + 1);
	if (in && out) {
		memcpy(in, data + 2, size - 2);
		check_error(kernel_decompress(in, size - 2, out, out_len, &e), &e);
	}
	free(in);
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 3)
		return 0;
	if (data[0] & 1)
		unpack(data + 1, size - 1);
	else
		open_and_load(data + 1, size - 1);
	return 0;
}
