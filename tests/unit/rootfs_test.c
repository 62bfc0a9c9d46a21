/* SPDX-License-Identifier: Apache-2.0 */
/* The root, devices, terminal, masks, user namespaces (rootfs_world.h). */
#include "tests/unit/rootfs_world.h"

/* ---- what a container gets ---- */

static void inside_default(void)
{
	struct stat st;
	char cwd[16];

	CHECK(getcwd(cwd, sizeof(cwd)) && str_eq(cwd, "/"));
	CHECK(file_says("/etc/name", "default"));
	CHECK(mount_has("/", "ro") && !writable("/"));
	CHECK(mount_says("/proc", "- proc proc"));
	CHECK(link_is("/proc/self", "1"));
	CHECK(mount_has("/dev", "rw,nosuid") && mount_says("/dev", "mode=755"));
	CHECK(mount_says("/dev", "- tmpfs tmpfs"));
	CHECK(!mount_has("/dev", "relatime"));
	CHECK(mount_has("/dev/pts", "nosuid,noexec") &&
	      mount_says("/dev/pts", "ptmxmode=666"));
	CHECK(mount_has("/dev/shm", "nosuid,noexec,nodev") &&
	      mount_says("/dev/shm", "- tmpfs shm"));
	CHECK(mount_has("/dev/mqueue", "nosuid,noexec,nodev"));
	CHECK(mount_has("/sys", "nosuid,noexec,nodev,ro"));
	CHECK(mount_has("/sys/fs/cgroup", "nosuid,noexec,nodev,relatime,ro"));
	CHECK(mount_says("/sys/fs/cgroup", "- cgroup2 cgroup"));
	CHECK(is_device("/dev/null", 1, 3) && is_device("/dev/zero", 1, 5));
	CHECK(is_device("/dev/full", 1, 7) && is_device("/dev/random", 1, 8));
	CHECK(is_device("/dev/urandom", 1, 9) && is_device("/dev/tty", 5, 0));
	CHECK(stat("/dev/null", &st) == 0 && (st.st_mode & 07777) == 0666);
	CHECK(st.st_uid == 0 && st.st_gid == 0);
	CHECK(link_is("/dev/ptmx", "pts/ptmx") && link_is("/dev/fd", "/proc/self/fd"));
	CHECK(link_is("/dev/stdin", "/proc/self/fd/0"));
	CHECK(link_is("/dev/stdout", "/proc/self/fd/1"));
	CHECK(link_is("/dev/stderr", "/proc/self/fd/2"));
	CHECK(is_device("/dev/ptmx", 5, 2));
	CHECK(stat("/dev/console", &st) == 0 && S_ISCHR(st.st_mode));
	CHECK(mount_says("/dev/console", "- devpts"));
}

static void inside_masks(void)
{
	CHECK(!exists("/proc/kcore") || is_device("/proc/kcore", 1, 3));
	CHECK(is_device("/proc/keys", 1, 3) || !exists("/proc/keys"));
	CHECK(is_device("/proc/timer_list", 1, 3) || !exists("/proc/timer_list"));
	CHECK(is_empty_dir("/sys/firmware"));
	CHECK(!exists("/proc/acpi") || is_empty_dir("/proc/acpi"));
	CHECK(mount_has("/proc/sys", "ro"));
	CHECK(!exists("/proc/sysrq-trigger") || mount_has("/proc/sysrq-trigger", "ro"));
	CHECK(mount_has("/proc/irq", "ro") && mount_has("/proc/bus", "ro"));
	CHECK(open("/proc/sys/kernel/domainname", O_WRONLY | O_CLOEXEC) < 0 &&
	      errno == EROFS);
	inside_default();
}

static void default_spec(void)
{
	struct world *w = default_world("default");

	w->console = true;
	w->inside = inside_masks;
	run_well(w);
	CHECK(!exists(at_top("default/dev/null")));
	CHECK_STR(w->path, at_top("default"));
}

static void bad_roots(void)
{
	struct world *w = new_world("badroot");

	w->root.path = "nothing-here";
	run_refused(w, "root.path");
	CHECK(strstr(w->e.text, "ENOENT"));
	make_file("a-file", "");
	w->root.path = "a-file";
	run_refused(w, "a file, not a folder");
	w->root.path = "badroot";
	w->l.rootfs_propagation = "sideways";
	run_refused(w, "linux.rootfsPropagation: \"sideways\" is not supported");
	w->l.rootfs_propagation = "rprivate";
	w->o.no_pivot = true;
	run_refused(w, "rootfsPropagation of [r]private is not safe without pivot_root");
	w->o.no_pivot = false;
	w->l.rootfs_propagation = NULL;
	make_link("badroot", "root-link");
	w->root.path = "root-link";
	run_well(w);
	CHECK_STR(w->path, at_top("badroot"));
}

/* ---- devices, terminal ---- */

static void inside_devices(void)
{
	struct stat st;

	CHECK(is_device("/dev/fuse", 10, 229) && is_device("/opt/dev/z", 1, 5));
	CHECK(stat("/dev/fuse", &st) == 0 && (st.st_mode & 07777) == 0642);
	CHECK(st.st_uid == 12 && st.st_gid == 34);
	CHECK(stat("/dev/pipe", &st) == 0 && S_ISFIFO(st.st_mode));
	CHECK((st.st_mode & 07777) == 0666);
	CHECK(stat("/dev/null", &st) == 0 && S_ISCHR(st.st_mode));
	CHECK((st.st_mode & 07777) == 0600);
	CHECK(umask(0) == 077);
}

static void spec_devices(void)
{
	struct world *w = new_world("devices");
	mode_t mask = umask(077);

	w->l.devices = w->devices;
	w->l.devices_count = 4;
	w->devices[0] = (struct spec_device){"c",          "/dev/fuse", 10,        229,
					     {true, 0642}, {true, 12},  {true, 34}};
	w->devices[1] = (struct spec_device){
		.type = "u", .path = "/opt/dev/../dev/z", .major = 1, .minor = 5};
	w->devices[2] = (struct spec_device){.type = "p", .path = "/dev/pipe"};
	w->devices[3] = (struct spec_device){.type = "c",
					     .path = "/dev/null",
					     .major = 1,
					     .minor = 3,
					     .file_mode = {true, 0600}};
	add_mount(w, "/dev", "tmpfs", "tmpfs", "mode=755");
	w->inside = inside_devices;
	run_well(w);
	w->devices[3].type = "x";
	run_refused(w, "linux.devices[3]: device /dev/null: type \"x\"");
	(void)umask(mask);
}

static void wrong_device_in_place(void)
{
	struct world *w = new_world("wrongdev");

	make_file("wrongdev/dev/zero", "");
	run_refused(w, "device /dev/zero: something else is in its place");
}

static void inside_bound_dev(void)
{
	CHECK(exists("/dev/mine") && !exists("/dev/null") && !exists("/dev/fd"));
}

static void bound_dev_is_left_alone(void)
{
	struct world *w = new_world("bounddev");

	make_dir("mydev");
	make_file("mydev/mine", "");
	add_mount(w, "/dev", "bind", at_top("mydev"), "rbind ro");
	w->inside = inside_bound_dev;
	run_well(w);
}

static void console_without_devpts(void)
{
	struct world *w = new_world("console");

	w->console = true;
	w->inside = inside_console;
	run_well(w);
}

/* ---- masks ---- */

static void inside_many_masks(void)
{
	struct stat a, b;

	CHECK(is_empty_dir("/etc") && is_empty_dir("/tmp"));
	CHECK(stat("/etc", &a) == 0 && stat("/tmp", &b) == 0 && a.st_dev == b.st_dev);
	CHECK(is_device("/f1", 1, 3) && is_device("/f2", 1, 3));
	CHECK(is_device("/behind", 1, 3));
	CHECK(mount_has("/opt", "ro") && !writable("/opt"));
	CHECK(!exists("/nothing"));
}

static void masks_of_all_kinds(void)
{
	struct world *w = new_world("masks");

	make_file("masks/f1", "secret");
	make_file("masks/f2", "secret");
	make_file("masks/behind", "secret");
	make_link("behind", "masks/link");
	make_dir("masks/opt");
	w->l.masked_paths = words("/f1 /etc /nothing /f2 /tmp /link /etc/name/x");
	w->l.readonly_paths = words("/opt /nothing/else");
	w->inside = inside_many_masks;
	run_well(w);
}

/* ---- user namespaces, no pivot, descriptors ---- */

static void inside_userns(void)
{
	CHECK(is_device("/dev/null", 1, 3) && is_device("/dev/tty", 5, 0));
	CHECK(mount_has("/proc", "nosuid"));
	CHECK(mount_has("/sys", "ro,nosuid,nodev,noexec"));
	CHECK(mount_has("/sys/fs/cgroup", "ro"));
	CHECK(!writable("/sys/fs/cgroup"));
	CHECK(is_device("/proc/timer_list", 1, 3) || !exists("/proc/timer_list"));
	CHECK(mount_has("/strict", "ro,nosuid,nodev,noexec"));
	CHECK(file_says("/hidden/f", "text"));
	/* What the host's mount forbids can't be taken back. */
	CHECK(syscall(SYS_mount, NULL, "/strict", NULL, MS_REMOUNT | MS_BIND, NULL) < 0);
}

static struct world *userns_world(const char *name)
{
	struct world *w = new_world(name);

	CHECK(chmod(top, 0755) == 0);
	for (size_t i = 0; i < 6; i++) {
		static const char *const dirs[] = {"",     "/proc", "/dev",
						   "/sys", "/tmp",  "/etc"};

		CHECK(chown(at_top(arena_fmt(&arena, "%s%s", name, dirs[i])), 100000,
			    100000) == 0);
	}
	w->flags |= CLONE_NEWUSER;
	w->o.in_userns = true;
	add_mount(w, "/proc", "proc", "proc", "nosuid");
	add_mount(w, "/dev", "tmpfs", "tmpfs", "mode=755");
	return w;
}

static void user_namespace(void)
{
	struct world *w = userns_world("userns");

	/* No network namespace of its own: sysfs can only be bound. */
	w->flags &= ~(uint64_t)(CLONE_NEWNET);
	make_dir("ustrict");
	CHECK(mount_here("tmpfs", "ustrict", "tmpfs",
			 MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC) == 0);
	make_dir("closed");
	make_dir("closed/in");
	make_file("closed/in/f", "text\n");
	CHECK(chmod(at_top("closed"), 0700) == 0);
	add_mount(w, "/sys", "sysfs", "sysfs", "nosuid noexec nodev ro");
	add_mount(w, "/sys/fs/cgroup", "cgroup", "cgroup", "ro");
	add_mount(w, "/strict", "bind", at_top("ustrict"), "rbind nosuid");
	/* Only the runtime can reach this one. */
	add_mount(w, "/hidden", "bind", at_top("closed/in"), "rbind");
	w->l.masked_paths = words(DEFAULT_MASKS);
	w->l.readonly_paths = words(DEFAULT_READONLY);
	w->inside = inside_userns;
	run_well(w);
}

static void locked_flags_stay(void)
{
	struct world *w = userns_world("locked");

	make_dir("lstrict");
	CHECK(mount_here("tmpfs", "lstrict", "tmpfs", MS_RDONLY | MS_NOSUID) == 0);
	add_mount(w, "/strict", "bind", at_top("lstrict"), "rbind rw");
	run_refused(w, "EPERM");
}

static void inside_cgroup_fallback(void)
{
	CHECK(mount_has("/cg", "ro,nosuid") && !writable("/cg"));
	CHECK(mount_says("/cg", "- cgroup2") && exists("/cg/cgroup.procs"));
}

static void inside_cgroup_masked(void)
{
	CHECK(mount_has("/cg", "ro") && is_empty_dir("/cg"));
}

/* cgroup2 can't be mounted by a user namespace that doesn't own the cgroup namespace:
 * what is bound instead has the flags that were asked for (CVE-2023-25809). */
static void cgroup_fallback_keeps_flags(void)
{
	struct world *w = userns_world("cgfall");

	if (!exists("/sys/fs/cgroup/cgroup.procs") &&
	    !exists("/sys/fs/cgroup/unified/cgroup.procs"))
		SKIP("no cgroup v2 hierarchy");
	add_mount(w, "/cg", "cgroup", "cgroup", "nosuid ro");
	w->flags &= ~(uint64_t)CLONE_NEWCGROUP;
	w->inside = inside_cgroup_fallback;
	run_well(w);
	w->o.cgroup_path = "/not/there";
	w->inside = inside_cgroup_masked;
	run_well(w);
}

static void inside_no_pivot(void)
{
	CHECK(file_says("/etc/name", "nopivot") && !exists(top));
	CHECK(mount_has("/", "ro") && link_is("/proc/self", "1"));
	CHECK(path_open_in(AT_FDCWD, "../../..", O_PATH, 0) >= 0);
	CHECK(chdir("../../../..") == 0 && exists("etc/name"));
}

static void no_pivot(void)
{
	struct world *w = new_world("nopivot");

	add_mount(w, "/proc", "proc", "proc", "");
	w->root.readonly = true;
	w->o.no_pivot = true;
	w->inside = inside_no_pivot;
	run_well(w);
}

static int count_fds(void)
{
	int n = 0;

	for (int fd = 3; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static int fds_before;

static void inside_fds(void)
{
	/* The test's own: the procfs and the ends of its pipes. */
	CHECK(count_fds() == fds_before);
	for (int fd = 3; fd < 256; fd++) {
		int flags = fcntl(fd, F_GETFD);

		CHECK(flags < 0 || (flags & FD_CLOEXEC));
	}
}

static void no_descriptor_is_left(void)
{
	struct world *w = default_world("fds");
	int before = count_fds();

	/* The procfs, both pipes without the end that the child closed. */
	fds_before = before + 4;
	add_mount(w, "/mnt", "bind", at_top("fds"), "rbind ro");
	add_mount(w, "/ro", "tmpfs", "tmpfs", "ro");
	w->inside = inside_fds;
	run_well(w);
	CHECK(count_fds() == before);
	add_mount(w, "/x", "bind", "/nowhere", "bind");
	run_refused(w, "/nowhere");
	CHECK(count_fds() == before);
}

static const struct test tests[] = {
	{"the spec of `spec` makes all that it says", default_spec},
	{"a bad root is refused, a link to one resolved", bad_roots},
	{"devices of the spec, with mode and owner", spec_devices},
	{"another file in a device's place is an error", wrong_device_in_place},
	{"a /dev that is bound is left alone", bound_dev_is_left_alone},
	{"a terminal without a devpts", console_without_devpts},
	{"masks for files and folders, shared and by links", masks_of_all_kinds},
	{"a user namespace: devices, sysfs and masks", user_namespace},
	{"a locked flag can't be asked away", locked_flags_stay},
	{"a bound cgroup keeps its flags", cgroup_fallback_keeps_flags},
	{"without pivot_root", no_pivot},
	{"no descriptor is left open", no_descriptor_is_left},
};

int main(void)
{
	return world_main(tests, ARRAY_LEN(tests));
}
