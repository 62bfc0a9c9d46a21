/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest says, in the log of its host. That is on somebody's disk, so that no guest
 * may write as much as it likes: so many lines at once, and one more now and then; how many
 * were left out is told with the next. By one thread.
 */
#ifndef SANDBOX_GUEST_LOG_H
#define SANDBOX_GUEST_LOG_H

#include <stdint.h>

#include "base/log.h"

#define GUEST_LOG_LINES  1000 /* at once */
#define GUEST_LOG_EACH_S 4    /* for one more */

struct guest_log {
	const struct log *log; /* borrowed; NULL: nowhere */
	unsigned spent;
	int64_t since; /* seconds (CLOCK_MONOTONIC) that `spent` has been lowered for */
	uint64_t left_out; /* since the last line */
};

void guest_log_write(struct guest_log *g, enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
