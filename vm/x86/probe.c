/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kvm_probe(): some KVMs (software that stands in for VT-x and SVM) emulate a kernel's
 * instructions one by one, and lack those that every kernel has. The processor's flags
 * don't tell; a guest that tries them does.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "base/fd.h"
#include "vm/kvm.h"
#include "vm/memory.h"
#include "vm/x86/x86.h"

#define CODE      UINT64_C(0x100000)
#define DONE_PORT 0x600

/* Ends by writing to DONE_PORT. The page behind CODE is zeros. */
extern const char vm_probe_code[];
extern const uint32_t vm_probe_len;
__asm__(".pushsection .rodata\n"
	".code64\n"
	"vm_probe_code:\n"
	"	mov	$0x101000, %esi\n"
	"	xor	%eax, %eax\n"
	"	xor	%edx, %edx\n"
	"	lock cmpxchg16b (%rsi)\n"
	"	mov	$1, %eax\n"
	"	cpuid\n"
	"	bt	$26, %ecx\n" /* is there an XSAVE? */
	"	jnc	1f\n"
	"	mov	%cr4, %rax\n"
	"	or	$0x40000, %eax\n" /* OSXSAVE */
	"	mov	%rax, %cr4\n"
	"	mov	$3, %eax\n" /* x87 and SSE */
	"	xor	%ecx, %ecx\n"
	"	xor	%edx, %edx\n"
	"	xsetbv\n"
	"	mov	$0x101000, %esi\n"
	"	xrstor64 (%rsi)\n"
	"1:	mov	$0x600, %edx\n"
	"	out	%al, %dx\n"
	"2:	.balign	4\n"
	"vm_probe_len:\n"
	"	.long	2b - vm_probe_code\n"
	".popsection\n");

struct probe {
	int vm, vcpu;
	struct memory *mem;
	struct arch_cpuid *cpuid;
	struct kvm_run *run;
	size_t run_size;
};

static void probe_done(struct probe *p)
{
	if (p->run)
		(void)munmap(p->run, p->run_size);
	fd_close(&p->vcpu);
	fd_close(&p->vm);
	memory_free(p->mem);
	arch_cpuid_free(p->cpuid);
}

/* The code, and page tables that map the first 2 MiB onto themselves. */
static int load(struct memory *m, struct err *e)
{
	static const struct {
		uint64_t gpa, entry;
	} tables[] = {
		{X86_PAGE_TABLES, (X86_PAGE_TABLES + 0x1000) | 3},
		{X86_PAGE_TABLES + 0x1000, (X86_PAGE_TABLES + 0x2000) | 3},
		{X86_PAGE_TABLES + 0x2000, 0x83},
	};
	int r = memory_write(m, CODE, vm_probe_code, vm_probe_len);

	for (unsigned i = 0; r == 0 && i < 3; i++)
		r = memory_write(m, tables[i].gpa, &tables[i].entry, 8);
	return r < 0 ? err_code(e, r, "kvm: load the probe") : 0;
}

static int probe_new(struct probe *p, int kvm_fd, struct err *e)
{
	struct memory_config mc = {.size = 0x200000, .fd = -1};
	struct arch_boot boot = {.kernel = {.entry = CODE}};
	struct arch_cpu_config cc = {.vcpus_max = 1};
	void *run;
	int r;

	p->vm = kvm_create(kvm_fd, e);
	if (p->vm < 0)
		return p->vm;
	r = memory_new(p->vm, &mc, &p->mem, e);
	if (r == 0)
		r = arch_cpuid_new(kvm_fd, NULL, 0, &p->cpuid, e);
	if (r == 0)
		r = kvm_run_size(kvm_fd, &p->run_size, e);
	if (r == 0)
		r = load(p->mem, e);
	if (r < 0)
		return r;
	p->vcpu = ioctl(p->vm, KVM_CREATE_VCPU, 0UL);
	if (p->vcpu < 0)
		return err_sys(e, "kvm: create a vCPU");
	run = mmap(NULL, p->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, p->vcpu, 0);
	if (run == MAP_FAILED)
		return err_sys(e, "kvm: map a vCPU's structure");
	p->run = run;
	cc.cpuid = p->cpuid;
	r = arch_cpu_init(p->vcpu, &cc, e);
	return r < 0 ? r : arch_cpu_boot(p->vcpu, &boot, e);
}

static int probe_run(const struct probe *p, struct err *e)
{
	char where[320];
	int r;

	do {
		r = ioctl(p->vcpu, KVM_RUN, 0);
	} while (r < 0 && (errno == EINTR || errno == EAGAIN));
	if (r < 0)
		return err_sys(e, "kvm: run the probe");
	if (p->run->exit_reason == KVM_EXIT_IO && p->run->io.port == DONE_PORT)
		return 0;
	arch_cpu_describe(p->vcpu, p->mem, where, sizeof(where));
	return err_set(e, ENOTSUP,
		       "this KVM can't run a stock kernel: it stopped (exit %u) at %s",
		       p->run->exit_reason, where);
}

int kvm_probe(int kvm_fd, struct err *e)
{
	struct probe p = {.vm = -1, .vcpu = -1};
	int r = kvm_check(kvm_fd, e);

	if (r == 0)
		r = probe_new(&p, kvm_fd, e);
	if (r == 0)
		r = probe_run(&p, e);
	probe_done(&p);
	return r;
}
