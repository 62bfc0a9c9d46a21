/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where warnings and debug lines go, in runc's two formats: text, and one JSON object a
 * line. A log belongs to whoever calls the library and is passed down; there is no
 * global. Errors are not logged where they happen: they are returned (err.h), and the
 * command line reports each once.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

enum log_level {
	LOG_DEBUG,
	LOG_INFO,
	LOG_WARNING,
	LOG_ERROR,
};

struct log {
	int fd;               /* borrowed, -1: nowhere; each line is one write(2) */
	enum log_level level; /* the least level that is written */
	bool json;
};

/* Writes one line; a NULL log drops it. errno is kept. Safe after clone. */
void log_write(const struct log *l, enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define log_debug(l, ...) log_write(l, LOG_DEBUG, __VA_ARGS__)
#define log_info(l, ...)  log_write(l, LOG_INFO, __VA_ARGS__)
#define log_warn(l, ...)  log_write(l, LOG_WARNING, __VA_ARGS__)
#define log_error(l, ...) log_write(l, LOG_ERROR, __VA_ARGS__)

#endif
