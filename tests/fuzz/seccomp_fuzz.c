/* SPDX-License-Identifier: Apache-2.0 */
/* Any profile: left to libseccomp, or a program that the kernel would take and that
 * answers each call with one of the profile's actions. Four bytes are a rule, and eight
 * more each of its conditions. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libcontainer/process/seccomp_profile.h"

#include "tests/unit/seccomp_run.h"

#define RULES_MAX 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint32_t archs[] = {SCMP_ARCH_X86_64, SCMP_ARCH_X86, SCMP_ARCH_X32,
				 SCMP_ARCH_AARCH64, SCMP_ARCH_ARM};
static const uint32_t actions[] = {SCMP_ACT_ALLOW, SCMP_ACT_ERRNO(1), SCMP_ACT_ERRNO(38),
				   SCMP_ACT_LOG};

static const char *name_of(struct arena *a, const uint8_t *p)
{
	char *name = seccomp_syscall_resolve_num_arch(archs[p[0] % 5],
						      p[1] | (p[2] & 1) << 8);
	const char *copy = arena_strdup(a, name ? name : "unknown");

	free(name);
	return copy;
}

/* Returns the bytes that it took, 0 at the end. */
static size_t make_rule(struct arena *a, const uint8_t *p, size_t size,
			struct seccomp_rule *ret)
{
	size_t used = 4;
	uint64_t value = 0;

	if (size < used)
		return 0;
	ret->name = name_of(a, p);
	ret->action = actions[p[3] & 3];
	ret->count = p[3] >> 2 & 3;
	ret->conditions = arena_array(a, 4, sizeof(*ret->conditions));
	if (!ret->conditions || size < used + 8 * (size_t)ret->count)
		return 0;
	for (unsigned i = 0; i < ret->count; i++, used += 8) {
		memcpy(&value, p + used, 7);
		ret->conditions[i] = (struct scmp_arg_cmp){
			.arg = i + (p[used + 7] & 3),
			.op = (enum scmp_compare)(SCMP_CMP_NE + (p[used + 7] >> 2) % 7),
			.datum_a = value,
			.datum_b = value >> 8,
		};
	}
	return used;
}

/* All jumps go forward and end inside. */
static void check_jumps(const struct seccomp_program *g)
{
	if (g->len == 0 || g->len > BPF_MAXINSNS)
		abort();
	for (size_t i = 0; i < g->len; i++) {
		const struct sock_filter *f = &g->v[i];

		if (f->code == (BPF_JMP | BPF_JA) ? i + 1 + f->k >= g->len
		    : BPF_CLASS(f->code) == BPF_JMP
			    ? i + 1 + f->jt >= g->len || i + 1 + f->jf >= g->len
			    : 0)
			abort();
	}
	if (BPF_CLASS(g->v[g->len - 1].code) != BPF_RET)
		abort();
}

static void check_answers(const struct seccomp_program *g,
			  const struct seccomp_profile *p)
{
	struct seccomp_data d = {0};
	uint32_t r;

	for (int i = 0; i < 5 * 512; i++) {
		d.arch = archs[i % 5] == SCMP_ARCH_X32 ? SCMP_ARCH_X86_64 : archs[i % 5];
		d.nr = i / 5 | (archs[i % 5] == SCMP_ARCH_X32 ? 0x40000000 : 0);
		d.args[i % 6] = (uint64_t)i * 0x100000001;
		r = seccomp_run(g->v, g->len, &d);
		if (r != actions[0] && r != actions[1] && r != actions[2] &&
		    r != actions[3] && r != SCMP_ACT_KILL_THREAD &&
		    r != p->default_action)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seccomp_profile p = {.archs = {SCMP_ARCH_X86_64}, .archs_count = 1};
	struct seccomp_program g;
	AUTO_ARENA a = {0};
	struct err e = {0};
	size_t used;
	int r;

	if (size < 2)
		return 0;
	p.default_action = actions[data[0] & 3];
	p.newer_is_enosys = data[0] & 4;
	for (size_t i = 1; i < 5; i++) {
		if (data[1] & 1 << i)
			p.archs[p.archs_count++] = archs[i];
	}
	p.rules = arena_array(&a, RULES_MAX, sizeof(*p.rules));
	if (!p.rules)
		return 0;
	for (size_t at = 2; p.rules_count < RULES_MAX; at += used, p.rules_count++) {
		used = make_rule(&a, data + at, size - at, &p.rules[p.rules_count]);
		if (used == 0)
			break;
	}
	r = seccomp_tree_make(&a, &p, &g, &e);
	if (r < 0 && r != -EOPNOTSUPP)
		abort();
	if (r == 0) {
		check_jumps(&g);
		check_answers(&g, &p);
	}
	return 0;
}
