/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/x86/aml.h"

#include <assert.h>
#include <string.h>

enum {
	OP_ZERO = 0x00,
	OP_ONE = 0x01,
	OP_NAME = 0x08,
	OP_BYTE = 0x0a,
	OP_WORD = 0x0b,
	OP_DWORD = 0x0c,
	OP_STRING = 0x0d,
	OP_QWORD = 0x0e,
	OP_SCOPE = 0x10,
	OP_BUFFER = 0x11,
	OP_PACKAGE = 0x12,
	OP_METHOD = 0x14,
	OP_EXT = 0x5b,
	OP_EXT_DEVICE = 0x82,
	OP_NOTIFY = 0x86,
};

#define HEADER_LENGTH   4 /* offsets in a table's header */
#define HEADER_CHECKSUM 9

void aml_bytes(struct aml *a, const void *p, size_t len)
{
	if (a->failed || len > a->cap - a->len) {
		a->failed = true;
		return;
	}
	memcpy(a->p + a->len, p, len);
	a->len += len;
}

/* Little-endian, as this processor is. */
void aml_u8(struct aml *a, uint8_t v)
{
	aml_bytes(a, &v, sizeof(v));
}

void aml_u16(struct aml *a, uint16_t v)
{
	aml_bytes(a, &v, sizeof(v));
}

void aml_u32(struct aml *a, uint32_t v)
{
	aml_bytes(a, &v, sizeof(v));
}

void aml_u64(struct aml *a, uint64_t v)
{
	aml_bytes(a, &v, sizeof(v));
}

void aml_zero(struct aml *a, size_t len)
{
	for (; len > 0; len--)
		aml_u8(a, 0);
}

/* ---- tables ---- */

size_t aml_table(struct aml *a, const char signature[4], uint8_t revision)
{
	size_t begin = a->len;

	aml_bytes(a, signature, 4);
	aml_u32(a, 0);
	aml_u8(a, revision);
	aml_u8(a, 0);
	aml_bytes(a, "HULL  ", 6);
	aml_bytes(a, "HULLVM  ", 8);
	aml_u32(a, 1);
	aml_bytes(a, "HULL", 4);
	aml_u32(a, 1);
	return begin;
}

void aml_checksum(struct aml *a, size_t begin, size_t len, size_t at)
{
	uint8_t sum = 0;

	if (a->failed)
		return;
	a->p[at] = 0;
	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + a->p[begin + i]);
	a->p[at] = (uint8_t)-sum;
}

void aml_table_end(struct aml *a, size_t begin)
{
	uint32_t len = (uint32_t)(a->len - begin);

	if (a->failed)
		return;
	memcpy(a->p + begin + HEADER_LENGTH, &len, sizeof(len));
	aml_checksum(a, begin, len, begin + HEADER_CHECKSUM);
}

/* ---- data ---- */

void aml_int(struct aml *a, uint64_t v)
{
	if (v <= 1) {
		aml_u8(a, v ? OP_ONE : OP_ZERO);
	} else if (v <= UINT8_MAX) {
		aml_u8(a, OP_BYTE);
		aml_u8(a, (uint8_t)v);
	} else if (v <= UINT16_MAX) {
		aml_u8(a, OP_WORD);
		aml_u16(a, (uint16_t)v);
	} else if (v <= UINT32_MAX) {
		aml_u8(a, OP_DWORD);
		aml_u32(a, (uint32_t)v);
	} else {
		aml_u8(a, OP_QWORD);
		aml_u64(a, v);
	}
}

static void string(struct aml *a, const char *s)
{
	aml_u8(a, OP_STRING);
	aml_bytes(a, s, strlen(s) + 1);
}

static unsigned hex_digit(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : c - 'A' + 10);
}

/* Three letters of five bits, four hexadecimal digits, the highest byte first. */
void aml_eisa_id(struct aml *a, const char id[7])
{
	uint32_t v = 0;

	for (unsigned i = 0; i < 3; i++)
		v = v << 5 | ((unsigned)(id[i] - '@') & 31);
	for (unsigned i = 3; i < 7; i++)
		v = v << 4 | hex_digit(id[i]);
	aml_u8(a, OP_DWORD);
	aml_u32(a, __builtin_bswap32(v));
}

void aml_name(struct aml *a, const char seg[4])
{
	aml_u8(a, OP_NAME);
	aml_bytes(a, seg, 4);
}

void aml_name_int(struct aml *a, const char seg[4], uint64_t v)
{
	aml_name(a, seg);
	aml_int(a, v);
}

void aml_name_string(struct aml *a, const char seg[4], const char *s)
{
	aml_name(a, seg);
	string(a, s);
}

/* ---- packages: a length that counts itself, in one to four bytes, before the content.
 * The content is written first, and moved when its length is known. ---- */

size_t aml_scope(struct aml *a, const char seg[4])
{
	size_t mark;

	aml_u8(a, OP_SCOPE);
	mark = a->len;
	aml_bytes(a, seg, 4);
	return mark;
}

size_t aml_device(struct aml *a, const char seg[4])
{
	size_t mark;

	aml_u8(a, OP_EXT);
	aml_u8(a, OP_EXT_DEVICE);
	mark = a->len;
	aml_bytes(a, seg, 4);
	return mark;
}

size_t aml_method(struct aml *a, const char seg[4], unsigned args)
{
	size_t mark;

	aml_u8(a, OP_METHOD);
	mark = a->len;
	aml_bytes(a, seg, 4);
	aml_u8(a, (uint8_t)(args & 7));
	return mark;
}

size_t aml_package(struct aml *a, unsigned count)
{
	size_t mark;

	aml_u8(a, OP_PACKAGE);
	mark = a->len;
	aml_u8(a, (uint8_t)count);
	return mark;
}

void aml_close(struct aml *a, size_t mark)
{
	size_t content, len, n = 1;
	uint8_t lead[4];

	if (a->failed)
		return;
	content = a->len - mark;
	if (content + 1 > 0x3f)
		n = content + 2 <= 0xfff ? 2 : content + 3 <= 0xfffff ? 3 : 4;
	len = content + n;
	/* One byte has six bits of the length; of several, the first has its lowest four
	 * and how many follow. */
	lead[0] = (uint8_t)(n == 1 ? len : (n - 1) << 6 | (len & 15));
	for (size_t i = 1; i < n; i++)
		lead[i] = (uint8_t)(len >> (4 + 8 * (i - 1)));
	aml_zero(a, n); /* room */
	if (a->failed)
		return;
	memmove(a->p + mark + n, a->p + mark, content);
	memcpy(a->p + mark, lead, n);
}

void aml_buffer(struct aml *a, const void *p, uint8_t len)
{
	size_t mark;

	aml_u8(a, OP_BUFFER);
	mark = a->len;
	aml_int(a, len);
	aml_bytes(a, p, len);
	aml_close(a, mark);
}

void aml_notify(struct aml *a, const char seg[4], uint8_t value)
{
	aml_u8(a, OP_NOTIFY);
	aml_bytes(a, seg, 4);
	aml_int(a, value);
}

/* ---- resources ---- */

size_t aml_crs(struct aml *a)
{
	size_t mark;

	aml_name(a, "_CRS");
	aml_u8(a, OP_BUFFER);
	mark = a->len;
	aml_u8(a, OP_BYTE);
	aml_u8(a, 0); /* the length, set at the end */
	return mark;
}

void aml_crs_memory(struct aml *a, uint32_t base, uint32_t len)
{
	aml_u8(a, 0x86); /* Memory32Fixed */
	aml_u16(a, 9);
	aml_u8(a, 1); /* read and write */
	aml_u32(a, base);
	aml_u32(a, len);
}

void aml_crs_io(struct aml *a, uint16_t base, uint8_t len)
{
	aml_u8(a, 0x47); /* IO, of 7 bytes */
	aml_u8(a, 1);    /* all 16 bits are decoded */
	aml_u16(a, base);
	aml_u16(a, base);
	aml_u8(a, 1); /* alignment */
	aml_u8(a, len);
}

void aml_crs_irq(struct aml *a, uint32_t gsi, bool shared)
{
	aml_u8(a, 0x89); /* extended interrupt */
	aml_u16(a, 6);
	aml_u8(a, 0x03 | (shared ? 0x08 : 0)); /* consumer, edge, active high */
	aml_u8(a, 1);
	aml_u32(a, gsi);
}

void aml_crs_end(struct aml *a, size_t mark)
{
	size_t len;

	aml_u8(a, 0x79); /* end, */
	aml_u8(a, 0);    /* no checksum */
	if (a->failed)
		return;
	len = a->len - mark - 2;
	assert(len <= UINT8_MAX);
	a->p[mark + 1] = (uint8_t)len;
	aml_close(a, mark);
}
