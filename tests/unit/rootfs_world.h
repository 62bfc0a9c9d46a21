/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Root filesystems made for real: a test lays out a rootfs, has a child in new namespaces
 * walk a plan for it and look around inside. All of it happens in a mount namespace of
 * the test's own, on a tmpfs: nothing can be left on the machine.
 */
#ifndef TESTS_UNIT_ROOTFS_WORLD_H
#define TESTS_UNIT_ROOTFS_WORLD_H

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/procfs.h"
#include "base/str.h"
#include "libcontainer/rootfs/mount_api.h"
#include "libcontainer/rootfs/rootfs.h"

#include "tests/unit/tap.h"

static char top[] = "/tmp/rootfs_test.XXXXXX"; /* a tmpfs of the test's own */
static const char *cannot;                     /* why nothing here can run */
static struct arena arena;

/* ---- the host's side ---- */

static inline const char *at_top(const char *name)
{
	return arena_fmt(&arena, "%s/%s", top, name);
}

static inline void make_dir(const char *name)
{
	CHECK(mkdir(at_top(name), 0755) == 0 || errno == EEXIST);
}

static inline void make_file(const char *name, const char *text)
{
	AUTO_FD fd = open(at_top(name), O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0644);

	CHECK(fd >= 0 && fd_write_full(fd, text, strlen(text)) == 0);
}

static inline void make_link(const char *target, const char *name)
{
	CHECK(symlink(target, at_top(name)) == 0);
}

static inline int mount_here(const char *source, const char *name, const char *type,
			     unsigned long flags)
{
	return (int)syscall(SYS_mount, source, at_top(name), type, flags, NULL);
}

static inline bool exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

/* ---- specs by hand ---- */

struct world {
	struct spec spec;
	struct spec_root root;
	struct spec_linux l;
	struct spec_mount mounts[16];
	struct spec_device devices[4];
	struct spec_namespace ns[8];
	struct rootfs_options o;
	uint64_t flags;       /* CLONE_NEW* */
	bool console;         /* open one */
	void (*early)(void);  /* in the child, with the root made and not yet entered */
	void (*inside)(void); /* in the container */
	struct err e;         /* of the step that failed */
	char path[256];       /* of the root */
};

static inline struct strings words(const char *text)
{
	struct strings s = {.v = arena_array(&arena, 64, sizeof(char *))};
	char *copy = arena_strdup(&arena, text), *save = NULL;

	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		s.v[s.count++] = w;
	return s;
}

static inline struct spec_mount *add_mount(struct world *w, const char *dest,
					   const char *type, const char *source,
					   const char *options)
{
	struct spec_mount *m = &w->mounts[w->spec.mounts_count++];

	*m = (struct spec_mount){
		.destination = dest,
		.type = type,
		.source = source,
		.options = words(options),
	};
	return m;
}

/* A rootfs "NAME" with proc, dev and sys in it; no mounts yet. */
static inline struct world *new_world(const char *name)
{
	struct world *w = arena_alloc(&arena, sizeof(*w));

	make_dir(name);
	for (size_t i = 0; i < 5; i++) {
		static const char *const dirs[] = {"proc", "dev", "sys", "tmp", "etc"};

		make_dir(arena_fmt(&arena, "%s/%s", name, dirs[i]));
	}
	make_file(arena_fmt(&arena, "%s/etc/name", name), name);
	w->root.path = name;
	w->l.namespaces = w->ns;
	w->l.namespaces_count = 1;
	w->ns[0].type = SPEC_NS_CGROUP;
	w->spec.root = &w->root;
	w->spec.linux_ = &w->l;
	w->spec.mounts = w->mounts;
	w->o = (struct rootfs_options){.spec = &w->spec, .bundle = top};
	w->flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWNET |
		   CLONE_NEWUTS | CLONE_NEWCGROUP;
	return w;
}

#define DEFAULT_MASKS                                                                    \
	"/proc/acpi /proc/asound /proc/kcore /proc/keys /proc/latency_stats "            \
	"/proc/timer_list /proc/timer_stats /proc/sched_debug /sys/firmware /proc/scsi"
#define DEFAULT_READONLY "/proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger"

/* What `runc spec` writes. */
static inline struct world *default_world(const char *name)
{
	struct world *w = new_world(name);

	add_mount(w, "/proc", "proc", "proc", "");
	add_mount(w, "/dev", "tmpfs", "tmpfs", "nosuid strictatime mode=755 size=65536k");
	add_mount(w, "/dev/pts", "devpts", "devpts",
		  "nosuid noexec newinstance ptmxmode=0666 mode=0620 gid=5");
	add_mount(w, "/dev/shm", "tmpfs", "shm",
		  "nosuid noexec nodev mode=1777 size=65536k");
	add_mount(w, "/dev/mqueue", "mqueue", "mqueue", "nosuid noexec nodev");
	add_mount(w, "/sys", "sysfs", "sysfs", "nosuid noexec nodev ro");
	add_mount(w, "/sys/fs/cgroup", "cgroup", "cgroup",
		  "nosuid noexec nodev relatime ro");
	w->l.masked_paths = words(DEFAULT_MASKS);
	w->l.readonly_paths = words(DEFAULT_READONLY);
	w->root.readonly = true;
	return w;
}

/* ---- running one ---- */

static inline int walk(struct world *w, struct rootfs_plan *plan, int proc_fd)
{
	AUTO_FD root = -1, master = -1, slave = -1;
	int r;

	root = rootfs_mount(plan, proc_fd, &w->e);
	if (root < 0)
		return root;
	if (w->console) {
		r = rootfs_open_pty(root, &master, &slave, &w->e);
		if (r < 0)
			return r;
		r = rootfs_bind_console(root, slave, &w->e);
		if (r < 0)
			return r;
		CHECK(isatty(master) && isatty(slave));
		CHECK(write(slave, "x", 1) == 1);
		CHECK(read(master, &(char){0}, 1) == 1);
	}
	if (w->early)
		w->early();
	r = rootfs_pivot(plan, root, &w->e);
	return r < 0 ? r : rootfs_seal(plan, &w->e);
}

static inline int child(struct world *w, struct rootfs_plan *plan, int proc_fd,
			int report)
{
	int r;

	if (w->flags & CLONE_NEWUSER)
		CHECK(setgid(0) == 0 && setuid(0) == 0);
	r = walk(w, plan, proc_fd);
	if (r == 0 && w->inside)
		w->inside();
	if (r < 0)
		(void)fd_write_full(report, &w->e, sizeof(w->e));
	(void)fflush(stdout);
	return tap_failed;
}

static inline int write_map(pid_t pid, const char *file, const char *text)
{
	return file_write(AT_FDCWD, arena_fmt(&arena, "/proc/%d/%s", (int)pid, file),
			  text);
}

/* Returns 0, or the error that the plan or the child has met. */
static inline int run(struct world *w)
{
	struct clone_args args = {.flags = w->flags, .exit_signal = SIGCHLD};
	struct rootfs_plan *plan = NULL;
	AUTO_FD proc_fd = procfs_open(&w->e), up = -1, down = -1, go_in = -1, go_out = -1;
	const char *path;
	int p[2], g[2], r, status;
	pid_t pid;

	r = rootfs_plan_make(&arena, &w->o, &plan, &path, &w->e);
	if (r < 0)
		return r;
	(void)snprintf(w->path, sizeof(w->path), "%s", path);
	if (pipe2(p, O_CLOEXEC) < 0 || pipe2(g, O_CLOEXEC) < 0)
		return -errno;
	down = p[0];
	up = p[1];
	go_out = g[0];
	go_in = g[1];
	(void)fflush(stdout);
	pid = proc_clone(&args);
	if (pid == 0) {
		fd_close(&go_in);
		/* Nothing is sent: the end of the pipe is the signal. */
		if (read(go_out, &(char){0}, 1) < 0)
			_exit(1);
		_exit(child(w, plan, proc_fd, up));
	}
	CHECK(pid > 0);
	if (w->flags & CLONE_NEWUSER) {
		CHECK(write_map(pid, "uid_map", "0 100000 65536") == 0);
		CHECK(write_map(pid, "gid_map", "0 100000 65536") == 0);
	}
	rootfs_plan_done(plan);
	fd_close(&go_in);
	fd_close(&up);
	r = (int)fd_read_full(down, &w->e, sizeof(w->e));
	status = proc_wait(pid);
	CHECK(WIFEXITED(status));
	tap_failed |= !WIFEXITED(status) || WEXITSTATUS(status);
	return r == (int)sizeof(w->e) ? -w->e.code : 0;
}

static inline void run_well(struct world *w)
{
	int r = run(w);

	if (r < 0)
		printf("# error: %s\n", w->e.text);
	CHECK(r == 0);
}

static inline void run_refused(struct world *w, const char *part)
{
	int r = run(w);

	CHECK(r < 0);
	if (r < 0 && !strstr(w->e.text, part))
		printf("# error: %s\n", w->e.text);
	CHECK(strstr(w->e.text, part) != NULL);
}

/* ---- looking around inside ---- */

/* The last line of mountinfo with this mount point from its 6th field on, the mount's
 * options: "rw,relatime master:1 - tmpfs tmpfs rw"; NULL if there is none. Read from a
 * procfs of the test's own, so that it doesn't depend on the container's. */
static inline const char *mount_line(const char *dest)
{
	AUTO_FD proc_fd = -1, fs = mount_fs_open("proc"), f = -1;
	static char text[65536];
	char *save = NULL, *found = NULL, *p;
	ssize_t n;

	proc_fd = mount_fs_create(fs, 0);
	f = procfs_open_at(proc_fd, "self/mountinfo", O_RDONLY);
	n = fd_read_full(f, text, sizeof(text) - 1);
	if (n < 0)
		return NULL;
	text[n] = '\0';
	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		p = l;
		for (int skip = 0; skip < 4; skip++)
			p = strchr(p, ' ') + 1;
		if (strncmp(p, dest, strlen(dest)) == 0 && p[strlen(dest)] == ' ')
			found = p + strlen(dest) + 1;
	}
	return found;
}

/* Whether the mount at dest has all of these comma-separated options of its own. */
static inline bool mount_has(const char *dest, const char *options)
{
	const char *line = mount_line(dest);
	char *copy = arena_strdup(&arena, options), *save = NULL, *own;
	bool ok = true;

	if (!line)
		return false;
	own = arena_fmt(&arena, ",%.*s,", (int)strcspn(line, " "), line);
	for (char *o = strtok_r(copy, ",", &save); o; o = strtok_r(NULL, ",", &save))
		ok &= strstr(own, arena_fmt(&arena, ",%s,", o)) != NULL;
	return ok;
}

static inline bool mount_says(const char *dest, const char *part)
{
	const char *line = mount_line(dest);

	return line && strstr(line, part);
}

static inline bool is_device(const char *path, unsigned major, unsigned minor)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISCHR(st.st_mode) &&
	       st.st_rdev == makedev(major, minor);
}

static inline bool link_is(const char *path, const char *want)
{
	char buf[256];
	ssize_t n = readlink(path, buf, sizeof(buf) - 1);

	if (n < 0)
		return false;
	buf[n] = '\0';
	return str_eq(buf, want);
}

static inline bool file_says(const char *path, const char *want)
{
	char buf[256];

	return file_read_line(AT_FDCWD, path, buf, sizeof(buf)) >= 0 && str_eq(buf, want);
}

static inline bool is_empty_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_nlink == 2 &&
	       open(arena_fmt(&arena, "%s/x", path), O_CREAT | O_WRONLY | O_CLOEXEC,
		    0600) < 0 &&
	       errno == EROFS;
}

static inline bool writable(const char *dir)
{
	const char *path = arena_fmt(&arena, "%s/written", dir);
	AUTO_FD fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	if (fd >= 0)
		(void)unlink(path);
	return fd >= 0;
}

static inline bool is_mount_point(const char *path)
{
	struct statx stx;

	return statx(AT_FDCWD, path, 0, STATX_INO, &stx) == 0 &&
	       (stx.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

static inline void inside_console(void)
{
	struct stat st;

	CHECK(lstat("/dev/console", &st) == 0 && S_ISCHR(st.st_mode));
	CHECK(mount_says("/dev/console", "- devpts"));
}

/* ---- the stage ---- */

static inline const char *set_up(void)
{
	const struct mount_change private = {.propagation = MS_PRIVATE};

	if (geteuid() != 0)
		return "needs root";
	if (!mkdtemp(top))
		return "no folder in /tmp";
	if (unshare(CLONE_NEWNS) < 0)
		return "may not make mount namespaces";
	if (mount_change_path("/", &private, true) < 0)
		return "no mount_setattr";
	if (syscall(SYS_mount, "tmpfs", top, "tmpfs", 0, NULL) < 0)
		return "may not mount";
	return NULL;
}

static inline void nothing(void)
{
	SKIP(cannot);
}

/* The test's main. */
static inline int world_main(const struct test *tests, size_t count)
{
	struct test *run_these = calloc(count, sizeof(*tests));
	int r;

	if (!run_these)
		return 99;
	/* What the test itself was given is not its business. */
	(void)fd_cloexec_from(3);
	cannot = set_up();
	memcpy(run_these, tests, count * sizeof(*tests));
	for (size_t i = 0; cannot && i < count; i++)
		run_these[i].run = nothing;
	r = tap_main(run_these, count);
	if (!cannot)
		(void)syscall(SYS_umount2, top, 2 /* MNT_DETACH */);
	(void)rmdir(top);
	arena_done(&arena);
	free(run_these);
	return r;
}

#endif
