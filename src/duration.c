/* SPDX-License-Identifier: Apache-2.0 */
#include "src/duration.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#define YEAR_MS (366.0 * 24 * 3600 * 1000)

static const struct unit {
	const char *name; /* longer ones first: "ms" is no minute */
	double ms;
} units[] = {
	{"ns", 1e-6}, {"us", 1e-3}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000},
};

static const struct unit *unit_at(const char *text)
{
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (str_after(text, units[i].name))
			return &units[i];
	}
	return NULL;
}

int duration_parse(const char *text, int64_t *ret)
{
	double sum = 0;

	if (str_eq(text, "0")) {
		*ret = 0;
		return 0;
	}
	if (!*text)
		return -EINVAL;
	while (*text) {
		size_t n = strspn(text, "0123456789.");
		const struct unit *unit = unit_at(text + n);
		char *end;
		double value;

		if (n == 0 || !unit)
			return -EINVAL;
		value = strtod(text, &end);
		if (end != text + n)
			return -EINVAL;
		sum += value * unit->ms;
		if (sum > YEAR_MS)
			return -ERANGE;
		text += n + strlen(unit->name);
	}
	*ret = (int64_t)sum;
	return 0;
}
