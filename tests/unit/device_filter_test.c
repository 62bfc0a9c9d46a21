/* SPDX-License-Identifier: Apache-2.0 */
/* Device rules, compiled and then run by an interpreter of the few instructions used. */
#include <errno.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "libcontainer/cgroup/bpf.h"
#include "libcontainer/cgroup/devices.h"

#include "tests/unit/device_filter_run.h"
#include "tests/unit/tap.h"

#define NONE (-1)

/* {allow, type, major, minor, access}; NONE is an absent number. */
struct text_rule {
	bool allow;
	const char *type;
	int64_t major, minor;
	const char *access;
};

struct access {
	char type;
	uint32_t major, minor;
	const char *access;
	bool allowed;
};

struct row {
	const char *what;
	struct text_rule rules[8];
	struct access tries[12];
};

#define DENY_ALL                                                                         \
	{                                                                                \
		false, "a", NONE, NONE, "rwm"                                            \
	}
#define ALLOW_ALL                                                                        \
	{                                                                                \
		true, "a", NONE, NONE, "rwm"                                             \
	}

static const struct row rows[] = {
	{"no rules: the default list only",
	 {{0}},
	 {{'c', 1, 3, "rw", true},
	  {'c', 1, 3, "rwm", true},
	  {'c', 1, 8, "r", true},
	  {'c', 1, 11, "r", false},
	  {'c', 1, 11, "m", true},
	  {'b', 8, 0, "m", true},
	  {'b', 8, 0, "r", false},
	  {'c', 5, 1, "r", false},
	  {'c', 5, 2, "rw", true},
	  {'c', 136, 77, "rw", true},
	  {'c', 10, 200, "rw", true},
	  {'b', 1, 3, "r", false}}},
	{"deny all, then allow some",
	 {DENY_ALL, {true, "c", 10, 229, "rw"}, {true, "b", 8, NONE, "r"}},
	 {{'c', 10, 229, "rw", true},
	  {'c', 10, 229, "r", true},
	  {'c', 10, 229, "rwm", false},
	  {'c', 10, 230, "r", false},
	  {'b', 8, 5, "r", true},
	  {'b', 8, 5, "w", false},
	  {'b', 9, 5, "r", false}}},
	{"allow all (privileged)",
	 {ALLOW_ALL},
	 {{'c', 10, 229, "rwm", true}, {'b', 8, 0, "rw", true}}},
	{"allow all but one",
	 {ALLOW_ALL, {false, "b", 8, 0, "rw"}},
	 {{'b', 8, 0, "r", false},
	  {'b', 8, 0, "w", false},
	  {'b', 8, 0, "rw", false},
	  {'b', 8, 0, "m", true},
	  {'b', 8, 1, "rw", true},
	  {'c', 8, 0, "rw", true}}},
	{"a denied part of the access denies the whole",
	 {ALLOW_ALL, {false, "b", 8, 0, "w"}},
	 {{'b', 8, 0, "r", true}, {'b', 8, 0, "rw", false}}},
	{"what is allowed twice adds up",
	 {DENY_ALL, {true, "c", 7, 7, "r"}, {true, "c", 7, 7, "w"}},
	 {{'c', 7, 7, "rw", true}, {'c', 7, 7, "rwm", false}}},
	{"an exception is taken back by its like",
	 {{true, "c", 7, 7, "rwm"}, {false, "c", 7, 7, "w"}},
	 {{'c', 7, 7, "r", true}, {'c', 7, 7, "w", false}}},
	{"\"a\" forgets what was before",
	 {{true, "c", 7, 7, "rwm"}, DENY_ALL},
	 {{'c', 7, 7, "r", false}, {'c', 1, 3, "rw", true}}},
	{"\"a\" counts whatever its numbers and access",
	 {{true, "a", 5, 5, "r"}},
	 {{'c', 7, 7, "rwm", true}}},
	{"no type is a, no access is all",
	 {{false, NULL, NONE, NONE, NULL}, {true, "c", 7, NONE, NULL}},
	 {{'c', 7, 1, "rwm", true}, {'c', 8, 1, "r", false}}},
	{"the defaults hold against the spec",
	 {{true, "c", 1, 3, "rwm"}, {false, "c", 1, 3, "rwm"}},
	 {{'c', 1, 3, "rw", true}}},
	{"a minor number for all majors",
	 {{true, "c", NONE, 42, "r"}},
	 {{'c', 9, 42, "r", true}, {'c', 9, 43, "r", false}}},
	{"numbers use all 32 bits",
	 {{true, "c", 4294967295, 4294967295, "r"}},
	 {{'c', 4294967295, 4294967295, "r", true}, {'c', 4294967295, 1, "r", false}}},
};

static size_t to_spec(const struct text_rule *t, size_t max, struct spec_device_rule *ret)
{
	size_t n = 0;

	for (; n < max && (t[n].type || t[n].major || t[n].minor); n++)
		ret[n] = (struct spec_device_rule){
			.allow = t[n].allow,
			.type = t[n].type,
			.major = {t[n].major != NONE, t[n].major},
			.minor = {t[n].minor != NONE, t[n].minor},
			.access = t[n].access,
		};
	return n;
}

static int compile(const struct text_rule *t, size_t max, struct device_filter *f,
		   struct err *e)
{
	struct spec_device_rule rules[8];

	return device_filter_make(rules, to_spec(t, max, rules), f, e);
}

static int ask(const struct device_filter *f, const struct access *a)
{
	int bits = 0;

	for (const char *p = a->access; *p; p++)
		bits |= *p == 'r'   ? BPF_DEVCG_ACC_READ
			: *p == 'w' ? BPF_DEVCG_ACC_WRITE
				    : BPF_DEVCG_ACC_MKNOD;
	return device_filter_run(f->insns, f->count,
				 a->type == 'c' ? BPF_DEVCG_DEV_CHAR
						: BPF_DEVCG_DEV_BLOCK,
				 bits, a->major, a->minor);
}

static void semantics(void)
{
	struct device_filter f;
	const struct access *a;
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK(compile(rows[i].rules, 8, &f, &e) == 0);
		for (a = rows[i].tries; a < rows[i].tries + 12 && a->access; a++) {
			if (ask(&f, a) != a->allowed)
				printf("# %s: %c %u:%u %s\n", rows[i].what, a->type,
				       a->major, a->minor, a->access);
			CHECK(ask(&f, a) == a->allowed);
		}
		device_filter_done(&f);
	}
}

static void refusals(void)
{
	static const struct {
		struct text_rule rules[3];
		const char *error;
	} t[] = {
		{{{true, "u", 1, 1, "r"}},
		 "linux.resources.devices[0].type: \"u\" is not a, b or c"},
		{{{true, "c", -2, 1, "r"}}, "linux.resources.devices[0].major: -2"},
		{{{true, "c", 1, 4294967296, "r"}},
		 "linux.resources.devices[0].minor: 4294967296"},
		{{{true, "c", 1, 1, "rx"}},
		 "linux.resources.devices[0].access: \"rx\" has more than r, w and m"},
		{{{true, "c", 1, NONE, "rw"}, {false, "c", 1, 4, "rm"}},
		 "linux.resources.devices: rule [c 1:4 rm] cannot punch a hole in the "
		 "existing wildcard rule [c 1:* rw]"},
	};
	struct device_filter f;
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		CHECK(compile(t[i].rules, 3, &f, &e) == -EINVAL);
		CHECK_STR(e.text, t[i].error);
	}
}

static struct spec_device_rule many[DEVICE_RULES_MAX];

static void make_many(size_t count)
{
	for (size_t i = 0; i < count; i++)
		many[i] = (struct spec_device_rule){
			.allow = true,
			.type = "c",
			.major = {true, (int64_t)i},
			.minor = {true, 0},
			.access = "r",
		};
}

static void bounded(void)
{
	struct device_filter f;
	struct err e;

	make_many(DEVICE_RULES_MAX);
	CHECK(device_filter_make(many, DEVICE_RULES_MAX, &f, &e) == -E2BIG);
	CHECK(device_filter_make(many, DEVICE_RULES_MAX - 100, &f, &e) == 0);
	CHECK(f.count < 58000);
	CHECK(device_filter_valid(f.insns, f.count));
	CHECK(device_filter_run(f.insns, f.count, BPF_DEVCG_DEV_CHAR, BPF_DEVCG_ACC_READ,
				3000, 0) == 1);
	CHECK(device_filter_run(f.insns, f.count, BPF_DEVCG_DEV_CHAR, BPF_DEVCG_ACC_READ,
				4000, 0) == 0);
	device_filter_done(&f);
}

static void loads(void)
{
	struct device_filter f;
	struct err e;

	if (geteuid() != 0)
		SKIP("root");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO_FD fd = -1;

		CHECK(compile(rows[i].rules, 8, &f, &e) == 0);
		fd = bpf_load_device(f.insns, f.count, &e);
		device_filter_done(&f);
		if (fd == -ENOSYS)
			SKIP("bpf(2)");
		if (fd < 0)
			printf("# %s: %s\n", rows[i].what, e.text);
		CHECK(fd >= 0);
	}
	make_many(DEVICE_RULES_MAX - 100);
	CHECK(device_filter_make(many, DEVICE_RULES_MAX - 100, &f, &e) == 0);
	AUTO_FD big = bpf_load_device(f.insns, f.count, &e);
	if (big < 0)
		printf("# %s\n", e.text);
	CHECK(big >= 0);
	device_filter_done(&f);
}

static void tells_the_verdict(void)
{
	/* exit without a result in r0 */
	struct bpf_insn bad = {.code = BPF_JMP | BPF_EXIT};
	struct err e = {0};

	if (geteuid() != 0)
		SKIP("root");
	int fd = bpf_load_device(&bad, 1, &e);

	if (fd == -ENOSYS)
		SKIP("bpf(2)");
	CHECK(fd == -EACCES || fd == -EINVAL);
	CHECK(str_after(e.text, "load the device filter: bpf: ") != NULL);
	CHECK(strlen(e.text) > sizeof("load the device filter: bpf: EINVAL"));
}

static const struct test tests[] = {
	{"rules mean what they mean to runc", semantics},
	{"bad rules are refused by name", refusals},
	{"the program is bounded", bounded},
	{"the kernel's verifier takes each program", loads},
	{"an error of the verifier has its verdict", tells_the_verdict},
};

TEST_MAIN(tests)
