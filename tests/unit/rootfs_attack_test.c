/* SPDX-License-Identifier: Apache-2.0 */
/* What the CVEs of runc and crun that concern mounts tried (rootfs_world.h). */
#include "tests/unit/rootfs_world.h"

/* ---- attacks ---- */

/* A world beside whose rootfs is a folder that nothing may appear in. */
static struct world *victim_world(const char *name)
{
	make_dir("outside");
	make_dir("outside/dir");
	make_file("outside/file", "host\n");
	return new_world(name);
}

static void check_outside(void)
{
	struct stat st;

	CHECK(file_says(at_top("outside/file"), "host"));
	CHECK(rmdir(at_top("outside/dir")) == 0); /* so it is empty */
	make_dir("outside/dir");
	CHECK(stat(at_top("outside"), &st) == 0);
	CHECK(!exists(at_top("outside/new")) && !exists(at_top("outside/null")));
	CHECK(!exists(at_top("outside/newfile")));
	CHECK(!exists(at_top("outside/console")) && !exists(at_top("outside/ptmx")));
	CHECK(!is_mount_point(at_top("outside/dir")));
}

static void inside_targets(void)
{
	CHECK(mount_says("/etc", "- tmpfs in-etc"));
	CHECK(file_says("/flink", "host"));
}

/* CVE-2019-18837, CVE-2021-30465 (its static part), CVE-2024-45310 */
static void targets_stay_inside(void)
{
	struct world *w = victim_world("targets");
	const char *outside = at_top("outside");

	make_link("../../../../../../../../etc", "targets/up");
	make_link(arena_fmt(&arena, "%s/dir", outside), "targets/abs");
	make_link(arena_fmt(&arena, "%s/new/deep", outside), "targets/dangling");
	make_link(arena_fmt(&arena, "..%s/newfile", outside), "targets/flink");
	add_mount(w, "/up", "tmpfs", "in-etc", "");
	add_mount(w, "/abs/x", "tmpfs", "t2", "");
	add_mount(w, "/dangling", "tmpfs", "t3", "");
	add_mount(w, "/dangling/more/../again", "tmpfs", "t4", "");
	add_mount(w, "/flink", "bind", at_top("outside/file"), "bind");
	add_mount(w, "/../../../escaped", "tmpfs", "t5", "");
	w->inside = inside_targets;
	run_well(w);
	check_outside();
	CHECK(!exists(at_top("escaped")) && exists(at_top("targets/escaped")));
}

static void replace_dir(const char *name, const char *target)
{
	CHECK(rmdir(at_top(name)) == 0);
	make_link(target, name);
}

/* CVE-2019-19921, CVE-2023-27561, CVE-2023-28642 */
static void proc_and_sys_are_real_folders(void)
{
	static const char *const kinds[][2] = {{"proc", "/proc"}, {"sysfs", "/sys"}};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		const char *name = arena_fmt(&arena, "strict%zu", i);
		struct world *w = victim_world(name);
		const char *inside = arena_fmt(&arena, "%s%s", name, kinds[i][1]);

		replace_dir(inside, "tmp");
		add_mount(w, kinds[i][1], kinds[i][0], kinds[i][0], "");
		run_refused(w, "must be mounted on ordinary directory");
		CHECK(unlink(at_top(inside)) == 0);
		make_link(at_top("outside/dir"), inside);
		run_refused(w, "must be mounted on ordinary directory");
		CHECK(unlink(at_top(inside)) == 0);
		make_link("/not/there/yet", inside);
		run_refused(w, "must be mounted on ordinary directory");
		CHECK(unlink(at_top(inside)) == 0);
		make_file(inside, "");
		run_refused(w, "must be mounted on ordinary directory");
		CHECK(unlink(at_top(inside)) == 0);
		run_well(w); /* made */
		w->mounts[0].destination = "/up/there";
		make_link("tmp", arena_fmt(&arena, "%s/up", name));
		run_refused(w, "must be mounted on ordinary directory");
		check_outside();
	}
}

/* CVE-2019-16884, CVE-2025-52881: nothing over parts of the procfs, by no way around */
static void nothing_over_proc_by_symlinks(void)
{
	struct world *w = victim_world("overproc");

	make_link("/proc/sys", "overproc/link");
	make_link("proc/self", "overproc/self");
	make_link("/proc/uptime", "overproc/uptime");
	add_mount(w, "/proc", "proc", "proc", "");
	add_mount(w, "/link", "bind", at_top("outside"), "bind");
	run_refused(w, "\"/link\" cannot be mounted because it is inside /proc");
	w->mounts[1].destination = "/self/attr";
	run_refused(w, "because it is inside /proc");
	w->mounts[1].destination = "/uptime";
	w->mounts[1].source = at_top("outside/file");
	run_refused(w, "because it is inside /proc");
	w->mounts[1].destination = "/proc/uptime";
	run_well(w);
}

/* CVE-2026-41579, CVE-2026-47766 */
static void dev_as_a_symlink(void)
{
	struct world *w = victim_world("devlink");

	replace_dir("devlink/dev", at_top("outside/dir"));
	make_file("outside/ptmx-is-safe", "");
	run_well(w);
	check_outside();
	/* Made inside, where the link leads there. */
	CHECK(exists(
		arena_fmt(&arena, "%s/%s/outside/dir/null", at_top("devlink"), top)));
	w = victim_world("devlink2");
	replace_dir("devlink2/dev", "../../../../../../tmp");
	w->console = true;
	run_well(w);
	CHECK(exists(at_top("devlink2/tmp/null")));
	CHECK(exists(at_top("devlink2/tmp/console")));
	check_outside();
}

/* CVE-2026-88264, CVE-2025-52565 */
static void console_is_no_symlink(void)
{
	struct world *w = victim_world("conslink");

	make_link(at_top("outside/console"), "conslink/dev/console");
	w->console = true;
	run_refused(w, "/dev/console is a symlink");
	check_outside();
	CHECK(unlink(at_top("conslink/dev/console")) == 0);
	make_link("../etc/name", "conslink/dev/console");
	run_refused(w, "/dev/console is a symlink");
	CHECK(unlink(at_top("conslink/dev/console")) == 0);
	make_dir("conslink/dev/console");
	run_refused(w, "/dev/console is a folder");
	CHECK(rmdir(at_top("conslink/dev/console")) == 0);
	CHECK(mkfifo(at_top("conslink/dev/console"), 0600) == 0);
	w->inside = inside_console;
	run_well(w);
}

/* CVE-2025-52565: a folder that only looks like a devpts is not asked for terminals. */
static void false_devpts(void)
{
	struct world *w = victim_world("falsepts");

	make_dir("falsepts/dev/pts");
	make_link("/proc/sys/kernel/core_pattern", "falsepts/dev/pts/0");
	make_file("falsepts/dev/pts/ptmx", "not touched\n");
	w->console = true;
	w->inside = inside_console;
	run_well(w);
	CHECK(file_says(at_top("falsepts/dev/pts/ptmx"), "not touched"));
}

static void inside_null_link(void)
{
	CHECK(link_is("/dev/null", "/proc/sys/kernel/core_pattern"));
	CHECK(is_device("/proc/timer_list", 1, 3) || !exists("/proc/timer_list"));
	CHECK(is_device("/secret", 1, 3));
}

/* CVE-2025-31133 */
static void masks_ignore_the_images_null(void)
{
	struct world *w = victim_world("nulllink");

	make_dir("evildev");
	make_link("/proc/sys/kernel/core_pattern", "evildev/null");
	make_file("nulllink/secret", "");
	add_mount(w, "/dev", "bind", at_top("evildev"), "rbind");
	add_mount(w, "/proc", "proc", "proc", "");
	w->l.masked_paths = words("/proc/timer_list /secret");
	w->inside = inside_null_link;
	run_well(w);
	/* and as a device of /dev such a thing is not accepted */
	w = victim_world("nulllink2");
	make_link(at_top("outside/null"), "nulllink2/dev/null");
	run_refused(w, "device /dev/null: something else is in its place");
	check_outside();
}

/* A masked path that an image makes a symlink hides what that leads to, inside. */
static void inside_mask_link(void)
{
	CHECK(is_empty_dir("/etc") && is_device("/tmp/file", 1, 3));
}

static void masks_stay_inside(void)
{
	struct world *w = victim_world("masklink");

	make_link("../../../../../../../etc", "masklink/a");
	make_link("/tmp/file", "masklink/b");
	make_file("masklink/tmp/file", "");
	w->l.masked_paths = words("/a /b");
	w->inside = inside_mask_link;
	run_well(w);
	w->l.masked_paths = words("/proc/self/root/etc");
	w->inside = NULL;
	add_mount(w, "/proc", "proc", "proc", "");
	run_refused(w, "ELOOP");
}

static const struct test tests[] = {
	{"attack: targets that are symlinks", targets_stay_inside},
	{"attack: /proc and /sys as symlinks", proc_and_sys_are_real_folders},
	{"attack: mounts over procfs by symlinks", nothing_over_proc_by_symlinks},
	{"attack: /dev as a symlink", dev_as_a_symlink},
	{"attack: /dev/console as a symlink", console_is_no_symlink},
	{"attack: a /dev/pts that isn't one", false_devpts},
	{"attack: /dev/null as a symlink", masks_ignore_the_images_null},
	{"attack: masked paths as symlinks", masks_stay_inside},
};

int main(void)
{
	return world_main(tests, ARRAY_LEN(tests));
}
