/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/guest_log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#define LINE_MAX_LEN 1024 /* as log.c cuts it */

static bool may_write(struct guest_log *g)
{
	struct timespec now;
	int64_t more;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	if (g->spent == 0)
		g->since = now.tv_sec;
	more = (now.tv_sec - g->since) / GUEST_LOG_EACH_S;
	g->spent = more < g->spent ? g->spent - (unsigned)more : 0;
	g->since = g->spent ? g->since + more * GUEST_LOG_EACH_S : now.tv_sec;
	if (g->spent == GUEST_LOG_LINES) {
		g->left_out++;
		return false;
	}
	g->spent++;
	return true;
}

void guest_log_write(struct guest_log *g, enum log_level level, const char *fmt, ...)
{
	char line[LINE_MAX_LEN];
	va_list ap;

	/* What isn't written costs nothing. */
	if (!g->log || g->log->fd < 0 || level < g->log->level || !may_write(g))
		return;
	if (g->left_out)
		log_write(g->log, LOG_WARNING,
			  "%" PRIu64 " lines of the guest's were left out", g->left_out);
	g->left_out = 0;
	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	log_write(g->log, level, "%s", line);
}
