/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes and durations, as runc takes them. */
#include <errno.h>

#include "src/duration.h"
#include "src/size.h"

#include "tests/unit/tap.h"

static void sizes(void)
{
	static const struct {
		const char *text;
		int64_t size;
	} good[] = {
		{"0", 0},
		{"32", 32},
		{"32b", 32},
		{"32k", 32768},
		{"32K", 32768},
		{"32kb", 32768},
		{"32 KiB", 32768},
		{"512m", 536870912},
		{"1g", 1073741824},
		{"1.5GiB", 1610612736},
		{"2t", 2199023255552},
		{"1P", 1125899906842624},
		{"9223372036854775807", INT64_MAX},
	};
	int64_t size;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		CHECK(size_parse(good[i].text, &size) == 0 && size == good[i].size);
}

static void no_sizes(void)
{
	static const char *const bad[] = {
		"",     "-1",   "m",   "1x",  "1mx", "1  m", "1.m",   ".5m",
		"1.5.", "0x10", " 1m", "1m ", "1bb", "1ib",  "1mib1", "1,5m",
	};
	int64_t size;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(size_parse(bad[i], &size) == -EINVAL);
	CHECK(size_parse("9223372036854775808", &size) == -ERANGE);
	CHECK(size_parse("8192p", &size) == -ERANGE);
	CHECK(size_parse("8192.5p", &size) == -ERANGE);
}

static void durations(void)
{
	static const struct {
		const char *text;
		int64_t ms;
	} good[] = {
		{"0", 0},         {"5s", 5000},      {"100ms", 100},
		{"1m30s", 90000}, {"1.5h", 5400000}, {"1h1m1s", 3661000},
		{"2500us", 2},    {"3000000ns", 3},  {".5s", 500},
	};
	int64_t ms;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		CHECK(duration_parse(good[i].text, &ms) == 0 && ms == good[i].ms);
}

static void no_durations(void)
{
	static const char *const bad[] = {"",    "5",      "s",  "-5s",
					  "5 s", "1.2.3s", "5d", "."};
	int64_t ms;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(duration_parse(bad[i], &ms) == -EINVAL);
	CHECK(duration_parse("100000h", &ms) == -ERANGE);
}

static const struct test tests[] = {
	{"a size is a number with a power of 1024", sizes},
	{"what is no size is refused, and what is too large for one", no_sizes},
	{"a duration is a sum of numbers with units", durations},
	{"what is no duration is refused", no_durations},
};
TEST_MAIN(tests)
