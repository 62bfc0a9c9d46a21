/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "vm/state.h"

#include "tests/unit/state_seal.h"
#include "tests/unit/tap.h"

#define SECTION  16 /* of a section's head */
#define FIRST    HEADER
#define MANY     300
#define FILE_MAX 4096

/* A file that a test may change; state_seal() makes its checksum right again. */
static uint8_t file[FILE_MAX];
static size_t file_len;

/* Two sections: "one" 7 with each kind of value, and "two" 0 with a byte. */
static void make_file(void)
{
	struct state_writer *w = state_writer_new();
	struct err e = {0};
	const void *p = NULL;
	size_t len = 0;

	state_begin(w, "one", 7);
	state_put_u8(w, 0x12);
	state_put_u16(w, 0x3456);
	state_put_u32(w, 0x789abcde);
	state_put_u64(w, UINT64_C(0xf0e1d2c3b4a59687));
	state_put_bytes(w, "text", 4);
	state_put_bytes(w, NULL, 0);
	state_end(w);
	state_begin(w, "two", 0);
	state_put_u8(w, 9);
	state_end(w);
	file_len = 0;
	CHECK(state_finish(w, &p, &len, &e) == 0 && len <= sizeof(file));
	if (p && len <= sizeof(file)) {
		memcpy(file, p, len);
		file_len = len;
	}
	state_writer_free(w);
}

static struct state_reader *read_file(void)
{
	struct state_reader *r = NULL;
	struct err e = {0};

	CHECK(state_reader_new(file, file_len, &r, &e) == 0);
	return r;
}

/* What opening the file says. */
static int open_error(struct err *e)
{
	struct state_reader *r = NULL;
	int n;

	*e = (struct err){0};
	n = state_reader_new(file, file_len, &r, e);
	state_reader_free(r);
	return n;
}

static void reads_what_was_written(void)
{
	struct state_reader *r;
	struct err e = {0};
	uint32_t len = 99;
	char text[4];
	const void *p;

	make_file();
	r = read_file();
	state_enter(r, "two", 0); /* in another order than it was written */
	CHECK(state_get_u8(r) == 9);
	state_leave(r);
	state_enter(r, "one", 7);
	CHECK(state_get_u8(r) == 0x12);
	CHECK(state_get_u16(r) == 0x3456);
	CHECK(state_get_u32(r) == 0x789abcde);
	CHECK(state_get_u64(r) == UINT64_C(0xf0e1d2c3b4a59687));
	state_get_into(r, text, 4);
	CHECK(memcmp(text, "text", 4) == 0);
	p = state_get_bytes(r, &len);
	CHECK(p && len == 0);
	state_leave(r);
	CHECK(state_check(r, &e) == 0);
	state_reader_free(r);
}

static void the_bytes_are_the_documented_ones(void)
{
	static const uint8_t one[] = {
		'o',  'n',  'e',  0,    7,    0,    0,    0,    31,   0,    0,
		0,    0,    0,    0,    0,    0x12, 0x56, 0x34, 0xde, 0xbc, 0x9a,
		0x78, 0x87, 0x96, 0xa5, 0xb4, 0xc3, 0xd2, 0xe1, 0xf0, 4,    0,
		0,    0,    't',  'e',  'x',  't',  0,    0,    0,    0,
	};

	make_file();
	CHECK(memcmp(file, "hull-vm\0\1\0\0\0\0\0\0\0", 16) == 0);
	CHECK(file_len == HEADER + 2 * SECTION + 27 + 1);
	CHECK(file[LEN_AT] == file_len && file[LEN_AT + 1] == 0);
	CHECK(sizeof(one) == SECTION + 27);
	CHECK(memcmp(file + FIRST, one, 8) == 0 && file[FIRST + 8] == 27);
	CHECK(memcmp(file + FIRST + SECTION, one + SECTION, 27) == 0);
}

static void the_checksum_is_crc64_xz(void)
{
	uint8_t was[8];

	CHECK(~seal_crc64(UINT64_MAX, (const uint8_t *)"123456789", 9) ==
	      UINT64_C(0x995dc9bbdf1939fa));
	make_file();
	memcpy(was, file + SUM_AT, 8);
	state_seal(file, file_len);
	CHECK(memcmp(was, file + SUM_AT, 8) == 0);
}

static void every_changed_bit_is_refused(void)
{
	struct err e;

	make_file();
	for (size_t i = 0; i < file_len * 8; i++) {
		file[i / 8] ^= (uint8_t)(1 << i % 8);
		CHECK(open_error(&e) < 0 && e.code != 0);
		file[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	CHECK(open_error(&e) == 0);
}

static void every_cut_is_refused(void)
{
	struct err e;
	size_t whole;

	make_file();
	whole = file_len;
	for (file_len = 0; file_len < whole; file_len++)
		CHECK(open_error(&e) < 0 && e.code != 0);
	file_len = whole + 1;
	file[whole] = 0;
	CHECK(open_error(&e) == -EBADMSG);
}

static void says_what_is_wrong_with_a_file(void)
{
	struct err e;

	make_file();
	file[SUM_AT] ^= 1;
	CHECK(open_error(&e) == -EBADMSG);
	CHECK_STR(e.text, "the saved machine is damaged: its checksum is wrong");
	file_len--;
	CHECK(open_error(&e) == -EBADMSG);
	CHECK_STR(e.text, "the saved machine is damaged: 91 bytes where 92 belong");
	file[8] = 2;
	CHECK(open_error(&e) == -ENOTSUP);
	CHECK_STR(e.text,
		  "the machine was saved in version 2 of the format, and this hull "
		  "reads version 1");
	file[0] = 'H';
	CHECK(open_error(&e) == -EINVAL);
	CHECK_STR(e.text, "not a saved machine");
}

static void forged_lengths_are_refused(void)
{
	static const uint64_t lens[] = {
		28 + SECTION,         28 + SECTION + 1,
		(uint64_t)UINT32_MAX, INT64_MAX,
		UINT64_MAX,           UINT64_MAX - HEADER - SECTION,
		UINT64_MAX - 15,      29};
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		make_file();
		put_le(file + FIRST + 8, lens[i]);
		state_seal(file, file_len);
		/* 44 swallows the next section whole: as a file that is right. */
		CHECK(open_error(&e) == (i == 0 ? 0 : -EBADMSG));
	}
}

static void reading_past_a_section_sticks(void)
{
	struct state_reader *r;
	struct err e = {0};
	uint32_t len = 5;
	uint8_t buf[2] = {1, 1};

	make_file();
	r = read_file();
	state_enter(r, "two", 0);
	CHECK(state_get_u16(r) == 0);
	CHECK(state_check(r, &e) == -EBADMSG);
	CHECK_STR(e.text, "saved state, two 0: it ends too early");
	CHECK(state_get_u8(r) == 0); /* not the byte that is there */
	CHECK(state_get_bytes(r, &len) == NULL && len == 0);
	state_get_into(r, buf, 2);
	CHECK(buf[0] == 0 && buf[1] == 0);
	state_leave(r);
	state_enter(r, "one", 7);
	CHECK(state_get_u8(r) == 0);
	state_refuse(r, "nonsense");
	CHECK(state_check(r, &e) == -EBADMSG);
	CHECK_STR(e.text, "saved state, two 0: it ends too early");
	state_reader_free(r);
}

static void a_forged_count_of_bytes_stays_inside(void)
{
	static const uint32_t counts[] = {9,         10,         200,
					  INT32_MAX, UINT32_MAX, UINT32_MAX - 3};
	struct state_reader *r;
	struct err e = {0};
	uint32_t len;

	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		make_file();
		for (int k = 0; k < 4; k++)
			file[FIRST + SECTION + 15 + k] = (uint8_t)(counts[i] >> 8 * k);
		state_seal(file, file_len);
		r = read_file();
		state_enter(r, "one", 7);
		(void)state_get_u8(r);
		(void)state_get_u16(r);
		(void)state_get_u32(r);
		(void)state_get_u64(r);
		CHECK(state_get_bytes(r, &len) == NULL && len == 0);
		CHECK(state_check(r, &e) == -EBADMSG);
		state_reader_free(r);
	}
}

static void what_is_left_over_is_an_error(void)
{
	struct state_reader *r;
	struct err e = {0};

	make_file();
	r = read_file();
	state_enter(r, "one", 7);
	(void)state_get_u8(r);
	state_leave(r);
	CHECK(state_check(r, &e) == -EBADMSG);
	CHECK_STR(e.text, "saved state, one 7: 26 bytes are left over");
	state_reader_free(r);
}

static void bytes_of_another_size_are_an_error(void)
{
	struct state_reader *r;
	struct err e = {0};
	uint8_t buf[20];

	make_file();
	r = read_file();
	state_enter(r, "one", 7);
	(void)state_get_u8(r);
	(void)state_get_u16(r);
	(void)state_get_u32(r);
	(void)state_get_u64(r);
	memset(buf, 1, sizeof(buf));
	state_get_into(r, buf, 3);
	CHECK(buf[0] == 0 && buf[2] == 0 && buf[3] == 1);
	CHECK(state_check(r, &e) == -EBADMSG);
	CHECK_STR(e.text, "saved state, one 7: 4 bytes where 3 belong");
	state_reader_free(r);
}

static void a_section_is_there_once(void)
{
	struct state_reader *r;
	struct err e = {0};

	make_file();
	r = read_file();
	state_enter(r, "one", 8);
	CHECK(state_check(r, &e) == -EBADMSG);
	CHECK_STR(e.text, "saved state, one 8: there is none");
	state_reader_free(r);

	/* The second becomes another first. */
	memcpy(file + FIRST + SECTION + 27, file + FIRST, 8);
	state_seal(file, file_len);
	r = read_file();
	state_enter(r, "one", 7);
	CHECK(state_check(r, &e) == -EBADMSG);
	CHECK_STR(e.text, "saved state, one 7: there are several");
	state_reader_free(r);
}

static void refused_values_are_named_with_their_section(void)
{
	struct state_reader *r;
	struct err e = {0};

	make_file();
	r = read_file();
	state_enter(r, "two", 0);
	CHECK(state_get_u8(r) == 9);
	state_refuse(r, "no %s has number %d", "device", 9);
	CHECK(state_check(r, &e) == -EINVAL);
	CHECK_STR(e.text, "saved state, two 0: no device has number 9");
	state_reader_free(r);
}

static void misuse_by_readers_is_an_error(void)
{
	struct state_reader *r;
	struct err e = {0};

	make_file();
	r = read_file();
	(void)state_get_u8(r);
	CHECK(state_check(r, &e) == -EINVAL);
	state_reader_free(r);
	r = read_file();
	state_enter(r, "two", 0);
	state_enter(r, "one", 7);
	CHECK(state_check(r, &e) == -EINVAL);
	state_reader_free(r);
	r = read_file();
	state_leave(r);
	CHECK(state_check(r, &e) == -EINVAL);
	state_reader_free(r);
}

/* One call each: what it does to a writer that has the section "aaa" 1 behind it. */
static void nested(struct state_writer *w)
{
	state_begin(w, "bbb", 1);
	state_begin(w, "ccc", 1);
	state_end(w);
	state_end(w);
}

static void open_at_the_end(struct state_writer *w)
{
	state_begin(w, "bbb", 1);
}

static void twice(struct state_writer *w)
{
	state_begin(w, "aaa", 1);
	state_end(w);
}

static void outside(struct state_writer *w)
{
	state_put_u8(w, 1);
}

static void misuse_by_writers_is_an_error(void)
{
	void (*const wrong[])(struct state_writer *) = {nested, open_at_the_end, twice,
							outside, state_end};

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct state_writer *w = state_writer_new();
		struct err e = {0};
		const void *p;
		size_t len;

		state_begin(w, "aaa", 1);
		state_end(w);
		wrong[i](w);
		CHECK(state_finish(w, &p, &len, &e) == -EINVAL);
		state_writer_free(w);
	}
}

static void large_states_with_many_sections_come_back(void)
{
	struct state_writer *w = state_writer_new();
	struct state_reader *r = NULL;
	struct err e = {0};
	static uint8_t big[1 << 20];
	const void *p = NULL;
	uint32_t n = 0;
	size_t len = 0;

	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (uint8_t)(i * 7 + (i >> 9));
	for (uint32_t i = 0; i < MANY; i++) {
		state_begin(w, "cpu", i);
		state_put_bytes(w, big, i * 1000);
		state_put_u32(w, ~i);
		state_end(w);
	}
	CHECK(state_finish(w, &p, &len, &e) == 0);
	CHECK(state_reader_new(p, len, &r, &e) == 0);
	for (uint32_t i = MANY; r && i-- > 0;) {
		const void *got;

		state_enter(r, "cpu", i);
		got = state_get_bytes(r, &n);
		CHECK(got && n == i * 1000 && memcmp(got, big, n) == 0);
		CHECK(state_get_u32(r) == ~i);
		state_leave(r);
	}
	CHECK(r && state_check(r, &e) == 0);
	state_reader_free(r);
	state_writer_free(w);
}

static void a_state_of_nothing_is_a_state(void)
{
	struct state_writer *w = state_writer_new();
	struct state_reader *r = NULL;
	struct err e = {0};
	const void *p = NULL;
	size_t len = 0;

	CHECK(state_finish(w, &p, &len, &e) == 0 && len == HEADER);
	CHECK(state_reader_new(p, len, &r, &e) == 0 && state_check(r, &e) == 0);
	state_reader_free(r);
	state_writer_free(w);
	state_writer_free(NULL);
	state_reader_free(NULL);
}

static const struct test tests[] = {
	{"what was written is read, whatever the order of sections",
	 reads_what_was_written},
	{"the bytes are as documented", the_bytes_are_the_documented_ones},
	{"the checksum is CRC-64/XZ", the_checksum_is_crc64_xz},
	{"a file with any one bit changed is refused", every_changed_bit_is_refused},
	{"a file cut anywhere, or longer, is refused", every_cut_is_refused},
	{"the error says what is wrong with a file", says_what_is_wrong_with_a_file},
	{"sections with forged lengths are refused", forged_lengths_are_refused},
	{"reading past a section sticks, and gives zeros", reading_past_a_section_sticks},
	{"a forged count of bytes stays inside the section",
	 a_forged_count_of_bytes_stays_inside},
	{"what is left over in a section is an error", what_is_left_over_is_an_error},
	{"bytes of another size than wanted are an error, and zeros",
	 bytes_of_another_size_are_an_error},
	{"a section that is missing or there twice is an error", a_section_is_there_once},
	{"refused values are named with their section",
	 refused_values_are_named_with_their_section},
	{"a reader that enters, leaves or reads wrongly gets an error",
	 misuse_by_readers_is_an_error},
	{"a writer that begins, ends or puts wrongly gets an error",
	 misuse_by_writers_is_an_error},
	{"a large state of many sections comes back",
	 large_states_with_many_sections_come_back},
	{"a state of nothing is a state", a_state_of_nothing_is_a_state},
};

TEST_MAIN(tests)
