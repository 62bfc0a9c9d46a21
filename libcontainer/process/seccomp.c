/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/process/seccomp.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/str.h"
#include "libcontainer/process/seccomp_profile.h"

#define ARGS_MAX 6 /* a system call has no more */

struct word {
	const char *name;
	uint32_t value;
};

static const struct word actions[] = {
	{"SCMP_ACT_ALLOW", SCMP_ACT_ALLOW},
	{"SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(0)},
	{"SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD},
	{"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS},
	{"SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD},
	{"SCMP_ACT_LOG", SCMP_ACT_LOG},
	{"SCMP_ACT_TRACE", SCMP_ACT_TRACE(0)},
	{"SCMP_ACT_TRAP", SCMP_ACT_TRAP},
};

static const struct word operators[] = {
	{"SCMP_CMP_NE", SCMP_CMP_NE},
	{"SCMP_CMP_LT", SCMP_CMP_LT},
	{"SCMP_CMP_LE", SCMP_CMP_LE},
	{"SCMP_CMP_EQ", SCMP_CMP_EQ},
	{"SCMP_CMP_GE", SCMP_CMP_GE},
	{"SCMP_CMP_GT", SCMP_CMP_GT},
	{"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
};

static const struct word flag_words[] = {
	{"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
	{"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
	{"SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC},
	/* Only means something together with SCMP_ACT_NOTIFY. */
	{"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", 0},
};

static int find_word(const struct word *words, size_t count, const char *what,
		     const char *name, uint32_t *ret, struct err *e)
{
	for (size_t i = 0; i < count; i++) {
		if (str_eq(words[i].name, name)) {
			*ret = words[i].value;
			return 0;
		}
	}
	return err_set(e, EINVAL, "linux.seccomp: unknown %s \"%s\"", what, name);
}

#define FIND_WORD(words, what, name, ret, e)                                             \
	find_word(words, ARRAY_LEN(words), what, name, ret, e)

static int find_action(const char *name, const struct opt_u32 *errno_ret, uint32_t *ret,
		       struct err *e)
{
	uint32_t code = errno_ret->set ? errno_ret->v : EPERM;
	int r;

	if (str_eq(name, "SCMP_ACT_NOTIFY"))
		return err_set(
			e, EOPNOTSUPP,
			"seccomp notify unsupported: linux.seccomp: SCMP_ACT_NOTIFY");
	r = FIND_WORD(actions, "action", name, ret, e);
	if (r == 0 && (*ret == SCMP_ACT_ERRNO(0) || *ret == SCMP_ACT_TRACE(0)))
		*ret |= code & SECCOMP_RET_DATA;
	return r;
}

/* "SCMP_ARCH_X86_64"; libseccomp calls it "x86_64". */
static uint32_t find_arch(const char *name)
{
	const char *rest = str_after(name, "SCMP_ARCH_");
	char lower[32];
	size_t n = 0;

	if (!rest || strlen(rest) >= sizeof(lower))
		return 0;
	for (; rest[n]; n++)
		lower[n] = (char)tolower((unsigned char)rest[n]);
	lower[n] = '\0';
	return seccomp_arch_resolve_name(lower);
}

static int fill_archs(struct seccomp_profile *p, const struct strings *archs,
		      struct err *e)
{
	uint32_t arch;
	size_t seen;

	p->archs[p->archs_count++] = seccomp_arch_native();
	for (size_t i = 0; i < archs->count; i++) {
		arch = find_arch(archs->v[i]);
		if (arch == 0)
			return err_set(e, EINVAL,
				       "linux.seccomp: unknown architecture \"%s\"",
				       archs->v[i]);
		for (seen = 0; seen < p->archs_count && p->archs[seen] != arch; seen++)
			;
		if (seen < p->archs_count)
			continue;
		if (p->archs_count == SECCOMP_ARCHS_MAX)
			return err_set(e, E2BIG, "linux.seccomp: too many architectures");
		p->archs[p->archs_count++] = arch;
	}
	return 0;
}

/* Two conditions on one argument can't be in one rule of libseccomp; they are then taken
 * as alternatives, as runc and docker always did. */
static bool has_argument_twice(const struct spec_seccomp_rule *rule)
{
	unsigned seen = 0;

	for (size_t i = 0; i < rule->args_count; i++) {
		if (seen & 1U << rule->args[i].index)
			return true;
		seen |= 1U << rule->args[i].index;
	}
	return false;
}

static int make_conditions(const struct spec_seccomp_rule *rule, struct scmp_arg_cmp *ret,
			   struct err *e)
{
	const struct spec_seccomp_arg *a;
	uint32_t op = 0;
	int r;

	for (size_t i = 0; i < rule->args_count; i++) {
		a = &rule->args[i];
		if (a->index >= ARGS_MAX)
			return err_set(e, EINVAL,
				       "linux.seccomp: argument index %" PRIu32
				       ", of 0 to 5",
				       a->index);
		r = FIND_WORD(operators, "operator", a->op ? a->op : "", &op, e);
		if (r < 0)
			return r;
		ret[i] = (struct scmp_arg_cmp){
			.arg = a->index,
			.op = (enum scmp_compare)op,
			.datum_a = a->value,
			.datum_b = a->value_two,
		};
	}
	return 0;
}

static int fill_rule(struct seccomp_profile *p, struct arena *a,
		     const struct spec_seccomp_rule *s, struct err *e)
{
	struct seccomp_rule rule = {.count = (unsigned)s->args_count};
	bool one_each;
	int r;

	r = find_action(s->action ? s->action : "", &s->errno_ret, &rule.action, e);
	if (r < 0)
		return r;
	rule.conditions = arena_array(a, s->args_count + 1, sizeof(*rule.conditions));
	if (!rule.conditions)
		return err_code(e, ENOMEM, "linux.seccomp");
	r = make_conditions(s, rule.conditions, e);
	if (r < 0)
		return r;
	one_each = has_argument_twice(s);
	for (size_t i = 0; i < s->names.count; i++) {
		rule.name = s->names.v[i];
		if (!one_each) {
			p->rules[p->rules_count++] = rule;
			continue;
		}
		for (size_t j = 0; j < s->args_count; j++)
			p->rules[p->rules_count++] = (struct seccomp_rule){
				rule.name, rule.action, &rule.conditions[j], 1};
	}
	return 0;
}

static bool is_refusal(uint32_t action)
{
	uint32_t kind = action & SECCOMP_RET_ACTION_FULL;

	return kind != SCMP_ACT_ALLOW && kind != SCMP_ACT_LOG &&
	       kind != SCMP_ACT_TRACE(0);
}

int seccomp_profile_make(struct arena *a, const struct spec_seccomp *s,
			 struct seccomp_profile *ret, struct err *e)
{
	struct seccomp_profile p = {0};
	size_t count = 1;
	int r;

	r = find_action(s->default_action ? s->default_action : "", &s->default_errno_ret,
			&p.default_action, e);
	if (r == 0)
		r = fill_archs(&p, &s->architectures, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < s->syscalls_count; i++)
		count += s->syscalls[i].names.count * (s->syscalls[i].args_count + 1);
	p.rules = arena_array(a, count, sizeof(*p.rules));
	if (!p.rules)
		return err_code(e, ENOMEM, "linux.seccomp");
	for (size_t i = 0; i < s->syscalls_count && r == 0; i++)
		r = fill_rule(&p, a, &s->syscalls[i], e);
	p.newer_is_enosys = is_refusal(p.default_action) &&
			    p.default_action != SCMP_ACT_ERRNO(ENOSYS);
	if (r == 0)
		*ret = p;
	return r;
}

static int find_flags(const struct spec_seccomp *s, unsigned *ret, struct err *e)
{
	unsigned flags = s->flags_set ? 0 : SECCOMP_FILTER_FLAG_SPEC_ALLOW;
	uint32_t flag = 0;
	int r;

	for (size_t i = 0; i < s->flags.count; i++) {
		r = FIND_WORD(flag_words, "flag", s->flags.v[i], &flag, e);
		if (r < 0)
			return r;
		flags |= flag;
	}
	*ret = flags;
	return 0;
}

int seccomp_filter_compile(struct arena *a, const struct spec_seccomp *s,
			   struct seccomp_filter *ret, const struct log *log,
			   struct err *e)
{
	struct seccomp_program program = {0};
	struct seccomp_profile profile;
	unsigned flags = 0;
	int r;

	*ret = (struct seccomp_filter){0};
	if (!s || (!s->default_action && s->syscalls_count == 0))
		return 0;
	r = find_flags(s, &flags, e);
	if (r == 0)
		r = seccomp_profile_make(a, s, &profile, e);
	if (r < 0)
		return r;
	r = seccomp_tree_make(a, &profile, &program, e);
	if (r == -EOPNOTSUPP)
		r = seccomp_lib_make(a, &profile, &program, log, e);
	if (r < 0)
		return r;
	*ret = (struct seccomp_filter){program.v, (unsigned short)program.len, flags};
	return 0;
}

int seccomp_filter_load(const struct seccomp_filter *f, struct err *e)
{
	struct sock_fprog prog = {.len = f->len, .filter = f->insns};

	if (f->len == 0)
		return 0;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, f->flags, &prog) != 0)
		return err_sys(e, "load the seccomp filter");
	return 0;
}
