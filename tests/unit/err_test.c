/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/err.h"

#include "tests/unit/tap.h"

static void gives_name_not_words(void)
{
	struct err e = {0};

	errno = EACCES;
	CHECK(err_sys(&e, "mount %s", "/proc") == -EACCES);
	CHECK_STR(e.text, "mount /proc: EACCES");
}

static void wraps_outermost_first(void)
{
	struct err e = {0};

	CHECK(err_set(&e, ESRCH, "no process %d", 12) == -ESRCH);
	CHECK(err_wrap(&e, "exec in %s", "web") == -ESRCH);
	CHECK_STR(e.text, "exec in web: no process 12");
}

static void stays_one_line(void)
{
	struct err e = {0};

	(void)err_set(&e, EINVAL, "bad name 'a\nlevel=error'");
	CHECK_STR(e.text, "bad name 'a?level=error'");
}

static void cuts_what_does_not_fit(void)
{
	char big[2000];
	struct err e = {0};

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	(void)err_set(&e, EINVAL, "%s", big);
	CHECK(strlen(e.text) == sizeof(e.text) - 1);
	(void)err_wrap(&e, "outer");
	CHECK(strlen(e.text) == sizeof(e.text) - 1);
	CHECK(strncmp(e.text, "outer: xxx", 10) == 0);
}

static void names_unknown_numbers(void)
{
	struct err e = {0};

	(void)err_code(&e, -4242, "x");
	CHECK_STR(e.text, "x: errno 4242");
}

static const struct test tests[] = {
	{"an errno is given by name, not in words", gives_name_not_words},
	{"context goes before what is there", wraps_outermost_first},
	{"control characters can't make a second line", stays_one_line},
	{"what doesn't fit is cut at the end", cuts_what_does_not_fit},
	{"an errno without a name is a number", names_unknown_numbers},
};
TEST_MAIN(tests)
