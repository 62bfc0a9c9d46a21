/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/str.h"

#include "tests/unit/tap.h"

static char top[] = "/tmp/file_test.XXXXXX";
static int dir = -1;

static void replaces_at_once(void)
{
	AUTO_FREE char *text = NULL;
	struct err e = {0};
	struct stat st;
	size_t len = 0;

	CHECK(file_replace(dir, "f", "one", 3, 0600, &e) == 0);
	CHECK(file_replace(dir, "f", "second", 6, 0640, &e) == 0);
	CHECK(file_read(dir, "f", 100, &text, &len, &e) == 0);
	CHECK_STR(text, "second");
	CHECK(len == 6);
	CHECK(fstatat(dir, "f", &st, 0) == 0 && (st.st_mode & 0777) == 0640);
	CHECK(unlinkat(dir, "f", 0) == 0);
}

static void reading_is_bounded(void)
{
	AUTO_FREE char *text = NULL;
	struct err e = {0};
	size_t len = 0;

	CHECK(file_replace(dir, "f", "0123456789", 10, 0600, &e) == 0);
	CHECK(file_read(dir, "f", 9, &text, &len, &e) == -E2BIG);
	CHECK(file_read(dir, "f", 10, &text, &len, &e) == 0 && len == 10);
	CHECK(file_read(AT_FDCWD, "/dev/zero", 5000, &text, &len, &e) == -E2BIG);
	CHECK(unlinkat(dir, "f", 0) == 0);
}

static void odd_files_do_not_hang(void)
{
	AUTO_FREE char *text = NULL;
	struct err e = {0};
	size_t len = 1;

	CHECK(mkfifoat(dir, "fifo", 0600) == 0);
	CHECK(file_read(dir, "fifo", 10, &text, &len, &e) == 0 && len == 0);
	CHECK(file_read(dir, ".", 10, &text, &len, &e) == -EISDIR);
	CHECK(file_read(dir, "none", 10, &text, &len, &e) == -ENOENT);
	CHECK_STR(e.text, "open none: ENOENT");
	CHECK(unlinkat(dir, "fifo", 0) == 0);
}

static void lines_lose_their_newline(void)
{
	struct err e = {0};
	char buf[8];

	CHECK(file_replace(dir, "f", "max\n", 4, 0600, &e) == 0);
	CHECK(file_read_line(dir, "f", buf, sizeof(buf)) == 3);
	CHECK_STR(buf, "max");
	CHECK(file_write(dir, "f", "12") == 0);
	CHECK(file_write(dir, "nope", "12") == -ENOENT);
	CHECK(unlinkat(dir, "f", 0) == 0 && rmdir(top) == 0);
}

static const struct test tests[] = {
	{"a file is replaced at once, with its mode", replaces_at_once},
	{"reading is bounded", reading_is_bounded},
	{"FIFOs and folders don't hang or pass for files", odd_files_do_not_hang},
	{"a line loses its newline", lines_lose_their_newline},
};

int main(void)
{
	if (!mkdtemp(top))
		return 99;
	dir = open(top, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return tap_main(tests, sizeof(tests) / sizeof(tests[0]));
}
