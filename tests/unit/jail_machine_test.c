/* SPDX-License-Identifier: Apache-2.0 */
/* Machines in the jail, set up in the order of a sandbox's monitor. */
#include <stdlib.h>

#include "tests/unit/jail_world.h"
#include "tests/unit/machine_world.h"

GUEST(power_off,
      SAY "	mov $0x600, %edx\n	mov $0x34, %al\n	out %al, %dx\n" HALT);
GUEST(triple_fault, SAY "	lidt 4f(%rip)\n	ud2\n4:	.word 0\n	.quad 0\n");
GUEST(forever, SAY HALT);

/* Resets each device of the plan three times: what that does is done by the vCPU. */
GUEST(resets,
      "	mov $3, %ebx\n"
      "5:	mov $0xc0001070, %edi\n"
      "	mov $19, %ecx\n"
      "4:	movl $1, (%rdi)\n"
      "	movl $3, (%rdi)\n"
      "	movl $0, (%rdi)\n"
      "	add $0x1000, %edi\n"
      "	dec %ecx\n"
      "	jnz 4b\n"
      "	dec %ebx\n"
      "	jnz 5b\n" SAY
      "	mov $0x600, %edx\n	mov $0x34, %al\n	out %al, %dx\n" HALT);

static int kvm = -1; /* opened by who may */

struct prisoner {
	const struct jail *j;
	struct world w;
};

static int confine(void *arg, enum vm_thread kind, struct err *e)
{
	static const enum jail_thread kinds[] = {
		[VM_THREAD_VCPU] = JAIL_VCPU,
		[VM_THREAD_FS] = JAIL_FS,
		[VM_THREAD_BLOCK] = JAIL_BLOCK,
	};
	const struct world *w = arg;
	const struct prisoner *p =
		(const struct prisoner *)((const char *)w - offsetof(struct prisoner, w));

	return jail_enter_thread(p->j, kinds[kind], e);
}

/* Everything up to where its threads are there and confined. */
static void set_up(struct prisoner *p, const struct jail *j, const char *begin,
		   const char *end)
{
	AUTO_FD kernel = kernel_file(begin, end);
	struct vm_boot b = {.kernel_fd = kernel,
			    .kernel_cache_fd = -1,
			    .initrd_fd = -1,
			    .cmdline = "test"};
	struct err e = {0};
	int keep[5], r;

	MUST(p != NULL);
	p->j = j;
	world_init(&p->w);
	loop_free(p->w.loop);
	p->w.c.kvm_fd = kvm;
	keep[0] = kvm;
	keep[1] = kernel;
	p->w.c.proc_fd = enter_jail(j, keep, 2);
	MUST(loop_new(&p->w.loop, &e) == 0);
	p->w.c.loop = p->w.loop;
	p->w.c.vcpus = 2;
	p->w.c.enter_thread = confine;
	r = vm_new(&p->w.c, &p->w.vm, &e);
	if (r == 0) {
		vm_serial_output(p->w.vm, on_output, &p->w);
		r = vm_boot(p->w.vm, &b, &e);
	}
	if (r == 0)
		r = vm_spawn(p->w.vm, &e);
	if (r < 0)
		printf("# %s\n", e.text);
	MUST(r == 0);
	enter_thread(j, JAIL_MAIN);
	MUST(vm_resume(p->w.vm, &e) == 0);
}

static void run_to_end(const struct jail *j, const char *begin, const char *end,
		       enum vm_end why)
{
	struct prisoner *p = calloc(1, sizeof(*p));
	struct err e;

	set_up(p, j, begin, end);
	MUST(loop_run(p->w.loop, &e) == 0);
	MUST(p->w.ends == 1 && p->w.why == why);
	MUST(p->w.len == 6 && memcmp(p->w.out, "hello\n", 6) == 0);
	/* Threads end, memory and descriptors go: all of it in the jail. */
	world_done(&p->w);
	free(p);
}

static void run_power_off(const struct jail *j)
{
	run_to_end(j, power_off_begin, power_off_end, VM_END_SHUTDOWN);
}

static void run_triple_fault(const struct jail *j)
{
	run_to_end(j, triple_fault_begin, triple_fault_end, VM_END_TRIPLE_FAULT);
}

static void run_resets(const struct jail *j)
{
	run_to_end(j, resets_begin, resets_end, VM_END_SHUTDOWN);
}

/* Pauses, trees that come and go, sizes, and the state in files. */
static void run_and_ask(const struct jail *j)
{
	struct prisoner *p = calloc(1, sizeof(*p));
	int state = memfd_create("state", MFD_CLOEXEC);
	int memory = memfd_create("memory", MFD_CLOEXEC);
	struct vm_tree_config tree = {.name = "t"};
	struct err e;

	tree.fd = memfd_create("tree", MFD_CLOEXEC);
	/* Where the jail leaves them be. */
	MUST(dup2(state, 0) == 0 && dup2(memory, 1) == 1 && dup2(tree.fd, 2) == 2);
	state = 0;
	memory = 1;
	tree.fd = 2;
	set_up(p, j, forever_begin, forever_end);
	while (p->w.len < 6)
		MUST(loop_once(p->w.loop, -1, &e) >= 0);
	for (int i = 0; i < 3; i++) {
		MUST(vm_fs_attach(p->w.vm, VM_FS_SHARED, &tree, &e) == 0);
		MUST(vm_pause(p->w.vm, &e) == 0);
		MUST(vm_fs_detach(p->w.vm, VM_FS_SHARED, "t", &e) == 0);
		MUST(vm_resume(p->w.vm, &e) == 0);
	}
	MUST(vm_balloon_request(p->w.vm, 1 << 20, &e) == 0);
	MUST(vm_pause(p->w.vm, &e) == 0);
	MUST(vm_save(p->w.vm, state, memory, &e) == 0);
	MUST(lseek(state, 0, SEEK_END) > 0 && lseek(memory, 0, SEEK_END) > 0);
	world_done(&p->w);
	free(p);
}

static void ended_well(int status)
{
	if (WIFSIGNALED(status))
		printf("# signal %d\n", WTERMSIG(status));
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void try_run(void (*fn)(const struct jail *j), bool user_namespace)
{
	struct jail *j = jail_made(true, true);

	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	ended_well(jailed(fn, j, user_namespace));
	fd_close(&kvm);
	jail_free(j);
}

static void a_machine_runs_to_its_end_in_the_jail(void)
{
	NEED_KVM();
	NEED_ROOT();
	try_run(run_power_off, false);
}

static void a_machine_runs_in_the_jail_of_a_user_namespace(void)
{
	NEED_KVM();
	NEED_ROOT();
	try_run(run_power_off, true);
}

static void a_crash_is_reported_from_the_jail(void)
{
	NEED_KVM();
	NEED_ROOT();
	try_run(run_triple_fault, false);
}

static void a_guest_resets_all_devices_in_the_jail(void)
{
	NEED_KVM();
	NEED_ROOT();
	try_run(run_resets, false);
}

static void a_machine_is_paused_given_trees_and_saved_in_the_jail(void)
{
	NEED_KVM();
	NEED_ROOT();
	try_run(run_and_ask, false);
}

static const struct test tests[] = {
	{"a machine runs to its end in the jail", a_machine_runs_to_its_end_in_the_jail},
	{"a machine runs in the jail of a user namespace",
	 a_machine_runs_in_the_jail_of_a_user_namespace},
	{"a crash is reported from the jail", a_crash_is_reported_from_the_jail},
	{"a guest resets all devices in the jail",
	 a_guest_resets_all_devices_in_the_jail},
	{"a machine is paused, given trees and saved in the jail",
	 a_machine_is_paused_given_trees_and_saved_in_the_jail},
};

TEST_MAIN(tests)
