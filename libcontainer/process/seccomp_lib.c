/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program by libseccomp. In front of it goes a stub of our own, as runc has it:
 * libseccomp gives the default action (EPERM, as a rule) also to a system call that
 * didn't exist yet when the profile was written, and programs take that as "you may not"
 * where ENOSYS would make them use the older call.
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "libcontainer/process/seccomp_profile.h"

/* Rules from which a binary tree of comparisons is better than a list; of none, old
 * libseccomps make a wrong tree (runc's number and reason). */
#define TREE_FROM 32

#define X32_BIT   0x40000000U /* __X32_SYSCALL_BIT of asm/unistd.h */

/*
 * The stub. For each architecture of the profile:
 *
 *	if (arch is not this one) skip the block
 *	if (nr > the newest that the profile names) return ENOSYS
 *	go on
 *
 * x86_64 and x32 have one audit number; x32 has the numbers from 0x40000000 on.
 */
#define STUB_MAX (1 + SECCOMP_ARCHS_MAX * 8)

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

static bool has_arch(const struct seccomp_profile *p, uint32_t arch)
{
	for (size_t i = 0; i < p->archs_count; i++) {
		if (p->archs[i] == arch)
			return true;
	}
	return false;
}

static void stub_block(struct stub *s, const struct seccomp_profile *p, uint32_t arch,
		       uint32_t newest)
{
	uint32_t x32 = has_arch(p, SCMP_ARCH_X32) ? seccomp_newest(p, SCMP_ARCH_X32) : 0;
	unsigned start = s->len;

	stub_add(s, BPF_JMP | BPF_JEQ | BPF_K, arch, 0, 0);
	stub_add(s, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
	if (arch == SCMP_ARCH_X86_64) {
		/* x32's numbers are no high ones of x86_64: they have a limit of their
		 * own, or are libseccomp's to refuse. */
		stub_add(s, BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 2, 0);
		stub_limit(s, newest);
		if (x32 != 0)
			stub_limit(s, x32);
	} else {
		stub_limit(s, newest);
	}
	stub_add(s, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
	s->v[start].jf = (uint8_t)(s->len - start - 1);
}

static void make_stub(struct stub *s, const struct seccomp_profile *p)
{
	uint32_t newest;

	s->len = 0;
	if (!p->newer_is_enosys)
		return;
	stub_add(s, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
	for (size_t i = 0; i < p->archs_count; i++) {
		newest = p->archs[i] == SCMP_ARCH_X32 ? 0
						      : seccomp_newest(p, p->archs[i]);
		if (newest != 0)
			stub_block(s, p, p->archs[i], newest);
	}
}

/* The program comes out through a descriptor only (before libseccomp 2.6). */
static int export_program(scmp_filter_ctx ctx, struct arena *a,
			  const struct seccomp_profile *p, struct seccomp_program *ret,
			  struct err *e)
{
	AUTO_FD fd = memfd_create("seccomp", MFD_CLOEXEC);
	struct sock_filter *v;
	struct stub stub;
	struct stat st;
	size_t count;
	ssize_t n;
	int r;

	if (fd < 0)
		return err_sys(e, "linux.seccomp: memfd_create");
	r = seccomp_export_bpf(ctx, fd);
	if (r < 0)
		return err_code(e, r, "linux.seccomp: make the program");
	if (fstat(fd, &st) < 0)
		return err_sys(e, "linux.seccomp: stat the program");
	make_stub(&stub, p);
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
	*ret = (struct seccomp_program){v, stub.len + count};
	return 0;
}

static int add_archs(scmp_filter_ctx ctx, const struct seccomp_profile *p, struct err *e)
{
	int r;

	for (size_t i = 0; i < p->archs_count; i++) {
		r = seccomp_arch_add(ctx, p->archs[i]);
		if (r < 0 && r != -EEXIST) /* the native one is there */
			return err_code(e, r, "linux.seccomp: add architecture %#x",
					p->archs[i]);
	}
	return 0;
}

static int add_rules(scmp_filter_ctx ctx, const struct seccomp_profile *p,
		     const struct log *log, struct err *e)
{
	const struct seccomp_rule *rule;
	int nr, r;

	for (size_t i = 0; i < p->rules_count; i++) {
		rule = &p->rules[i];
		/* What does the default changes nothing; libseccomp refuses it. */
		if (rule->action == p->default_action)
			continue;
		nr = seccomp_syscall_resolve_name(rule->name);
		if (nr == __NR_SCMP_ERROR) {
			log_debug(log, "unknown seccomp syscall \"%s\" ignored",
				  rule->name);
			continue;
		}
		r = seccomp_rule_add_array(ctx, rule->action, nr, rule->count,
					   rule->conditions);
		if (r < 0 && r != -EEXIST)
			return err_code(e, r, "linux.seccomp: add a rule for %s",
					rule->name);
	}
	return 0;
}

static void context_done(scmp_filter_ctx *ctx)
{
	if (*ctx)
		seccomp_release(*ctx);
	*ctx = NULL;
}

int seccomp_lib_make(struct arena *a, const struct seccomp_profile *p,
		     struct seccomp_program *ret, const struct log *log, struct err *e)
{
	__attribute__((cleanup(context_done)))
	scmp_filter_ctx ctx = seccomp_init(p->default_action);
	int r;

	if (!ctx)
		return err_set(e, ENOMEM,
			       "linux.seccomp: libseccomp can't begin a filter");
	r = add_archs(ctx, p, e);
	if (r == 0)
		r = add_rules(ctx, p, log, e);
	/* A libseccomp before 2.5 doesn't know the attribute; the list is right too. */
	if (r == 0 && p->rules_count > TREE_FROM)
		(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	return r < 0 ? r : export_program(ctx, a, p, ret, e);
}
