/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <stdbool.h>
#include <sys/syscall.h>

#include "base/file.h"
#include "base/str.h"
#include "libcontainer/process/seccomp_profile.h"
#include "sandbox/jail_rules.h"

#include "tests/unit/seccomp_run.h"
#include "tests/unit/tap.h"

/* As in README.md: | `ioctl` KVM_RUN | | x | | | |, and "s" for main while it may save. */
static char *row_of(const struct jail_rule *r)
{
	AUTO_SBUF s = {0};

	sbuf_addf(&s, "| `%s`%s%s |", r->call, r->what ? " " : "",
		  r->what ? r->what : "");
	for (unsigned i = 0; i < JAIL_THREADS; i++)
		sbuf_adds(&s, r->who & JAIL_WHO(i)                     ? " x |"
			      : i == JAIL_MAIN && r->who & JAIL_SAVING ? " s |"
								       : " |");
	sbuf_add(&s, "\n", 2);
	return s.failed ? NULL : TAKE(s.data);
}

static void the_readme_has_every_rule_and_no_other(void)
{
	const char *top = getenv("srcdir");
	AUTO_FREE char *path = str_fmt("%s/sandbox/README.md", top ? top : ".");
	AUTO_FREE char *text = NULL;
	const char *at;
	struct err e;
	size_t len;

	CHECK(file_read(AT_FDCWD, path, 1 << 20, &text, &len, &e) == 0);
	at = text ? strstr(text, "| system call |") : NULL;
	CHECK(at != NULL);
	for (unsigned i = 0; i < 2 && at; i++)
		at = strchr(at, '\n') + 1;
	for (size_t i = 0; i < jail_rules_count; i++) {
		AUTO_FREE char *row = row_of(&jail_rules[i]);
		size_t row_len = row ? strlen(row) : 0;

		if (row && at && strncmp(at, row, row_len) == 0) {
			at += row_len;
			continue;
		}
		printf("# sandbox/README.md lacks here: %s", row ? row : "?");
		tap_failed = 1;
	}
	CHECK(at && *at != '|');
}

static uint32_t answer(const struct seccomp_filter *f, int nr, unsigned arg,
		       uint64_t value)
{
	struct seccomp_data d = {.nr = nr, .arch = AUDIT_ARCH_X86_64};

	d.args[arg] = value;
	return seccomp_run(f->insns, f->len, &d);
}

/* Whether the rules let a kind of thread make this call with this argument. */
static bool allowed(unsigned who, int nr, unsigned arg, uint64_t value)
{
	for (size_t i = 0; i < jail_rules_count; i++) {
		const struct jail_rule *r = &jail_rules[i];

		if (!(r->who & who) ||
		    seccomp_number(seccomp_arch_native(), r->call) != nr)
			continue;
		if (!r->what || ((r->arg == arg ? value : 0) & r->mask) == r->value)
			return true;
	}
	return false;
}

static void check_answers(const struct seccomp_filter *f, unsigned who)
{
	for (int nr = 0; nr <= SYS_set_mempolicy_home_node; nr++) {
		for (size_t i = 0; i < jail_rules_count; i++) {
			const struct jail_rule *r = &jail_rules[i];
			uint64_t values[] = {r->value, r->value ^ 1, r->value ^ r->mask,
					     r->value | UINT64_C(1) << 40};

			for (size_t k = 0; k < ARRAY_LEN(values); k++) {
				bool yes = allowed(who, nr, r->arg, values[k]);
				uint32_t want = yes ? SECCOMP_RET_ALLOW
						    : SECCOMP_RET_KILL_PROCESS;

				if (answer(f, nr, r->arg, values[k]) == want)
					continue;
				printf("# call %d, argument %u: %#llx\n", nr, r->arg,
				       (unsigned long long)values[k]);
				tap_failed = 1;
			}
		}
	}
}

static void a_filter_lets_through_what_the_rules_say_and_kills_for_the_rest(void)
{
	struct seccomp_filter f;
	AUTO_ARENA a = {0};
	struct err e;

	for (unsigned i = 0; i <= JAIL_THREADS; i++) {
		bool saving = i == JAIL_THREADS;
		unsigned kind = saving ? JAIL_MAIN : i;
		unsigned who = JAIL_WHO(kind) | (saving ? JAIL_SAVING : 0);

		CHECK(jail_filter_make(&a, (enum jail_thread)kind, saving, &f, &e) == 0);
		check_answers(&f, who);
		/* What nobody knew when this was written. */
		CHECK(answer(&f, SYS_set_mempolicy_home_node + 1, 0, 0) ==
		      (SECCOMP_RET_ERRNO | ENOSYS));
		/* The 32-bit ways in. */
		CHECK(answer(&f, 0x40000000 | SYS_write, 0, 0) ==
		      SECCOMP_RET_KILL_PROCESS);
		CHECK(seccomp_run(
			      f.insns, f.len,
			      &(struct seccomp_data){.nr = 4, .arch = AUDIT_ARCH_I386}) ==
		      SECCOMP_RET_KILL_PROCESS);
	}
}

static const struct test tests[] = {
	{"the README has every rule, and no other",
	 the_readme_has_every_rule_and_no_other},
	{"a filter lets through what the rules say, and kills for the rest",
	 a_filter_lets_through_what_the_rules_say_and_kills_for_the_rest},
};

TEST_MAIN(tests)
