/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/timestamp.h"

static const char *const level_names[] = {
	[LOG_DEBUG] = "debug",
	[LOG_INFO] = "info",
	[LOG_WARNING] = "warning",
	[LOG_ERROR] = "error",
};

/* Quotes s as JSON does, and closely enough as Go's %q for the text format. Bytes that
 * are not UTF-8 are passed on: readers replace them. */
static size_t quote(char *out, size_t len, const char *s)
{
	size_t n = 0;

	for (; *s && n + 8 < len; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\') {
			out[n++] = '\\';
			out[n++] = (char)c;
		} else if (c < 0x20 || c == 0x7f) {
			n += (size_t)snprintf(out + n, len - n, "\\u%04x", c);
		} else {
			out[n++] = (char)c;
		}
	}
	out[n] = '\0';
	return n;
}

void log_write(const struct log *l, enum log_level level, const char *fmt, ...)
{
	char msg[1024], quoted[2048], line[2304], now[TIMESTAMP_MAX];
	int saved = errno, n;
	va_list ap;

	if (!l || l->fd < 0 || level < l->level)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	(void)quote(quoted, sizeof(quoted), msg);
	n = snprintf(line, sizeof(line),
		     l->json ? "{\"level\":\"%s\",\"msg\":\"%s\",\"time\":\"%s\"}\n"
			     : "level=%s msg=\"%s\" time=\"%s\"\n",
		     level_names[level], quoted, timestamp_now(now));
	(void)fd_write_full(l->fd, line, (size_t)n);
	errno = saved;
}
