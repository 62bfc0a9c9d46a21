/* SPDX-License-Identifier: Apache-2.0 */
#include <endian.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

#include "base/sha256.h"

#define BLOCK SHA256_BLOCK

typedef void blocks_fn(uint32_t h[8], const uint8_t *p, size_t count);

/* The first 32 bits of the fractions of the cube roots of the first 64 primes. */
static const uint32_t k[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
	0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
	0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
	0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
	0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
	0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
	0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
	0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t ror(uint32_t x, unsigned n)
{
	return x >> n | x << (32 - n);
}

static void schedule(uint32_t w[64], const uint8_t *p)
{
	uint32_t a, b, v;

	for (size_t i = 0; i < 16; i++) {
		memcpy(&v, p + 4 * i, 4);
		w[i] = be32toh(v);
	}
	for (unsigned i = 16; i < 64; i++) {
		a = ror(w[i - 15], 7) ^ ror(w[i - 15], 18) ^ w[i - 15] >> 3;
		b = ror(w[i - 2], 17) ^ ror(w[i - 2], 19) ^ w[i - 2] >> 10;
		w[i] = w[i - 16] + a + w[i - 7] + b;
	}
}

static void blocks_plain(uint32_t h[8], const uint8_t *p, size_t count)
{
	uint32_t w[64], s[8], a, b;

	for (; count > 0; count--, p += BLOCK) {
		schedule(w, p);
		memcpy(s, h, sizeof(s));
		for (unsigned i = 0; i < 64; i++) {
			a = s[7] + (ror(s[4], 6) ^ ror(s[4], 11) ^ ror(s[4], 25)) +
			    ((s[4] & s[5]) ^ (~s[4] & s[6])) + k[i] + w[i];
			b = (ror(s[0], 2) ^ ror(s[0], 13) ^ ror(s[0], 22)) +
			    ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
			memmove(s + 1, s, 7 * sizeof(*s));
			s[4] += a;
			s[0] = a + b;
		}
		for (unsigned i = 0; i < 8; i++)
			h[i] += s[i];
	}
}

#if defined(__x86_64__)
/* Intel's SHA extensions do two rounds an instruction, on the state as two registers:
 * words A, B, E, F and C, D, G, H, the first one highest. */
__attribute__((target("sha,sse4.1"))) static void blocks_sha_ni(uint32_t h[8],
								const uint8_t *p,
								size_t count)
{
	const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
	__m128i dcba = _mm_loadu_si128((const __m128i *)h);
	__m128i hgfe = _mm_loadu_si128((const __m128i *)(h + 4));
	__m128i cdab = _mm_shuffle_epi32(dcba, 0xb1);
	__m128i efgh = _mm_shuffle_epi32(hgfe, 0x1b);
	__m128i abef = _mm_alignr_epi8(cdab, efgh, 8);
	__m128i cdgh = _mm_blend_epi16(efgh, cdab, 0xf0);

	for (; count > 0; count--, p += BLOCK) {
		__m128i abef_before = abef, cdgh_before = cdgh, w[4], x;

#pragma GCC unroll 16
		for (size_t i = 0; i < 16; i++) { /* four rounds each */
			if (i < 4) {
				x = _mm_loadu_si128((const __m128i *)(p + 16 * i));
				w[i] = _mm_shuffle_epi8(x, swap);
			} else {
				x = _mm_alignr_epi8(w[(i + 3) & 3], w[(i + 2) & 3], 4);
				x = _mm_add_epi32(x, _mm_sha256msg1_epu32(
							     w[i & 3], w[(i + 1) & 3]));
				w[i & 3] = _mm_sha256msg2_epu32(x, w[(i + 3) & 3]);
			}
			x = _mm_add_epi32(w[i & 3],
					  _mm_loadu_si128((const __m128i *)(k + 4 * i)));
			cdgh = _mm_sha256rnds2_epu32(cdgh, abef, x);
			abef = _mm_sha256rnds2_epu32(abef, cdgh,
						     _mm_shuffle_epi32(x, 0x0e));
		}
		abef = _mm_add_epi32(abef, abef_before);
		cdgh = _mm_add_epi32(cdgh, cdgh_before);
	}
	efgh = _mm_shuffle_epi32(abef, 0x1b); /* now F, E, B, A */
	cdab = _mm_shuffle_epi32(cdgh, 0xb1); /* now D, C, H, G */
	_mm_storeu_si128((__m128i *)h, _mm_blend_epi16(efgh, cdab, 0xf0));
	_mm_storeu_si128((__m128i *)(h + 4), _mm_alignr_epi8(cdab, efgh, 8));
}

static blocks_fn *blocks_best(void)
{
	unsigned a, b, c, d;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSSE3) || !(c & bit_SSE4_1))
		return blocks_plain;
	if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & bit_SHA))
		return blocks_plain;
	return blocks_sha_ni;
}
#else
static blocks_fn *blocks_best(void)
{
	return blocks_plain;
}
#endif

void sha256_init_plain(struct sha256 *s)
{
	*s = (struct sha256){
		.blocks = blocks_plain,
		/* of the square roots of the first eight primes */
		.h = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
		      0x9b05688c, 0x1f83d9ab, 0x5be0cd19},
	};
}

void sha256_init(struct sha256 *s)
{
	sha256_init_plain(s);
	s->blocks = blocks_best();
}

void sha256_add(struct sha256 *s, const void *data, size_t len)
{
	size_t have = s->len % BLOCK, n = BLOCK - have;
	const uint8_t *p = data;

	s->len += len;
	if (have > 0) {
		if (n > len)
			n = len;
		memcpy(s->part + have, p, n);
		if (have + n < BLOCK)
			return;
		s->blocks(s->h, s->part, 1);
		p += n;
		len -= n;
	}
	s->blocks(s->h, p, len / BLOCK);
	if (len % BLOCK > 0)
		memcpy(s->part, p + len / BLOCK * BLOCK, len % BLOCK);
}

void sha256_end(struct sha256 *s, char ret[SHA256_HEX])
{
	static const char digit[] = "0123456789abcdef";
	const uint64_t bits = htobe64(s->len * 8);
	/* A one, then zeros up to where the length ends a block. */
	const uint8_t pad[BLOCK] = {0x80};

	sha256_add(s, pad, 1 + (2 * BLOCK - 9 - s->len % BLOCK) % BLOCK);
	sha256_add(s, &bits, sizeof(bits));
	for (unsigned i = 0; i < 2 * SHA256_LEN; i++)
		ret[i] = digit[s->h[i / 8] >> (28 - 4 * (i % 8)) & 15];
	ret[SHA256_HEX - 1] = '\0';
}
