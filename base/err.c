/* SPDX-License-Identifier: Apache-2.0 */
/* See err.h. Everything here is safe after clone: no allocation, no locks, no stdio. */
#include "base/err.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

/* Room for two paths. */
#define FULL_MAX (2 * PATH_MAX + 256)

/* In small letters: what podman (libpod/oci_util.go, define/exec_codes.go), dockerd
 * (daemon/errors.go) and docker (cli/command/container/run.go) look for. */
static const char *const callers_words[] = {
	"permission denied", "operation not permitted",  "no such file",
	"not found",         "is a directory",           "not a directory",
	"open executable",   "executable path is empty", "cannot find the file specified",
};

static void put_hyphens(char *s)
{
	for (size_t i = 0; i < ARRAY_LEN(callers_words); i++) {
		size_t len = strlen(callers_words[i]);

		for (char *at = s; (at = strcasestr(at, callers_words[i])); at += len) {
			for (size_t k = 0; k < len; k++) {
				if (at[k] == ' ')
					at[k] = '-';
			}
		}
	}
}

static void make_one_line(char *s)
{
	for (; *s; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
	}
}

static void put_text(struct err *e, const char *full)
{
	const size_t max = sizeof(e->text) - 1, head = (max - 3) / 2;
	size_t len = strlen(full);

	if (len <= max) {
		memcpy(e->text, full, len + 1);
	} else {
		memcpy(e->text, full, head);
		memcpy(e->text + head, "...", 3);
		memcpy(e->text + head + 3, full + len - (max - head - 3),
		       max - head - 3 + 1);
	}
	make_one_line(e->text);
}

const char *err_name(int code, char *buf, size_t len)
{
	const char *name = strerrorname_np(abs(code));

	if (name)
		return name;
	(void)snprintf(buf, len, "errno %d", abs(code));
	return buf;
}

static int __attribute__((format(printf, 4, 0)))
set(struct err *e, int code, bool with_name, const char *fmt, va_list ap)
{
	char full[FULL_MAX], num[24];
	size_t n;

	e->code = abs(code);
	(void)vsnprintf(full, sizeof(full) - sizeof(num), fmt, ap);
	put_hyphens(full);
	n = strlen(full);
	if (with_name)
		(void)snprintf(full + n, sizeof(full) - n, ": %s",
			       err_name(code, num, sizeof(num)));
	put_text(e, full);
	return -e->code;
}

int err_set(struct err *e, int code, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = set(e, code, false, fmt, ap);
	va_end(ap);
	return r;
}

int err_words(struct err *e, int code, const char *fmt, ...)
{
	char full[FULL_MAX];
	va_list ap;

	e->code = abs(code);
	va_start(ap, fmt);
	(void)vsnprintf(full, sizeof(full), fmt, ap);
	va_end(ap);
	put_text(e, full);
	return -e->code;
}

int err_sys(struct err *e, const char *fmt, ...)
{
	int code = errno; /* before anything can change it */
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = set(e, code, true, fmt, ap);
	va_end(ap);
	return r;
}

int err_code(struct err *e, int code, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = set(e, code, true, fmt, ap);
	va_end(ap);
	return r;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
	char full[FULL_MAX];
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	(void)vsnprintf(full, sizeof(full) - sizeof(e->text) - 2, fmt, ap);
	va_end(ap);
	put_hyphens(full);
	n = strlen(full);
	(void)snprintf(full + n, sizeof(full) - n, ": %.*s", (int)sizeof(e->text) - 1,
		       e->text);
	put_text(e, full);
	return -e->code;
}
