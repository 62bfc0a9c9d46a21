/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 (FIPS 180-4), with the processor's own instructions where it has them. For
 * names after content, not for secrets: nothing here takes care of timing.
 */
#ifndef BASE_SHA256_H
#define BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_LEN 32
#define SHA256_HEX (2 * SHA256_LEN + 1)

void sha256(const void *data, size_t len, uint8_t ret[SHA256_LEN]);

/* The same on any processor: for the test that both say the same. */
void sha256_plain(const void *data, size_t len, uint8_t ret[SHA256_LEN]);

/* sha256() as lower-case hexadecimal digits, terminated. */
void sha256_hex(const void *data, size_t len, char ret[SHA256_HEX]);

#endif
