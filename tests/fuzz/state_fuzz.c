/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a saved state: refused, or read without leaving it. The first byte says
 * whether the rest is the file as it is, or gets the header that fits it (a checksum is
 * easily forged); the end of the file then says what is asked of the reader. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vm/state.h"

#include "tests/unit/state_seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The header that fits. */
static void seal(uint8_t *file, size_t len)
{
	memcpy(file, "hull-vm", 8);
	put_le(file + 8, STATE_VERSION);
	put_le(file + LEN_AT, len);
	state_seal(file, len);
}

/* Whoever reads looks at every byte that it is given. */
static unsigned touch(const uint8_t *p, size_t len)
{
	unsigned sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += p[i];
	return sum;
}

static void ask(struct state_reader *r, const uint8_t *file, size_t len, uint8_t what)
{
	uint8_t buf[16];
	uint32_t n, number;
	const void *p;
	char name[4];

	switch (what & 7) {
	case 0: /* the section whose head is in the file at this place */
		if (len < HEADER + 8)
			return;
		memcpy(name, file + HEADER + (what >> 3) % (len - HEADER - 7), 4);
		memcpy(&number, file + HEADER + (what >> 3) % (len - HEADER - 7) + 4, 4);
		state_enter(r, name, number);
		return;
	case 1:
		state_leave(r);
		return;
	case 2:
		(void)state_get_u8(r);
		return;
	case 3:
		(void)state_get_u16(r);
		return;
	case 4:
		(void)state_get_u32(r);
		return;
	case 5:
		(void)state_get_u64(r);
		return;
	case 6:
		p = state_get_bytes(r, &n);
		if (!p && n > 0)
			abort();
		(void)touch(p, n);
		return;
	default:
		state_get_into(r, buf, what >> 3 & 15);
		(void)touch(buf, what >> 3 & 15);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct state_reader *r = NULL;
	struct err e = {0};
	uint8_t *file;
	size_t len;
	int n;

	if (size < 1 + HEADER)
		return 0;
	len = size - 1;
	file = malloc(len); /* exactly as long, so that a sanitizer sees its end */
	if (!file)
		return 0;
	memcpy(file, data + 1, len);
	if (data[0] & 1)
		seal(file, len);
	n = state_reader_new(file, len, &r, &e);
	if (n == 0) {
		for (size_t i = len; i-- > 0 && len - i < 64;)
			ask(r, file, len, file[i]);
		if (state_check(r, &e) < 0 && !e.code)
			abort();
	} else if (!e.code) {
		abort();
	}
	state_reader_free(r);
	free(file);
	return 0;
}
