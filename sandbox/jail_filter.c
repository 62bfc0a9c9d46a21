/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/seccomp.h>

#include "base/str.h"
#include "libcontainer/process/seccomp_profile.h"
#include "sandbox/jail_rules.h"

/* Of what this was written with: what is newer gets ENOSYS, as from a kernel of that time,
 * for a libc that tries it first. All else that isn't allowed kills. */
static const char newest[] = "set_mempolicy_home_node";

static void add_rule(struct seccomp_profile *p, const struct jail_rule *r)
{
	struct seccomp_rule *rule = &p->rules[p->rules_count++];

	rule->name = r->call;
	rule->action = SCMP_ACT_ALLOW;
	rule->count = r->what != NULL;
	if (r->what)
		*rule->conditions = (struct scmp_arg_cmp){
			.arg = r->arg,
			.op = SCMP_CMP_MASKED_EQ,
			.datum_a = r->mask,
			.datum_b = r->value,
		};
}

static int make_profile(struct arena *a, unsigned who, struct seccomp_profile *p,
			struct err *e)
{
	size_t count = jail_rules_count + 1;
	struct scmp_arg_cmp *conditions = arena_array(a, count, sizeof(*conditions));

	*p = (struct seccomp_profile){
		.default_action = SCMP_ACT_KILL_PROCESS,
		.archs = {seccomp_arch_native()},
		.archs_count = 1,
		.rules = arena_array(a, count, sizeof(*p->rules)),
		.newer_is_enosys = true,
	};
	if (!conditions || !p->rules)
		return err_code(e, ENOMEM, "jail");
	for (size_t i = 0; i < count; i++)
		p->rules[i].conditions = &conditions[i];
	for (size_t i = 0; i < jail_rules_count; i++) {
		if (jail_rules[i].who & who)
			add_rule(p, &jail_rules[i]);
	}
	p->rules[p->rules_count].name = newest;
	p->rules[p->rules_count++].action = SCMP_ACT_KILL_PROCESS;
	return 0;
}

/* By the 32-bit entry, and for x32: both ways to make a program have a thread die of it
 * alone, of which nobody would hear. */
static void kill_all(struct seccomp_program *p)
{
	for (size_t i = 0; i < p->len; i++) {
		if (p->v[i].code == (BPF_RET | BPF_K) &&
		    p->v[i].k == SECCOMP_RET_KILL_THREAD)
			p->v[i].k = SECCOMP_RET_KILL_PROCESS;
	}
}

int jail_filter_make(struct arena *a, enum jail_thread kind, bool saving,
		     struct seccomp_filter *ret, struct err *e)
{
	unsigned who = JAIL_WHO(kind);
	struct seccomp_program program = {0};
	struct seccomp_profile p;
	int r;

	if (kind == JAIL_MAIN && saving)
		who |= JAIL_SAVING;
	r = make_profile(a, who, &p, e);
	if (r == 0)
		r = seccomp_tree_make(a, &p, &program, e);
	if (r == -EOPNOTSUPP)
		r = seccomp_lib_make(a, &p, &program, NULL, e);
	if (r < 0)
		return err_wrap(e, "jail");
	kill_all(&program);
	*ret = (struct seccomp_filter){
		.insns = program.v,
		.len = (unsigned short)program.len,
	};
	return 0;
}
