/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of kernel.h share among themselves.
 */
#ifndef VM_KERNEL_IMAGE_H
#define VM_KERNEL_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "vm/memory.h"

/* What an unpacked kernel may have, and a packed one. */
#define KERNEL_UNPACKED_MAX (UINT64_C(256) << 20)
#define KERNEL_PACKED_MAX   (UINT64_C(128) << 20)

/* Reads a file's bytes [off, off + len) to gpa. len 0 does nothing. */
int kernel_copy_part(struct memory *m, int fd, uint64_t gpa, uint64_t off, uint64_t len,
		     struct err *e);

/* The bzImage's compressed kernel, and how large it will be. */
struct bzimage {
	const uint8_t *payload;
	size_t payload_len;
	uint64_t unpacked_len; /* as it claims: 1 to KERNEL_UNPACKED_MAX */
};

/* Whether these first bytes of a file (`size` in all) are a bzImage that can be started
 * on this machine. */
int bzimage_check(const uint8_t *p, size_t len, uint64_t size, struct err *e);

/* Finds the payload; p is the whole file, and must outlive ret. */
int bzimage_parse(const uint8_t *p, size_t len, struct bzimage *ret, struct err *e);

/* Unpacks to exactly out_len bytes; the format is told by its magic number. */
int kernel_decompress(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len,
		      struct err *e);

/* LZ4's legacy frame, which has no length and no end mark: the sum of its blocks fills
 * out exactly, or -EBADMSG. */
int lz4_legacy_unpack(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len);

#endif
