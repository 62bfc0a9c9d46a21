/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "src/report.h"

#include "tests/unit/tap.h"

static struct err e;

/* Runs fn with stderr in a file, whose text is stored in buf. */
static void with_stderr(void (*fn)(struct cli *cli), struct cli *cli, char *buf,
			size_t len)
{
	int file = memfd_create("stderr", MFD_CLOEXEC),
	    saved = fcntl(2, F_DUPFD_CLOEXEC, 3);
	ssize_t n;

	CHECK(file >= 0 && saved >= 0 && dup2(file, 2) == 2);
	fn(cli);
	(void)dup2(saved, 2);
	n = pread(file, buf, len - 1, 0);
	buf[n < 0 ? 0 : n] = '\0';
	(void)close(file);
	(void)close(saved);
}

static void report(struct cli *cli)
{
	(void)err_set(&e, EINVAL, "create web: \"x\" is\nodd");
	report_error(cli, &e);
}

static void text_without_a_log(void)
{
	struct cli cli = {.name = "hull", .log = {.fd = -1}};
	char text[512];

	with_stderr(report, &cli, text, sizeof(text));
	CHECK_STR(text, "hull: create web: \"x\" is?odd\n");
}

static void json_without_a_log(void)
{
	struct cli cli = {.name = "hull", .log = {.fd = -1}, .log_format = "json"};
	const struct json *v = NULL;
	AUTO_ARENA a = {0};
	char text[512];

	with_stderr(report, &cli, text, sizeof(text));
	CHECK(json_parse(&a, "stderr", text, strlen(text), &v, &e) == 0);
	CHECK_STR(json_get_string(v, "level"), "error");
	CHECK_STR(json_get_string(v, "msg"), "create web: \"x\" is?odd");
}

static void warn_and_report(struct cli *cli)
{
	CHECK(report_open(cli, &e) == 0);
	CHECK(cli->log.fd > 2 && (fcntl(cli->log.fd, F_GETFD) & FD_CLOEXEC));
	log_warn(&cli->log, "not for callers");
	report(cli);
	(void)close(cli->log.fd);
	cli->log.fd = -1;
}

/* What podman needs: the whole file is one object. */
static void one_object_in_the_log(void)
{
	char path[] = "/tmp/report_test.XXXXXX", text[512], log[512];
	struct cli cli = {.name = "hull", .log = {.fd = -1}, .log_format = "json"};
	const struct json *v = NULL;
	AUTO_ARENA a = {0};
	struct stat st;
	ssize_t n;
	int fd = mkstemp(path);

	CHECK(fd >= 0 && unlink(path) == 0);
	(void)close(fd);
	cli.log_path = path;
	with_stderr(warn_and_report, &cli, text, sizeof(text));
	CHECK_STR(text, "hull: create web: \"x\" is?odd\n");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0 && fstat(fd, &st) == 0 && (st.st_mode & 07777 & ~0644) == 0);
	n = read(fd, log, sizeof(log));
	CHECK(n > 0 && json_parse(&a, "log", log, (size_t)n, &v, &e) == 0);
	CHECK_STR(json_get_string(v, "level"), "error");
	CHECK(json_get_string(v, "time") && strchr(json_get_string(v, "time"), 'T'));

	/* The next command adds a line of its own. */
	with_stderr(warn_and_report, &cli, text, sizeof(text));
	CHECK(fstat(fd, &st) == 0 && st.st_size == 2 * n);
	(void)close(fd);
	(void)unlink(path);
}

static void a_log_that_cant_be_opened(void)
{
	struct cli cli = {
		.name = "hull", .log = {.fd = -1}, .log_path = "/proc/nowhere/log"};
	char text[512];

	with_stderr(report, &cli, text, sizeof(text));
	CHECK_STR(text, "hull: create web: \"x\" is?odd\n");
}

static void levels(void)
{
	struct cli cli = {.name = "hull", .log = {.fd = -1}};

	CHECK(report_open(&cli, &e) == 0 && cli.log.level == LOG_WARNING);
	cli.log_level = "info";
	CHECK(report_open(&cli, &e) == 0 && cli.log.level == LOG_INFO);
	cli.log_level = "error";
	CHECK(report_open(&cli, &e) == 0 && cli.log.level == LOG_ERROR);
	cli.debug = true;
	CHECK(report_open(&cli, &e) == 0 && cli.log.level == LOG_DEBUG);
}

static const struct test tests[] = {
	{"without --log an error is one line of text on stderr", text_without_a_log},
	{"without --log and with json it is one object on stderr", json_without_a_log},
	{"with --log it is one object there and one line on stderr",
	 one_object_in_the_log},
	{"a log that can't be opened doesn't hide the error", a_log_that_cant_be_opened},
	{"the level is warning, or as the options say", levels},
};
TEST_MAIN(tests)
