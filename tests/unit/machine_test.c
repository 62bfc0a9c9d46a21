/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>

#include "base/str.h"
#include "vm/plan.h"

#include "tests/unit/machine_world.h"

GUEST(power_off,
      SAY "	mov $0x600, %edx\n	mov $0x34, %al\n	out %al, %dx\n" HALT);
GUEST(reset, SAY "	mov $0x602, %edx\n	mov $1, %al\n	out %al, %dx\n" HALT);
GUEST(reset_i8042, SAY "	mov $0xfe, %al\n	out %al, $0x64\n" HALT);
GUEST(panicked, SAY "	mov $0x505, %edx\n	mov $1, %al\n	out %al, %dx\n" HALT);
GUEST(triple_fault, SAY "	lidt 4f(%rip)\n	ud2\n4:	.word 0\n	.quad 0\n");
GUEST(astray, SAY "	mov $0xd0000000, %eax\n	jmp *%rax\n");
GUEST(forever, SAY HALT);
GUEST(spinning, SAY "4:	jmp 4b\n");

static void each_end_is_reported_as_what_it_is(void)
{
	static const struct {
		const char *begin, *end;
		enum vm_end why;
	} ends[] = {{power_off_begin, power_off_end, VM_END_SHUTDOWN},
		    {reset_begin, reset_end, VM_END_RESET},
		    {reset_i8042_begin, reset_i8042_end, VM_END_RESET},
		    {panicked_begin, panicked_end, VM_END_PANIC},
		    {triple_fault_begin, triple_fault_end, VM_END_TRIPLE_FAULT},
		    {astray_begin, astray_end, VM_END_ERROR}};
	struct world w;
	struct err e;

	NEED_KVM();
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		world_init(&w);
		if (run(&w, ends[i].begin, ends[i].end)) {
			CHECK(w.why == ends[i].why && w.text[0]);
			/* What it said came before. */
			CHECK(w.len_at_end == 6 && memcmp(w.out, "hello\n", 6) == 0);
			CHECK(vm_resume(w.vm, &e) == -ESHUTDOWN);
		}
		world_done(&w);
	}
	CHECK(strstr(w.text, "rip 0xd0000000") != NULL);
}

/* Tells the first register of each device of the plan. */
GUEST(magic,
      "	mov $0xc0001000, %edi\n"
      "	mov $19, %ecx\n"
      "	mov $0x3f8, %edx\n"
      "1:	mov (%rdi), %eax\n"
      "	mov $4, %ebx\n"
      "2:	out %al, %dx\n"
      "	shr $8, %eax\n"
      "	dec %ebx\n"
      "	jnz 2b\n"
      "	add $0x1000, %edi\n"
      "	dec %ecx\n"
      "	jnz 1b\n"
      "	mov $0x600, %edx\n	mov $0x34, %al\n	out %al, %dx\n" HALT);

static void the_devices_of_the_plan_are_there(void)
{
	struct world w;
	unsigned n = 0;

	NEED_KVM();
	CHECK(PLAN_DEVICES == 19);
	world_init(&w);
	if (run(&w, magic_begin, magic_end)) {
		CHECK(w.len == (size_t)4 * PLAN_DEVICES);
		for (unsigned i = 0; i < PLAN_DEVICES; i++)
			if (memcmp(w.out + (size_t)4 * i, "virt", 4) == 0)
				n++;
			else
				printf("# not there: %s\n", plan[i].name);
		CHECK(n == PLAN_DEVICES);
		CHECK(vm_exits(w.vm).mmio == PLAN_DEVICES);
		CHECK(vm_exits(w.vm).io == 4 * PLAN_DEVICES + 1);
	}
	world_done(&w);
}

/* eax, ebx, ecx, edx of leaf 7. */
GUEST(leaf7,
      "	mov $7, %eax\n"
      "	xor %ecx, %ecx\n"
      "	cpuid\n"
      "	mov $0x3f8, %edx\n"
      "	mov $4, %ecx\n"
      "1:	mov %bl, %al\n"
      "	out %al, %dx\n"
      "	shr $8, %ebx\n"
      "	dec %ecx\n"
      "	jnz 1b\n"
      "	mov $0x600, %edx\n	mov $0x34, %al\n	out %al, %dx\n" HALT);

static void a_cpuid_mask_reaches_the_guest(void)
{
	static const struct vm_cpuid_mask mask = {7, 0, 1, 0x00ffff00};
	uint8_t with[4] = {0}, without[4] = {0};
	AUTO_FD kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	struct world w;

	NEED_KVM();
	if (vm_probe(kvm, ERR_IGNORE) < 0)
		SKIP("a KVM that emulates kernels lets CPUID through");
	for (unsigned i = 0; i < 2; i++) {
		world_init(&w);
		w.c.cpuid_masks = &mask;
		w.c.cpuid_mask_count = i;
		if (run(&w, leaf7_begin, leaf7_end))
			memcpy(i ? with : without, w.out, 4);
		world_done(&w);
	}
	CHECK(without[1] || without[2]); /* else this test says nothing */
	CHECK(with[0] == without[0] && !with[1] && !with[2] && with[3] == without[3]);
}

static void configurations_that_make_no_sense_are_errors(void)
{
	struct err e = {0};
	struct world w;

	NEED_KVM();
	world_init(&w);
	w.c.vcpus = 0;
	CHECK(vm_new(&w.c, &w.vm, &e) == -EINVAL);
	w.c.vcpus = 65;
	CHECK(vm_new(&w.c, &w.vm, &e) == -EINVAL);
	w.c.vcpus = 4;
	w.c.vcpus_max = 2;
	CHECK(vm_new(&w.c, &w.vm, &e) == -EINVAL);
	CHECK_STR(e.text, "vm: 4 vCPUs, but at most 2");
	w.c.vcpus_max = 0;
	w.c.memory = 12345;
	CHECK(vm_new(&w.c, &w.vm, &e) == -EINVAL);
	w.c.memory = 2 << 20;
	w.c.kvm_fd = 0;
	CHECK(vm_new(&w.c, &w.vm, &e) < 0);
	CHECK(w.vm == NULL);
	world_done(&w);
}

static void a_machine_runs_only_when_it_is_ready(void)
{
	struct vm_net_config net = {.tap_fd = -1};
	struct vm_block_config block = {.fd = -1};
	struct err e = {0};
	struct world w;

	NEED_KVM();
	world_init(&w);
	CHECK(vm_new(&w.c, &w.vm, &e) == 0);
	CHECK(vm_resume(w.vm, &e) == -EINVAL);
	CHECK_STR(e.text, "vm: it isn't ready to run");
	CHECK(vm_pause(w.vm, &e) == 0);
	CHECK(vm_net_connect(w.vm, PLAN_NETS, &net, &e) == -ENODEV);
	CHECK_STR(e.text, "vm: no network device 4: a machine has 4");
	CHECK(vm_block_connect(w.vm, PLAN_BLOCKS, &block, &e) == -ENODEV);
	CHECK(vm_spawn(w.vm, &e) == 0);
	CHECK(vm_spawn(w.vm, &e) == -EINVAL);
	CHECK(vm_resume(w.vm, &e) == -EINVAL);
	world_done(&w);
}

static void each_thread_enters_its_jail_first(void)
{
	struct err e = {0};
	struct world w;

	NEED_KVM();
	world_init(&w);
	w.c.vcpus_max = 3;
	w.c.block_workers = 2;
	w.c.fs_workers = 3;
	if (prepare(&w, forever_begin, forever_end)) {
		CHECK(atomic_load(&w.entered[VM_THREAD_VCPU]) == 3);
		CHECK(atomic_load(&w.entered[VM_THREAD_BLOCK]) == 2);
		CHECK(atomic_load(&w.entered[VM_THREAD_FS]) == 6); /* of both */
	}
	world_done(&w);
	for (int kind = 0; kind < 3; kind++) {
		world_init(&w);
		w.refuse = kind;
		CHECK(vm_new(&w.c, &w.vm, &e) == 0);
		CHECK(vm_spawn(w.vm, &e) == -EPERM);
		CHECK(strstr(e.text, "no jail") != NULL);
		world_done(&w);
	}
}

/* ---- what is left ---- */

static unsigned entries(const char *dir)
{
	DIR *d = opendir(dir);
	unsigned n = 0;

	CHECK(d != NULL);
	while (d && readdir(d))
		n++;
	if (d)
		(void)closedir(d);
	return n;
}

static unsigned lines(const char *path)
{
	FILE *f = fopen(path, "re");
	unsigned n = 0;
	int ch;

	CHECK(f != NULL);
	while (f && (ch = fgetc(f)) != EOF)
		n += ch == '\n';
	if (f)
		(void)fclose(f);
	return n;
}

struct usage {
	unsigned fds, tasks, maps;
};

static struct usage usage(void)
{
	return (struct usage){entries("/proc/self/fd"), entries("/proc/self/task"),
			      lines("/proc/self/maps")};
}

/* AddressSanitizer keeps what was freed; it looks for leaks itself. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KEEPS_FREED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(KEEPS_FREED)
#define KEEPS_FREED 1
#endif
#ifndef KEEPS_FREED
#define KEEPS_FREED 0
#endif

/* Allocators keep what they have mapped: as many as a machine more, and no more with a
 * hundred. Threads that were joined may still be on their way out of the kernel. */
static void check_usage(struct usage before, unsigned more_maps)
{
	struct usage now = usage();

	for (unsigned i = 0; i < 1000 && now.tasks > before.tasks; i++) {
		(void)usleep(1000);
		now = usage();
	}
	if (now.fds != before.fds || now.tasks != before.tasks ||
	    now.maps > before.maps + more_maps)
		printf("# %u %u %u, before: %u %u %u\n", now.fds, now.tasks, now.maps,
		       before.fds, before.tasks, before.maps);
	CHECK(now.fds == before.fds);
	CHECK(now.tasks == before.tasks);
	CHECK(KEEPS_FREED || now.maps <= before.maps + more_maps);
}

/* Stopped at a different place each time. */
static void a_hundred_machines_in_a_row_leak_nothing(void)
{
	struct usage before = {0};
	struct err e = {0};
	struct world w;

	NEED_KVM();
	for (unsigned i = 0; i < 101; i++) {
		if (i == 1)
			before = usage();
		world_init(&w);
		w.c.vcpus = 1 + i % 3;
		w.c.memory_hotplug = 64 << 20;
		switch (i % 5) {
		case 0: /* to its end */
			(void)run(&w, power_off_begin, power_off_end);
			CHECK(w.why == VM_END_SHUTDOWN);
			break;
		case 1: /* while it spins */
			if (prepare(&w, spinning_begin, spinning_end))
				CHECK(vm_resume(w.vm, &e) == 0);
			while (w.len < 6)
				CHECK(loop_once(w.loop, 10000, &e) >= 0);
			break;
		case 2: /* while it sleeps */
			if (prepare(&w, forever_begin, forever_end))
				CHECK(vm_resume(w.vm, &e) == 0);
			break;
		case 3: /* before it ran */
			(void)prepare(&w, forever_begin, forever_end);
			break;
		default: /* before it had threads */
			CHECK(vm_new(&w.c, &w.vm, &e) == 0);
		}
		world_done(&w);
	}
	check_usage(before, 8);
}

GUEST(counting,
      "	mov $0, %ecx\n"
      "1:	mov $0x3fd, %edx\n" /* until the port is ready: it may be overrun else */
      "	in %dx, %al\n"
      "	test $0x20, %al\n"
      "	jz 1b\n"
      "	mov $0x3f8, %edx\n"
      "	mov %cl, %al\n"
      "	add $0x61, %al\n" /* a to p, again and again */
      "	out %al, %dx\n"
      "	inc %ecx\n"
      "	and $15, %ecx\n"
      "	jmp 1b\n");

/* Each has its own output, whichever is paused meanwhile. */
static void two_machines_run_in_one_process(void)
{
	struct world w[2];
	struct err e = {0};
	bool in_order = true;
	size_t len;

	NEED_KVM();
	for (unsigned i = 0; i < 2; i++) {
		world_init(&w[i]);
		if (!prepare(&w[i], counting_begin, counting_end))
			goto out;
		CHECK(vm_resume(w[i].vm, &e) == 0);
	}
	for (unsigned round = 0; round < 20; round++) {
		CHECK(vm_pause(w[round % 2].vm, &e) == 0);
		(void)loop_once(w[round % 2].loop, 0, &e);
		len = w[round % 2].len;
		do
			CHECK(loop_once(w[1 - round % 2].loop, 10000, &e) >= 0);
		while (w[1 - round % 2].len < (size_t)1000 * (round + 1));
		CHECK(loop_once(w[round % 2].loop, 0, &e) == 0); /* it is quiet */
		CHECK(w[round % 2].len == len);
		CHECK(vm_resume(w[round % 2].vm, &e) == 0);
	}
	for (unsigned i = 0; i < 2; i++)
		for (size_t k = 0; k < w[i].len; k++)
			in_order = in_order && w[i].out[k] == (char)('a' + k % 16);
	CHECK(in_order);
out:
	world_done(&w[0]);
	world_done(&w[1]);
}

static void free_it(void *arg, enum vm_end why, const char *text)
{
	struct world *w = arg;

	on_end(arg, why, text);
	vm_free(w->vm);
	w->vm = NULL;
}

static void freeing_in_the_callback_is_fine(void)
{
	struct world w;

	NEED_KVM();
	world_init(&w);
	w.c.ended = free_it;
	(void)run(&w, power_off_begin, power_off_end);
	CHECK(w.vm == NULL && w.why == VM_END_SHUTDOWN);
	world_done(&w);
}

static const struct test tests[] = {
	{"each end is reported as what it is", each_end_is_reported_as_what_it_is},
	{"the devices of the plan are there", the_devices_of_the_plan_are_there},
	{"a CPUID mask reaches the guest", a_cpuid_mask_reaches_the_guest},
	{"configurations that make no sense are errors",
	 configurations_that_make_no_sense_are_errors},
	{"a machine runs only when it is ready", a_machine_runs_only_when_it_is_ready},
	{"each thread enters its jail first", each_thread_enters_its_jail_first},
	{"a hundred machines in a row leak nothing",
	 a_hundred_machines_in_a_row_leak_nothing},
	{"two machines run in one process", two_machines_run_in_one_process},
	{"freeing in the callback is fine", freeing_in_the_callback_is_fine},
};
TEST_MAIN(tests)
