/* SPDX-License-Identifier: Apache-2.0 */
/* The spec's mounts: flags, propagation, kinds (rootfs_world.h). */
#include "tests/unit/rootfs_world.h"

/* ---- flags ---- */

static void inside_flags(void)
{
	CHECK(mount_has("/a", "nosuid,nodev,noexec,noatime,nodiratime,ro"));
	CHECK(mount_says("/a", "- tmpfs one") && mount_says("/a", "size=64k"));
	CHECK(mount_has("/b", "rw") && !mount_has("/b", "relatime"));
	CHECK(!mount_has("/b", "noatime"));
	CHECK(mount_has("/b", "nosymfollow"));
	CHECK(mount_says("/c", ",sync") || mount_says("/c", "rw,sync"));
	CHECK(mount_has("/a/below", "rw"));
	CHECK(mount_has("/dev", "ro") && is_device("/dev/null", 1, 3));
	CHECK(mount_has("/d", "ro"));
}

static void flags_reach_the_kernel(void)
{
	struct world *w = new_world("flags");

	add_mount(w, "/a", "tmpfs", "one",
		  "nosuid nodev noexec noatime nodiratime ro size=64k");
	/* Made in a tmpfs that becomes read-only in the end. */
	add_mount(w, "/a/below", "tmpfs", "two", "");
	add_mount(w, "/b", "tmpfs", "tmpfs", "strictatime nosymfollow");
	add_mount(w, "c", "tmpfs", "tmpfs", "sync dirsync lazytime silent iversion");
	add_mount(w, "/d", "tmpfs", "tmpfs", "rw rro");
	add_mount(w, "/dev/", "tmpfs", "tmpfs", "mode=755 ro");
	w->inside = inside_flags;
	run_well(w);
}

static void inside_binds(void)
{
	CHECK(mount_has("/plain", "ro,nosuid,nodev,noexec,noatime"));
	CHECK(mount_has("/dev-only", "rw,noatime"));
	CHECK(!mount_has("/dev-only", "nosuid") && !mount_has("/dev-only", "noexec"));
	CHECK(mount_has("/ro", "ro") && !mount_has("/ro", "nosuid"));
	CHECK(mount_has("/top-ro", "ro") && writable("/top-ro/sub"));
	CHECK(mount_has("/all-ro", "ro") && mount_has("/all-ro/sub", "ro"));
	CHECK(!exists("/one/sub/mark") && exists("/top-ro/sub/mark"));
	CHECK(mount_has("/file", "ro") && file_says("/file", "text"));
	CHECK(file_says("/made/deep/file", "text"));
	CHECK(file_says("/etc/relative", "text"));
}

static void bind_flags(void)
{
	struct world *w = new_world("binds");

	make_dir("bindsrc");
	CHECK(mount_here("tmpfs", "bindsrc", "tmpfs", 0) == 0);
	make_dir("bindsrc/sub");
	CHECK(mount_here("tmpfs", "bindsrc/sub", "tmpfs", 0) == 0);
	make_file("bindsrc/sub/mark", "");
	make_file("bindsrc/file", "text\n");
	make_dir("strict");
	CHECK(mount_here("tmpfs", "strict", "tmpfs",
			 MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME) == 0);
	add_mount(w, "/plain", "bind", at_top("strict"), "bind");
	add_mount(w, "/dev-only", "none", at_top("strict"), "bind dev");
	add_mount(w, "/ro", NULL, at_top("strict"), "bind ro");
	add_mount(w, "/top-ro", "", at_top("bindsrc"), "rbind ro");
	add_mount(w, "/all-ro", "bind", at_top("bindsrc"), "rbind rro");
	add_mount(w, "/one", "bind", at_top("bindsrc"), "");
	add_mount(w, "/file", "bind", at_top("bindsrc/file"), "bind ro");
	add_mount(w, "/made/deep/file", "bind", at_top("bindsrc/file"), "rbind");
	add_mount(w, "/etc/relative", "bind", "bindsrc/./file", "rbind rprivate");
	w->inside = inside_binds;
	run_well(w);
}

static void refused_mounts(void)
{
	static const struct {
		const char *dest, *type, *source, *options, *error;
	} rows[] = {
		{"/x", "bind", "/nowhere/at/all", "bind",
		 "mounts[0]: source /nowhere/at/all: ENOENT"},
		{"/x", "bind", "/etc", "bind size=5",
		 "bind mounts cannot have any filesystem-specific options applied"},
		{"/x", "bind", "/etc", "bind z",
		 "bind mounts cannot have any filesystem-specific options applied"},
		{"/x", "bind", "/etc", "rbind idmap", "option idmap: not supported yet"},
		{"/x", "tmpfs", "", "remount", "option remount"},
		{"/x", "bind", "/etc", "bind tmpcopyup", "option tmpcopyup"},
		{"/x", "bind", "", "bind", "a bind without a source"},
		{"/x", "", "", "", "neither a type nor the option bind"},
		{"/proc", "tmpfs", "", "", "because it is not of type proc"},
		{"/proc", "bind", "/etc", "bind", "because it is not of type proc"},
		{"/proc/../proc/sys", "bind", "/etc", "bind",
		 "\"/proc/sys\" cannot be mounted because it is inside /proc"},
		{"/proc/uptime", "tmpfs", "", "", "because it is inside /proc"},
		{"/x", "tmpfs", "tmpfs", "nonsense=1", "nonsense"},
		{"/x", "tmpfs", "tmpfs", "size=much", "size"},
		{"/x", "nosuchfs", "", "", "filesystem nosuchfs: ENODEV"},
		{"/etc", "bind", "/proc/self/mountinfo", "bind", "is not a directory"},
		{"/etc/name/x", "tmpfs", "", "", "target /etc/name/x: ENOTDIR"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct world *w = new_world("refused");

		add_mount(w, rows[i].dest, rows[i].type, rows[i].source, rows[i].options);
		run_refused(w, rows[i].error);
		CHECK(!strcasestr(w->e.text, "no such file") &&
		      !strcasestr(w->e.text, "permission denied") &&
		      !strcasestr(w->e.text, "not permitted"));
	}
}

/* ---- propagation ---- */

/* Makes a mount inside; whether the host sees it depends. */
static void inside_mounts_below(void)
{
	CHECK(syscall(SYS_mount, "tmpfs", "/vol/seen", "tmpfs", 0, NULL) == 0);
	CHECK(syscall(SYS_mount, "tmpfs", "/tmp", "tmpfs", 0, NULL) == 0);
}

static void inside_slave(void)
{
	CHECK(mount_says("/vol", "master:") && !mount_says("/vol", "shared:"));
	CHECK(mount_says("/", "master:") && !mount_says("/", "shared:"));
	CHECK(!mount_says("/priv", "master:") && !mount_says("/priv", "shared:"));
	CHECK(mount_says("/both", "master:") && mount_says("/both", "shared:"));
	CHECK(mount_says("/unb", "unbindable"));
	CHECK(mount_says("/fs", "shared:"));
	inside_mounts_below();
}

static void inside_shared(void)
{
	CHECK(mount_says("/", "shared:"));
	CHECK(mount_says("/vol", "shared:") && !mount_says("/vol", "master:"));
	inside_mounts_below();
}

static void inside_private(void)
{
	CHECK(!mount_says("/", "shared:") && !mount_says("/", "master:"));
	CHECK(!mount_says("/vol", "shared:") && !mount_says("/vol", "master:"));
	inside_mounts_below();
}

static void inside_unbindable(void)
{
	CHECK(mount_says("/", "unbindable"));
	inside_mounts_below();
}

/* A rootfs and a volume on shared mounts of the host. */
static struct world *shared_world(const char *name)
{
	const struct mount_change shared = {.propagation = MS_SHARED};
	const char *vol = arena_fmt(&arena, "%s-vol", name);
	struct world *w;

	make_dir(name);
	make_dir(vol);
	for (int i = 0; i < 2; i++) {
		AUTO_FD fd = -1;

		CHECK(mount_here("tmpfs", i ? vol : name, "tmpfs", 0) == 0);
		fd = open(at_top(i ? vol : name), O_PATH | O_CLOEXEC);
		CHECK(mount_change_fd(fd, &shared, false) == 0);
	}
	make_dir(arena_fmt(&arena, "%s/seen", vol));
	w = new_world(name);
	add_mount(w, "/vol", "bind", at_top(vol), "rbind");
	return w;
}

static void slave_by_default(void)
{
	struct world *w = shared_world("slave");
	const char *vol = at_top("slave-vol");

	add_mount(w, "/priv", "bind", vol, "rbind rprivate");
	add_mount(w, "/both", "bind", vol, "bind rslave shared");
	add_mount(w, "/unb", "bind", vol, "rbind runbindable");
	add_mount(w, "/fs", "tmpfs", "tmpfs", "rshared");
	w->inside = inside_slave;
	run_well(w);
	CHECK(!is_mount_point(at_top("slave-vol/seen")));
	CHECK(!is_mount_point(at_top("slave/tmp")));
}

static void shared_goes_back(void)
{
	struct world *w = shared_world("shared");

	w->l.rootfs_propagation = "shared";
	w->inside = inside_shared;
	run_well(w);
	CHECK(is_mount_point(at_top("shared-vol/seen")));
	CHECK(!is_mount_point(at_top("shared/tmp")));
	CHECK(!is_mount_point(at_top("shared/proc")));
	w = shared_world("rshared");
	add_mount(w, "/priv", "bind", at_top("rshared-vol"), "rbind rprivate");
	w->l.rootfs_propagation = "rshared";
	w->inside = inside_shared;
	run_well(w);
	CHECK(is_mount_point(at_top("rshared-vol/seen")));
}

static void private_and_unbindable(void)
{
	struct world *w = shared_world("private");

	w->l.rootfs_propagation = "rprivate";
	w->inside = inside_private;
	run_well(w);
	CHECK(!is_mount_point(at_top("private-vol/seen")));
	w = shared_world("unbindable");
	w->l.rootfs_propagation = "unbindable";
	w->inside = inside_unbindable;
	run_well(w);
	CHECK(!is_mount_point(at_top("unbindable-vol/seen")));
}

/* ---- other mounts ---- */

static void inside_modes(void)
{
	struct stat st;

	CHECK(stat("/tmp", &st) == 0 && (st.st_mode & 07777) == 01751);
	CHECK(stat("/fresh/one", &st) == 0 && (st.st_mode & 07777) == 01777);
	CHECK(stat("/via/new", &st) == 0 && (st.st_mode & 07777) == 01777);
	CHECK(stat("/srv", &st) == 0 && (st.st_mode & 07777) == 0711);
	CHECK(stat("/etc", &st) == 0 && (st.st_mode & 07777) == 0700);
	CHECK(stat("/etc/sub", &st) == 0 && st.st_uid == 7 && st.st_gid == 8);
	CHECK(file_says("/etc/name", "modes") && link_is("/etc/out", "/etc/name"));
	CHECK(stat("/etc/sub/f", &st) == 0 && (st.st_mode & 07777) == 04751);
	CHECK(st.st_mtime == 1000);
	CHECK(mount_says("/etc", "- tmpfs") && writable("/etc"));
	CHECK(!exists("/etc/mnt/hidden") && exists("/etc/mnt"));
	CHECK(stat("/etc/pipe", &st) == 0 && S_ISFIFO(st.st_mode));
}

static void tmpfs_modes_and_copies(void)
{
	const struct timespec times[2] = {{1000, 0}, {1000, 0}};
	struct world *w = new_world("modes");

	CHECK(chmod(at_top("modes/tmp"), 01751) == 0);
	CHECK(chmod(at_top("modes/etc"), 0700) == 0);
	make_dir("modes/etc/sub");
	CHECK(chown(at_top("modes/etc/sub"), 7, 8) == 0);
	make_file("modes/etc/sub/f", "f");
	CHECK(chmod(at_top("modes/etc/sub/f"), 04751) == 0);
	CHECK(utimensat(AT_FDCWD, at_top("modes/etc/sub/f"), times, 0) == 0);
	make_link("/etc/name", "modes/etc/out");
	CHECK(mkfifo(at_top("modes/etc/pipe"), 0600) == 0);
	make_dir("modes/etc/mnt");
	CHECK(mount_here("tmpfs", "modes/etc/mnt", "tmpfs", 0) == 0);
	make_file("modes/etc/mnt/hidden", "");
	add_mount(w, "/tmp", "tmpfs", "tmpfs", "size=1m");
	add_mount(w, "/fresh/one", "tmpfs", "tmpfs", "");
	make_dir("modes/srv");
	CHECK(chmod(at_top("modes/srv"), 0711) == 0);
	make_link("srv", "modes/via");
	add_mount(w, "/via", "tmpfs", "tmpfs", "");
	add_mount(w, "/via/new", "tmpfs", "tmpfs", "");
	add_mount(w, "/etc", "tmpfs", "tmpfs", "tmpcopyup");
	w->inside = inside_modes;
	run_well(w);
}

static void inside_long(void)
{
	CHECK(mount_has("/tmp", "ro,nosuid") && mount_says("/tmp", "- tmpfs long"));
	CHECK(mount_says("/merged", "- overlay overlay"));
	CHECK(exists("/merged/in-lower") && mount_has("/merged", "nodev"));
}

static void long_values(void)
{
	struct world *w = new_world("long");
	const char *lower = "";

	for (int i = 0; i < 8; i++) {
		const char *dir = arena_fmt(&arena, "lower-with-a-long-name-number-%d",
					    i);

		make_dir(dir);
		lower = arena_fmt(&arena, "%s%s%s", lower, i ? ":" : "", at_top(dir));
	}
	make_file("lower-with-a-long-name-number-7/in-lower", "");
	CHECK(strlen(lower) > 256);
	add_mount(w, "/tmp", "tmpfs", "long", "ro nosuid iversion silent mode=700");
	add_mount(w, "/merged", "overlay", "overlay",
		  arena_fmt(&arena, "nodev lowerdir=%s", lower));
	w->inside = inside_long;
	run_well(w);
}

static void inside_order(void)
{
	CHECK(file_says("/copy/in/f", "text") && mount_says("/copy", "- tmpfs first"));
	CHECK(file_says("/second/name", "order"));
}

/* A source below the rootfs is what the mounts before it have made of it. */
static void sources_in_the_root(void)
{
	struct world *w = new_world("order");

	make_dir("ordersrc");
	make_file("ordersrc/f", "text\n");
	make_link("/etc", "order/escape");
	add_mount(w, "/first", "tmpfs", "first", "");
	add_mount(w, "/first/in", "bind", at_top("ordersrc"), "bind");
	add_mount(w, "/copy", "bind", "./order/tmp/../first", "rbind");
	/* Seen from the host this link leads to its own /etc. */
	add_mount(w, "/second", "bind", at_top("order/escape"), "rbind");
	w->inside = inside_order;
	run_well(w);
}

static void inside_slash(void)
{
	CHECK(exists("/lower/mark") && !exists("/etc/name"));
	CHECK(mount_says("/", "- tmpfs over") && is_device("/dev/null", 1, 3));
}

static void mount_over_root(void)
{
	struct world *w = new_world("slash");

	make_dir("slashsrc");
	make_file("slashsrc/mark", "");
	add_mount(w, "/", "tmpfs", "over", "mode=755");
	add_mount(w, "/proc", "proc", "proc", "");
	add_mount(w, "/lower", "bind", at_top("slashsrc"), "bind");
	w->inside = inside_slash;
	run_well(w);
	CHECK(!exists(at_top("slash/lower")));
}

static void inside_cgroup(void)
{
	CHECK(mount_has("/cg", "ro,nosuid,nodev,noexec"));
	CHECK(mount_says("/cg", "- cgroup2"));
	CHECK(!writable("/cg") && exists("/cg/cgroup.procs"));
}

static void host_cgroup_is_bound(void)
{
	struct world *w = new_world("cgroup");

	if (!exists("/sys/fs/cgroup/cgroup.procs") &&
	    !exists("/sys/fs/cgroup/unified/cgroup.procs"))
		SKIP("no cgroup v2 hierarchy");
	add_mount(w, "/cg", "cgroup", "cgroup", "nosuid nodev noexec ro");
	w->l.namespaces_count = 0;
	w->flags &= ~(uint64_t)CLONE_NEWCGROUP;
	w->inside = inside_cgroup;
	run_well(w);
}

static const struct test tests[] = {
	{"flags of filesystems reach the kernel, read-only last", flags_reach_the_kernel},
	{"flags of binds are runc's", bind_flags},
	{"what can't be mounted is refused by name", refused_mounts},
	{"mounts are slaves of the host's by default", slave_by_default},
	{"rootfsPropagation shared lets binds go back", shared_goes_back},
	{"rootfsPropagation private and unbindable", private_and_unbindable},
	{"a tmpfs takes over mode and, when asked, content", tmpfs_modes_and_copies},
	{"options that fsconfig can't carry go by mount", long_values},
	{"sources below the root are taken in order", sources_in_the_root},
	{"a mount may go over /", mount_over_root},
	{"without a cgroup namespace the host's is bound", host_cgroup_is_bound},
};

int main(void)
{
	return world_main(tests, ARRAY_LEN(tests));
}
