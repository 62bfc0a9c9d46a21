/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a virtual machine in the foreground, for tests and benchmarks of vm/: kernel,
 * initrd, command line and devices by options. `vmrun --help` has them.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "sandbox/jail.h"
#include "vm/loop.h"
#include "vm/vm.h"

#include "tests/tools/vmrun_control.h"
#include "tests/tools/vmrun_devices.h"
#include "tests/tools/vmrun_options.h"
#include "tests/tools/vmrun_state.h"
#include "tests/tools/vsock_relay.h"

enum {
	STATUS_FAILED = 1,
	STATUS_USAGE = 2,
	STATUS_SAVED = 20
};

/* What the exit status is, by why the guest ended. */
static const struct {
	const char *name;
	int status;
} ends[] = {
	[VM_END_SHUTDOWN] = {"shutdown", 0}, [VM_END_RESET] = {"reset", 10},
	[VM_END_PANIC] = {"panic", 11},      [VM_END_TRIPLE_FAULT] = {"triple-fault", 12},
	[VM_END_ERROR] = {"error", 13},
};

struct run {
	struct vmrun_options o;
	struct arena arena; /* of the options */
	struct vsock_relay *relay;
	struct control *control;
	struct vm *vm;
	struct jail *jail; /* NULL: none */
	struct state_files save;
	struct loop_source *input;
	size_t in_len; /* read from stdin, not yet taken by the console */
	char in[4096];
	uint64_t start_ns, run_ns, end_ns;
	struct loop_source *signals;
	int signal_fd;
	int status;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* ---- what happens while it runs ---- */

static void on_end(void *arg, enum vm_end why, const char *text)
{
	struct run *r = arg;

	r->end_ns = now_ns();
	r->status = ends[why].status;
	if (why != VM_END_SHUTDOWN)
		(void)fprintf(stderr, "vmrun: %s: %s\n", ends[why].name, text);
	loop_stop(r->o.config.loop);
}

static void on_log(void *arg, const char *line)
{
	(void)arg;
	(void)fprintf(stderr, "vmrun: %s\n", line);
}

static void on_output(void *arg, const void *buf, size_t len)
{
	(void)arg;
	(void)fd_write_full(STDOUT_FILENO, buf, len);
}

/* Hands stdin to the console; what it has no room for waits, and so does the rest. */
static void on_input(void *arg, uint32_t events)
{
	struct run *r = arg;
	size_t done;
	ssize_t n;

	(void)events;
	do {
		if (r->in_len == 0) {
			n = read(STDIN_FILENO, r->in, sizeof(r->in));
			if (n <= 0) {
				loop_del(r->input);
				r->input = NULL;
				return;
			}
			r->in_len = (size_t)n;
		}
		done = vm_console_input(r->vm, r->in, r->in_len);
		r->in_len -= done;
		memmove(r->in, r->in + done, r->in_len);
		if (r->in_len > 0 && r->input)
			(void)loop_set(r->input, 0);
	} while (r->in_len == 0 && !r->input);
}

static void on_room(void *arg)
{
	struct run *r = arg;

	if (r->input)
		(void)loop_set(r->input, EPOLLIN);
	if (r->in_len > 0)
		on_input(r, EPOLLIN);
}

static void on_signal(void *arg, uint32_t events)
{
	struct run *r = arg;
	struct signalfd_siginfo s;

	(void)events;
	if (read(r->signal_fd, &s, sizeof(s)) != sizeof(s))
		return;
	r->end_ns = now_ns();
	r->status = 128 + (int)s.ssi_signo;
	if (s.ssi_signo == SIGUSR1 && r->o.save) {
		struct err e;

		r->status = STATUS_SAVED;
		if (state_save(r->vm, &r->save, &e) < 0) {
			(void)fprintf(stderr, "vmrun: %s\n", e.text);
			r->status = STATUS_FAILED;
		}
	}
	loop_stop(r->o.config.loop);
}

/* ---- the machine ---- */

static int watch_signals(struct run *r, struct err *e)
{
	sigset_t s;

	(void)sigemptyset(&s);
	(void)sigaddset(&s, SIGTERM);
	(void)sigaddset(&s, SIGINT);
	(void)sigaddset(&s, SIGHUP);
	(void)sigaddset(&s, SIGUSR1);
	(void)sigprocmask(SIG_BLOCK, &s, NULL);
	r->signal_fd = signalfd(-1, &s, SFD_CLOEXEC | SFD_NONBLOCK);
	if (r->signal_fd < 0)
		return err_sys(e, "signalfd");
	return loop_add(r->o.config.loop, r->signal_fd, EPOLLIN, on_signal, r,
			&r->signals, e);
}

static int connect_console(struct run *r, struct vm *vm, struct err *e)
{
	r->vm = vm;
	if (r->o.serial)
		vm_serial_output(vm, on_output, r);
	if (str_eq(r->o.console, "none"))
		return 0;
	vm_console_output(vm, on_output, r);
	vm_console_writable(vm, on_room, r);
	/* A file is always readable, and epoll doesn't take it. */
	if (loop_add(r->o.config.loop, STDIN_FILENO, EPOLLIN, on_input, r, &r->input,
		     e) == -EPERM)
		on_input(r, EPOLLIN);
	return 0;
}

/* ---- the jail ---- */

static int enter_thread(void *arg, enum vm_thread kind, struct err *e)
{
	static const enum jail_thread kinds[] = {
		[VM_THREAD_VCPU] = JAIL_VCPU,
		[VM_THREAD_FS] = JAIL_FS,
		[VM_THREAD_BLOCK] = JAIL_BLOCK,
	};
	const struct run *r = arg;

	return r->jail ? jail_enter_thread(r->jail, kinds[kind], e) : 0;
}

/* With all that is open, as this program opens what it is told of by itself. */
static int enter_jail(struct run *r, struct err *e)
{
	const struct jail_config c = {.device_nodes = r->o.config.fs_device_nodes,
				      .saving = r->o.save != NULL};
	const struct jail_room room = {.nofile = 4096};
	int ret = jail_prepare(&c, &r->jail, e);
	AUTO_FD proc = -1;

	if (ret < 0)
		return ret;
	vsock_relay_seal(r->relay);
	if (unshare(CLONE_NEWNS) < 0)
		return err_sys(e, "unshare");
	return jail_enter(r->jail, &room, &proc, e);
}

static int spawn(struct run *r, struct vm *vm, struct err *e)
{
	int ret = r->o.jail ? enter_jail(r, e) : 0;

	if (ret == 0)
		ret = vm_spawn(vm, e);
	if (ret == 0 && r->jail)
		ret = jail_enter_thread(r->jail, JAIL_MAIN, e);
	return ret;
}

static int start(struct run *r, struct vm *vm, struct err *e)
{
	int ret;

	ret = connect_console(r, vm, e);
	if (ret == 0)
		ret = vmrun_connect(&r->o, vm, &r->arena, &r->relay, e);
	if (ret == 0 && r->o.control)
		ret = control_new(vm, r->o.config.loop, r->o.control, &r->control, e);
	if (ret == 0)
		ret = r->o.restore ? state_restore(vm, r->o.restore, e)
				   : vm_boot(vm, &r->o.boot, e);
	if (ret == 0 && r->o.save)
		ret = state_files_new(r->o.save, &r->save, e);
	if (ret == 0)
		ret = spawn(r, vm, e);
	if (ret < 0)
		return ret;
	r->run_ns = now_ns();
	return vm_resume(vm, e);
}

static void print_stats(const struct run *r, const struct vm *vm)
{
	struct vm_exits x = vm_exits(vm);

	(void)fprintf(stderr,
		      "vmrun: {\"to_run_us\": %llu, \"run_us\": %llu, \"io\": %llu, "
		      "\"mmio\": %llu, \"hlt\": %llu, \"intr\": %llu, \"other\": %llu}\n",
		      (unsigned long long)(r->run_ns - r->start_ns) / 1000,
		      (unsigned long long)(r->end_ns - r->run_ns) / 1000,
		      (unsigned long long)x.io, (unsigned long long)x.mmio,
		      (unsigned long long)x.hlt, (unsigned long long)x.intr,
		      (unsigned long long)x.other);
}

static int run(struct run *r, struct err *e)
{
	AUTO_FD proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	AUTO_FD memory = -1;
	struct vm *vm = NULL;
	int ret;

	if (kvm < 0)
		return err_sys(e, "open /dev/kvm");
	if (r->o.check)
		return vm_probe(kvm, e);
	if (r->o.restore) {
		memory = state_memory(r->o.restore, e);
		if (memory < 0)
			return memory;
	}
	r->o.config.memory_fd = memory;
	r->o.config.kvm_fd = kvm;
	r->o.config.proc_fd = proc;
	/* As the jail would, in which a sandbox makes its machine: see cred.c of vm/virtio/fs. */
	if (r->o.jail && prctl(PR_SET_DUMPABLE, 0) < 0)
		return err_sys(e, "set dumpable");
	ret = loop_new(&r->o.config.loop, e);
	if (ret == 0)
		ret = watch_signals(r, e);
	if (ret == 0)
		ret = vm_new(&r->o.config, &vm, e);
	if (ret == 0)
		ret = start(r, vm, e);
	if (ret == 0)
		ret = loop_run(r->o.config.loop, e);
	if (ret == 0 && r->o.stats)
		print_stats(r, vm);
	vsock_relay_free(r->relay);
	control_free(r->control);
	vm_free(vm);
	loop_del(r->input);
	loop_del(r->signals);
	fd_close(&r->signal_fd);
	state_files_done(&r->save);
	jail_free(r->jail);
	loop_free(r->o.config.loop);
	return ret;
}

static void usage(FILE *f)
{
	(void)fprintf(f, "usage: vmrun --kernel FILE [OPTION...]\n");
	vmrun_help(f);
	(void)fprintf(f, "exit status: 0 the guest switched itself off");
	for (size_t i = 1; i < ARRAY_LEN(ends); i++)
		(void)fprintf(f, ", %d %s", ends[i].status, ends[i].name);
	(void)fprintf(f, ", %d saved\n", STATUS_SAVED);
}

int main(int argc, char **argv)
{
	struct err e = {0};
	struct run r = {
		.start_ns = now_ns(),
		.signal_fd = -1,
		.save = {-1, -1},
		.o.console = "stdio",
		.o.config = {.vcpus = 1,
			     .memory = 256 << 20,
			     .memory_fd = -1,
			     .cid = 3,
			     .block_workers = 1,
			     .ended = on_end,
			     .log = on_log,
			     .enter_thread = enter_thread,
			     .arg = &r},
		.o.boot = {.kernel_fd = -1, .kernel_cache_fd = -1, .initrd_fd = -1},
	};
	int ret = vmrun_parse(&r.o, &r.arena, argc, argv, &e);

	if (ret > 0)
		usage(stdout);
	if (ret == 0)
		ret = run(&r, &e);
	if (ret < 0)
		(void)fprintf(stderr, "vmrun: %s\n", e.text);
	fd_close(&r.o.boot.kernel_fd);
	fd_close(&r.o.boot.kernel_cache_fd);
	fd_close(&r.o.boot.initrd_fd);
	arena_done(&r.arena);
	if (ret < 0)
		return ret == -EINVAL ? STATUS_USAGE : STATUS_FAILED;
	return r.status;
}
