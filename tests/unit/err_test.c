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
	char big[9000];
	struct err e = {0};

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	(void)err_set(&e, EINVAL, "%s", big);
	CHECK(strlen(e.text) == sizeof(e.text) - 1);
	(void)err_wrap(&e, "outer");
	CHECK(strlen(e.text) == sizeof(e.text) - 1);
	CHECK(strncmp(e.text, "outer: xxx", 10) == 0);
}

static void keeps_both_ends(void)
{
	struct err e = {0};
	char path[3000];

	memset(path, 'p', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	errno = ENOENT;
	(void)err_sys(&e, "source %s", path);
	(void)err_wrap(&e, "mounting \"%s\"", path);
	(void)err_wrap(&e, "create web");
	CHECK(strlen(e.text) == sizeof(e.text) - 1);
	CHECK(strncmp(e.text, "create web: mounting \"ppp", 24) == 0);
	CHECK_STR(e.text + strlen(e.text) - 11, "ppp: ENOENT");
	CHECK(strstr(e.text, "p...p") != NULL);
}

static void takes_the_words_of_callers_apart(void)
{
	struct err e = {0};

	(void)err_set(&e, EINVAL, "a: Permission denied, PERMISSION DENIED, not found");
	CHECK_STR(e.text, "a: Permission-denied, PERMISSION-DENIED, not-found");
	errno = ENOENT;
	(void)err_sys(&e, "no such file or directory");
	CHECK_STR(e.text, "no-such-file or directory: ENOENT");
	(void)err_words(&e, EACCES, "exec: permission denied");
	(void)err_wrap(&e, "in permission denied");
	CHECK_STR(e.text, "in permission-denied: exec: permission denied");
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
	{"what doesn't fit is cut", cuts_what_does_not_fit},
	{"the outermost context and the reason are kept", keeps_both_ends},
	{"the words that callers look for are there only by err_words",
	 takes_the_words_of_callers_apart},
	{"an errno without a name is a number", names_unknown_numbers},
};
TEST_MAIN(tests)
