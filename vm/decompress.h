/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What we call of zlib, liblzma and libzstd: their stable binary interfaces.
 */
#ifndef VM_DECOMPRESS_H
#define VM_DECOMPRESS_H

#include <stddef.h>
#include <stdint.h>

/* z_stream of zlib 1 */
struct zlib_stream {
	const uint8_t *next_in;
	unsigned avail_in;
	unsigned long total_in;
	uint8_t *next_out;
	unsigned avail_out;
	unsigned long total_out;
	const char *msg;
	void *state, *alloc, *free, *opaque;
	int data_type;
	unsigned long adler, reserved;
};

#define ZLIB_FINISH      4
#define ZLIB_STREAM_END  1
#define ZLIB_WINDOW_GZIP (16 + 15) /* the largest window, a gzip header */

typedef int zlib_init_fn(struct zlib_stream *z, int window, const char *version,
			 int size);
typedef int zlib_inflate_fn(struct zlib_stream *z, int flush);
typedef int zlib_end_fn(struct zlib_stream *z);

/* lzma_stream_buffer_decode: 0 is LZMA_OK */
typedef int lzma_decode_fn(uint64_t *memory_limit, uint32_t flags, const void *allocator,
			   const uint8_t *in, size_t *in_at, size_t in_len, uint8_t *out,
			   size_t *out_at, size_t out_len);

typedef size_t zstd_decompress_fn(void *out, size_t out_len, const void *in,
				  size_t in_len);

#endif
