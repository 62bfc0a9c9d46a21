/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint32_t get_length(const uint8_t head[FRAME_HEAD])
{
	return (uint32_t)head[0] | (uint32_t)head[1] << 8 | (uint32_t)head[2] << 16 |
	       (uint32_t)head[3] << 24;
}

/* Up to `want` bytes of the input. */
static size_t take(void *to, size_t want, const uint8_t **data, size_t *len)
{
	size_t n = want < *len ? want : *len;

	memcpy(to, *data, n);
	*data += n;
	*len -= n;
	return n;
}

/* The length is known: is it one, and is there memory? */
static int begin_text(struct frame_reader *r, struct err *e)
{
	r->len = get_length(r->head);
	if (r->len == 0 || r->len > r->max)
		return err_set(e, EMSGSIZE,
			       "a message of %zu bytes, where 1 to %zu are allowed",
			       r->len, r->max);
	r->text = malloc(r->len + 1);
	if (!r->text)
		return err_code(e, ENOMEM, "a message of %zu bytes", r->len);
	r->text[r->len] = '\0';
	return 0;
}

int frame_read(struct frame_reader *r, const void *data, size_t len, size_t *taken,
	       struct err *e)
{
	const uint8_t *p = data;
	size_t left = len;
	int err;

	/* The last message has been read. */
	if (r->text && r->have == FRAME_HEAD + r->len)
		frame_reader_done(r);
	if (r->have < FRAME_HEAD)
		r->have += take(r->head + r->have, FRAME_HEAD - r->have, &p, &left);
	if (r->have == FRAME_HEAD && !r->text) {
		err = begin_text(r, e);
		if (err < 0)
			return err;
	}
	if (r->text)
		r->have += take(r->text + (r->have - FRAME_HEAD),
				FRAME_HEAD + r->len - r->have, &p, &left);
	*taken = len - left;
	return r->text && r->have == FRAME_HEAD + r->len;
}

void frame_reader_done(struct frame_reader *r)
{
	free(r->text);
	r->text = NULL;
	r->len = r->have = 0;
}

void frame_add(struct sbuf *out, const char *text, size_t len)
{
	const uint8_t head[FRAME_HEAD] = {(uint8_t)len, (uint8_t)(len >> 8),
					  (uint8_t)(len >> 16), (uint8_t)(len >> 24)};

	if (len == 0 || len > UINT32_MAX) {
		out->failed = true;
		return;
	}
	sbuf_add(out, head, sizeof(head));
	sbuf_add(out, text, len);
}
