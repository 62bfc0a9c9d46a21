/* SPDX-License-Identifier: Apache-2.0 */
#include "base/timestamp.h"

#include <stdio.h>
#include <time.h>

const char *timestamp_now(char buf[TIMESTAMP_MAX])
{
	struct timespec now;
	struct tm tm;
	size_t n;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)gmtime_r(&now.tv_sec, &tm);
	n = strftime(buf, TIMESTAMP_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(buf + n, TIMESTAMP_MAX - n, ".%09ldZ", now.tv_nsec);
	return buf;
}
