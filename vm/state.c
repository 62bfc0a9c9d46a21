/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The format, all numbers little-endian:
 *
 *	header	magic[8], u32 version, u32 zero, u64 bytes of all of it, u64 checksum
 *	section	name[4], u32 number, u64 bytes of what follows, and these
 *	...	the next, up to the end
 *
 * A number takes its size, and bytes a u32 with their count before them; nothing is
 * aligned. The checksum is CRC-64/XZ (ECMA-182, reflected) of everything but itself. It
 * finds damage: every burst up to 64 bits, anything else but for 1 in 2^64. It is no
 * protection from forgery, so whoever reads checks each value.
 */
#include "vm/state.h"

#include <endian.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "vm/crc64.h"

struct header {
	char magic[8];
	uint32_t version, zero;
	uint64_t len, sum;
};
_Static_assert(sizeof(struct header) == 32, "a header is 32 bytes in the file");

struct section {
	char name[4];
	uint32_t number;
	uint64_t len;
};
_Static_assert(sizeof(struct section) == 16, "a section's head is 16 bytes in the file");

static const char magic[8] = "hull-vm";

struct state_writer {
	struct sbuf out;
	size_t begin; /* of the open section's head; 0: none is open */
	struct err err;
};

struct state_reader {
	const uint8_t *data; /* borrowed */
	size_t len;
	size_t pos, end; /* in the section that was entered */
	bool inside;
	struct section at; /* which it is, for errors */
	struct err err;
};

/* Of a whole file, as if its checksum weren't there. len is a header's at least. */
static uint64_t checksum(const uint8_t *data, size_t len)
{
	const size_t skip = offsetof(struct header, sum);
	struct crc64 c;
	uint64_t crc = UINT64_MAX;

	crc64_init(&c);
	crc = crc64_add(&c, crc, data, skip);
	crc = crc64_add(&c, crc, data + sizeof(struct header),
			len - sizeof(struct header));
	return ~crc;
}

/* ---- sections ---- */

/* The section's content at and after *pos, which is left behind it: 1, or 0 at the end,
 * or -EBADMSG. */
static int next_section(const uint8_t *data, size_t len, size_t *pos, struct section *ret)
{
	if (*pos == len)
		return 0;
	if (len - *pos < sizeof(*ret))
		return -EBADMSG;
	memcpy(ret, data + *pos, sizeof(*ret));
	ret->number = le32toh(ret->number);
	ret->len = le64toh(ret->len);
	*pos += sizeof(*ret);
	if (ret->len > len - *pos)
		return -EBADMSG;
	*pos += ret->len;
	return 1;
}

/* How many sections have this name and number; the first is given back, and where its
 * content begins. */
static unsigned find_section(const uint8_t *data, size_t len, const char name[4],
			     uint32_t number, struct section *ret, size_t *ret_begin)
{
	size_t pos = sizeof(struct header);
	struct section s;
	unsigned n = 0;

	while (next_section(data, len, &pos, &s) > 0) {
		if (memcmp(s.name, name, 4) != 0 || s.number != number || n++ > 0)
			continue;
		*ret = s;
		*ret_begin = pos - s.len;
	}
	return n;
}

/* ---- writing ---- */

struct state_writer *state_writer_new(void)
{
	struct state_writer *w = calloc(1, sizeof(*w));
	struct header h = {.version = htole32(STATE_VERSION)};

	if (!w)
		return NULL;
	memcpy(h.magic, magic, sizeof(magic));
	sbuf_add(&w->out, &h, sizeof(h));
	return w;
}

void state_writer_free(struct state_writer *w)
{
	if (!w)
		return;
	sbuf_done(&w->out);
	free(w);
}

static void misused(struct state_writer *w, const char *what)
{
	if (!w->err.code)
		(void)err_set(&w->err, EINVAL, "save: %s", what);
}

void state_cannot(struct state_writer *w, const char *why)
{
	if (!w->err.code)
		(void)err_set(&w->err, EBUSY, "%s", why);
}

void state_begin(struct state_writer *w, const char name[4], uint32_t number)
{
	struct section s = {.number = htole32(number)}, other;
	size_t at;

	if (w->out.failed)
		return;
	if (w->begin)
		misused(w, "a section in a section");
	else if (find_section((const uint8_t *)w->out.data, w->out.len, name, number,
			      &other, &at) > 0)
		misused(w, "a section twice");
	if (w->err.code)
		return;
	memcpy(s.name, name, 4);
	w->begin = w->out.len;
	sbuf_add(&w->out, &s, sizeof(s));
}

void state_end(struct state_writer *w)
{
	uint64_t len;

	if (w->out.failed || w->err.code)
		return;
	if (!w->begin) {
		misused(w, "the end of no section");
		return;
	}
	len = htole64(w->out.len - w->begin - sizeof(struct section));
	memcpy(w->out.data + w->begin + offsetof(struct section, len), &len, sizeof(len));
	w->begin = 0;
}

static void put(struct state_writer *w, const void *p, size_t len)
{
	if (!w->begin)
		misused(w, "a value outside of sections");
	if (!w->err.code && len > 0)
		sbuf_add(&w->out, p, len);
}

void state_put_u8(struct state_writer *w, uint8_t v)
{
	put(w, &v, sizeof(v));
}

void state_put_u16(struct state_writer *w, uint16_t v)
{
	v = htole16(v);
	put(w, &v, sizeof(v));
}

void state_put_u32(struct state_writer *w, uint32_t v)
{
	v = htole32(v);
	put(w, &v, sizeof(v));
}

void state_put_u64(struct state_writer *w, uint64_t v)
{
	v = htole64(v);
	put(w, &v, sizeof(v));
}

void state_put_bytes(struct state_writer *w, const void *p, uint32_t len)
{
	state_put_u32(w, len);
	put(w, p, len);
}

int state_finish(struct state_writer *w, const void **ret, size_t *ret_len, struct err *e)
{
	struct header h;

	if (w->begin)
		misused(w, "the last section has no end");
	if (w->err.code) {
		*e = w->err;
		return -e->code;
	}
	if (w->out.failed)
		return err_code(e, ENOMEM, "save: state");
	memcpy(&h, w->out.data, sizeof(h));
	h.len = htole64(w->out.len);
	memcpy(w->out.data, &h, sizeof(h));
	h.sum = htole64(checksum((const uint8_t *)w->out.data, w->out.len));
	memcpy(w->out.data, &h, sizeof(h));
	*ret = w->out.data;
	*ret_len = w->out.len;
	return 0;
}

/* ---- reading ---- */

/* The version comes before all that another version could have changed. */
static int check_header(const uint8_t *data, size_t len, struct err *e)
{
	struct header h;

	if (len < sizeof(h) || memcmp(data, magic, sizeof(magic)) != 0)
		return err_set(e, EINVAL, "not a saved machine");
	memcpy(&h, data, sizeof(h));
	if (le32toh(h.version) != STATE_VERSION)
		return err_set(
			e, ENOTSUP,
			"the machine was saved in version %u of the format, and this "
			"hull reads version %u",
			le32toh(h.version), STATE_VERSION);
	if (le64toh(h.len) != len)
		return err_set(
			e, EBADMSG,
			"the saved machine is damaged: %zu bytes where %llu belong", len,
			(unsigned long long)le64toh(h.len));
	if (h.zero != 0 || le64toh(h.sum) != checksum(data, len))
		return err_set(e, EBADMSG,
			       "the saved machine is damaged: its checksum is wrong");
	return 0;
}

int state_reader_new(const void *data, size_t len, struct state_reader **ret,
		     struct err *e)
{
	size_t pos = sizeof(struct header);
	struct section s;
	int r;

	r = check_header(data, len, e);
	if (r < 0)
		return r;
	do
		r = next_section(data, len, &pos, &s);
	while (r > 0);
	if (r < 0)
		return err_set(e, EBADMSG,
			       "the saved machine is damaged: a section leaves the file");
	*ret = calloc(1, sizeof(**ret));
	if (!*ret)
		return err_code(e, ENOMEM, "restore: state");
	(*ret)->data = data;
	(*ret)->len = len;
	return 0;
}

void state_reader_free(struct state_reader *r)
{
	free(r);
}

/* The first error is the one that counts. */
static void __attribute__((format(printf, 3, 4)))
stick(struct state_reader *r, int code, const char *fmt, ...)
{
	char text[sizeof(r->err.text)];
	va_list ap;

	if (r->err.code)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)err_set(&r->err, code, "saved state, %.4s %u: %s", r->at.name, r->at.number,
		      text);
}

void state_enter(struct state_reader *r, const char name[4], uint32_t number)
{
	struct section s = {0};
	size_t begin = 0;
	unsigned n;

	if (r->err.code)
		return;
	if (r->inside) {
		stick(r, EINVAL, "entered from within");
		return;
	}
	n = find_section(r->data, r->len, name, number, &s, &begin);
	memcpy(r->at.name, name, 4);
	r->at.number = number;
	if (n != 1) {
		stick(r, EBADMSG, n ? "there are several" : "there is none");
		return;
	}
	r->pos = begin;
	r->end = begin + s.len;
	r->inside = true;
}

void state_leave(struct state_reader *r)
{
	if (!r->inside)
		stick(r, EINVAL, "left without being entered");
	else if (r->pos != r->end)
		stick(r, EBADMSG, "%zu bytes are left over", r->end - r->pos);
	r->inside = false;
}

/* The next len bytes, or NULL. */
static const uint8_t *get(struct state_reader *r, size_t len)
{
	const uint8_t *p = r->data + r->pos;

	if (r->err.code)
		return NULL;
	if (!r->inside) {
		stick(r, EINVAL, "read without being entered");
		return NULL;
	}
	if (len > r->end - r->pos) {
		stick(r, EBADMSG, "it ends too early");
		return NULL;
	}
	r->pos += len;
	return p;
}

static uint64_t get_number(struct state_reader *r, size_t len)
{
	const uint8_t *p = get(r, len);
	uint64_t v = 0;

	if (p)
		memcpy(&v, p, len);
	return le64toh(v);
}

uint8_t state_get_u8(struct state_reader *r)
{
	return (uint8_t)get_number(r, sizeof(uint8_t));
}

uint16_t state_get_u16(struct state_reader *r)
{
	return (uint16_t)get_number(r, sizeof(uint16_t));
}

uint32_t state_get_u32(struct state_reader *r)
{
	return (uint32_t)get_number(r, sizeof(uint32_t));
}

uint64_t state_get_u64(struct state_reader *r)
{
	return get_number(r, sizeof(uint64_t));
}

const void *state_get_bytes(struct state_reader *r, uint32_t *ret_len)
{
	uint32_t len = state_get_u32(r);
	const uint8_t *p = get(r, len);

	*ret_len = p ? len : 0;
	return p;
}

/* buf is zeroed if there is an error, so that nobody works with what was never set. */
void state_get_into(struct state_reader *r, void *buf, uint32_t len)
{
	uint32_t n;
	const void *p = state_get_bytes(r, &n);

	if (p && n != len) {
		stick(r, EBADMSG, "%u bytes where %u belong", n, len);
		p = NULL;
	}
	if (p && len > 0)
		memcpy(buf, p, len);
	else if (len > 0)
		memset(buf, 0, len);
}

void state_refuse(struct state_reader *r, const char *fmt, ...)
{
	char text[sizeof(r->err.text)];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	stick(r, EINVAL, "%s", text);
}

int state_check(const struct state_reader *r, struct err *e)
{
	if (!r->err.code)
		return 0;
	*e = r->err;
	return -e->code;
}
