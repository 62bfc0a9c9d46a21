/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/kvm.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include "vm/plan.h"

#include "tests/unit/tiny_guest.h"

static const struct memory_config small = {.size = 2 << 20, .fd = -1};

#define START(t, mc, count, name, long_mode)                                             \
	do {                                                                             \
		NEED_KVM();                                                              \
		if (!tiny_new(t, mc, count, name##_begin, name##_end, long_mode)) {      \
			tiny_free(t);                                                    \
			return;                                                          \
		}                                                                        \
	} while (0)

GUEST(ports, "32",
      "	mov $0x10, %edx\n"
      "	mov $0x11, %al\n	out %al, %dx\n"
      "	mov $0x2233, %ax\n	out %ax, %dx\n"
      "	mov $0x44556677, %eax\n	out %eax, %dx\n"
      "	in %dx, %al\n		out %al, %dx\n" /* 0x5a */
      "	mov $0x80, %edx\n	xor %eax, %eax\n"
      "	in %dx, %eax\n" /* nobody is there */
      "	mov $0x11, %edx\n	out %eax, %dx\n"
      "	hlt\n");

static void port_accesses_reach_the_bus(void)
{
	static const struct {
		uint64_t addr, value;
		unsigned len;
	} want[] = {{0x10, 0x11, 1},
		    {0x10, 0x2233, 2},
		    {0x10, 0x44556677, 4},
		    {0x10, 0x5a, 1},
		    {0x11, 0xffffffff, 4}};
	struct tiny t;

	START(&t, &small, 1, ports, false);
	vcpus_resume(t.cpus);
	CHECK(tiny_wait(&t, 5));
	for (unsigned i = 0; i < 5; i++)
		CHECK(t.record[i].addr == want[i].addr &&
		      t.record[i].value == want[i].value &&
		      t.record[i].len == want[i].len);
	vcpus_pause(t.cpus);
	CHECK(vcpus_exits(t.cpus).io == 7 && vcpus_exits(t.cpus).mmio == 0 &&
	      vcpus_exits(t.cpus).other == 0);
	CHECK(t.ends == 0);
	tiny_free(&t);
}

GUEST(strings, "32",
      "	mov $0x10, %edx\n"
      "	mov $" AT(strings, "2f") ", %esi\n"
      "	mov $5, %ecx\n"
      "	cld\n"
      "	rep outsb\n"
      "	mov $0x80000, %edi\n"
      "	mov $3, %ecx\n"
      "	rep insb\n"
      "	mov 0x7fffe, %eax\n" /* two zeros, two of what was read */
      "	out %eax, %dx\n"
      "1:	hlt\n	jmp 1b\n"
      "2:	.ascii \"hello\"\n");

static void string_accesses_are_taken_apart(void)
{
	char got[6] = "";
	struct tiny t;

	START(&t, &small, 1, strings, false);
	vcpus_resume(t.cpus);
	CHECK(tiny_wait(&t, 6));
	for (unsigned i = 0; i < 5; i++)
		got[i] = (char)t.record[i].value;
	CHECK_STR(got, "hello");
	CHECK(t.record[5].value == 0x5a5a0000);
	tiny_free(&t);
}

GUEST(mmio, "32",
      "	mov $0xd0000000, %edi\n"
      "	movb $1, (%edi)\n"
      "	movw $0x203, 4(%edi)\n"
      "	movl $0x4050607, 8(%edi)\n"
      "	mov 12(%edi), %eax\n"
      "	mov %eax, 16(%edi)\n"
      "	mov 0xe0000000, %eax\n" /* nobody is there */
      "	mov %eax, 0xe0000000\n"
      "	mov %eax, 20(%edi)\n"
      "1:	hlt\n	jmp 1b\n");

static void mmio_accesses_reach_the_bus(void)
{
	static const struct {
		uint64_t off, value;
		unsigned len;
	} want[] = {{0, 1, 1},
		    {4, 0x203, 2},
		    {8, 0x4050607, 4},
		    {16, 0x5a5a5a5a, 4},
		    {20, 0xffffffff, 4}};
	struct tiny t;

	START(&t, &small, 1, mmio, false);
	vcpus_resume(t.cpus);
	CHECK(tiny_wait(&t, 5));
	for (unsigned i = 0; i < 5; i++)
		CHECK(t.record[i].addr == TINY_MMIO + want[i].off &&
		      t.record[i].value == want[i].value &&
		      t.record[i].len == want[i].len);
	vcpus_pause(t.cpus);
	CHECK(vcpus_exits(t.cpus).mmio == 8 && vcpus_exits(t.cpus).io == 0);
	tiny_free(&t);
}

/* Pin 5 of the IOAPIC is vector 0x30 (the PICs stay as they are: masked); each interrupt is told to port 0x10, each time that
 * HLT ends to port 0x12. */
GUEST(interrupts, "32",
      /* A gate for vector 0x30 in an IDT at 0x2000. */
      "	mov $" AT(interrupts, "3f") ", %eax\n"
      "	mov %ax, 0x2180\n"
      "	movl $0x8e000010, 0x2182\n"
      "	movw $0x10, 0x2186\n"
      "	lidt " AT(interrupts, "4f") "\n"
      "	movl $0x1ff, 0xfee000f0\n" /* LAPIC: enabled */
      "	movl $0x1a, 0xfec00000\n"  /* IOAPIC: low half of pin 5 */
      "	movl $0x30, 0xfec00010\n"  /* an edge, fixed, vector 0x30 */
      "	movl $0x1b, 0xfec00000\n"
      "	movl $0, 0xfec00010\n" /* to LAPIC 0 */
      "	mov $0x11, %edx\n"
      "	out %al, %dx\n" /* ready */
      "1:	sti\n"
      "	hlt\n"
      "	cli\n"
      "	mov $0x12, %edx\n"
      "	out %al, %dx\n"
      "	jmp 1b\n"
      "3:	mov $0x10, %edx\n"
      "	out %al, %dx\n"
      "	movl $0, 0xfee000b0\n" /* EOI */
      "	pop %ecx\n" /* in place of IRET, which a KVM that emulates lacks */
      "	add $4, %esp\n"
      "	popf\n"
      "	jmp *%ecx\n"
      "4:	.word 0x1ff\n"
      "	.long 0x2000\n");

static void an_eventfd_interrupts_a_guest_that_sleeps(void)
{
	uint64_t one = 1;
	struct tiny t;
	AUTO_FD irq = eventfd(0, EFD_CLOEXEC);

	START(&t, &small, 1, interrupts, false);
	CHECK(kvm_irqfd(t.vm, irq, 5, &t.e) == 0);
	vcpus_resume(t.cpus);
	CHECK(tiny_wait(&t, 1));
	CHECK(t.record[0].addr == 0x11);
	for (unsigned i = 0; i < 10; i++) {
		CHECK(write(irq, &one, sizeof(one)) == sizeof(one));
		CHECK(tiny_wait(&t, 3 + 2 * i));
		CHECK(t.record[1 + 2 * i].addr == 0x10); /* the handler, then HLT ends */
		CHECK(t.record[2 + 2 * i].addr == 0x12);
	}
	/* Sleeping cost no exit. */
	CHECK(vcpus_exits(t.cpus).hlt == 0);
	tiny_free(&t);
}

static void an_interrupt_while_paused_comes_after_resuming(void)
{
	uint64_t one = 1;
	struct tiny t;
	AUTO_FD irq = eventfd(0, EFD_CLOEXEC);

	START(&t, &small, 1, interrupts, false);
	CHECK(kvm_irqfd(t.vm, irq, 5, &t.e) == 0);
	vcpus_resume(t.cpus);
	CHECK(tiny_wait(&t, 1));
	vcpus_pause(t.cpus);
	CHECK(write(irq, &one, sizeof(one)) == sizeof(one));
	CHECK(tiny_records(&t) == 1);
	vcpus_resume(t.cpus);
	CHECK(tiny_wait(&t, 3));
	CHECK(t.record[1].addr == 0x10);
	tiny_free(&t);
}

GUEST(kicks, "32",
      "	mov $0xd0000050, %edi\n"
      "	movl $0, (%edi)\n"
      "	movl $1, (%edi)\n"
      "	movl $7, (%edi)\n" /* nobody waits for this one */
      "	mov $0x10, %edx\n"
      "	out %al, %dx\n"
      "1:	hlt\n	jmp 1b\n");

static void a_notification_of_a_queue_costs_no_exit(void)
{
	AUTO_FD first = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	AUTO_FD second = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	uint64_t n = 0;
	struct tiny t;

	START(&t, &small, 1, kicks, false);
	CHECK(kvm_ioeventfd(t.vm, TINY_MMIO + 0x50, 0, first, &t.e) == 0);
	CHECK(kvm_ioeventfd(t.vm, TINY_MMIO + 0x50, 1, second, &t.e) == 0);
	vcpus_resume(t.cpus);
	CHECK(tiny_wait(&t, 2));
	CHECK(read(first, &n, sizeof(n)) == sizeof(n) && n == 1);
	CHECK(read(second, &n, sizeof(n)) == sizeof(n) && n == 1);
	CHECK(t.record[0].addr == TINY_MMIO + 0x50 && t.record[0].value == 7);
	vcpus_pause(t.cpus);
	CHECK(vcpus_exits(t.cpus).mmio == 1);
	tiny_free(&t);
}

/* Writes, and reads back, what is above 4 GiB, and at the end of low memory. */
GUEST(high, "64",
      "	movabs $0x100000000, %rdi\n"
      "	movabs $0x1122334455667788, %rax\n"
      "	mov %rax, (%rdi)\n"
      "	mov $0xbfffffff, %esi\n"
      "	movb $0x42, (%rsi)\n"
      "	mov $0x10, %edx\n"
      "	mov 4(%rdi), %eax\n"
      "	out %eax, %dx\n"
      "	mov (%rsi), %al\n"
      "	out %al, %dx\n"
      "1:	hlt\n	jmp 1b\n");

static void a_guest_has_memory_on_both_sides_of_the_hole(void)
{
	struct memory_config mc = {.size = UINT64_C(4) << 30, .fd = -1};
	uint64_t v = 0;
	uint8_t b = 0;
	struct tiny t;

	START(&t, &mc, 1, high, true);
	vcpus_resume(t.cpus);
	CHECK(tiny_wait(&t, 2));
	CHECK(t.record[0].value == 0x11223344 && t.record[1].value == 0x42);
	CHECK(memory_read(t.mem, UINT64_C(1) << 32, &v, 8) == 0 &&
	      v == 0x1122334455667788);
	CHECK(memory_read(t.mem, 0xbfffffff, &b, 1) == 0 && b == 0x42);
	tiny_free(&t);
}

/* Writes to the first block of a hotplug range, at 4 GiB. */
GUEST(plugged, "64",
      "	movabs $0x100000000, %rdi\n"
      "	movl $0x12345678, (%rdi)\n"
      "	mov (%rdi), %eax\n"
      "	mov $0x10, %edx\n"
      "	out %eax, %dx\n"
      "	jmp plugged_begin\n");

static void memory_that_is_not_plugged_in_stops_the_guest(void)
{
	struct memory_config mc = {.size = 2 << 20, .hotplug = 64 << 20, .fd = -1};
	struct memory_range h;
	struct tiny t;

	START(&t, &mc, 1, plugged, true);
	h = memory_hotplug_range(t.mem);
	CHECK(h.gpa == UINT64_C(1) << 32);
	CHECK(memory_plug(t.mem, h.gpa, memory_block_size(t.mem)) == 0);
	vcpus_resume(t.cpus);
	CHECK(tiny_wait(&t, 3));
	CHECK(t.record[0].value == 0x12345678);
	CHECK(memory_unplug(t.mem, h.gpa, memory_block_size(t.mem)) == 0);
	CHECK(tiny_wait(&t, 0));
	CHECK(t.why == VM_END_ERROR);
	CHECK(strstr(t.text,
		     "vCPU 0: the guest touched memory at 0x100000000 that isn't "
		     "plugged in: rip 0x1000") != NULL);
	tiny_free(&t);
}

GUEST(triple, "32",
      "	lidt " AT(triple, "1f") "\n"
      "	ud2\n"
      "1:	.word 0\n	.long 0\n");

static void a_triple_fault_is_one(void)
{
	struct tiny t;

	START(&t, &small, 1, triple, false);
	vcpus_resume(t.cpus);
	CHECK(tiny_wait(&t, 0));
	CHECK(t.why == VM_END_TRIPLE_FAULT);
	CHECK(strstr(t.text, "vCPU 0: triple fault: rip ") != NULL);
	tiny_free(&t);
}

/* Instructions can't be fetched from a device. */
GUEST(astray, "32",
      "	mov $0xd0000000, %eax\n"
      "	jmp *%eax\n");

static void an_internal_error_says_where(void)
{
	struct tiny t;

	START(&t, &small, 1, astray, false);
	vcpus_resume(t.cpus);
	CHECK(tiny_wait(&t, 0));
	CHECK(t.why == VM_END_ERROR);
	CHECK(strstr(t.text,
		     "KVM's internal error 1 (an instruction that KVM can't "
		     "emulate): rip 0xd0000000 (not in memory) cs 0x10") != NULL);
	CHECK(strstr(t.text, " cr0 0x11 ") != NULL);
	tiny_free(&t);
}

GUEST(undefined, "32",
      "	mov $0x1234, %eax\n"
      "	mov %eax, %cr3\n"
      "	mov $0xd0000ffe, %esi\n"
      "	mov $0x10, %edx\n"
      "1:	mov $0x11, %al\n"
      "	out %al, %dx\n"
      "	jmp 1b\n");

static void a_description_has_registers_and_the_instruction(void)
{
	char text[320];
	struct tiny t;

	START(&t, &small, 1, undefined, false);
	vcpus_resume(t.cpus);
	CHECK(tiny_wait(&t, 10));
	vcpus_pause(t.cpus);
	arch_cpu_describe(vcpus_fd(t.cpus, 0), t.mem, text, sizeof(text));
	CHECK(strstr(text, "rip 0x1000") == text);
	CHECK(strstr(text, "b0 11 ee eb fb") || strstr(text, "ee eb fb") ||
	      strstr(text, "(eb fb"));
	CHECK(strstr(text, " cr3 0x1234 ") != NULL);
	tiny_free(&t);
}

/* Counts in ebx, tells by port. */
GUEST(counter, "32",
      "	xor %ebx, %ebx\n"
      "	mov $0x10, %edx\n"
      "1:	inc %ebx\n"
      "	mov %ebx, %eax\n"
      "	out %eax, %dx\n"
      "	jmp 1b\n");

/* All accesses are there once and in order, however often it was paused between. */
static void pausing_a_running_guest_loses_and_repeats_nothing(void)
{
	struct tiny t;
	unsigned n, had = 0;

	START(&t, &small, 1, counter, false);
	for (unsigned i = 0; i < 200; i++) {
		vcpus_resume(t.cpus);
		CHECK(tiny_wait(&t, had + 1));
		vcpus_pause(t.cpus);
		had = tiny_records(&t);
		/* Quiet means quiet: the registers can be read, and say the same. */
		struct kvm_regs r;

		CHECK(ioctl(vcpus_fd(t.cpus, 0), KVM_GET_REGS, &r) == 0);
		CHECK(r.rbx == had || r.rbx == had + 1);
		CHECK(tiny_records(&t) == had);
	}
	n = had < TINY_RECORDS ? had : TINY_RECORDS;
	for (unsigned i = 0; i < n; i++)
		if (t.record[i].value != i + 1) {
			CHECK(t.record[i].value == i + 1);
			break;
		}
	tiny_free(&t);
}

/* An endless loop without exits. */
GUEST(spin, "32",
      "	mov $0x10, %edx\n"
      "	out %al, %dx\n"
      "1:	jmp 1b\n");

static void a_guest_that_never_exits_is_paused_and_freed(void)
{
	struct tiny t;

	START(&t, &small, 1, spin, false);
	vcpus_resume(t.cpus);
	CHECK(tiny_wait(&t, 1));
	vcpus_pause(t.cpus);
	vcpus_resume(t.cpus);
	vcpus_pause(t.cpus);
	vcpus_resume(t.cpus);
	CHECK(vcpus_exits(t.cpus).io == 1);
	tiny_free(&t);
}

static void vcpus_that_never_woke_up_are_paused_and_freed(void)
{
	struct tiny t;

	START(&t, &small, 4, spin, false);
	vcpus_resume(t.cpus);
	CHECK(tiny_wait(&t, 1));
	vcpus_pause(t.cpus);
	CHECK(vcpus_exits(t.cpus).io == 1);
	tiny_free(&t);
}

/* vCPU 0 starts vCPU 1 by INIT and SIPI; that tells its APIC id, in real mode. */
GUEST(smp, "32",
      "	mov $" AT(smp, "5f") ", %esi\n"
      "	mov $0x3000, %edi\n"
      "	mov $64, %ecx\n"
      "	cld\n"
      "	rep movsb\n"
      "	movl $0x1ff, 0xfee000f0\n"
      "	movl $0x1000000, 0xfee00310\n"
      "	movl $0x4500, 0xfee00300\n" /* INIT */
      "	movl $0x1000000, 0xfee00310\n"
      "	movl $0x4603, 0xfee00300\n" /* SIPI: page 3 */
      "1:	hlt\n	jmp 1b\n"
      "	.code16\n"
      "5:	mov $1, %eax\n"
      "	cpuid\n"
      "	shr $24, %ebx\n"
      "	mov %bl, %al\n"
      "	mov $0x10, %dx\n"
      "	out %al, %dx\n"
      "6:	hlt\n	jmp 6b\n");

static void a_guest_starts_its_other_processor(void)
{
	struct tiny t;

	START(&t, &small, 2, smp, false);
	vcpus_resume(t.cpus);
	CHECK(tiny_wait(&t, 1));
	CHECK(t.record[0].value == 1);
	tiny_free(&t);
}

static int refuse(void *arg, struct err *e)
{
	(void)arg;
	return err_set(e, EPERM, "no jail");
}

static void a_thread_that_cant_be_jailed_is_an_error(void)
{
	struct vcpus_config c = {.count = 2, .ended = tiny_ended, .enter_thread = refuse};
	struct vcpus *s = NULL;
	struct tiny t;

	START(&t, &small, 1, spin, false);
	AUTO_FD vm = kvm_create(t.kvm, &t.e);

	c.kvm_fd = t.kvm;
	c.vm_fd = vm;
	c.mem = t.mem;
	c.pio = &t.pio;
	c.mmio = &t.mmio;
	c.cpuid = t.cpuid;
	c.arg = &t;
	CHECK(vcpus_new(&c, &s, &t.e) == 0);
	CHECK(vcpus_spawn(s, &t.e) == -EPERM);
	CHECK_STR(t.e.text, "no jail");
	vcpus_free(s);
	c.count = 65;
	CHECK(vcpus_new(&c, &s, &t.e) == -EINVAL);
	tiny_free(&t);
}

/* From a bus access, as the power ports do. */
static void stop_at_ten(void *arg, uint64_t off, void *data, unsigned len, bool write)
{
	struct tiny *t = arg;
	unsigned n = tiny_records(t);

	tiny_record(t, off, data, len, write);
	if (n == 9)
		vcpus_park(t->cpus);
}

static void a_vcpu_parks_itself_and_all_others(void)
{
	struct tiny t;

	START(&t, &small, 2, counter, false);
	t.pio.range[0].fn = stop_at_ten;
	vcpus_resume(t.cpus);
	CHECK(tiny_wait(&t, 10));
	vcpus_pause(t.cpus);
	CHECK(tiny_records(&t) == 10);
	vcpus_resume(t.cpus);
	CHECK(tiny_wait(&t, 20));
	CHECK(t.record[10].value == 11);
	tiny_free(&t);
}

static void the_reset_vector_asks_for_a_reset(void)
{
	struct kvm_regs regs = {.rip = 0xfff0, .rflags = 2};
	struct kvm_sregs s;
	struct tiny t;

	START(&t, &small, 1, spin, false);
	CHECK(arch_reset_vector_write(t.mem, &t.e) == 0);
	CHECK(bus_add(&t.pio, PLAN_POWER_PORT, 3, tiny_port, &t, &t.e) == 0);
	CHECK(ioctl(vcpus_fd(t.cpus, 0), KVM_GET_SREGS, &s) == 0);
	s.cr0 = 0x10;
	s.cs.selector = 0xf000;
	s.cs.base = 0xf0000;
	s.cs.limit = 0xffff;
	s.cs.db = s.cs.g = 0;
	CHECK(ioctl(vcpus_fd(t.cpus, 0), KVM_SET_SREGS, &s) == 0);
	CHECK(ioctl(vcpus_fd(t.cpus, 0), KVM_SET_REGS, &regs) == 0);
	vcpus_resume(t.cpus);
	CHECK(tiny_wait(&t, 1));
	CHECK(t.record[0].addr == TINY_PORT + 2 && t.record[0].value == 1);
	tiny_free(&t);
}

static const struct test tests[] = {
	{"port accesses reach the bus", port_accesses_reach_the_bus},
	{"string accesses are taken apart", string_accesses_are_taken_apart},
	{"mmio accesses reach the bus", mmio_accesses_reach_the_bus},
	{"an eventfd interrupts a guest that sleeps",
	 an_eventfd_interrupts_a_guest_that_sleeps},
	{"an interrupt while paused comes after resuming",
	 an_interrupt_while_paused_comes_after_resuming},
	{"a notification of a queue costs no exit",
	 a_notification_of_a_queue_costs_no_exit},
	{"a guest has memory on both sides of the hole",
	 a_guest_has_memory_on_both_sides_of_the_hole},
	{"memory that is not plugged in stops the guest, with rip",
	 memory_that_is_not_plugged_in_stops_the_guest},
	{"a triple fault is one", a_triple_fault_is_one},
	{"an internal error says where", an_internal_error_says_where},
	{"a description has registers and the instruction",
	 a_description_has_registers_and_the_instruction},
	{"pausing a running guest loses and repeats nothing",
	 pausing_a_running_guest_loses_and_repeats_nothing},
	{"a guest that never exits is paused and freed",
	 a_guest_that_never_exits_is_paused_and_freed},
	{"vCPUs that never woke up are paused and freed",
	 vcpus_that_never_woke_up_are_paused_and_freed},
	{"a guest starts its other processor", a_guest_starts_its_other_processor},
	{"a thread that can't be jailed is an error",
	 a_thread_that_cant_be_jailed_is_an_error},
	{"the reset vector asks for a reset", the_reset_vector_asks_for_a_reset},
	{"a vCPU parks itself and all others", a_vcpu_parks_itself_and_all_others},
};
TEST_MAIN(tests)
