/* SPDX-License-Identifier: Apache-2.0 */
/* The checksum of a saved state, for those who change one: bit by bit, unlike crc64.c's. */
#ifndef TESTS_UNIT_STATE_SEAL_H
#define TESTS_UNIT_STATE_SEAL_H

#include <stddef.h>
#include <stdint.h>

#define HEADER 32 /* bytes before the first section */
#define LEN_AT 16
#define SUM_AT 24

/* CRC-64/XZ */
static inline uint64_t seal_crc64(uint64_t crc, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		crc ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? UINT64_C(0xc96c5795d7870f42) : 0);
	}
	return crc;
}

static inline void put_le(uint8_t *p, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

/* Makes the checksum of a file right, which is at least a header. */
static inline void state_seal(uint8_t *file, size_t len)
{
	uint64_t crc = seal_crc64(UINT64_MAX, file, SUM_AT);

	put_le(file + SUM_AT, ~seal_crc64(crc, file + HEADER, len - HEADER));
}

#endif
