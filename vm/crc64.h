/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-64/XZ (ECMA-182, reflected): finds every burst of damage up to 64 bits. */
#ifndef VM_CRC64_H
#define VM_CRC64_H

#include <stddef.h>
#include <stdint.h>

/* Eight bytes a step, by a table for each; made anew for each file, in microseconds. */
struct crc64 {
	uint64_t table[8][256];
};

void crc64_init(struct crc64 *c);

/* Goes on from crc, which is UINT64_MAX at first; the checksum is the complement. */
uint64_t crc64_add(const struct crc64 *c, uint64_t crc, const uint8_t *p, size_t len);

#endif
