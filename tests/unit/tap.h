/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests: a table of {sentence, function}, reported as TAP (testanything.org).
 *
 *	static void refuses_nul(void) { CHECK(f("a\0b") == -EINVAL); }
 *	static const struct test tests[] = { { "refuses a NUL", refuses_nul }, };
 *	TEST_MAIN(tests)
 */
#ifndef TESTS_UNIT_TAP_H
#define TESTS_UNIT_TAP_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct test {
	const char *sentence;
	void (*run)(void);
};

static int tap_failed;
static const char *tap_skip;

#define CHECK(cond)                                                                      \
	do {                                                                             \
		if (!(cond)) {                                                           \
			tap_failed = 1;                                                  \
			printf("# %s:%d: not so: %s\n", __FILE__, __LINE__, #cond);      \
		}                                                                        \
	} while (0)

#define CHECK_STR(got, want)                                                             \
	do {                                                                             \
		const char *got_ = (got), *want_ = (want);                               \
		if (!got_ || strcmp(got_, want_) != 0) {                                 \
			tap_failed = 1;                                                  \
			printf("# %s:%d: got '%s', want '%s'\n", __FILE__, __LINE__,     \
			       got_ ? got_ : "(null)", want_);                           \
		}                                                                        \
	} while (0)

/* Ends the test function; what is missing is named. */
#define SKIP(why)                                                                        \
	do {                                                                             \
		tap_skip = (why);                                                        \
		return;                                                                  \
	} while (0)

static int tap_main(const struct test *tests, size_t count)
{
	int bad = 0;

	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	printf("1..%zu\n", count);
	for (size_t i = 0; i < count; i++) {
		tap_failed = 0;
		tap_skip = NULL;
		tests[i].run();
		printf("%sok %zu - %s%s%s\n", tap_failed ? "not " : "", i + 1,
		       tests[i].sentence, tap_skip ? " # SKIP " : "",
		       tap_skip ? tap_skip : "");
		bad |= tap_failed;
	}
	return bad;
}

#define TEST_MAIN(tests)                                                                 \
	int main(void)                                                                   \
	{                                                                                \
		return tap_main(tests, sizeof(tests) / sizeof((tests)[0]));              \
	}

#endif
