/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LZ4's legacy frame (lz4's doc/lz4_Frame_format.md, "Legacy frame"; lz4_Block_format.md):
 * a magic number, then blocks of up to 8 MiB of content, each with its packed length. A
 * block is a list of sequences: literals, then a match that repeats what is up to 64 KiB
 * back. What follows is the plain decoder; every length is checked against both ends.
 */
#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/types.h>

#include "vm/kernel_image.h"

#define MAGIC     0x184c2102
#define MATCH_MIN 4
#define BLOCK_MAX (8u << 20)

struct range {
	const uint8_t *p, *end;
};

static bool take32(struct range *in, uint32_t *ret)
{
	if (in->end - in->p < 4)
		return false;
	memcpy(ret, in->p, 4);
	*ret = le32toh(*ret);
	in->p += 4;
	return true;
}

/* A length of 15 goes on in the next bytes, as long as they are 255. */
static bool take_length(struct range *in, size_t *len)
{
	uint8_t b;

	if (*len != 15)
		return true;
	do {
		if (in->p == in->end || *len > BLOCK_MAX)
			return false;
		b = *in->p++;
		*len += b;
	} while (b == 255);
	return true;
}

/* Copies of 16 bytes may write past len, never past end. */
static void copy_literals(uint8_t *to, const uint8_t *to_end, const uint8_t *from,
			  const uint8_t *from_end, size_t len)
{
	if ((size_t)(to_end - to) < len + 16 || (size_t)(from_end - from) < len + 16) {
		memcpy(to, from, len);
		return;
	}
	for (size_t i = 0; i < len; i += 16)
		memcpy(to + i, from + i, 16);
}

/* The match may overlap what it makes: then it repeats with the period `back`. */
static void copy_match(uint8_t *to, const uint8_t *to_end, size_t back, size_t len)
{
	const uint8_t *from = to - back;

	if (back >= 16 && (size_t)(to_end - to) >= len + 16) {
		for (size_t i = 0; i < len; i += 16)
			memcpy(to + i, from + i, 16);
	} else if (back >= len) {
		memcpy(to, from, len);
	} else {
		for (size_t i = 0; i < len; i++)
			to[i] = from[i];
	}
}

/* Returns how much came out, or -EBADMSG. */
static ssize_t unpack_block(struct range in, uint8_t *out, size_t out_len)
{
	uint8_t *to = out, *end = out + out_len;
	size_t len, back;
	uint8_t token;

	while (in.p < in.end) {
		token = *in.p++;
		len = token >> 4;
		if (!take_length(&in, &len) || len > (size_t)(in.end - in.p) ||
		    len > (size_t)(end - to))
			return -EBADMSG;
		copy_literals(to, end, in.p, in.end, len);
		in.p += len;
		to += len;
		if (in.p == in.end) /* the last sequence has literals alone */
			return to - out;
		if (in.end - in.p < 2)
			return -EBADMSG;
		back = in.p[0] | (size_t)in.p[1] << 8;
		in.p += 2;
		len = token & 15;
		if (!take_length(&in, &len))
			return -EBADMSG;
		len += MATCH_MIN;
		if (back == 0 || back > (size_t)(to - out) || len > (size_t)(end - to))
			return -EBADMSG;
		copy_match(to, end, back, len);
		to += len;
	}
	return -EBADMSG;
}

int lz4_legacy_unpack(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len)
{
	struct range all = {in, in + in_len}, block;
	size_t done = 0, room;
	uint32_t n;
	ssize_t r;

	if (!take32(&all, &n) || n != MAGIC)
		return -EBADMSG;
	while (all.p < all.end) {
		if (!take32(&all, &n))
			return -EBADMSG;
		if (n == MAGIC) /* another frame follows */
			continue;
		if (n > (size_t)(all.end - all.p))
			return -EBADMSG;
		block = (struct range){all.p, all.p + n};
		room = out_len - done < BLOCK_MAX ? out_len - done : BLOCK_MAX;
		r = unpack_block(block, out + done, room);
		if (r < 0)
			return (int)r;
		done += (size_t)r;
		all.p += n;
	}
	return done == out_len ? 0 : -EBADMSG;
}
