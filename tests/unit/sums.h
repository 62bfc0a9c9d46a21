/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_SUMS_H
#define TESTS_UNIT_SUMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether a table's checksum is right. */
static inline bool sums_to_zero(const uint8_t *p, size_t len)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + p[i]);
	return sum == 0;
}

#endif
