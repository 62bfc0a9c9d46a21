/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/process/seccomp_table.h"

#include <errno.h>
#include <stdlib.h>

#include "base/str.h"

#define X32_BIT 0x40000000U /* __X32_SYSCALL_BIT of asm/unistd.h */

static bool is_handled(uint32_t arch)
{
	return arch == SCMP_ARCH_X86_64 || arch == SCMP_ARCH_X32 ||
	       arch == SCMP_ARCH_X86 || arch == SCMP_ARCH_AARCH64 ||
	       arch == SCMP_ARCH_ARM;
}

static bool has_arch(const struct seccomp_profile *p, uint32_t arch)
{
	for (size_t i = 0; i < p->archs_count; i++) {
		if (p->archs[i] == arch)
			return true;
	}
	return false;
}

static bool is_decided(const struct seccomp_profile *p, const char *name)
{
	for (size_t i = 0; i < p->rules_count; i++) {
		if (p->rules[i].count == 0 && p->rules[i].action != p->default_action &&
		    str_eq(p->rules[i].name, name))
			return true;
	}
	return false;
}

/* Whether 32-bit x86 needs rules about sub-functions. Not where the whole is decided. */
static bool needs_sub_functions(const struct seccomp_profile *p)
{
	bool decided[2];
	int which;

	if (!has_arch(p, SCMP_ARCH_X86))
		return false;
	decided[0] = is_decided(p, "socketcall");
	decided[1] = is_decided(p, "ipc");
	for (size_t i = 0; i < p->rules_count && !(decided[0] && decided[1]); i++) {
		which = seccomp_x86_multiplexer(p->rules[i].name);
		if (which >= 0 && !decided[which] &&
		    p->rules[i].action != p->default_action)
			return true;
	}
	return false;
}

/* By number, those of one number in the profile's order. */
static int compare_entries(const void *a, const void *b)
{
	const struct seccomp_entry *x = a, *y = b;

	if (x->nr != y->nr)
		return x->nr < y->nr ? -1 : 1;
	return x->rule < y->rule ? -1 : x->rule > y->rule;
}

static bool contradict(const struct scmp_arg_cmp *x, const struct scmp_arg_cmp *y,
		       uint64_t mask)
{
	bool same = ((x->datum_a ^ y->datum_a) & mask) == 0;

	if (x->arg != y->arg)
		return false;
	if (x->op == SCMP_CMP_EQ && y->op == SCMP_CMP_EQ)
		return !same;
	return same && ((x->op == SCMP_CMP_EQ && y->op == SCMP_CMP_NE) ||
			(x->op == SCMP_CMP_NE && y->op == SCMP_CMP_EQ));
}

/* Whether no call can meet both, as far as that is plain to see. */
static bool are_disjoint(const struct seccomp_rule *x, const struct seccomp_rule *y,
			 uint64_t mask)
{
	for (unsigned i = 0; i < x->count; i++) {
		for (unsigned j = 0; j < y->count; j++) {
			if (contradict(&x->conditions[i], &y->conditions[j], mask))
				return true;
		}
	}
	return false;
}

static bool order_matters(const struct seccomp_entry *v, size_t count, bool is_32)
{
	uint64_t mask = is_32 ? UINT32_MAX : UINT64_MAX;

	for (size_t i = 0; i < count; i++) {
		for (size_t j = i + 1; j < count; j++) {
			if (v[i].rule->action != v[j].rule->action &&
			    !are_disjoint(v[i].rule, v[j].rule, mask))
				return true;
		}
	}
	return false;
}

static void table_add(struct seccomp_table *t, const struct seccomp_interval *new)
{
	struct seccomp_interval *last;

	if (t->count > 0) {
		last = &t->v[t->count - 1];
		if (last->start == new->start) {
			*last = *new;
			return;
		}
		if (!last->rules && !new->rules && last->action == new->action)
			return;
	}
	t->v[t->count++] = *new;
}

static void table_add_action(struct seccomp_table *t, uint32_t start, uint32_t action)
{
	table_add(t, &(struct seccomp_interval){.start = start, .action = action});
}

/* The rules of one number: the first without conditions decides alone. */
static int table_add_rules(struct seccomp_table *t, const struct seccomp_profile *p,
			   const struct seccomp_entry *v, size_t count, bool is_32)
{
	struct seccomp_interval new = {.start = v->nr, .action = p->default_action};

	for (size_t i = 0; i < count; i++) {
		if (v[i].rule->count == 0) {
			table_add_action(t, v->nr, v[i].rule->action);
			return 0;
		}
	}
	if (order_matters(v, count, is_32))
		return -EOPNOTSUPP;
	new.rules = v;
	new.rules_count = count;
	new.is_32 = is_32;
	table_add(t, &new);
	return 0;
}

/* Its rules with numbers, sorted. */
static size_t list_entries(const struct seccomp_profile *p, uint32_t arch,
			   struct seccomp_entry *ret, uint32_t *ret_newest)
{
	size_t count = 0;
	int nr;

	*ret_newest = 0;
	for (size_t i = 0; i < p->rules_count; i++) {
		nr = seccomp_number(arch, p->rules[i].name);
		if (nr < 0) /* not of this architecture, or unknown */
			continue;
		if ((uint32_t)nr > *ret_newest)
			*ret_newest = (uint32_t)nr;
		/* What does the default changes nothing. */
		if (p->rules[i].action != p->default_action)
			ret[count++] = (struct seccomp_entry){(uint32_t)nr, &p->rules[i]};
	}
	qsort(ret, count, sizeof(*ret), compare_entries);
	return count;
}

/* From number `first` on. */
static int table_fill(struct seccomp_table *t, const struct seccomp_profile *p,
		      uint32_t arch, uint32_t first, struct seccomp_entry *entries)
{
	bool is_32 = arch != SCMP_ARCH_X86_64 && arch != SCMP_ARCH_AARCH64;
	size_t count, n;
	uint32_t newest;
	int r = 0;

	count = list_entries(p, arch, entries, &newest);
	table_add_action(t, first, p->default_action);
	for (size_t i = 0; i < count && r == 0; i += n) {
		for (n = 1; i + n < count && entries[i + n].nr == entries[i].nr; n++)
			;
		r = table_add_rules(t, p, &entries[i], n, is_32);
		if (r == 0)
			table_add_action(t, entries[i].nr + 1, p->default_action);
	}
	if (newest != 0 && p->newer_is_enosys)
		table_add_action(t, newest + 1, SCMP_ACT_ERRNO(ENOSYS));
	return r;
}

bool seccomp_table_can(const struct seccomp_profile *p)
{
	for (size_t i = 0; i < p->archs_count; i++) {
		if (!is_handled(p->archs[i]))
			return false;
	}
	return !needs_sub_functions(p);
}

int seccomp_table_make(struct arena *a, const struct seccomp_profile *p, uint32_t arch,
		       struct seccomp_table *ret)
{
	/* Each rule may make an interval, and one after it, for x32 too. */
	struct seccomp_table t = {arena_array(a, p->rules_count * 4 + 8, sizeof(*t.v)),
				  0};
	struct seccomp_entry *entries = arena_array(a, p->rules_count * 2 + 1,
						    sizeof(*entries));
	int r;

	if (!t.v || !entries)
		return -ENOMEM;
	r = table_fill(&t, p, arch, 0, entries);
	if (r == 0 && arch == SCMP_ARCH_X86_64 && has_arch(p, SCMP_ARCH_X32)) {
		r = table_fill(&t, p, SCMP_ARCH_X32, X32_BIT, entries + p->rules_count);
	} else if (r == 0 && arch == SCMP_ARCH_X86_64) {
		table_add_action(&t, X32_BIT, SCMP_ACT_KILL_THREAD);
		/* -1 is how a tracer skips a call (seccomp(2)). */
		table_add_action(&t, UINT32_MAX, p->default_action);
	}
	*ret = t;
	return r;
}
