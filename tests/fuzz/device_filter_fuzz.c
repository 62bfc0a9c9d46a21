/* SPDX-License-Identifier: Apache-2.0 */
/* Any list of device rules: refused, or a program that ends, answers yes or no, and lets
 * through what each container may use. Twelve bytes are a rule. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libcontainer/cgroup/devices.h"

#include "tests/unit/device_filter_run.h"

#define RULES_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct opt_i64 number(const uint8_t *p, int is_set)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return (struct opt_i64){is_set, v};
}

static void make_rule(const uint8_t *p, struct spec_device_rule *ret)
{
	static const char *const types[] = {"a", "b", "c", "c", "b", "c", NULL, "x"};
	static const char *const accesses[] = {"r",  "w",  "m",   "rw",
					       "rm", "wm", "rwm", NULL};

	*ret = (struct spec_device_rule){
		.allow = p[0] & 1,
		.type = types[p[0] >> 1 & 7],
		.access = accesses[p[0] >> 4 & 7],
		.major = number(p + 2, p[1] & 1),
		.minor = number(p + 6, p[1] & 2),
	};
}

static void check(const struct device_filter *f)
{
	int r;

	if (!device_filter_valid(f->insns, f->count))
		abort();
	for (uint32_t i = 0; i < 256; i++) {
		r = device_filter_run(f->insns, f->count, 1 + (int)(i & 1),
				      1 + (int)(i >> 1) % 7, i >> 4, i & 15);
		if (r != 0 && r != 1)
			abort();
	}
	/* null, for reading and writing */
	if (device_filter_run(f->insns, f->count, BPF_DEVCG_DEV_CHAR,
			      BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE, 1, 3) != 1)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct spec_device_rule rules[RULES_MAX];
	struct device_filter f;
	struct err e = {0};
	size_t count = 0;
	int r;

	for (; count < RULES_MAX && (count + 1) * 12 <= size; count++)
		make_rule(data + count * 12, &rules[count]);
	r = device_filter_make(rules, count, &f, &e);
	if (r < 0) {
		if (e.code != -r || !e.text[0])
			abort();
		return 0;
	}
	check(&f);
	device_filter_done(&f);
	return 0;
}
