/* SPDX-License-Identifier: Apache-2.0 */
/* A guest of a few instructions is saved in the middle and goes on in another VM. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "vm/kvm.h"
#include "vm/state.h"
#include "vm/vcpu.h"
#include "vm/x86/msrs.h"

#include "tests/unit/tap.h"

#define PORT 0x80
#define CODE 0x1000

/* Counts up in eax, and tells each number. Real mode: inc eax; out 0x80, eax; jmp. */
static const uint8_t counter[] = {0x66, 0x40, 0x66, 0xe7, PORT, 0xeb, 0xfa};

struct machine {
	int kvm, vm;
	struct memory *mem;
	struct bus pio, mmio;
	struct arch_cpuid *cpuid;
	struct arch_host *host;
	struct vcpus *cpus;
	struct arch_cpu_config cpu;

	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint32_t first, last; /* numbers that the guest told */
	unsigned told, skipped;
};

static void tell(void *arg, uint64_t off, void *data, unsigned len, bool write)
{
	struct machine *m = arg;
	uint32_t n;

	(void)off;
	if (!write || len != 4)
		return;
	memcpy(&n, data, sizeof(n));
	(void)pthread_mutex_lock(&m->lock);
	if (m->told++ == 0)
		m->first = n;
	else if (n != m->last + 1)
		m->skipped++;
	m->last = n;
	(void)pthread_cond_broadcast(&m->changed);
	(void)pthread_mutex_unlock(&m->lock);
}

static void ended(void *arg, enum vm_end why, const char *text)
{
	(void)arg;
	printf("# ended: %d %s\n", (int)why, text);
	CHECK(why == VM_END_SHUTDOWN);
}

static int machine_init(struct machine *m, struct err *e)
{
	struct memory_config mc = {.size = 2 << 20, .fd = -1};
	struct vcpus_config c = {.count = 1, .ended = ended, .arg = m};
	int r;

	memset(m, 0, sizeof(*m));
	m->vm = -1;
	(void)pthread_mutex_init(&m->lock, NULL);
	(void)pthread_cond_init(&m->changed, NULL);
	m->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (m->kvm < 0)
		return err_sys(e, "open /dev/kvm");
	m->vm = kvm_create(m->kvm, e);
	if (m->vm < 0)
		return m->vm;
	r = memory_new(m->vm, &mc, &m->mem, e);
	if (r == 0)
		r = arch_cpuid_new(m->kvm, NULL, 0, &m->cpuid, e);
	if (r == 0)
		r = arch_host_new(m->kvm, &m->host, e);
	if (r == 0)
		r = bus_add(&m->pio, PORT, 4, tell, m, e);
	if (r < 0)
		return r;
	c.kvm_fd = m->kvm;
	c.vm_fd = m->vm;
	c.mem = m->mem;
	c.pio = &m->pio;
	c.mmio = &m->mmio;
	c.cpuid = m->cpuid;
	m->cpu = (struct arch_cpu_config){0, 1, m->cpuid};
	return vcpus_new(&c, &m->cpus, e);
}

static void machine_done(struct machine *m)
{
	vcpus_free(m->cpus);
	memory_free(m->mem);
	arch_cpuid_free(m->cpuid);
	arch_host_free(m->host);
	fd_close(&m->vm);
	fd_close(&m->kvm);
	(void)pthread_mutex_destroy(&m->lock);
	(void)pthread_cond_destroy(&m->changed);
}

static void load_counter(struct machine *m)
{
	struct kvm_regs regs = {.rip = CODE, .rflags = 2};
	struct kvm_sregs s;
	int fd = vcpus_fd(m->cpus, 0);

	CHECK(memory_write(m->mem, CODE, counter, sizeof(counter)) == 0);
	CHECK(ioctl(fd, KVM_GET_SREGS, &s) == 0);
	s.cs.base = 0;
	s.cs.selector = 0;
	CHECK(ioctl(fd, KVM_SET_SREGS, &s) == 0 && ioctl(fd, KVM_SET_REGS, &regs) == 0);
}

/* Lets it run until it has told so many numbers more. */
static void run(struct machine *m, unsigned more)
{
	unsigned until;

	(void)pthread_mutex_lock(&m->lock);
	until = m->told + more;
	(void)pthread_mutex_unlock(&m->lock);
	vcpus_resume(m->cpus);
	(void)pthread_mutex_lock(&m->lock);
	while (m->told < until)
		(void)pthread_cond_wait(&m->changed, &m->lock);
	(void)pthread_mutex_unlock(&m->lock);
	vcpus_pause(m->cpus);
}

static int save(struct machine *m, struct state_writer *w, struct err *e)
{
	int r = arch_cpu_save(vcpus_fd(m->cpus, 0), m->host, &m->cpu, w, e);

	return r < 0 ? r : arch_vm_save(m->vm, w, e);
}

static int restore(struct machine *m, const void *data, size_t len, struct err *e)
{
	struct state_reader *r = NULL;
	int n = state_reader_new(data, len, &r, e);

	if (n == 0)
		n = arch_cpu_restore(vcpus_fd(m->cpus, 0), m->host, &m->cpu, r, e);
	if (n == 0)
		n = arch_vm_restore(m->vm, r, e);
	state_reader_free(r);
	return n;
}

static bool no_kvm(void)
{
	return access("/dev/kvm", R_OK | W_OK) < 0;
}

static void goes_on_elsewhere(void)
{
	struct state_writer *w = state_writer_new();
	struct err e = {0};
	struct machine a = {0}, b = {0};
	const void *data = NULL;
	size_t len = 0;

	if (no_kvm()) {
		state_writer_free(w);
		SKIP("no /dev/kvm");
	}
	CHECK(machine_init(&a, &e) == 0 && machine_init(&b, &e) == 0);
	CHECK_STR(e.text, "");
	load_counter(&a);
	CHECK(vcpus_spawn(a.cpus, &e) == 0 && vcpus_spawn(b.cpus, &e) == 0);
	run(&a, 100);
	CHECK(save(&a, w, &e) == 0);
	CHECK(state_finish(w, &data, &len, &e) == 0);
	memcpy(memory_at(b.mem, 0, 2 << 20), memory_at(a.mem, 0, 2 << 20), 2 << 20);
	CHECK(restore(&b, data, len, &e) == 0);
	CHECK_STR(e.text, "");
	run(&b, 100);
	CHECK(b.first == a.last + 1 && a.skipped == 0 && b.skipped == 0);
	/* The first isn't any worse for it. */
	run(&a, 10);
	CHECK(a.skipped == 0);
	machine_done(&a);
	machine_done(&b);
	state_writer_free(w);
}

static void refuses_other_processors(void)
{
	static const struct vm_cpuid_mask less = {1, 0, 3, 1}; /* no FPU */
	struct state_writer *w = state_writer_new();
	struct err e = {0};
	struct machine a = {0};
	const void *data = NULL;
	size_t len = 0;

	if (no_kvm()) {
		state_writer_free(w);
		SKIP("no /dev/kvm");
	}
	CHECK(machine_init(&a, &e) == 0);
	load_counter(&a);
	CHECK(save(&a, w, &e) == 0 && state_finish(w, &data, &len, &e) == 0);
	a.cpu.vcpus_max = 2;
	CHECK(restore(&a, data, len, &e) < 0 && strstr(e.text, "another processor"));
	a.cpu.vcpus_max = 1;
	CHECK(restore(&a, data, len, &e) == 0);
	e = (struct err){0};
	arch_cpuid_free(a.cpuid);
	CHECK(arch_cpuid_new(a.kvm, &less, 1, &a.cpuid, &e) == 0);
	a.cpu.cpuid = a.cpuid;
	CHECK(restore(&a, data, len, &e) < 0 && strstr(e.text, "CPUID leaf 0x1,"));
	machine_done(&a);
	state_writer_free(w);
}

/* Those that a host may set are more than those that a guest may. */
static void refuses_msrs_that_were_never_saved(void)
{
	const struct msr_list list = {.count = 1, .index = {0x10}};
	struct state_writer *w = state_writer_new();
	struct state_reader *r = NULL;
	const void *data = NULL;
	struct err e = {0};
	size_t len = 0;

	state_begin(w, "msrs", 0);
	state_put_u32(w, 2);
	state_put_u32(w, 0x10);
	state_put_u64(w, 1);
	state_put_u32(w, 0x10a); /* ARCH_CAPABILITIES */
	state_put_u64(w, 1);
	state_end(w);
	CHECK(state_finish(w, &data, &len, &e) == 0);
	CHECK(state_reader_new(data, len, &r, &e) == 0);
	state_enter(r, "msrs", 0);
	CHECK(msrs_restore(-1, &list, r, &e) == -EINVAL);
	CHECK(strstr(e.text, "MSR 0x10a") != NULL);
	state_reader_free(r);
	state_writer_free(w);
}

static const struct test tests[] = {
	{"a saved vCPU goes on in another VM where it was", goes_on_elsewhere},
	{"what another processor model saved is refused, by the leaf that differs",
	 refuses_other_processors},
	{"MSRs that are never saved are refused", refuses_msrs_that_were_never_saved},
};
TEST_MAIN(tests)
