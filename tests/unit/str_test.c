/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/arena.h"
#include "base/str.h"

#include "tests/unit/tap.h"

static void numbers_are_strict(void)
{
	static const char *const bad[] = {"",    " 1", "1 ", "+1", "0x1",
					  "1.0", "a",  "1a", "--1"};
	uint64_t u = 7;
	int64_t i = 7;

	for (size_t n = 0; n < ARRAY_LEN(bad); n++) {
		CHECK(str_to_u64(bad[n], &u) == -EINVAL);
		CHECK(str_to_i64(bad[n], &i) == -EINVAL);
	}
	CHECK(u == 7 && i == 7);
	CHECK(str_to_u64("-1", &u) == -EINVAL);
}

static void numbers_reach_their_limits(void)
{
	uint64_t u;
	uint32_t w;
	int64_t i;

	CHECK(str_to_u64("18446744073709551615", &u) == 0 && u == UINT64_MAX);
	CHECK(str_to_u64("18446744073709551616", &u) == -ERANGE);
	CHECK(str_to_u64("99999999999999999999", &u) == -ERANGE);
	CHECK(str_to_i64("-9223372036854775808", &i) == 0 && i == INT64_MIN);
	CHECK(str_to_i64("-9223372036854775809", &i) == -ERANGE);
	CHECK(str_to_i64("9223372036854775807", &i) == 0 && i == INT64_MAX);
	CHECK(str_to_i64("9223372036854775808", &i) == -ERANGE);
	CHECK(str_to_u32("4294967295", &w) == 0 && w == UINT32_MAX);
	CHECK(str_to_u32("4294967296", &w) == -ERANGE);
}

static void buffers_grow(void)
{
	AUTO_SBUF b = {0};

	for (int i = 0; i < 1000; i++)
		sbuf_addf(&b, "%d,", i % 10);
	CHECK(!b.failed && b.len == 2000 && strlen(b.data) == 2000);
	CHECK(b.data[1998] == '9');
}

static void arena_keeps_pointers(void)
{
	AUTO_ARENA a = {0};
	char *first = arena_strdup(&a, "first");

	for (int i = 0; i < 10000; i++)
		CHECK(arena_alloc(&a, 100) != NULL);
	CHECK_STR(first, "first");
	CHECK(arena_array(&a, SIZE_MAX / 2, 4) == NULL);
	CHECK(arena_alloc(&a, SIZE_MAX) == NULL);
	CHECK_STR(arena_fmt(&a, "%s-%d", "x", 5), "x-5");
}

static void prefix_and_suffix(void)
{
	CHECK_STR(str_after("user.max", "user."), "max");
	CHECK(str_after("use", "user.") == NULL);
	CHECK(str_ends_with("a.slice", ".slice") && !str_ends_with("slice", ".slice"));
}

static const struct test tests[] = {
	{"numbers with blanks, signs or letters are refused", numbers_are_strict},
	{"numbers reach their type's limits and no further", numbers_reach_their_limits},
	{"a buffer grows", buffers_grow},
	{"an arena's pointers stay good and sizes can't overflow", arena_keeps_pointers},
	{"prefixes and suffixes", prefix_and_suffix},
};
TEST_MAIN(tests)
