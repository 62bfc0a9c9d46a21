/* SPDX-License-Identifier: Apache-2.0 */
/* See err.h. Everything here is safe after clone: no allocation, no locks, no stdio. */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void make_one_line(char *s)
{
	for (; *s; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
	}
}

const char *err_name(int code, char *buf, size_t len)
{
	const char *name = strerrorname_np(abs(code));

	if (name)
		return name;
	(void)snprintf(buf, len, "errno %d", abs(code));
	return buf;
}

static void __attribute__((format(printf, 3, 0)))
set(struct err *e, int code, const char *fmt, va_list ap)
{
	e->code = abs(code);
	(void)vsnprintf(e->text, sizeof(e->text), fmt, ap);
	make_one_line(e->text);
}

static void add_name(struct err *e)
{
	char num[24];
	size_t n = strlen(e->text);

	(void)snprintf(e->text + n, sizeof(e->text) - n, ": %s",
		       err_name(e->code, num, sizeof(num)));
}

int err_set(struct err *e, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set(e, code, fmt, ap);
	va_end(ap);
	return -e->code;
}

int err_sys(struct err *e, const char *fmt, ...)
{
	int code = errno; /* before anything can change it */
	va_list ap;

	va_start(ap, fmt);
	set(e, code, fmt, ap);
	va_end(ap);
	add_name(e);
	return -e->code;
}

int err_code(struct err *e, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set(e, code, fmt, ap);
	va_end(ap);
	add_name(e);
	return -e->code;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
	char inner[sizeof(e->text)];
	va_list ap;
	size_t n;

	memcpy(inner, e->text, sizeof(inner));
	va_start(ap, fmt);
	(void)vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	n = strlen(e->text);
	/* What doesn't fit is cut at the end: the outermost context is kept. */
	(void)snprintf(e->text + n, sizeof(e->text) - n, ": %.*s", (int)sizeof(inner) - 1,
		       inner);
	make_one_line(e->text);
	return -e->code;
}
