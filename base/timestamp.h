/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The present time as text: RFC 3339 with nanoseconds, in UTC, as Go programs decode it.
 */
#ifndef BASE_TIMESTAMP_H
#define BASE_TIMESTAMP_H

#define TIMESTAMP_MAX 40

/* Fills and returns buf. */
const char *timestamp_now(char buf[TIMESTAMP_MAX]);

#endif
