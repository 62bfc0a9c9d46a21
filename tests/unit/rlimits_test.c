/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libcontainer/process/plan.h"

#include "tests/unit/tap.h"

static int make(struct arena *a, struct spec_rlimit *v, size_t count, struct rlimits *ret,
		struct err *e)
{
	const struct spec_process s = {.rlimits = v, .rlimits_count = count};

	return rlimits_make(a, &s, ret, e);
}

static void knows_all_names(void)
{
	static const char *const names[] = {
		"RLIMIT_AS",     "RLIMIT_CORE",   "RLIMIT_CPU",        "RLIMIT_DATA",
		"RLIMIT_FSIZE",  "RLIMIT_LOCKS",  "RLIMIT_MEMLOCK",    "RLIMIT_MSGQUEUE",
		"RLIMIT_NICE",   "RLIMIT_NOFILE", "RLIMIT_NPROC",      "RLIMIT_RSS",
		"RLIMIT_RTPRIO", "RLIMIT_RTTIME", "RLIMIT_SIGPENDING", "RLIMIT_STACK",
	};
	AUTO_ARENA a = {0};
	struct err e = {0};
	struct rlimits l;
	unsigned seen = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct spec_rlimit v = {.type = names[i], .soft = 1, .hard = 2};

		CHECK(make(&a, &v, 1, &l, &e) == 0 && l.count == 1);
		seen |= 1U << l.v[0].resource;
	}
	CHECK(seen == (1U << RLIM_NLIMITS) - 1);
}

static void refuses_what_makes_no_sense(void)
{
	struct spec_rlimit v[] = {{.type = "RLIMIT_CORE"},
				  {.type = "RLIMIT_FOO", .soft = 1, .hard = 1}};
	AUTO_ARENA a = {0};
	struct err e = {0};
	struct rlimits l;

	CHECK(make(&a, v, 2, &l, &e) == -EINVAL);
	CHECK_STR(e.text, "process.rlimits[1]: unknown type RLIMIT_FOO");
	v[0] = (struct spec_rlimit){.type = "RLIMIT_NOFILE", .soft = 5, .hard = 4};
	CHECK(make(&a, v, 1, &l, &e) == -EINVAL);
	CHECK_STR(e.text,
		  "process.rlimits[0]: RLIMIT_NOFILE: the soft limit 5 is above "
		  "the hard one 4");
}

/* Runs fn in a child without privileges whose descriptors are limited to 64 of 1024. */
static int as_nobody(int (*fn)(void))
{
	const struct rlimit low = {.rlim_cur = 64, .rlim_max = 1024};
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		if (setrlimit(RLIMIT_NOFILE, &low) < 0 ||
		    (geteuid() == 0 && setresuid(65534, 65534, 65534) < 0))
			_exit(99);
		_exit(fn());
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int raise_too_far(void)
{
	struct spec_rlimit v = {.type = "RLIMIT_NOFILE", .soft = 1024, .hard = 4096};
	AUTO_ARENA a = {0};
	struct err e = {0};
	struct rlimits l;

	if (make(&a, &v, 1, &l, &e) < 0)
		return 1;
	if (rlimits_raise(&l, 0, &e) != -EPERM)
		return 2;
	return strcmp(e.text, "process.rlimits: RLIMIT_NOFILE 1024:4096: EPERM") == 0 ? 0
										      : 3;
}

static void a_missing_right_names_the_limit(void)
{
	CHECK(as_nobody(raise_too_far) == 0);
}

static int set_within(void)
{
	struct spec_rlimit v = {.type = "RLIMIT_NOFILE", .soft = 256, .hard = 1024};
	struct rlimit now;
	AUTO_ARENA a = {0};
	struct err e = {0};
	struct rlimits l;

	if (make(&a, &v, 1, &l, &e) < 0 || rlimits_raise(&l, 0, &e) < 0)
		return 1;
	if (getrlimit(RLIMIT_NOFILE, &now) < 0 || now.rlim_cur != 64)
		return 2;
	if (rlimits_set(&l, &e) < 0 || getrlimit(RLIMIT_NOFILE, &now) < 0)
		return 3;
	return now.rlim_cur == 256 && now.rlim_max == 1024 ? 0 : 4;
}

static void what_needs_no_right_is_set(void)
{
	CHECK(as_nobody(set_within) == 0);
}

static void raises_another_process(void)
{
	struct spec_rlimit v = {.type = "RLIMIT_CORE", .soft = 0, .hard = 1};
	const struct rlimit zero = {0};
	AUTO_ARENA a = {0};
	struct err e = {0};
	struct rlimit now = {0};
	struct rlimits l;
	int hold[2], r;
	char c;
	pid_t pid;

	CHECK(pipe2(hold, O_CLOEXEC) == 0);
	pid = fork();
	if (pid == 0) {
		(void)close(hold[1]);
		_exit(read(hold[0], &c, 1) == 0 ? 0 : 1);
	}
	CHECK(prlimit(pid, RLIMIT_CORE, &zero, NULL) == 0);
	CHECK(make(&a, &v, 1, &l, &e) == 0);
	r = rlimits_raise(&l, pid, &e);
	CHECK(prlimit(pid, RLIMIT_CORE, NULL, &now) == 0);
	(void)close(hold[0]);
	(void)close(hold[1]);
	CHECK(waitpid(pid, NULL, 0) == pid);
	if (r == -EPERM) {
		CHECK_STR(e.text, "process.rlimits: RLIMIT_CORE 0:1: EPERM");
		SKIP("CAP_SYS_RESOURCE");
	}
	CHECK(r == 0 && now.rlim_max == 1 && now.rlim_cur == 0);
}

static const struct test tests[] = {
	{"all of Linux's limits have their names", knows_all_names},
	{"an unknown name or a soft limit above the hard one is an error",
	 refuses_what_makes_no_sense},
	{"raising a hard limit without the right names it",
	 a_missing_right_names_the_limit},
	{"what needs no right is set in the end", what_needs_no_right_is_set},
	{"another process' hard limit is raised", raises_another_process},
};

TEST_MAIN(tests)
