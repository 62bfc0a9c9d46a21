/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/crc64.h"

#include <endian.h>
#include <string.h>

#define CRC64_POLY UINT64_C(0xc96c5795d7870f42)

void crc64_init(struct crc64 *c)
{
	for (unsigned i = 0; i < 256; i++) {
		uint64_t v = i;

		for (int bit = 0; bit < 8; bit++)
			v = v >> 1 ^ (v & 1 ? CRC64_POLY : 0);
		c->table[0][i] = v;
	}
	for (unsigned k = 1; k < 8; k++) {
		for (unsigned i = 0; i < 256; i++) {
			uint64_t v = c->table[k - 1][i];

			c->table[k][i] = v >> 8 ^ c->table[0][v & 0xff];
		}
	}
}

uint64_t crc64_add(const struct crc64 *c, uint64_t crc, const uint8_t *p, size_t len)
{
	for (; len >= 8; p += 8, len -= 8) {
		uint64_t v;

		memcpy(&v, p, 8);
		v = le64toh(v) ^ crc;
		crc = 0;
		for (unsigned k = 0; k < 8; k++)
			crc ^= c->table[7 - k][v >> 8 * k & 0xff];
	}
	for (; len > 0; p++, len--)
		crc = crc >> 8 ^ c->table[0][(crc ^ *p) & 0xff];
	return crc;
}
