/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest kernels as files: what kind it is, and getting it into guest memory. The file's
 * content is not trusted: a truncated, foreign or forged one is an error.
 *
 * Of an ELF vmlinux, code is read into guest memory, as a kernel patches most of its pages
 * when it starts; other segments are mapped from the file where they are page-aligned, so
 * that all guests share the page cache's copy of what they don't change. Whoever replaces
 * the file must do so by rename: writing to it or cutting it is seen by the guests that
 * run it. A bzImage is unpacked on the host first (in the guest it would take longer),
 * into a file that the caller may
 * keep.
 */
#ifndef VM_KERNEL_H
#define VM_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "vm/memory.h"

enum kernel_kind {
	KERNEL_ELF,
	KERNEL_BZIMAGE,
};

/* What is in the file, by its first bytes; an error names what is wrong with it. */
int kernel_kind(int fd, enum kernel_kind *ret, struct err *e);

/* Unpacks a bzImage's payload (gzip, xz, zstd, lz4; by libraries that are loaded when
 * first needed) into out_fd, an empty file: an ELF vmlinux. */
int kernel_unpack(int bzimage_fd, int out_fd, struct err *e);

/* The same with a cache: a descriptor of the ELF, from dir_fd's file named after the
 * SHA-256 of the bzImage; made (O_TMPFILE and link, so whole or not at all) where it is
 * missing. dir_fd -1: no cache, a memfd. An ELF file gives a copy of its descriptor. */
int kernel_open_elf(int fd, int dir_fd, struct err *e);

struct kernel {
	uint64_t entry;      /* gpa of the 64-bit entry */
	uint64_t pvh_entry;  /* gpa of the PVH entry, 0: it has none */
	uint64_t begin, end; /* gpa that it takes, bss included */
};

/* Loads an ELF kernel's segments. */
int kernel_load(struct memory *m, int elf_fd, struct kernel *ret, struct err *e);

/* A libkrunfw bundle: dlopen()s the library and registers its image, which is memory,
 * in the guest (copied). path is a library's name or path as for dlopen(3). */
int kernel_load_krunfw(struct memory *m, const char *path, struct kernel *ret,
		       struct err *e);

/* Puts an initrd at the top of low memory, page-aligned, below limit. It is read: a guest
 * reads all of it, and overwrites it when it is done with it. */
int kernel_load_initrd(struct memory *m, int fd, uint64_t limit, uint64_t *ret_gpa,
		       uint64_t *ret_len, struct err *e);

#endif
