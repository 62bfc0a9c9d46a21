/* SPDX-License-Identifier: Apache-2.0 */
#include "src/size.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* "g", "gb", "gib": the power of 1024, or -EINVAL. */
static int power_of(const char *unit)
{
	static const char letters[] = "kmgtp";
	const char *letter = *unit ? strchr(letters, tolower((unsigned char)*unit))
				   : NULL;

	if (*unit == '\0' || strcasecmp(unit, "b") == 0)
		return 0;
	if (!letter)
		return -EINVAL;
	unit++;
	if (*unit && strcasecmp(unit, "b") != 0 && strcasecmp(unit, "ib") != 0)
		return -EINVAL;
	return (int)(letter - letters) + 1;
}

int size_parse(const char *text, int64_t *ret)
{
	size_t digits = strspn(text, "0123456789"), all = digits;
	double value;
	int power;

	if (digits == 0)
		return -EINVAL;
	if (text[digits] == '.') {
		size_t more = strspn(text + digits + 1, "0123456789");

		if (more == 0)
			return -EINVAL;
		all = digits + 1 + more;
	}
	power = power_of(text + all + (text[all] == ' '));
	if (power < 0)
		return power;
	/* Whole numbers are exact up to the last. */
	if (all == digits) {
		errno = 0;
		*ret = strtoll(text, NULL, 10);
		if (errno || *ret > INT64_MAX >> (10 * power))
			return -ERANGE;
		*ret <<= 10 * power;
		return 0;
	}
	value = strtod(text, NULL) * (double)(INT64_C(1) << (10 * power));
	if (value >= 0x1p63)
		return -ERANGE;
	*ret = (int64_t)value;
	return 0;
}
