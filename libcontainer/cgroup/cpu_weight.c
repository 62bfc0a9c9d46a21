/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ceil(10^((l^2 + 125 l) / 612 - 7/34)), l = log2(shares).
 *
 * The two functions are computed here instead of linking libm for them: it would be one
 * more library to load in every start. The unit test compares all values with libm's.
 */
#include "libcontainer/cgroup/cpu_weight.h"

#define LN_2  0.693147180559945309417232121458176568L
#define LN_10 2.302585092994045684017991454684364208L

/* x >= 1. ln m = 2 (t + t^3/3 + t^5/5 ...), t = (m - 1) / (m + 1) <= 1/3. */
static long double log_2(uint64_t x)
{
	int exponent = 63 - __builtin_clzll(x);
	long double m = (long double)x / (long double)(UINT64_C(1) << exponent);
	long double t = (m - 1) / (m + 1), power = t, sum = 0;

	for (int k = 1; k < 45; k += 2) {
		sum += power / k;
		power *= t * t;
	}
	return exponent + 2 * sum / LN_2;
}

/* 0 <= x < 5. 10^x = 2^n e^f, n whole, 0 <= f < ln 2. */
static long double pow_10(long double x)
{
	int n = (int)(x * LN_10 / LN_2);
	long double f = x * LN_10 - n * LN_2, term = 1, sum = 1;

	for (int k = 1; k < 25; k++) {
		term *= f / k;
		sum += term;
	}
	return sum * (long double)(1 << n);
}

uint64_t cpu_weight_from_shares(uint64_t shares)
{
	long double l, weight;
	uint64_t whole;

	if (shares == 0)
		return 0;
	if (shares <= 2)
		return 1;
	if (shares >= 262144)
		return 10000;
	l = log_2(shares);
	weight = pow_10((l * l + 125 * l) / 612 - 7.0L / 34);
	/* What is off by rounding alone (1024 gives 100 exactly) is not rounded up. */
	whole = (uint64_t)(weight + 1e-9L);
	return weight - (long double)whole > 1e-9L ? whole + 1 : whole;
}
