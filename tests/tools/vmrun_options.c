/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/tools/vmrun_options.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "base/str.h"
#include "src/options.h"

static int open_file(const struct option_value *v, int flags, int *ret, struct err *e)
{
	fd_close(ret);
	*ret = open(v->text, flags | O_CLOEXEC);
	return *ret < 0 ? err_sys(e, "open %s", v->text) : 0;
}

static int set_file(const struct option_value *v, void *field, struct err *e)
{
	return open_file(v, O_RDONLY, field, e);
}

static int set_folder(const struct option_value *v, void *field, struct err *e)
{
	return open_file(v, O_RDONLY | O_DIRECTORY, field, e);
}

static int set_mib(const struct option_value *v, void *field, struct err *e)
{
	uint64_t *bytes = field, mib;

	if (str_to_u64(v->text, &mib) < 0 || mib > UINT64_C(1) << 30)
		return err_set(e, EINVAL, "%s: no number of MiB", v->text);
	*bytes = mib << 20;
	return 0;
}

static int set_cpus(const struct option_value *v, void *field, struct err *e)
{
	struct vm_config *c = field;
	size_t len = strcspn(v->text, ",");
	const char *n = arena_strndup(v->arena, v->text, len);

	if (!n)
		return err_code(e, ENOMEM, "%s", v->text);
	if (str_to_u32(n, &c->vcpus) < 0 ||
	    (v->text[len] && str_to_u32(v->text + len + 1, &c->vcpus_max) < 0))
		return err_set(e, EINVAL, "%s: no number of processors", v->text);
	return 0;
}

#define CONFIG(field) offsetof(struct vmrun_options, config.field)
#define BOOT(field)   offsetof(struct vmrun_options, boot.field)
#define DEVICE(field) offsetof(struct vmrun_options, devices.field)
#define OTHER(field)  offsetof(struct vmrun_options, field)

static const struct option options[] = {
	{"kernel", 0, "FILE", "ELF vmlinux or bzImage", BOOT(kernel_fd), set_file},
	{"krunfw", 0, "LIBRARY", "a libkrunfw in its place", BOOT(krunfw),
	 option_set_path},
	{"initrd", 0, "FILE", "initial ramdisk", BOOT(initrd_fd), set_file},
	{"cache", 0, "DIR", "keeps unpacked kernels", BOOT(kernel_cache_fd), set_folder},
	{"cmdline", 0, "TEXT", "the kernel's command line", BOOT(cmdline),
	 option_set_string},
	{"cpus", 0, "N[,MAX]", "processors (1)", OTHER(config), set_cpus},
	{"memory", 0, "MIB", "boot memory (256)", CONFIG(memory), set_mib},
	{"hotplug", 0, "MIB", "what virtio-mem may add (0)", CONFIG(memory_hotplug),
	 set_mib},
	{"plug", 0, "MIB", "what it is asked to add (0)", OTHER(plug), set_mib},
	{"control", 0, "FIFO", "lines: plug MIB, balloon MIB, resize ROWS COLUMNS, size",
	 OTHER(control), option_set_path},
	{"small-pages", 0, NULL, "no transparent huge pages", CONFIG(small_pages),
	 option_set_flag},
	{"serial", 0, NULL, "the serial console on stdout", OTHER(serial),
	 option_set_flag},
	{"console", 0, "stdio|none", "the virtio console (stdio)", OTHER(console),
	 option_set_choice},
	{"tap", 0, "NAME", "the next network device's", DEVICE(taps), option_add_string},
	{"disk", 0, "FILE[,ro]", "the next disk", DEVICE(disks), option_add_string},
	{"fs-private", 0, "NAME=DIR[,ro][,dax]",
	 "a tree in the filesystem fs-private; no NAME: its root",
	 DEVICE(fs[VM_FS_PRIVATE]), option_add_string},
	{"fs-shared", 0, "NAME=DIR...", "the same in fs-shared", DEVICE(fs[VM_FS_SHARED]),
	 option_add_string},
	{"fs-workers", 0, "N", "threads of each (2)", CONFIG(fs_workers), option_set_u32},
	{"dax", 0, "MIB", "of each's DAX window (0)", CONFIG(dax_len), set_mib},
	{"vsock-listen", 0, "PORT=PATH", "guest to unix socket", DEVICE(vsock_listen),
	 option_add_string},
	{"vsock-connect", 0, "PATH=PORT", "and back", DEVICE(vsock_connect),
	 option_add_string},
	{"pvh", 0, NULL, "enter by PVH, not by the 64-bit protocol", BOOT(pvh),
	 option_set_flag},
	{"no-acpi", 0, NULL, "no ACPI tables", BOOT(no_acpi), option_set_flag},
	{"cmdline-devices", 0, NULL, "devices on the command line as well",
	 BOOT(cmdline_devices), option_set_flag},
	{"save", 0, "DIR", "on SIGUSR1, save the machine there and end", OTHER(save),
	 option_set_path},
	{"restore", 0, "DIR", "go on from there; no kernel is needed", OTHER(restore),
	 option_set_path},
	{"jail", 0, NULL, "in the jail of a sandbox's monitor", OTHER(jail),
	 option_set_flag},
	{"stats", 0, NULL, "times and exits on stderr at the end", OTHER(stats),
	 option_set_flag},
	{"check", 0, NULL, "whether this KVM runs stock kernels", OTHER(check),
	 option_set_flag},
	{0},
};

void vmrun_help(FILE *f)
{
	for (const struct option *o = options; o->name; o++)
		(void)fprintf(f, "  --%-16s %-19s %s\n", o->name,
			      o->value ? o->value : "", o->help);
	(void)fprintf(f, "  --%-16s %-19s %s\n", option_help->name, "",
		      option_help->help);
}

int vmrun_parse(struct vmrun_options *o, struct arena *a, int argc, char **argv,
		struct err *e)
{
	const struct option *tables[] = {options, NULL};
	bool help;
	int n = options_parse(tables, o, a, argc - 1, argv + 1, false, &help, e);

	if (n < 0 || help)
		return n < 0 ? n : 1;
	if (n > 0)
		return err_set(e, EINVAL, "%s: no option; see vmrun --help", argv[1]);
	if (o->boot.kernel_fd < 0 && !o->boot.krunfw && !o->check && !o->restore)
		return err_set(e, EINVAL, "no kernel; see vmrun --help");
	return 0;
}
