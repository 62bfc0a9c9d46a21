/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a virtual machine in the foreground, for tests and benchmarks of vm/: kernel,
 * initrd, command line and devices by options. `vmrun --help` has them.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "vm/loop.h"
#include "vm/plan.h"
#include "vm/vm.h"

#include "tests/tools/vmrun_control.h"
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
	bool console;
	uint64_t plug;
	unsigned taps, disks;
	const char *tap[PLAN_NETS];
	char *disk[PLAN_BLOCKS];
	struct {
		int opt;
		char *value;
	} later[32];
	unsigned laters;
	struct vsock_relay *relay;
	struct vm *vm;
	struct loop_source *input;
	size_t in_len; /* read from stdin, not yet taken by the console */
	char in[4096];
	struct vm_config config;
	struct vm_boot boot;
	bool serial, stats, check;
	const char *save, *restore; /* folders */
	const char *control_path;
	struct control *control;
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
	loop_stop(r->config.loop);
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
	if (s.ssi_signo == SIGUSR1 && r->save) {
		struct err e;

		r->status = STATUS_SAVED;
		if (state_save(r->vm, r->save, &e) < 0) {
			(void)fprintf(stderr, "vmrun: %s\n", e.text);
			r->status = STATUS_FAILED;
		}
	}
	loop_stop(r->config.loop);
}

/* ---- options ---- */

enum {
	OPT_KERNEL = 256,
	OPT_KRUNFW,
	OPT_INITRD,
	OPT_CACHE,
	OPT_CMDLINE,
	OPT_CPUS,
	OPT_MEMORY,
	OPT_HOTPLUG,
	OPT_PLUG,
	OPT_CONTROL,
	OPT_HUGE,
	OPT_SERIAL,
	OPT_CONSOLE,
	OPT_TAP,
	OPT_DISK,
	OPT_FS_PRIVATE,
	OPT_FS_SHARED,
	OPT_FS_WORKERS,
	OPT_DAX,
	OPT_VSOCK_LISTEN,
	OPT_VSOCK_CONNECT,
	OPT_NO_PVH,
	OPT_NO_ACPI,
	OPT_CMDLINE_DEVICES,
	OPT_STATS,
	OPT_SAVE,
	OPT_RESTORE,
	OPT_CHECK,
	OPT_HELP,
};

static const struct {
	struct option o;
	const char *value, *help;
} options[] = {
	{{"kernel", 1, NULL, OPT_KERNEL}, "FILE", "ELF vmlinux or bzImage"},
	{{"krunfw", 1, NULL, OPT_KRUNFW}, "LIBRARY", "a libkrunfw in its place"},
	{{"initrd", 1, NULL, OPT_INITRD}, "FILE", "initial ramdisk"},
	{{"cache", 1, NULL, OPT_CACHE}, "DIR", "keeps unpacked kernels"},
	{{"cmdline", 1, NULL, OPT_CMDLINE}, "TEXT", "the kernel's command line"},
	{{"cpus", 1, NULL, OPT_CPUS}, "N[,MAX]", "processors (1)"},
	{{"memory", 1, NULL, OPT_MEMORY}, "MIB", "boot memory (256)"},
	{{"hotplug", 1, NULL, OPT_HOTPLUG}, "MIB", "what virtio-mem may add (0)"},
	{{"plug", 1, NULL, OPT_PLUG}, "MIB", "what it is asked to add (0)"},
	{{"control", 1, NULL, OPT_CONTROL},
	 "FIFO",
	 "lines: plug MIB, balloon MIB, resize ROWS COLUMNS, size"},
	{{"huge-pages", 0, NULL, OPT_HUGE}, NULL, "transparent huge pages"},
	{{"serial", 0, NULL, OPT_SERIAL}, NULL, "the serial console on stdout"},
	{{"console", 1, NULL, OPT_CONSOLE}, "stdio|none", "the virtio console (stdio)"},
	{{"tap", 1, NULL, OPT_TAP}, "NAME", "the next network device's"},
	{{"disk", 1, NULL, OPT_DISK}, "FILE[,ro]", "the next disk"},
	{{"fs-private", 1, NULL, OPT_FS_PRIVATE},
	 "NAME=DIR[,ro][,dax]",
	 "a tree in the filesystem fs-private; no NAME: its root"},
	{{"fs-shared", 1, NULL, OPT_FS_SHARED}, "NAME=DIR...", "the same in fs-shared"},
	{{"fs-workers", 1, NULL, OPT_FS_WORKERS}, "N", "threads of each (2)"},
	{{"dax", 1, NULL, OPT_DAX}, "MIB", "of each's DAX window (0)"},
	{{"vsock-listen", 1, NULL, OPT_VSOCK_LISTEN},
	 "PORT=PATH",
	 "guest to unix socket"},
	{{"vsock-connect", 1, NULL, OPT_VSOCK_CONNECT}, "PATH=PORT", "and back"},
	{{"no-pvh", 0, NULL, OPT_NO_PVH}, NULL, "enter by the 64-bit protocol"},
	{{"no-acpi", 0, NULL, OPT_NO_ACPI}, NULL, "no ACPI tables"},
	{{"cmdline-devices", 0, NULL, OPT_CMDLINE_DEVICES},
	 NULL,
	 "devices on the command line as well"},
	{{"save", 1, NULL, OPT_SAVE},
	 "DIR",
	 "on SIGUSR1, save the machine there and end"},
	{{"restore", 1, NULL, OPT_RESTORE},
	 "DIR",
	 "go on from there; no kernel is needed"},
	{{"stats", 0, NULL, OPT_STATS}, NULL, "times and exits on stderr at the end"},
	{{"check", 0, NULL, OPT_CHECK}, NULL, "whether this KVM runs stock kernels"},
	{{"help", 0, NULL, OPT_HELP}, NULL, "this text"},
};

static void usage(FILE *f)
{
	(void)fprintf(f, "usage: vmrun --kernel FILE [OPTION...]\n");
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		(void)fprintf(f, "  --%-16s %-19s %s\n", options[i].o.name,
			      options[i].value ? options[i].value : "", options[i].help);
	(void)fprintf(f, "exit status: 0 the guest switched itself off");
	for (size_t i = 1; i < ARRAY_LEN(ends); i++)
		(void)fprintf(f, ", %d %s", ends[i].status, ends[i].name);
	(void)fprintf(f, ", %d saved\n", STATUS_SAVED);
}

static int open_file(const char *path, int flags, int *ret, struct err *e)
{
	fd_close(ret);
	*ret = open(path, flags | O_CLOEXEC);
	return *ret < 0 ? err_sys(e, "open %s", path) : 0;
}

static int get_mib(const char *s, uint64_t *ret, struct err *e)
{
	uint64_t v;

	if (str_to_u64(s, &v) < 0 || v > UINT64_C(1) << 30)
		return err_set(e, EINVAL, "%s: no number of MiB", s);
	*ret = v << 20;
	return 0;
}

static int get_cpus(char *s, struct vm_config *c, struct err *e)
{
	char *max = strchr(s, ',');
	int r = 0;

	if (max)
		*max++ = '\0';
	if (str_to_u32(s, &c->vcpus) < 0)
		r = -EINVAL;
	if (max && str_to_u32(max, &c->vcpus_max) < 0)
		r = -EINVAL;
	return r < 0 ? err_set(e, EINVAL, "%s: no number of processors", s) : 0;
}

static int set_option(struct run *r, int opt, char *value, struct err *e)
{
	struct vm_config *c = &r->config;
	struct vm_boot *b = &r->boot;

	switch (opt) {
	case OPT_KERNEL:
		return open_file(value, O_RDONLY, &b->kernel_fd, e);
	case OPT_KRUNFW:
		b->krunfw = value;
		return 0;
	case OPT_INITRD:
		return open_file(value, O_RDONLY, &b->initrd_fd, e);
	case OPT_CACHE:
		return open_file(value, O_RDONLY | O_DIRECTORY, &b->kernel_cache_fd, e);
	case OPT_CMDLINE:
		b->cmdline = value;
		return 0;
	case OPT_CPUS:
		return get_cpus(value, c, e);
	case OPT_MEMORY:
		return get_mib(value, &c->memory, e);
	case OPT_HOTPLUG:
		return get_mib(value, &c->memory_hotplug, e);
	case OPT_PLUG:
		return get_mib(value, &r->plug, e);
	case OPT_CONTROL:
		r->control_path = value;
		return 0;
	case OPT_HUGE:
		c->huge_pages = true;
		return 0;
	case OPT_SERIAL:
		r->serial = true;
		return 0;
	case OPT_CONSOLE:
		r->console = str_eq(value, "stdio");
		return r->console || str_eq(value, "none")
			       ? 0
			       : err_set(e, EINVAL, "%s: stdio or none", value);
	case OPT_TAP:
		if (r->taps == PLAN_NETS)
			return err_set(e, EINVAL, "more than %d taps", PLAN_NETS);
		r->tap[r->taps++] = value;
		return 0;
	case OPT_DISK:
		if (r->disks == PLAN_BLOCKS)
			return err_set(e, EINVAL, "more than %d disks", PLAN_BLOCKS);
		r->disk[r->disks++] = value;
		return 0;
	case OPT_FS_PRIVATE:
	case OPT_FS_SHARED:
	case OPT_VSOCK_LISTEN:
	case OPT_VSOCK_CONNECT:
		/* Once there is a machine. */
		if (r->laters == ARRAY_LEN(r->later))
			return err_set(e, EINVAL, "too many options");
		r->later[r->laters].opt = opt;
		r->later[r->laters++].value = value;
		return 0;
	case OPT_FS_WORKERS:
		return str_to_u32(value, &c->fs_workers) < 0
			       ? err_set(e, EINVAL, "%s: no number", value)
			       : 0;
	case OPT_DAX:
		return get_mib(value, &c->dax_len, e);
	case OPT_NO_PVH:
		b->no_pvh = true;
		return 0;
	case OPT_NO_ACPI:
		b->no_acpi = true;
		return 0;
	case OPT_CMDLINE_DEVICES:
		b->cmdline_devices = true;
		return 0;
	case OPT_STATS:
		r->stats = true;
		return 0;
	case OPT_SAVE:
		r->save = value;
		return 0;
	case OPT_RESTORE:
		r->restore = value;
		return 0;
	case OPT_CHECK:
		r->check = true;
		return 0;
	default:
		return err_set(e, EINVAL, "option %d", opt);
	}
}

/* 0, 1 to end with status 0, or -errno. */
static int parse(struct run *r, int argc, char **argv, struct err *e)
{
	struct option o[ARRAY_LEN(options) + 1] = {0};
	int opt, ret;

	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		o[i] = options[i].o;
	while ((opt = getopt_long(argc, argv, "", o, NULL)) != -1) {
		if (opt == OPT_HELP) {
			usage(stdout);
			return 1;
		}
		if (opt == '?')
			return err_set(e, EINVAL, "see vmrun --help");
		ret = set_option(r, opt, optarg, e);
		if (ret < 0)
			return ret;
	}
	if (optind < argc)
		return err_set(e, EINVAL, "%s: no option", argv[optind]);
	if (r->boot.kernel_fd < 0 && !r->boot.krunfw && !r->check && !r->restore)
		return err_set(e, EINVAL, "no kernel; see vmrun --help");
	return 0;
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
	return loop_add(r->config.loop, r->signal_fd, EPOLLIN, on_signal, r, &r->signals,
			e);
}

static int connect_tap(struct run *r, struct vm *vm, unsigned i, struct err *e)
{
	struct vm_net_config c = {.mac = {0x02, 'v', 'm', 'r', 'u', (uint8_t)i}};
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	AUTO_FD fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	int ret;

	if (fd < 0)
		return err_sys(e, "open /dev/net/tun");
	(void)snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", r->tap[i]);
	if (ioctl(fd, TUNSETIFF, &ifr) < 0)
		return err_sys(e, "tap %s", r->tap[i]);
	c.tap_fd = fd;
	ret = vm_net_connect(vm, i, &c, e);
	if (ret == 0)
		(void)fd_take(&fd);
	return ret;
}

static int connect_disk(struct run *r, struct vm *vm, unsigned i, struct err *e)
{
	char *ro = strstr(r->disk[i], ",ro");
	struct vm_block_config c = {.read_only = ro && ro[3] == '\0'};
	AUTO_FD fd = -1;
	int ret;

	if (c.read_only)
		*ro = '\0';
	ret = open_file(r->disk[i], c.read_only ? O_RDONLY : O_RDWR, &fd, e);
	if (ret < 0)
		return ret;
	c.fd = fd;
	ret = vm_block_connect(vm, i, &c, e);
	if (ret == 0)
		(void)fd_take(&fd);
	return ret;
}

static int attach_tree(struct vm *vm, enum vm_fs fs, char *value, struct err *e)
{
	struct vm_tree_config c = {.name = value};
	char *dir = strchr(value, '='), *option;
	AUTO_FD fd = -1;

	if (!dir)
		return err_set(e, EINVAL, "%s: no NAME=DIR", value);
	*dir++ = '\0';
	while ((option = strrchr(dir, ',')) != NULL) {
		if (str_eq(option, ",ro"))
			c.read_only = true;
		else if (str_eq(option, ",dax"))
			c.dax = true;
		else
			break;
		*option = '\0';
	}
	fd = open(dir, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "open %s", dir);
	c.fd = fd;
	return vm_fs_attach(vm, fs, &c, e);
}

static int connect_later(struct run *r, struct vm *vm, int opt, char *value,
			 struct err *e)
{
	int ret = 0;

	if (opt == OPT_FS_PRIVATE || opt == OPT_FS_SHARED)
		return attach_tree(vm,
				   opt == OPT_FS_PRIVATE ? VM_FS_PRIVATE : VM_FS_SHARED,
				   value, e);
	if (!r->relay)
		ret = vsock_relay_new(vm, r->config.loop, &r->relay, e);
	if (ret < 0)
		return ret;
	return opt == OPT_VSOCK_LISTEN ? vsock_relay_listen(r->relay, value, e)
				       : vsock_relay_connect(r->relay, value, e);
}

static int connect_devices(struct run *r, struct vm *vm, struct err *e)
{
	int ret = 0;

	if (r->plug)
		ret = vm_mem_request(vm, r->plug, e);
	if (r->control_path && ret == 0)
		ret = control_new(vm, r->config.loop, r->control_path, &r->control, e);
	for (unsigned i = 0; i < r->taps && ret == 0; i++)
		ret = connect_tap(r, vm, i, e);
	for (unsigned i = 0; i < r->disks && ret == 0; i++)
		ret = connect_disk(r, vm, i, e);
	for (unsigned i = 0; i < r->laters && ret == 0; i++)
		ret = connect_later(r, vm, r->later[i].opt, r->later[i].value, e);
	return ret;
}

static int connect_console(struct run *r, struct vm *vm, struct err *e)
{
	r->vm = vm;
	if (r->serial)
		vm_serial_output(vm, on_output, r);
	if (!r->console)
		return 0;
	vm_console_output(vm, on_output, r);
	vm_console_writable(vm, on_room, r);
	/* A file is always readable, and epoll doesn't take it. */
	if (loop_add(r->config.loop, STDIN_FILENO, EPOLLIN, on_input, r, &r->input, e) ==
	    -EPERM)
		on_input(r, EPOLLIN);
	return 0;
}

static int start(struct run *r, struct vm *vm, struct err *e)
{
	int ret;

	ret = connect_console(r, vm, e);
	if (ret == 0)
		ret = connect_devices(r, vm, e);
	if (ret == 0)
		ret = r->restore ? state_restore(vm, r->restore, e)
				 : vm_boot(vm, &r->boot, e);
	if (ret == 0)
		ret = vm_spawn(vm, e);
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
	if (r->check)
		return vm_probe(kvm, e);
	if (r->restore) {
		memory = state_memory(r->restore, e);
		if (memory < 0)
			return memory;
	}
	r->config.memory_fd = memory;
	r->config.kvm_fd = kvm;
	r->config.proc_fd = proc;
	ret = loop_new(&r->config.loop, e);
	if (ret == 0)
		ret = watch_signals(r, e);
	if (ret == 0)
		ret = vm_new(&r->config, &vm, e);
	if (ret == 0)
		ret = start(r, vm, e);
	if (ret == 0)
		ret = loop_run(r->config.loop, e);
	if (ret == 0 && r->stats)
		print_stats(r, vm);
	vsock_relay_free(r->relay);
	control_free(r->control);
	vm_free(vm);
	loop_del(r->input);
	loop_del(r->signals);
	fd_close(&r->signal_fd);
	loop_free(r->config.loop);
	return ret;
}

int main(int argc, char **argv)
{
	struct err e = {0};
	struct run r = {
		.start_ns = now_ns(),
		.console = true,
		.signal_fd = -1,
		.config = {.vcpus = 1,
			   .memory = 256 << 20,
			   .memory_fd = -1,
			   .cid = 3,
			   .block_workers = 1,
			   .ended = on_end,
			   .log = on_log,
			   .arg = &r},
		.boot = {.kernel_fd = -1, .kernel_cache_fd = -1, .initrd_fd = -1},
	};
	int ret = parse(&r, argc, argv, &e);

	if (ret == 0)
		ret = run(&r, &e);
	if (ret < 0)
		(void)fprintf(stderr, "vmrun: %s\n", e.text);
	fd_close(&r.boot.kernel_fd);
	fd_close(&r.boot.kernel_cache_fd);
	fd_close(&r.boot.initrd_fd);
	if (ret < 0)
		return ret == -EINVAL ? STATUS_USAGE : STATUS_FAILED;
	return r.status;
}
