/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/str.h"
#include "sandbox/guest_log.h"

#include "tests/unit/tap.h"

static size_t count_lines(int fd, char last[256])
{
	AUTO_FREE char *text = calloc(1, (size_t)1 << 20);
	ssize_t n = pread(fd, text, ((size_t)1 << 20) - 1, 0);
	size_t lines = 0;
	char *line = text;

	CHECK(n >= 0);
	for (char *p = text; (p = strchr(p, '\n')); line = ++p) {
		lines++;
		*p = '\0';
		(void)snprintf(last, 256, "%s", line);
		*p = '\n';
	}
	return lines;
}

static void bounded(void)
{
	AUTO_FD fd = memfd_create("log", MFD_CLOEXEC);
	const struct log log = {.fd = fd, .level = LOG_INFO};
	struct guest_log g = {.log = &log};
	char last[256] = "";
	size_t lines;

	for (int i = 0; i < 100000; i++)
		guest_log_write(&g, LOG_DEBUG, "not written, not counted");
	for (int i = 0; i < 20 * GUEST_LOG_LINES; i++)
		guest_log_write(&g, LOG_ERROR, "line %d", i);
	lines = count_lines(fd, last);
	/* However slow this machine is. */
	CHECK(lines >= GUEST_LOG_LINES && lines < (size_t)2 * GUEST_LOG_LINES);
	/* Time passes. */
	g.since -= (int64_t)3 * GUEST_LOG_EACH_S;
	g.left_out = 77;
	guest_log_write(&g, LOG_WARNING, "%s", "100% of it\nforged");
	CHECK(count_lines(fd, last) == lines + 2);
	CHECK(strstr(last, "100% of it") != NULL);
	CHECK(g.left_out == 0);
}

static void nowhere(void)
{
	struct guest_log g = {.log = NULL};

	guest_log_write(&g, LOG_ERROR, "line");
	CHECK(g.spent == 0);
}

static const struct test tests[] = {
	{"a guest that writes without end writes so many lines, and later some more",
	 bounded},
	{"without a log nothing is written", nowhere},
};
TEST_MAIN(tests)
