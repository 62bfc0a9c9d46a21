/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Profiles as the kernel sees them (loaded in a child), and our programs beside those of
 * libseccomp (run by an interpreter).
 */
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/proc.h"
#include "base/str.h"
#include "libcontainer/process/seccomp.h"
#include "libcontainer/process/seccomp_profile.h"

#include "tests/unit/seccomp_run.h"
#include "tests/unit/tap.h"

#define NAMES(...)                                                                       \
	{                                                                                \
		.v = (const char *[]){__VA_ARGS__, NULL},                                \
		.count = sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)          \
	}
#define RULE(act, ...)                                                                   \
	{                                                                                \
		.names = NAMES(__VA_ARGS__), .action = (act)                             \
	}

/* What the test's child itself needs, sanitizers included. */
#define CHILD_NEEDS                                                                      \
	"write", "exit", "exit_group", "futex", "mmap", "munmap", "rt_sigreturn",        \
		"rt_sigaction", "rt_sigprocmask", "sigaltstack", "madvise", "getpid",    \
		"gettid", "brk", "mprotect", "clock_gettime", "clock_nanosleep"

static int compile(const struct spec_seccomp *s, struct seccomp_filter *f,
		   struct arena *a, struct err *e)
{
	return seccomp_filter_compile(a, s, f, NULL, e);
}

/* Loads it in a child and makes one call there; the errno, 0, or 128 + a signal. */
static int try_call(const struct spec_seccomp *s, long nr, long arg0, long arg1)
{
	AUTO_ARENA a = {0};
	struct clone_args args = {.exit_signal = SIGCHLD};
	struct seccomp_filter f;
	struct err e;
	pid_t pid;

	if (compile(s, &f, &a, &e) < 0)
		return -1;
	pid = proc_clone(&args);
	if (pid == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		    seccomp_filter_load(&f, &e) < 0)
			_exit(255);
		_exit(syscall(nr, arg0, arg1, 0, 0, 0, 0) < 0 ? errno : 0);
	}
	return proc_exit_code(proc_wait(pid));
}

static void allow_list(void)
{
	struct spec_seccomp_rule rules[] = {
		RULE("SCMP_ACT_ALLOW", CHILD_NEEDS, "getppid", "no_such_syscall_at_all"),
		RULE("SCMP_ACT_ERRNO", "getuid"),
		RULE("SCMP_ACT_ERRNO", "getsid"),
		RULE("SCMP_ACT_KILL_PROCESS", "getgid"),
		RULE("SCMP_ACT_TRAP", "geteuid"),
		RULE("SCMP_ACT_LOG", "getegid"),
	};
	struct spec_seccomp s = {.default_action = "SCMP_ACT_ERRNO",
				 .syscalls = rules,
				 .syscalls_count = ARRAY_LEN(rules)};

	rules[2].errno_ret = (struct opt_u32){true, ENETDOWN};
	CHECK(try_call(&s, SYS_getppid, 0, 0) == 0);
	CHECK(try_call(&s, SYS_getuid, 0, 0) == EPERM);
	CHECK(try_call(&s, SYS_getsid, 0, 0) == ENETDOWN);
	CHECK(try_call(&s, SYS_getgid, 0, 0) == 128 + SIGSYS);
	CHECK(try_call(&s, SYS_geteuid, 0, 0) == 128 + SIGSYS);
	CHECK(try_call(&s, SYS_getegid, 0, 0) == 0);
	CHECK(try_call(&s, SYS_getpgrp, 0, 0) == EPERM); /* not listed, but older */
}

static void deny_list(void)
{
	struct spec_seccomp_rule rules[] = {RULE("SCMP_ACT_ERRNO", "getuid", "getppid")};
	struct spec_seccomp s = {.default_action = "SCMP_ACT_ALLOW",
				 .syscalls = rules,
				 .syscalls_count = 1};

	CHECK(try_call(&s, SYS_getuid, 0, 0) == EPERM);
	CHECK(try_call(&s, SYS_getsid, 0, 0) == 0);
	/* Nothing is a newer call's stub if all is allowed: the kernel says ENOSYS, and a
	 * known one that is newer than the list works. */
	CHECK(try_call(&s, 4000, 0, 0) == ENOSYS);
	CHECK(try_call(&s, SYS_gettid, 0, 0) == 0);
}

static void newer_is_enosys(void)
{
	struct spec_seccomp_rule rules[] = {RULE("SCMP_ACT_ALLOW", CHILD_NEEDS)};
	struct spec_seccomp s = {.default_action = "SCMP_ACT_ERRNO",
				 .syscalls = rules,
				 .syscalls_count = 1};

	/* gettid and clock_nanosleep, below 300, are the newest that it names. */
	CHECK(try_call(&s, SYS_openat2, 0, 0) == ENOSYS);
	CHECK(try_call(&s, 4000, 0, 0) == ENOSYS);
	CHECK(try_call(&s, SYS_getppid, 0, 0) == EPERM);
	s.default_action = "SCMP_ACT_KILL_PROCESS";
	CHECK(try_call(&s, 4000, 0, 0) == ENOSYS);
	CHECK(try_call(&s, SYS_getppid, 0, 0) == 128 + SIGSYS);
}

static void default_errno(void)
{
	struct spec_seccomp_rule rules[] = {RULE("SCMP_ACT_ALLOW", CHILD_NEEDS)};
	struct spec_seccomp s = {.default_action = "SCMP_ACT_ERRNO",
				 .default_errno_ret = {true, EXDEV},
				 .syscalls = rules,
				 .syscalls_count = 1};

	CHECK(try_call(&s, SYS_getppid, 0, 0) == EXDEV);
	CHECK(try_call(&s, 4000, 0, 0) == ENOSYS);
}

static void arguments(void)
{
	struct spec_seccomp_arg af[] = {{0, AF_UNIX, 0, "SCMP_CMP_EQ"},
					{1, 0xf, SOCK_STREAM, "SCMP_CMP_MASKED_EQ"}};
	struct spec_seccomp_arg twice[] = {{0, 1, 0, "SCMP_CMP_EQ"},
					   {0, 2, 0, "SCMP_CMP_EQ"}};
	struct spec_seccomp_rule rules[] = {
		RULE("SCMP_ACT_ALLOW", CHILD_NEEDS),
		RULE("SCMP_ACT_ALLOW", "socket"),
		RULE("SCMP_ACT_ALLOW", "alarm"),
	};
	struct spec_seccomp s = {.default_action = "SCMP_ACT_ERRNO",
				 .syscalls = rules,
				 .syscalls_count = ARRAY_LEN(rules)};

	rules[1].args = af;
	rules[1].args_count = 2;
	rules[2].args = twice; /* alternatives */
	rules[2].args_count = 2;
	CHECK(try_call(&s, SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC) == 0);
	CHECK(try_call(&s, SYS_socket, AF_UNIX, SOCK_DGRAM) == EPERM);
	CHECK(try_call(&s, SYS_socket, AF_INET, SOCK_STREAM) == EPERM);
	CHECK(try_call(&s, SYS_alarm, 1, 0) == 0);
	CHECK(try_call(&s, SYS_alarm, 2, 0) == 0);
	CHECK(try_call(&s, SYS_alarm, 3, 0) == EPERM);
}

static void flags(void)
{
	struct spec_seccomp s = {.default_action = "SCMP_ACT_ALLOW"};
	AUTO_ARENA a = {0};
	struct seccomp_filter f;
	struct err e;

	CHECK(compile(&s, &f, &a, &e) == 0);
	CHECK(f.flags == SECCOMP_FILTER_FLAG_SPEC_ALLOW);
	s.flags_set = true;
	CHECK(compile(&s, &f, &a, &e) == 0);
	CHECK(f.flags == 0);
	s.flags = (struct strings)NAMES("SECCOMP_FILTER_FLAG_LOG",
					"SECCOMP_FILTER_FLAG_TSYNC");
	CHECK(compile(&s, &f, &a, &e) == 0);
	CHECK(f.flags == (SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_TSYNC));
	CHECK(try_call(&s, SYS_getppid, 0, 0) == 0);
}

static void nothing(void)
{
	struct spec_seccomp s = {0};
	AUTO_ARENA a = {0};
	struct seccomp_filter f = {.len = 9};
	struct err e;

	CHECK(compile(NULL, &f, &a, &e) == 0 && f.len == 0);
	f.len = 9;
	CHECK(compile(&s, &f, &a, &e) == 0 && f.len == 0);
	CHECK(seccomp_filter_load(&f, &e) == 0);
}

static void refusals(void)
{
	struct spec_seccomp_arg arg = {6, 0, 0, "SCMP_CMP_EQ"};
	struct spec_seccomp_rule rule = RULE("SCMP_ACT_ALLOW", "read");
	struct spec_seccomp s = {.default_action = "SCMP_ACT_NOTIFY", .syscalls = &rule};
	AUTO_ARENA a = {0};
	struct seccomp_filter f;
	struct err e;

	CHECK(compile(&s, &f, &a, &e) == -EOPNOTSUPP);
	CHECK(strstr(e.text, "seccomp notify unsupported: ") != NULL);
	s.default_action = "SCMP_ACT_SMILE";
	CHECK(compile(&s, &f, &a, &e) == -EINVAL);
	CHECK_STR(e.text, "linux.seccomp: unknown action \"SCMP_ACT_SMILE\"");
	s.default_action = "SCMP_ACT_ERRNO";
	s.architectures = (struct strings)NAMES("SCMP_ARCH_PDP11");
	CHECK(compile(&s, &f, &a, &e) == -EINVAL);
	CHECK_STR(e.text, "linux.seccomp: unknown architecture \"SCMP_ARCH_PDP11\"");
	s.architectures.count = 0;
	s.flags = (struct strings)NAMES("SECCOMP_FILTER_FLAG_X");
	CHECK(compile(&s, &f, &a, &e) == -EINVAL);
	CHECK_STR(e.text, "linux.seccomp: unknown flag \"SECCOMP_FILTER_FLAG_X\"");
	s.flags.count = 0;
	s.syscalls_count = 1;
	rule.args = &arg;
	rule.args_count = 1;
	CHECK(compile(&s, &f, &a, &e) == -EINVAL);
	CHECK_STR(e.text, "linux.seccomp: argument index 6, of 0 to 5");
	arg.index = 5;
	arg.op = "SCMP_CMP_ISH";
	CHECK(compile(&s, &f, &a, &e) == -EINVAL);
	CHECK_STR(e.text, "linux.seccomp: unknown operator \"SCMP_CMP_ISH\"");
}

static void other_architectures(void)
{
	struct spec_seccomp_rule rules[] = {RULE("SCMP_ACT_ALLOW", CHILD_NEEDS)};
	struct spec_seccomp s = {.default_action = "SCMP_ACT_ERRNO",
				 .architectures = NAMES("SCMP_ARCH_PPC64LE",
							"SCMP_ARCH_X86_64",
							"SCMP_ARCH_AARCH64"),
				 .syscalls = rules,
				 .syscalls_count = 1};

	/* Left to libseccomp; the same answers. */
	CHECK(try_call(&s, SYS_getpid, 0, 0) == 0);
	CHECK(try_call(&s, SYS_getppid, 0, 0) == EPERM);
	CHECK(try_call(&s, 4000, 0, 0) == ENOSYS);
}

/*
 * Side by side.
 */

static uint64_t seed = 88172645463325252;

static uint64_t random_below(uint64_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % n;
}

#define PICK(a) ((a)[random_below(ARRAY_LEN(a))])

static const uint64_t values[] = {0,           1,           2,           9,
				  16,          40,          0x7e020000,  0xffffffff,
				  0x100000000, 0x100000001, 0x1000000ff, UINT64_MAX};

static const uint32_t archs[] = {SCMP_ARCH_X86_64, SCMP_ARCH_X86, SCMP_ARCH_X32,
				 SCMP_ARCH_AARCH64, SCMP_ARCH_ARM};

static void random_conditions(struct seccomp_rule *rule)
{
	unsigned first = (unsigned)random_below(4);

	rule->count = (unsigned)random_below(3);
	for (unsigned i = 0; i < rule->count; i++)
		rule->conditions[i] = (struct scmp_arg_cmp){
			.arg = first + i,
			.op = (enum scmp_compare)(SCMP_CMP_NE + random_below(7)),
			.datum_a = PICK(values),
			.datum_b = PICK(values),
		};
}

static void random_profile(struct arena *a, struct seccomp_profile *p)
{
	static const uint32_t actions[] = {SCMP_ACT_ALLOW,     SCMP_ACT_ALLOW,
					   SCMP_ACT_ALLOW,     SCMP_ACT_ERRNO(1),
					   SCMP_ACT_ERRNO(38), SCMP_ACT_KILL_PROCESS,
					   SCMP_ACT_LOG};
	size_t count = random_below(2) ? random_below(12) : random_below(500);
	bool hubs = random_below(4) > 0; /* socketcall and ipc, as docker's has them */
	struct seccomp_rule *rule;
	char *name;

	*p = (struct seccomp_profile){.default_action = PICK(actions),
				      .archs = {seccomp_arch_native()},
				      .archs_count = 1,
				      .newer_is_enosys = random_below(2)};
	for (size_t i = 0; i < ARRAY_LEN(archs); i++) {
		if (archs[i] != seccomp_arch_native() && random_below(2))
			p->archs[p->archs_count++] = archs[i];
	}
	p->rules = arena_array(a, count + 2, sizeof(*p->rules));
	for (size_t i = 0; i < count; i++) {
		name = seccomp_syscall_resolve_num_arch(PICK(archs),
							(int)random_below(460));
		if (!name)
			continue;
		rule = &p->rules[p->rules_count++];
		rule->name = arena_strdup(a, name);
		free(name);
		rule->action = PICK(actions);
		rule->conditions = arena_array(a, 6, sizeof(*rule->conditions));
		if (random_below(3) == 0)
			random_conditions(rule);
	}
	for (int i = 0; hubs && i < 2; i++)
		p->rules[p->rules_count++] = (struct seccomp_rule){
			.name = i ? "ipc" : "socketcall",
			.action = p->default_action == SCMP_ACT_ALLOW ? SCMP_ACT_LOG
								      : SCMP_ACT_ALLOW,
		};
}

/* What the profile says, word for word. */
static bool is_met(const struct scmp_arg_cmp *c, const struct seccomp_data *d, bool is_32)
{
	uint64_t mask = is_32 ? UINT32_MAX : UINT64_MAX;
	uint64_t v = d->args[c->arg] & mask, a = c->datum_a & mask, b = c->datum_b & mask;

	switch (c->op) {
	case SCMP_CMP_NE:
		return v != a;
	case SCMP_CMP_LT:
		return v < a;
	case SCMP_CMP_LE:
		return v <= a;
	case SCMP_CMP_EQ:
		return v == a;
	case SCMP_CMP_GE:
		return v >= a;
	case SCMP_CMP_GT:
		return v > a;
	default:
		return (v & a) == (a & b);
	}
}

static bool all_met(const struct seccomp_rule *rule, const struct seccomp_data *d,
		    bool is_32)
{
	for (unsigned i = 0; i < rule->count; i++) {
		if (!is_met(&rule->conditions[i], d, is_32))
			return false;
	}
	return true;
}

static uint32_t by_the_word(const struct seccomp_profile *p, uint32_t arch,
			    const struct seccomp_data *d)
{
	bool is_32 = arch != SCMP_ARCH_X86_64 && arch != SCMP_ARCH_AARCH64;
	uint32_t newest = seccomp_newest(p, arch), answer = p->default_action;
	const struct seccomp_rule *rule;

	for (size_t i = 0; i < p->rules_count; i++) {
		rule = &p->rules[i];
		if (rule->action == p->default_action ||
		    seccomp_number(arch, rule->name) != d->nr)
			continue;
		if (rule->count == 0)
			return rule->action;
		if (answer == p->default_action && all_met(rule, d, is_32))
			answer = rule->action;
	}
	if (p->newer_is_enosys && newest != 0 && (uint32_t)d->nr > newest)
		return SCMP_ACT_ERRNO(ENOSYS);
	return answer;
}

static bool is_in(const struct seccomp_profile *p, uint32_t arch)
{
	for (size_t i = 0; i < p->archs_count; i++) {
		if (p->archs[i] == arch)
			return true;
	}
	return false;
}

struct tally {
	int calls, wrong, unlike;
};

/* All numbers of one architecture, with random arguments. */
static void compare_arch(const struct seccomp_profile *p, const struct seccomp_program *x,
			 const struct seccomp_program *y, uint32_t arch, struct tally *t)
{
	struct seccomp_data d = {.arch = arch == SCMP_ARCH_X32 ? AUDIT_ARCH_X86_64
							       : arch};
	uint32_t want, ours, theirs;

	for (int i = 0; i < 3 * 560; i++) {
		d.nr = i % 560 | (arch == SCMP_ARCH_X32 ? 0x40000000 : 0);
		for (int j = 0; j < 6; j++)
			d.args[j] = PICK(values);
		want = is_in(p, arch) ? by_the_word(p, arch, &d) : SCMP_ACT_KILL_THREAD;
		ours = seccomp_run(x->v, x->len, &d);
		theirs = seccomp_run(y->v, y->len, &d);
		t->calls++;
		t->unlike += ours != theirs;
		t->wrong += ours != want;
		if (ours != want)
			printf("# arch %#x nr %#x: %#x, not %#x\n", arch, (unsigned)d.nr,
			       ours, want);
	}
}

static void as_libseccomp(void)
{
	struct tally t = {0};
	int compared = 0;

	for (int round = 0; round < 40 && t.wrong == 0; round++) {
		AUTO_ARENA a = {0};
		struct seccomp_program ours, theirs;
		struct seccomp_profile p;
		struct err e;
		int r;

		random_profile(&a, &p);
		r = seccomp_tree_make(&a, &p, &ours, &e);
		if (r == -EOPNOTSUPP)
			continue;
		CHECK(r == 0);
		if (seccomp_lib_make(&a, &p, &theirs, NULL, &e) < 0)
			continue;
		compared++;
		for (size_t i = 0; i < ARRAY_LEN(archs); i++)
			compare_arch(&p, &ours, &theirs, archs[i], &t);
		compare_arch(&p, &ours, &theirs, SCMP_ARCH_S390X, &t);
	}
	printf("# %d profiles, %d calls: %d answered unlike libseccomp\n", compared,
	       t.calls, t.unlike);
	CHECK(t.wrong == 0);
	/* libseccomp doesn't add all it should where a call has rules with and without
	 * conditions, for example; the profiles that there are have no such thing. */
	CHECK(t.unlike * 1000 < t.calls);
	CHECK(compared > 15);
}

static const struct test tests[] = {
	{"an allow list with all actions", allow_list},
	{"a deny list", deny_list},
	{"what is newer than the profile is ENOSYS", newer_is_enosys},
	{"the default has an errno of its own", default_errno},
	{"rules look at arguments", arguments},
	{"flags, and the default if there is no list of them", flags},
	{"no profile, no filter", nothing},
	{"unknown words are refused by name", refusals},
	{"other architectures are left to libseccomp", other_architectures},
	{"our programs answer as libseccomp's", as_libseccomp},
};

TEST_MAIN(tests)
