/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "sandbox/frame.h"

#include "tests/unit/tap.h"

static const char *const texts[] = {"{}", "{\"a\":1}", "x"};

/* Reads all messages, at most `step` bytes at a time; how many were as in texts. */
static size_t read_all(const struct sbuf *in, size_t step)
{
	struct frame_reader r = {.max = 100};
	struct err e;
	size_t at = 0, found = 0, taken;

	while (at < in->len) {
		size_t n = in->len - at < step ? in->len - at : step;
		int got = frame_read(&r, in->data + at, n, &taken, &e);

		CHECK(got >= 0 && taken > 0 && taken <= n);
		if (got < 0 || taken == 0)
			break;
		at += taken;
		if (got == 1 && found < ARRAY_LEN(texts) &&
		    r.len == strlen(texts[found]) && strcmp(r.text, texts[found]) == 0)
			found++;
	}
	frame_reader_done(&r);
	return found;
}

static void in_pieces(void)
{
	AUTO_SBUF out = {0};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		frame_add(&out, texts[i], strlen(texts[i]));
	CHECK(!out.failed);
	for (size_t step = 1; step <= out.len; step++)
		CHECK(read_all(&out, step) == ARRAY_LEN(texts));
}

static void bad_lengths(void)
{
	static const uint8_t bad[][4] = {{0}, {101}, {0, 1}, {255, 255, 255, 255}};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct frame_reader r = {.max = 100};
		struct err e;
		size_t taken;

		CHECK(frame_read(&r, bad[i], 4, &taken, &e) == -EMSGSIZE);
		CHECK(r.text == NULL);
		frame_reader_done(&r);
	}
}

static void no_empty_message(void)
{
	AUTO_SBUF out = {0};

	frame_add(&out, "", 0);
	CHECK(out.failed);
}

static void half_a_message_is_freed(void)
{
	struct frame_reader r = {.max = 100};
	struct err e;
	size_t taken;

	CHECK(frame_read(&r, "\x08\0\0\0half", 8, &taken, &e) == 0 && taken == 8);
	frame_reader_done(&r);
	CHECK(frame_read(&r, "\x01\0\0\0y", 5, &taken, &e) == 1 && r.text[0] == 'y');
	frame_reader_done(&r);
}

static const struct test tests[] = {
	{"messages come out as they went in, in pieces of any size", in_pieces},
	{"a length of nothing, or beyond the limit, is an error", bad_lengths},
	{"an empty message can't be sent", no_empty_message},
	{"half a message may be given up", half_a_message_is_freed},
};
TEST_MAIN(tests)
