/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine in files, and out of them. The vCPUs come first, as their local interrupt
 * controllers must be there before the VM's has something for them; the devices last, as
 * they may raise interrupts at once.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/str.h"
#include "vm/machine_parts.h"

/* State is a few pages for each vCPU, and some KiB for devices. */
#define STATE_MOST ((size_t)64 << 20)

static struct arch_cpu_config cpu_config(const struct vm *vm, unsigned index)
{
	return (struct arch_cpu_config){index, vm->c.vcpus_max, vm->cpuid};
}

/* ---- what must be the same in the machine that restores ---- */

struct shape {
	const char *name;
	uint64_t value;
};

#define SHAPES 6

static void shape_of(const struct vm *vm, struct shape ret[SHAPES])
{
	ret[0] = (struct shape){"vCPUs at its start", vm->c.vcpus};
	ret[1] = (struct shape){"vCPUs", vm->c.vcpus_max};
	ret[2] = (struct shape){"bytes of memory", vm->c.memory};
	ret[3] = (struct shape){"bytes that can be plugged in", vm->c.memory_hotplug};
	ret[4] = (struct shape){"bytes of a DAX window", vm->c.dax_len};
	ret[5] = (struct shape){"filesystems", 0};
	for (unsigned i = PLAN_FS_PRIVATE; i <= PLAN_FS_SHARED; i++)
		ret[5].value += vm->dev[i] != NULL;
}

static void save_shape(const struct vm *vm, struct state_writer *w)
{
	struct shape s[SHAPES];

	shape_of(vm, s);
	state_begin(w, "mach", 0);
	for (unsigned i = 0; i < SHAPES; i++)
		state_put_u64(w, s[i].value);
	state_put_u32(w, PLAN_DEVICES);
	state_end(w);
}

static int check_shape(const struct vm *vm, struct state_reader *r, struct err *e)
{
	struct shape s[SHAPES];
	uint64_t v;

	shape_of(vm, s);
	state_enter(r, "mach", 0);
	for (unsigned i = 0; i < SHAPES; i++) {
		v = state_get_u64(r);
		if (v != s[i].value)
			state_refuse(r, "it had %llu %s, and this machine has %llu",
				     (unsigned long long)v, s[i].name,
				     (unsigned long long)s[i].value);
	}
	if (state_get_u32(r) != PLAN_DEVICES)
		state_refuse(r, "it had other devices");
	state_leave(r);
	return state_check(r, e);
}

/* ---- save ---- */

static int save_state(struct vm *vm, struct state_writer *w, struct err *e)
{
	struct arch_cpu_config c;
	int r = 0;

	save_shape(vm, w);
	for (unsigned i = 0; i < vm->c.vcpus_max && r == 0; i++) {
		c = cpu_config(vm, i);
		r = arch_cpu_save(vcpus_fd(vm->cpus, i), vm->host, &c, w, e);
	}
	if (r == 0)
		r = arch_vm_save(vm->vm_fd, w, e);
	if (r == 0)
		serial_save(vm->serial, w);
	for (unsigned i = 0; i < PLAN_DEVICES && r == 0; i++)
		if (vm->dev[i])
			virtio_save(vm->dev[i], w, i);
	return r;
}

static int write_state(struct vm *vm, int fd, struct err *e)
{
	struct state_writer *w = state_writer_new();
	const void *data = NULL;
	size_t len = 0;
	int r;

	if (!w)
		return err_set(e, ENOMEM, "no memory");
	r = save_state(vm, w, e);
	if (r == 0)
		r = state_finish(w, &data, &len, e);
	if (r == 0) {
		r = fd_write_full(fd, data, len);
		if (r < 0)
			(void)err_code(e, r, "write its state");
	}
	state_writer_free(w);
	return r;
}

static int write_memory(const struct vm *vm, int fd, struct err *e)
{
	struct stat st;
	int r;

	if (fd < 0) {
		if (!vm->c.memory_shared || memory_any_plugged(vm->mem))
			return err_set(e, EINVAL, "there is no file for its memory");
		return 0;
	}
	if (fstat(fd, &st) < 0)
		return err_sys(e, "look at the file for its memory");
	/* It may be what this machine, or another, has its memory from. */
	if (!S_ISREG(st.st_mode) || st.st_size != 0)
		return err_set(e, EINVAL, "the file for its memory isn't an empty one");
	r = memory_save(vm->mem, fd);
	return r < 0 ? err_code(e, r, "write its memory") : 0;
}

int vm_save(struct vm *vm, int state_fd, int memory_fd, struct err *e)
{
	int r;

	if (!vm->booted || !vm->spawned || vm->running)
		return err_set(e, EBUSY, "save the machine: it isn't paused");
	if (vm->ended)
		return err_set(e, ESHUTDOWN, "save the machine: the guest has ended");
	r = write_state(vm, state_fd, e);
	if (r == 0)
		r = write_memory(vm, memory_fd, e);
	return r < 0 ? err_wrap(e, "save the machine") : 0;
}

/* ---- restore ---- */

static int load_plugged(struct vm *vm, int fd, struct err *e)
{
	int r;

	if (!memory_any_plugged(vm->mem))
		return 0;
	if (fd < 0)
		return err_set(e, EINVAL, "there is no file with what was plugged in");
	r = memory_load_plugged(vm->mem, fd);
	return r < 0 ? err_code(e, r, "read the memory that was plugged in") : 0;
}

/* What is plugged in comes first: the queues of the others may be there. */
static int load_devices(struct vm *vm, struct state_reader *r, int memory_fd,
			struct err *e)
{
	int n = virtio_restore(vm->dev[PLAN_MEM], r, PLAN_MEM, e);

	if (n == 0)
		n = load_plugged(vm, memory_fd, e);
	for (unsigned i = 0; i < PLAN_DEVICES && n == 0; i++)
		if (vm->dev[i] && i != PLAN_MEM)
			n = virtio_restore(vm->dev[i], r, i, e);
	return n;
}

/* A new generation: the guest's random numbers must not be those of its twins. Told last,
 * so that nothing that is restored takes it back. */
static int renew_generation(struct vm *vm, struct err *e)
{
	uint64_t one = 1;
	int r = arch_generation_renew(vm->mem, e);

	if (r < 0)
		return r;
	r = fd_write_full(vm->generation_fd, &one, sizeof(one));
	return r < 0 ? err_code(e, r, "tell of a new generation") : 0;
}

static int load_state(struct vm *vm, struct state_reader *r, int memory_fd, struct err *e)
{
	struct arch_cpu_config c;
	int n = check_shape(vm, r, e);

	for (unsigned i = 0; i < vm->c.vcpus_max && n == 0; i++) {
		c = cpu_config(vm, i);
		n = arch_cpu_restore(vcpus_fd(vm->cpus, i), vm->host, &c, r, e);
	}
	if (n == 0)
		n = arch_vm_restore(vm->vm_fd, r, e);
	if (n < 0)
		return n;
	serial_restore(vm->serial, r);
	n = state_check(r, e);
	if (n == 0)
		n = load_devices(vm, r, memory_fd, e);
	return n < 0 ? n : renew_generation(vm, e);
}

int vm_restore(struct vm *vm, int state_fd, int memory_fd, struct err *e)
{
	AUTO_FREE char *data = NULL;
	struct state_reader *r = NULL;
	size_t len;
	int n;

	if (vm->booted || vm->spoiled)
		return err_set(e, EINVAL, "vm: it was booted already");
	/* Requests that were pending wait for vm_resume(), as the guest does. */
	machine_devices_pause(vm);
	vm->quiet = true;
	n = file_read_fd(state_fd, "its state", STATE_MOST, &data, &len, e);
	if (n == 0)
		n = state_reader_new(data, len, &r, e);
	if (n == 0)
		n = load_state(vm, r, memory_fd, e);
	state_reader_free(r);
	vm->booted = n == 0;
	vm->spoiled = n < 0;
	return n < 0 ? err_wrap(e, "restore a machine") : 0;
}
