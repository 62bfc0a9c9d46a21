/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 (FIPS 180-4), with the processor's own instructions where it has them. For
 * names after content, not for secrets: nothing here takes care of timing.
 */
#ifndef BASE_SHA256_H
#define BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_LEN   32
#define SHA256_HEX   (2 * SHA256_LEN + 1)
#define SHA256_BLOCK 64

struct sha256 {
	void (*blocks)(uint32_t h[8], const uint8_t *p, size_t count);
	uint32_t h[8];
	uint64_t len;
	uint8_t part[SHA256_BLOCK]; /* what doesn't fill a block yet */
};

void sha256_init(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *data, size_t len);

/* As lower-case hexadecimal digits, terminated. */
void sha256_end(struct sha256 *s, char ret[SHA256_HEX]);

/* As sha256_init, without the processor's instructions: for the test that both say the
 * same. */
void sha256_init_plain(struct sha256 *s);

#endif
