/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/tools/vmrun_state.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"

static int open_dir(const char *dir, struct err *e)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? err_sys(e, "open %s", dir) : fd;
}

/* A new file: a machine that still runs from the old one keeps it. */
static int open_new(int dir, const char *name, struct err *e)
{
	int fd;

	(void)unlinkat(dir, name, 0);
	fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return fd < 0 ? err_sys(e, "create %s", name) : fd;
}

static int open_old(const char *path, const char *name, struct err *e)
{
	AUTO_FD dir = open_dir(path, e);
	int fd;

	if (dir < 0)
		return dir;
	fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? err_sys(e, "open %s/%s", path, name) : fd;
}

int state_files_new(const char *path, struct state_files *ret, struct err *e)
{
	AUTO_FD dir = open_dir(path, e);
	AUTO_FD state = -1;

	if (dir < 0)
		return dir;
	state = open_new(dir, "state", e);
	if (state < 0)
		return state;
	ret->memory = open_new(dir, "memory", e);
	if (ret->memory < 0)
		return ret->memory;
	ret->state = fd_take(&state);
	return 0;
}

void state_files_done(struct state_files *f)
{
	fd_close(&f->state);
	fd_close(&f->memory);
}

int state_save(struct vm *vm, const struct state_files *f, struct err *e)
{
	int r = vm_pause(vm, e);

	return r < 0 ? r : vm_save(vm, f->state, f->memory, e);
}

int state_memory(const char *dir, struct err *e)
{
	return open_old(dir, "memory", e);
}

int state_restore(struct vm *vm, const char *dir, struct err *e)
{
	AUTO_FD state = open_old(dir, "state", e);
	AUTO_FD memory = -1;

	if (state < 0)
		return state;
	memory = open_old(dir, "memory", e);
	return memory < 0 ? memory : vm_restore(vm, state, memory, e);
}
