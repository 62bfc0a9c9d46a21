/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/cgroup/devices.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"

#define ANY   (-1)
#define READ  BPF_DEVCG_ACC_READ
#define WRITE BPF_DEVCG_ACC_WRITE
#define MKNOD BPF_DEVCG_ACC_MKNOD
#define ALL   (READ | WRITE | MKNOD)

struct rule {
	int type;             /* BPF_DEVCG_DEV_*, or ANY */
	int access;           /* READ | WRITE | MKNOD */
	int64_t major, minor; /* or ANY */
};

struct rule_set {
	bool allow; /* the default; the rules are exceptions from it */
	struct rule *v;
	size_t count;
};

/* What each container may do, whatever its spec says (runc's list): make any node, use
 * the harmless ones, and terminals of its devpts. */
static const struct rule default_rules[] = {
	{BPF_DEVCG_DEV_CHAR, MKNOD, ANY, ANY}, {BPF_DEVCG_DEV_BLOCK, MKNOD, ANY, ANY},
	{BPF_DEVCG_DEV_CHAR, ALL, 1, 3},     /* null */
	{BPF_DEVCG_DEV_CHAR, ALL, 1, 8},     /* random */
	{BPF_DEVCG_DEV_CHAR, ALL, 1, 7},     /* full */
	{BPF_DEVCG_DEV_CHAR, ALL, 5, 0},     /* tty */
	{BPF_DEVCG_DEV_CHAR, ALL, 1, 5},     /* zero */
	{BPF_DEVCG_DEV_CHAR, ALL, 1, 9},     /* urandom */
	{BPF_DEVCG_DEV_CHAR, ALL, 136, ANY}, /* pts */
	{BPF_DEVCG_DEV_CHAR, ALL, 5, 2},     /* ptmx */
	{BPF_DEVCG_DEV_CHAR, ALL, 10, 200},  /* net/tun */
};

/* As in a spec: "c 136:* rwm". */
static const char *rule_text(const struct rule *r, char buf[64])
{
	char major[24] = "*", minor[24] = "*";

	if (r->major != ANY)
		(void)snprintf(major, sizeof(major), "%" PRId64, r->major);
	if (r->minor != ANY)
		(void)snprintf(minor, sizeof(minor), "%" PRId64, r->minor);
	(void)snprintf(buf, 64, "%c %s:%s %s%s%s",
		       r->type == BPF_DEVCG_DEV_CHAR ? 'c' : 'b', major, minor,
		       r->access & READ ? "r" : "", r->access & WRITE ? "w" : "",
		       r->access & MKNOD ? "m" : "");
	return buf;
}

static struct rule *set_find(struct rule_set *s, int type, int64_t major, int64_t minor)
{
	for (size_t i = 0; i < s->count; i++) {
		struct rule *r = &s->v[i];

		if (r->type == type && r->major == major && r->minor == minor)
			return r;
	}
	return NULL;
}

static void set_add(struct rule_set *s, const struct rule *new)
{
	struct rule *r = set_find(s, new->type, new->major, new->minor);

	if (r)
		r->access |= new->access;
	else
		s->v[s->count++] = *new;
}

/* Takes an exception back. One that a wider exception covers can't be: the set has no
 * order, so it would silently stay. */
static int set_remove(struct rule_set *s, const struct rule *old, struct err *e)
{
	const int64_t wider[][2] = {
		{ANY, old->minor},
		{old->major, ANY},
		{ANY, ANY},
	};
	char text[64], wide_text[64];
	struct rule *r;

	for (size_t i = 0; i < ARRAY_LEN(wider); i++) {
		if (wider[i][0] == old->major && wider[i][1] == old->minor)
			continue;
		r = set_find(s, old->type, wider[i][0], wider[i][1]);
		if (r && r->access & old->access)
			return err_set(
				e, EINVAL,
				"linux.resources.devices: rule [%s] cannot punch a "
				"hole in the existing wildcard rule [%s]",
				rule_text(old, text), rule_text(r, wide_text));
	}
	r = set_find(s, old->type, old->major, old->minor);
	if (!r)
		return 0;
	r->access &= ~old->access;
	if (r->access == 0)
		*r = s->v[--s->count];
	return 0;
}

static int set_apply(struct rule_set *s, const struct rule *r, bool allow, struct err *e)
{
	if (r->type == ANY) { /* whatever its numbers and access are, as on v1 */
		s->allow = allow;
		s->count = 0;
		return 0;
	}
	if (allow == s->allow)
		return set_remove(s, r, e);
	set_add(s, r);
	return 0;
}

static int parse_number(const struct opt_i64 *o, int64_t *ret)
{
	*ret = o->set ? o->v : ANY;
	return *ret < ANY || *ret > UINT32_MAX ? -EINVAL : 0;
}

static int parse_access(const char *s)
{
	int access = 0;

	for (; s && *s; s++) {
		if (*s == 'r')
			access |= READ;
		else if (*s == 'w')
			access |= WRITE;
		else if (*s == 'm')
			access |= MKNOD;
		else
			return -EINVAL;
	}
	return access ? access : ALL;
}

static int parse_rule(const struct spec_device_rule *d, size_t i, struct rule *ret,
		      struct err *e)
{
	const char *type = d->type && *d->type ? d->type : "a";

	if (str_eq(type, "a"))
		ret->type = ANY;
	else if (str_eq(type, "c"))
		ret->type = BPF_DEVCG_DEV_CHAR;
	else if (str_eq(type, "b"))
		ret->type = BPF_DEVCG_DEV_BLOCK;
	else
		return err_set(
			e, EINVAL,
			"linux.resources.devices[%zu].type: \"%s\" is not a, b or c", i,
			type);
	if (parse_number(&d->major, &ret->major) < 0)
		return err_set(e, EINVAL, "linux.resources.devices[%zu].major: %" PRId64,
			       i, d->major.v);
	if (parse_number(&d->minor, &ret->minor) < 0)
		return err_set(e, EINVAL, "linux.resources.devices[%zu].minor: %" PRId64,
			       i, d->minor.v);
	ret->access = parse_access(d->access);
	if (ret->access < 0)
		return err_set(
			e, EINVAL,
			"linux.resources.devices[%zu].access: \"%s\" has more than r, "
			"w and m",
			i, d->access);
	return 0;
}

static int set_fill(struct rule_set *s, const struct spec_device_rule *rules,
		    size_t count, struct err *e)
{
	struct rule rule = {0};
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++) {
		r = parse_rule(&rules[i], i, &rule, e);
		if (r == 0)
			r = set_apply(s, &rule, rules[i].allow, e);
	}
	for (size_t i = 0; i < ARRAY_LEN(default_rules) && r == 0; i++)
		r = set_apply(s, &default_rules[i], true, e);
	return r;
}

/*
 * Emission. r2 is the type, r3 the access that is asked for, r4 the major and r5 the
 * minor number; the result is r0: 1 to let it happen.
 *
 * A rule collects in r0 all that differs, and jumps once. With a jump for each comparison
 * the verifier would learn from each what r4 or r5 is, and walk the rest of the program
 * again for each: a few hundred rules were too complex for it.
 */
#define INSNS_START 6
#define INSNS_RULE  14
#define INSNS_END   2

static void emit(struct device_filter *f, unsigned code, unsigned dst, unsigned src,
		 int imm)
{
	f->insns[f->count++] = (struct bpf_insn){
		.code = (uint8_t)code,
		.dst_reg = dst & 0xf,
		.src_reg = src & 0xf,
		.imm = imm,
	};
}

static void emit_load(struct device_filter *f, unsigned reg, size_t field)
{
	emit(f, BPF_LDX | BPF_MEM | BPF_W, reg, BPF_REG_1, 0);
	f->insns[f->count - 1].off = (int16_t)field;
}

static void emit_start(struct device_filter *f)
{
	emit_load(f, BPF_REG_2, offsetof(struct bpf_cgroup_dev_ctx, access_type));
	emit(f, BPF_ALU | BPF_MOV | BPF_X, BPF_REG_3, BPF_REG_2, 0);
	emit(f, BPF_ALU | BPF_AND | BPF_K, BPF_REG_2, 0, 0xffff);
	emit(f, BPF_ALU | BPF_RSH | BPF_K, BPF_REG_3, 0, 16);
	emit_load(f, BPF_REG_4, offsetof(struct bpf_cgroup_dev_ctx, major));
	emit_load(f, BPF_REG_5, offsetof(struct bpf_cgroup_dev_ctx, minor));
}

static void emit_result(struct device_filter *f, bool allow)
{
	emit(f, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, allow);
	emit(f, BPF_JMP | BPF_EXIT, 0, 0, 0);
}

/* r0 |= reg ^ value */
static void emit_differs(struct device_filter *f, unsigned reg, int64_t value)
{
	emit(f, BPF_ALU | BPF_MOV | BPF_X, BPF_REG_1, reg, 0);
	emit(f, BPF_ALU | BPF_XOR | BPF_K, BPF_REG_1, 0, (int32_t)(uint32_t)value);
	emit(f, BPF_ALU | BPF_OR | BPF_X, BPF_REG_0, BPF_REG_1, 0);
}

/* An exception that allows holds if it has all that is asked for; one that denies, if it
 * has any of it: to open for reading and writing asks for both at once. */
static void emit_access(struct device_filter *f, int access, bool allow)
{
	if (access == ALL)
		return;
	emit(f, BPF_ALU | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_3, 0);
	emit(f, BPF_ALU | BPF_AND | BPF_K, BPF_REG_1, 0, allow ? ALL & ~access : access);
	if (allow)
		emit(f, BPF_ALU | BPF_OR | BPF_X, BPF_REG_0, BPF_REG_1, 0);
	else
		emit(f, BPF_JMP32 | BPF_JEQ | BPF_K, BPF_REG_1, 0, 0);
}

static void emit_rule(struct device_filter *f, const struct rule *r, bool allow)
{
	size_t start = f->count;

	emit(f, BPF_ALU | BPF_MOV | BPF_X, BPF_REG_0, BPF_REG_2, 0);
	emit(f, BPF_ALU | BPF_XOR | BPF_K, BPF_REG_0, 0, r->type);
	if (r->major != ANY)
		emit_differs(f, BPF_REG_4, r->major);
	if (r->minor != ANY)
		emit_differs(f, BPF_REG_5, r->minor);
	emit_access(f, r->access, allow);
	emit(f, BPF_JMP32 | BPF_JNE | BPF_K, BPF_REG_0, 0, 0);
	emit_result(f, allow);
	/* The jumps go to what comes next. */
	for (size_t i = start; i < f->count; i++) {
		if (BPF_CLASS(f->insns[i].code) == BPF_JMP32)
			f->insns[i].off = (int16_t)(f->count - i - 1);
	}
}

int device_filter_make(const struct spec_device_rule *rules, size_t count,
		       struct device_filter *ret, struct err *e)
{
	AUTO_ARENA tmp = {0};
	struct rule_set s = {.allow = false};
	struct device_filter f = {0};
	int r;

	if (count > DEVICE_RULES_MAX - ARRAY_LEN(default_rules))
		return err_set(e, E2BIG, "linux.resources.devices: more than %zu rules",
			       DEVICE_RULES_MAX - ARRAY_LEN(default_rules));
	s.v = arena_array(&tmp, count + ARRAY_LEN(default_rules), sizeof(*s.v));
	if (!s.v)
		return err_code(e, ENOMEM, "linux.resources.devices");
	r = set_fill(&s, rules, count, e);
	if (r < 0)
		return r;
	f.insns = calloc(INSNS_START + s.count * INSNS_RULE + INSNS_END,
			 sizeof(*f.insns));
	if (!f.insns)
		return err_code(e, ENOMEM, "linux.resources.devices");
	emit_start(&f);
	for (size_t i = 0; i < s.count; i++)
		emit_rule(&f, &s.v[i], !s.allow);
	emit_result(&f, s.allow);
	*ret = f;
	return 0;
}

void device_filter_done(struct device_filter *f)
{
	free(f->insns);
	*f = (struct device_filter){0};
}
