/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A profile as a binary search. libseccomp takes 10 to 40 ms for the profile that docker
 * and podman give each container (measured: 437 names for three architectures), which is
 * more than all the rest of a start; this takes a part of a millisecond, and its programs
 * are shorter. The unit test compares what both answer.
 *
 * For each audit number (AUDIT_ARCH_*) the range of system call numbers is cut into
 * intervals of one answer each:
 *
 *	0 default, 3 allow, 7 default, 8 allow, ... 450 ENOSYS, 0x40000000 kill
 *
 * and the program is a tree of "nr >= start of the right half?". A number whose rules
 * look at arguments is an interval of its own, whose leaf makes the comparisons. What is
 * newer than the profile is the last interval (see newer_is_enosys).
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <string.h>

#include "libcontainer/process/seccomp_table.h"

/* Of the seccomp_data that the program reads: all architectures here are little-endian.
 */
#define AT_NR     offsetof(struct seccomp_data, nr)
#define AT_ARCH   offsetof(struct seccomp_data, arch)
#define AT_LOW(i) (offsetof(struct seccomp_data, args) + 8 * (size_t)(i))

struct code {
	struct sock_filter *v;
	size_t len, cap; /* what is past cap is only counted */
};

static void emit(struct code *c, unsigned code, uint64_t k, size_t jt, size_t jf)
{
	if (c->len < c->cap)
		c->v[c->len] = (struct sock_filter){(uint16_t)code, (uint8_t)jt,
						    (uint8_t)jf, (uint32_t)k};
	c->len++;
}

static void emit_return(struct code *c, uint32_t action)
{
	emit(c, BPF_RET | BPF_K, action, 0, 0);
}

/* Targets of jumps that aren't known yet. */
#define FAIL 255 /* the next rule */
#define PASS 254 /* the next condition */

static void resolve(struct code *c, size_t from, unsigned target)
{
	for (size_t i = from; i < c->len && i < c->cap; i++) {
		if (BPF_CLASS(c->v[i].code) != BPF_JMP)
			continue;
		if (c->v[i].jt == target)
			c->v[i].jt = (uint8_t)(c->len - i - 1);
		if (c->v[i].jf == target)
			c->v[i].jf = (uint8_t)(c->len - i - 1);
	}
}

/* Bits of the value outside of the mask don't count, as with libseccomp. */
static uint64_t value_of(const struct scmp_arg_cmp *x)
{
	return x->op == SCMP_CMP_MASKED_EQ ? x->datum_b & x->datum_a : x->datum_a;
}

static void emit_half(struct code *c, const struct scmp_arg_cmp *x, bool high)
{
	uint64_t mask = high ? x->datum_a >> 32 : x->datum_a & UINT32_MAX;

	emit(c, BPF_LD | BPF_W | BPF_ABS, AT_LOW(x->arg) + (high ? 4 : 0), 0, 0);
	if (x->op == SCMP_CMP_MASKED_EQ)
		emit(c, BPF_ALU | BPF_AND | BPF_K, mask, 0, 0);
}

/* What the high half alone decides; else it goes on to the low one. */
static void emit_high(struct code *c, const struct scmp_arg_cmp *x)
{
	uint64_t value = value_of(x) >> 32;
	bool less = x->op == SCMP_CMP_LT || x->op == SCMP_CMP_LE;
	bool more = x->op == SCMP_CMP_GT || x->op == SCMP_CMP_GE;

	emit_half(c, x, true);
	if (less || more)
		emit(c, BPF_JMP | BPF_JGT | BPF_K, value, less ? FAIL : PASS, 0);
	emit(c, BPF_JMP | BPF_JEQ | BPF_K, value, 0,
	     less || x->op == SCMP_CMP_NE ? PASS : FAIL);
}

static void emit_low(struct code *c, const struct scmp_arg_cmp *x)
{
	uint64_t value = value_of(x) & UINT32_MAX;
	unsigned jump = BPF_JEQ;
	bool negate = false;

	switch (x->op) {
	case SCMP_CMP_NE:
		negate = true;
		break;
	case SCMP_CMP_LT:
		jump = BPF_JGE;
		negate = true;
		break;
	case SCMP_CMP_LE:
		jump = BPF_JGT;
		negate = true;
		break;
	case SCMP_CMP_GE:
		jump = BPF_JGE;
		break;
	case SCMP_CMP_GT:
		jump = BPF_JGT;
		break;
	default:
		break;
	}
	emit_half(c, x, false);
	emit(c, BPF_JMP | jump | BPF_K, value, negate ? FAIL : 0, negate ? 0 : FAIL);
}

/* At most 6 conditions of 7 instructions: all jumps are short. */
static void emit_rule(struct code *c, const struct seccomp_rule *rule, bool is_32)
{
	size_t start = c->len, condition;

	for (unsigned i = 0; i < rule->count; i++) {
		condition = c->len;
		if (!is_32)
			emit_high(c, &rule->conditions[i]);
		emit_low(c, &rule->conditions[i]);
		resolve(c, condition, PASS);
	}
	emit_return(c, rule->action);
	resolve(c, start, FAIL);
}

static void emit_leaf(struct code *c, const struct seccomp_interval *v)
{
	for (size_t i = 0; i < v->rules_count; i++)
		emit_rule(c, v->rules[i].rule, v->is_32);
	emit_return(c, v->action);
}

/*
 * A part of the tree that is small enough for short jumps shares its returns: they come
 * at its end, one for each answer.
 */
#define CHUNK_MAX   250
#define ANSWERS_MAX 16 /* in a chunk */

struct chunk {
	uint32_t answers[ANSWERS_MAX];
	size_t answers_count;
	struct {
		size_t at;    /* the instruction that jumps */
		bool if_true; /* by its jt, else by its jf */
		uint32_t answer;
	} jumps[CHUNK_MAX * 2];
	size_t jumps_count;
};

static bool is_plain(const struct seccomp_interval *v, size_t count)
{
	return count == 1 && !v->rules;
}

/* Its size, and what it answers; more than CHUNK_MAX if it isn't one. */
static size_t chunk_init(struct chunk *k, const struct seccomp_interval *v, size_t count)
{
	size_t size = count - 1, j;

	k->answers_count = 0;
	k->jumps_count = 0;
	for (size_t i = 0; i < count && size <= CHUNK_MAX; i++) {
		if (v[i].rules) {
			size += v[i].size;
			continue;
		}
		for (j = 0; j < k->answers_count && k->answers[j] != v[i].action; j++)
			;
		if (j < k->answers_count)
			continue;
		if (j == ANSWERS_MAX)
			return SIZE_MAX;
		k->answers[k->answers_count++] = v[i].action;
		size++;
	}
	return size;
}

static void set_target(struct code *c, size_t at, bool if_true, size_t target)
{
	if (at >= c->cap)
		return;
	if (if_true)
		c->v[at].jt = (uint8_t)(target - at - 1);
	else
		c->v[at].jf = (uint8_t)(target - at - 1);
}

static void emit_node(struct code *c, struct chunk *k, const struct seccomp_interval *v,
		      size_t count);

static void emit_child(struct code *c, struct chunk *k, const struct seccomp_interval *v,
		       size_t count, size_t at, bool if_true)
{
	if (is_plain(v, count)) {
		k->jumps[k->jumps_count].at = at;
		k->jumps[k->jumps_count].if_true = if_true;
		k->jumps[k->jumps_count++].answer = v->action;
	} else {
		set_target(c, at, if_true, c->len);
		emit_node(c, k, v, count);
	}
}

/* Recursive, but only as deep as the binary logarithm of CHUNK_MAX. */
/* NOLINTNEXTLINE(misc-no-recursion) */
static void emit_node(struct code *c, struct chunk *k, const struct seccomp_interval *v,
		      size_t count)
{
	size_t at = c->len;

	if (count == 1) {
		emit_leaf(c, v);
		return;
	}
	emit(c, BPF_JMP | BPF_JGE | BPF_K, v[count / 2].start, 0, 0);
	emit_child(c, k, v, count / 2, at, false);
	emit_child(c, k, v + count / 2, count - count / 2, at, true);
}

static void emit_chunk(struct code *c, struct chunk *k, const struct seccomp_interval *v,
		       size_t count)
{
	if (is_plain(v, count)) {
		emit_return(c, v->action);
		return;
	}
	emit_node(c, k, v, count);
	for (size_t i = 0; i < k->answers_count; i++) {
		for (size_t j = 0; j < k->jumps_count; j++) {
			if (k->jumps[j].answer == k->answers[i])
				set_target(c, k->jumps[j].at, k->jumps[j].if_true,
					   c->len);
		}
		emit_return(c, k->answers[i]);
	}
}

static size_t tree_size(const struct seccomp_interval *v, size_t count)
{
	struct chunk k;
	size_t left, size = chunk_init(&k, v, count);

	if (size <= CHUNK_MAX || count == 1)
		return size;
	left = tree_size(v, count / 2);
	return 1 + (left > UINT8_MAX) + left +
	       tree_size(v + count / 2, count - count / 2);
}

static void emit_tree(struct code *c, const struct seccomp_interval *v, size_t count)
{
	const struct seccomp_interval *right = v + count / 2;
	struct chunk k;
	size_t left;

	if (chunk_init(&k, v, count) <= CHUNK_MAX || count == 1) {
		emit_chunk(c, &k, v, count);
		return;
	}
	left = tree_size(v, count / 2);
	if (left <= UINT8_MAX) {
		emit(c, BPF_JMP | BPF_JGE | BPF_K, right->start, left, 0);
	} else {
		emit(c, BPF_JMP | BPF_JGE | BPF_K, right->start, 0, 1);
		emit(c, BPF_JMP | BPF_JA, left, 0, 0);
	}
	emit_tree(c, v, count / 2);
	emit_tree(c, right, count - count / 2);
}

/* All of one audit number. */
static void emit_table(struct code *c, uint32_t arch, struct seccomp_table *t)
{
	struct code count;
	size_t size;

	for (size_t i = 0; i < t->count; i++) {
		count = (struct code){0};
		emit_leaf(&count, &t->v[i]);
		t->v[i].size = count.len;
	}
	size = 1 + tree_size(t->v, t->count);
	emit(c, BPF_JMP | BPF_JEQ | BPF_K, arch, 1, 0);
	emit(c, BPF_JMP | BPF_JA, size, 0, 0);
	emit(c, BPF_LD | BPF_W | BPF_ABS, AT_NR, 0, 0);
	emit_tree(c, t->v, t->count);
}

static int emit_program(struct code *c, const struct seccomp_profile *p,
			struct arena *tmp)
{
	struct seccomp_table t;
	int r = 0;

	emit(c, BPF_LD | BPF_W | BPF_ABS, AT_ARCH, 0, 0);
	for (size_t i = 0; i < p->archs_count && r == 0; i++) {
		if (p->archs[i] == SCMP_ARCH_X32)
			continue;
		r = seccomp_table_make(tmp, p, p->archs[i], &t);
		if (r == 0)
			emit_table(c, p->archs[i], &t);
	}
	/* As libseccomp answers an architecture that isn't in the profile. */
	emit_return(c, SCMP_ACT_KILL_THREAD);
	return r < 0 ? r : c->len > BPF_MAXINSNS ? -EOPNOTSUPP : 0;
}

int seccomp_tree_make(struct arena *a, const struct seccomp_profile *p,
		      struct seccomp_program *ret, struct err *e)
{
	struct sock_filter buf[BPF_MAXINSNS];
	struct code c = {buf, 0, BPF_MAXINSNS};
	AUTO_ARENA tmp = {0};
	struct sock_filter *v;
	int r;

	r = seccomp_table_can(p) ? emit_program(&c, p, &tmp) : -EOPNOTSUPP;
	if (r < 0)
		return err_code(e, r, "linux.seccomp");
	v = arena_array(a, c.len, sizeof(*v));
	if (!v)
		return err_code(e, ENOMEM, "linux.seccomp");
	memcpy(v, buf, c.len * sizeof(*v));
	*ret = (struct seccomp_program){v, c.len};
	return 0;
}
