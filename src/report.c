/* SPDX-License-Identifier: Apache-2.0 */
#include "src/report.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"

/* The log must not take the place of a descriptor that --preserve-fds hands on, so that
 * one that the caller forgot to open is noticed. */
#define HIGH_FD 200

static enum log_level level_of(const struct cli *cli)
{
	const char *name = cli->log_level;

	if (cli->debug)
		return LOG_DEBUG;
	if (!name)
		return cli->log_path ? LOG_ERROR : LOG_WARNING;
	switch (name[0]) {
	case 'd':
		return LOG_DEBUG;
	case 'i':
		return LOG_INFO;
	case 'w':
		return LOG_WARNING;
	default:
		return LOG_ERROR;
	}
}

int report_open(struct cli *cli, struct err *e)
{
	AUTO_FD fd = -1;
	int high;

	cli->log.level = level_of(cli);
	cli->log.json = cli->log_format && str_eq(cli->log_format, "json");
	cli->log.fd = STDERR_FILENO;
	if (!cli->log_path)
		return 0;
	fd = open(cli->log_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY,
		  0644);
	if (fd < 0)
		return err_sys(e, "--log %s", cli->log_path);
	high = fcntl(fd, F_DUPFD_CLOEXEC, HIGH_FD);
	cli->log.fd = high < 0 ? fd_take(&fd) : high;
	return 0;
}

/* One write, so that lines of concurrent commands don't mix. */
static void print_line(const char *name, const char *text)
{
	AUTO_SBUF line = {0};

	sbuf_addf(&line, "%s: %s\n", name, text);
	if (!line.failed)
		(void)fd_write_full(STDERR_FILENO, line.data, line.len);
}

void report_error(struct cli *cli, const struct err *e)
{
	/* The options may have been wrong before the log was opened. If that can't be
	 * opened either there is still one error, and one line. */
	if (cli->log.fd < 0)
		(void)report_open(cli, ERR_IGNORE);
	if (cli->log.fd != STDERR_FILENO || cli->log.json)
		log_error(&cli->log, "%s", e->text);
	if (cli->log.fd != STDERR_FILENO || !cli->log.json)
		print_line(cli->name, e->text);
}
