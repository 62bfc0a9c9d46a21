/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spans of time as Go writes them.
 */
#ifndef SRC_DURATION_H
#define SRC_DURATION_H

#include <stdint.h>

/* "5s", "1m30s", "1.5h", "100ms": milliseconds; what is finer is dropped. 0, -EINVAL or
 * -ERANGE (more than a year). */
int duration_parse(const char *text, int64_t *ret);

#endif
