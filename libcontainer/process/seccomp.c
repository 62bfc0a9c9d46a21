/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libseccomp makes the program from the profile. In front of it goes a stub of our own,
 * as runc has it: libseccomp gives the default action (EPERM, as a rule) also to a system
 * call that didn't exist yet when the profile was written, and programs take that as
 * "you may not" where ENOSYS would make them use the older call.
 */
#include "libcontainer/process/seccomp.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"

#define ARCHS_MAX 24
#define ARGS_MAX  6 /* a system call has no more */

/* Rules from which a binary tree of comparisons is better than a list; fewer than that,
 * and old libseccomps make wrong programs of none (runc's number and reason). */
#define TREE_FROM 32

#define X32_BIT   0x40000000U /* __X32_SYSCALL_BIT of asm/unistd.h */

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

struct build {
	const struct spec_seccomp *spec;
	const struct log *log;
	scmp_filter_ctx ctx;
	uint32_t default_action;
	uint32_t archs[ARCHS_MAX];
	uint32_t newest[ARCHS_MAX]; /* the highest number that the profile names */
	size_t archs_count;
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

static int add_archs(struct build *b, struct err *e)
{
	const struct strings *names = &b->spec->architectures;
	uint32_t arch;
	int r;

	b->archs[b->archs_count++] = seccomp_arch_native();
	for (size_t i = 0; i < names->count; i++) {
		arch = find_arch(names->v[i]);
		if (arch == 0)
			return err_set(e, EINVAL,
				       "linux.seccomp: unknown architecture \"%s\"",
				       names->v[i]);
		r = seccomp_arch_add(b->ctx, arch);
		if (r == -EEXIST)
			continue;
		if (r < 0)
			return err_code(e, r, "linux.seccomp: add architecture %s",
					names->v[i]);
		if (b->archs_count == ARCHS_MAX)
			return err_set(e, E2BIG, "linux.seccomp: too many architectures");
		b->archs[b->archs_count++] = arch;
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
		r = FIND_WORD(operators, "operator", a->op, &op, e);
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

struct rule {
	uint32_t action;
	struct scmp_arg_cmp *conditions;
	unsigned count;
	bool one_each; /* a rule for each condition */
};

static int add_call(struct build *b, const struct rule *rule, const char *name,
		    struct err *e)
{
	int nr = seccomp_syscall_resolve_name(name), r = 0;

	if (nr == __NR_SCMP_ERROR) {
		log_debug(b->log, "unknown seccomp syscall \"%s\" ignored", name);
		return 0;
	}
	if (!rule->one_each)
		r = seccomp_rule_add_array(b->ctx, rule->action, nr, rule->count,
					   rule->conditions);
	for (unsigned i = 0; rule->one_each && i < rule->count && r >= 0; i++)
		r = seccomp_rule_add_array(b->ctx, rule->action, nr, 1,
					   &rule->conditions[i]);
	if (r < 0 && r != -EEXIST)
		return err_code(e, r, "linux.seccomp: add a rule for %s", name);
	return 0;
}

static void note_newest(struct build *b, const char *name)
{
	int nr;

	for (size_t i = 0; i < b->archs_count; i++) {
		nr = seccomp_syscall_resolve_name_arch(b->archs[i], name);
		if (nr >= 0 && (uint32_t)nr > b->newest[i])
			b->newest[i] = (uint32_t)nr;
	}
}

static int add_rule(struct build *b, struct arena *a, const struct spec_seccomp_rule *s,
		    struct err *e)
{
	struct rule rule = {.count = (unsigned)s->args_count};
	int r;

	r = find_action(s->action, &s->errno_ret, &rule.action, e);
	if (r < 0)
		return r;
	rule.conditions = arena_array(a, s->args_count, sizeof(*rule.conditions));
	if (s->args_count > 0 && !rule.conditions)
		return err_code(e, ENOMEM, "linux.seccomp");
	r = make_conditions(s, rule.conditions, e);
	if (r < 0)
		return r;
	rule.one_each = has_argument_twice(s);
	for (size_t i = 0; i < s->names.count && r == 0; i++) {
		note_newest(b, s->names.v[i]);
		/* What does the default changes nothing; libseccomp refuses it. */
		if (rule.action != b->default_action)
			r = add_call(b, &rule, s->names.v[i], e);
	}
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

/*
 * The stub. For each architecture of the profile:
 *
 *	if (arch is not this one) skip the block
 *	if (nr > the newest that the profile names) return ENOSYS
 *	go to the program
 *
 * x86_64 and x32 have one audit number; bit 30 of nr tells them apart.
 */
#define STUB_MAX (1 + ARCHS_MAX * 7)

struct stub {
	struct sock_filter v[STUB_MAX];
	unsigned len;
};

static void stub_add(struct stub *s, unsigned code, uint32_t k, unsigned jt, unsigned jf)
{
	s->v[s->len++] = (struct sock_filter){(uint16_t)code, (uint8_t)jt, (uint8_t)jf,
					      k};
}

/* After the number was loaded. */
static void stub_limit(struct stub *s, uint32_t newest)
{
	stub_add(s, BPF_JMP | BPF_JGT | BPF_K, newest, 0, 1);
	stub_add(s, BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS, 0, 0);
}

static uint32_t newest_of(const struct build *b, uint32_t arch)
{
	for (size_t i = 0; i < b->archs_count; i++) {
		if (b->archs[i] == arch)
			return b->newest[i];
	}
	return 0;
}

static void stub_block(struct stub *s, const struct build *b, size_t i)
{
	uint32_t x32 = newest_of(b, SCMP_ARCH_X32);
	unsigned start = s->len;

	stub_add(s, BPF_JMP | BPF_JEQ | BPF_K, b->archs[i], 0, 0);
	stub_add(s, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
	if (b->archs[i] == SCMP_ARCH_X86_64) {
		/* x32's numbers are no high ones of x86_64: they have a limit of their
		 * own, or are libseccomp's to refuse. */
		stub_add(s, BPF_JMP | BPF_JSET | BPF_K, X32_BIT, 2, 0);
		stub_limit(s, b->newest[i]);
		if (x32 != 0)
			stub_limit(s, x32);
	} else {
		stub_limit(s, b->newest[i]);
	}
	stub_add(s, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
	s->v[start].jf = (uint8_t)(s->len - start - 1);
}

/* Only where the default would be a refusal other than ENOSYS. */
static bool needs_stub(const struct build *b)
{
	uint32_t action = b->default_action & SECCOMP_RET_ACTION_FULL;

	return action != SCMP_ACT_ALLOW && action != SCMP_ACT_LOG &&
	       action != SCMP_ACT_TRACE(0) && b->default_action != SCMP_ACT_ERRNO(ENOSYS);
}

static void make_stub(struct stub *s, const struct build *b)
{
	if (!needs_stub(b))
		return;
	stub_add(s, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
	for (size_t i = 0; i < b->archs_count; i++) {
		if (b->archs[i] != SCMP_ARCH_X32 && b->newest[i] != 0)
			stub_block(s, b, i);
	}
}

/* The program comes out through a descriptor only (before libseccomp 2.6). */
static int export_program(const struct build *b, struct arena *a,
			  struct seccomp_filter *ret, struct err *e)
{
	AUTO_FD fd = memfd_create("seccomp", MFD_CLOEXEC);
	struct stub stub = {.len = 0};
	struct sock_filter *v;
	size_t count;
	struct stat st;
	ssize_t n;
	int r;

	if (fd < 0)
		return err_sys(e, "linux.seccomp: memfd_create");
	r = seccomp_export_bpf(b->ctx, fd);
	if (r < 0)
		return err_code(e, r, "linux.seccomp: make the program");
	if (fstat(fd, &st) < 0)
		return err_sys(e, "linux.seccomp: stat the program");
	make_stub(&stub, b);
	count = (size_t)st.st_size / sizeof(*v);
	if (stub.len + count > BPF_MAXINSNS)
		return err_set(e, E2BIG,
			       "linux.seccomp: %zu instructions, the kernel takes %d",
			       stub.len + count, BPF_MAXINSNS);
	v = arena_array(a, stub.len + count, sizeof(*v));
	if (!v)
		return err_code(e, ENOMEM, "linux.seccomp");
	memcpy(v, stub.v, stub.len * sizeof(*v));
	n = pread(fd, v + stub.len, count * sizeof(*v), 0);
	if (n != (ssize_t)(count * sizeof(*v)))
		return n < 0 ? err_sys(e, "linux.seccomp: read the program")
			     : err_set(e, EIO, "linux.seccomp: read the program");
	ret->insns = v;
	ret->len = (unsigned short)(stub.len + count);
	return 0;
}

static void context_done(scmp_filter_ctx *ctx)
{
	if (*ctx)
		seccomp_release(*ctx);
	*ctx = NULL;
}

static int fill(struct build *b, struct arena *a, struct err *e)
{
	size_t calls = 0;
	int r;

	r = add_archs(b, e);
	for (size_t i = 0; i < b->spec->syscalls_count && r == 0; i++) {
		r = add_rule(b, a, &b->spec->syscalls[i], e);
		calls += b->spec->syscalls[i].names.count;
	}
	/* A libseccomp before 2.5 doesn't know the attribute; the list is right too. */
	if (r == 0 && calls > TREE_FROM)
		(void)seccomp_attr_set(b->ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	return r;
}

int seccomp_filter_compile(struct arena *a, const struct spec_seccomp *s,
			   struct seccomp_filter *ret, const struct log *log,
			   struct err *e)
{
	__attribute__((cleanup(context_done))) scmp_filter_ctx ctx = NULL;
	struct seccomp_filter done = {0};
	struct build b = {.spec = s, .log = log};
	int r;

	*ret = done;
	if (!s || (!s->default_action && s->syscalls_count == 0))
		return 0;
	r = find_action(s->default_action ? s->default_action : "", &s->default_errno_ret,
			&b.default_action, e);
	if (r == 0)
		r = find_flags(s, &done.flags, e);
	if (r < 0)
		return r;
	ctx = seccomp_init(b.default_action);
	if (!ctx)
		return err_set(e, ENOMEM,
			       "linux.seccomp: libseccomp can't begin a filter");
	b.ctx = ctx;
	r = fill(&b, a, e);
	if (r == 0)
		r = export_program(&b, a, &done, e);
	if (r == 0)
		*ret = done;
	return r;
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
