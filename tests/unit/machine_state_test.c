/* SPDX-License-Identifier: Apache-2.0 */
/* Machines that are saved, and others that go on where they were. */
#include "tests/unit/machine_world.h"

/* Says what is in the serial port's scratch register, for ever. */
GUEST(scratch,
      "	mov $0x3ff, %edx\n"
      "	mov $0x5a, %al\n"
      "	out %al, %dx\n"
      "1:	mov $0x3fd, %edx\n"
      "	in %dx, %al\n"
      "	test $0x20, %al\n"
      "	jz 1b\n"
      "	mov $0x3ff, %edx\n"
      "	in %dx, %al\n"
      "	mov $0x3f8, %edx\n"
      "	out %al, %dx\n"
      "	jmp 1b\n");

static bool says(struct world *w, size_t len)
{
	struct err e = {0};

	while (w->len < len && !w->ends)
		CHECK(loop_once(w->loop, 10000, &e) >= 0);
	for (size_t i = 0; i < w->len; i++)
		if (w->out[i] != 0x5a)
			return false;
	return w->len >= len;
}

static bool save(struct world *w, int *state, int *memory)
{
	struct err e = {0};
	int r = vm_pause(w->vm, &e);

	*state = memfd_create("state", MFD_CLOEXEC);
	*memory = memfd_create("memory", MFD_CLOEXEC);
	if (r == 0)
		r = vm_save(w->vm, *state, *memory, &e);
	if (r < 0)
		printf("# %s\n", e.text);
	return r == 0 && lseek(*state, 0, SEEK_SET) == 0;
}

/* Another machine of the same shape, at where the first one was, on its way. */
static bool restore(struct world *w, int state, int memory)
{
	struct err e = {0};
	int r;

	w->c.memory_fd = memory;
	r = vm_new(&w->c, &w->vm, &e);
	if (r == 0) {
		vm_serial_output(w->vm, on_output, w);
		r = vm_restore(w->vm, state, memory, &e);
	}
	if (r == 0)
		r = vm_spawn(w->vm, &e);
	if (r == 0)
		r = vm_resume(w->vm, &e);
	if (r < 0)
		printf("# %s\n", e.text);
	return r == 0;
}

static void it_goes_on_with_its_serial_port_as_it_was(void)
{
	AUTO_FD state = -1;
	AUTO_FD memory = -1;
	struct world w, v;
	struct err e = {0};

	NEED_KVM();
	world_init(&w);
	world_init(&v);
	if (prepare(&w, scratch_begin, scratch_end)) {
		CHECK(vm_resume(w.vm, &e) == 0);
		CHECK(says(&w, 100));
		CHECK(save(&w, &state, &memory));
		CHECK(restore(&v, state, memory) && says(&v, 100));
	}
	world_done(&v);
	world_done(&w);
}

static const struct test tests[] = {
	{"a restored machine goes on with its serial port as it was",
	 it_goes_on_with_its_serial_port_as_it_was},
};
TEST_MAIN(tests)
