/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Root filesystems made for real: each test lays out a rootfs and has a child in new
 * namespaces walk a plan for it and look around inside. All of it happens in a mount
 * namespace of the test's own, on a tmpfs: nothing can be left on the machine.
 */
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

static const char *at_top(const char *name)
{
	return arena_fmt(&arena, "%s/%s", top, name);
}

static void make_dir(const char *name)
{
	CHECK(mkdir(at_top(name), 0755) == 0 || errno == EEXIST);
}

static void make_file(const char *name, const char *text)
{
	AUTO_FD fd = open(at_top(name), O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0644);

	CHECK(fd >= 0 && fd_write_full(fd, text, strlen(text)) == 0);
}

static void make_link(const char *target, const char *name)
{
	CHECK(symlink(target, at_top(name)) == 0);
}

static int mount_here(const char *source, const char *name, const char *type,
		      unsigned long flags)
{
	return (int)syscall(SYS_mount, source, at_top(name), type, flags, NULL);
}

static bool exists(const char *path)
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

static struct strings words(const char *text)
{
	struct strings s = {.v = arena_array(&arena, 64, sizeof(char *))};
	char *copy = arena_strdup(&arena, text), *save = NULL;

	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		s.v[s.count++] = w;
	return s;
}

static struct spec_mount *add_mount(struct world *w, const char *dest, const char *type,
				    const char *source, const char *options)
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
static struct world *new_world(const char *name)
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
static struct world *default_world(const char *name)
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

static int walk(struct world *w, struct rootfs_plan *plan, int proc_fd)
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

static int child(struct world *w, struct rootfs_plan *plan, int proc_fd, int report)
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

static int write_map(pid_t pid, const char *file, const char *text)
{
	return file_write(AT_FDCWD, arena_fmt(&arena, "/proc/%d/%s", (int)pid, file),
			  text);
}

/* Returns 0, or the error that the plan or the child has met. */
static int run(struct world *w)
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
	CHECK(pipe2(p, O_CLOEXEC) == 0 && pipe2(g, O_CLOEXEC) == 0);
	down = p[0];
	up = p[1];
	go_out = g[0];
	go_in = g[1];
	(void)fflush(stdout);
	pid = proc_clone(&args);
	if (pid == 0) {
		fd_close(&go_in);
		if (read(go_out, &(char){0}, 1) < 0) /* its end is the word */
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

static void run_well(struct world *w)
{
	int r = run(w);

	if (r < 0)
		printf("# error: %s\n", w->e.text);
	CHECK(r == 0);
}

static void run_refused(struct world *w, const char *part)
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
static const char *mount_line(const char *dest)
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
static bool mount_has(const char *dest, const char *options)
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

static bool mount_says(const char *dest, const char *part)
{
	const char *line = mount_line(dest);

	return line && strstr(line, part);
}

static bool is_device(const char *path, unsigned major, unsigned minor)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISCHR(st.st_mode) &&
	       st.st_rdev == makedev(major, minor);
}

static bool link_is(const char *path, const char *want)
{
	char buf[256];
	ssize_t n = readlink(path, buf, sizeof(buf) - 1);

	if (n < 0)
		return false;
	buf[n] = '\0';
	return str_eq(buf, want);
}

static bool file_says(const char *path, const char *want)
{
	char buf[256];

	return file_read_line(AT_FDCWD, path, buf, sizeof(buf)) >= 0 && str_eq(buf, want);
}

static bool is_empty_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_nlink == 2 &&
	       open(arena_fmt(&arena, "%s/x", path), O_CREAT | O_WRONLY | O_CLOEXEC,
		    0600) < 0 &&
	       errno == EROFS;
}

static bool writable(const char *dir)
{
	const char *path = arena_fmt(&arena, "%s/written", dir);
	AUTO_FD fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	if (fd >= 0)
		(void)unlink(path);
	return fd >= 0;
}

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
		{"/etc", "bind", "/proc/self/mountinfo", "bind",
		 "one of source and target is a directory"},
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

static void bad_roots(void)
{
	struct world *w = new_world("badroot");

	w->root.path = "nothing-here";
	run_refused(w, "root.path");
	CHECK(strstr(w->e.text, "ENOENT"));
	make_file("a-file", "");
	w->root.path = "a-file";
	run_refused(w, "is not a directory");
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

/* ---- propagation ---- */

/* Makes a mount inside; whether the host sees it depends. */
static void inside_mounts_below(void)
{
	CHECK(syscall(SYS_mount, "tmpfs", "/vol/seen", "tmpfs", 0, NULL) == 0);
	CHECK(syscall(SYS_mount, "tmpfs", "/tmp", "tmpfs", 0, NULL) == 0);
}

static bool is_mount_point(const char *path)
{
	struct statx stx;

	return statx(AT_FDCWD, path, 0, STATX_INO, &stx) == 0 &&
	       (stx.stx_attributes & STATX_ATTR_MOUNT_ROOT);
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

static void inside_console(void)
{
	struct stat st;

	CHECK(lstat("/dev/console", &st) == 0 && S_ISCHR(st.st_mode));
	CHECK(mount_says("/dev/console", "- devpts"));
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
	{"the spec of `spec` makes all that it says", default_spec},
	{"flags of filesystems reach the kernel, read-only last", flags_reach_the_kernel},
	{"flags of binds are runc's", bind_flags},
	{"what can't be mounted is refused by name", refused_mounts},
	{"a bad root is refused, a link to one resolved", bad_roots},
	{"mounts are slaves of the host's by default", slave_by_default},
	{"rootfsPropagation shared lets binds go back", shared_goes_back},
	{"rootfsPropagation private and unbindable", private_and_unbindable},
	{"a tmpfs takes over mode and, when asked, content", tmpfs_modes_and_copies},
	{"options that fsconfig can't carry go by mount", long_values},
	{"sources below the root are taken in order", sources_in_the_root},
	{"a mount may go over /", mount_over_root},
	{"without a cgroup namespace the host's is bound", host_cgroup_is_bound},
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
	{"attack: targets that are symlinks", targets_stay_inside},
	{"attack: /proc and /sys as symlinks", proc_and_sys_are_real_folders},
	{"attack: mounts over procfs by symlinks", nothing_over_proc_by_symlinks},
	{"attack: /dev as a symlink", dev_as_a_symlink},
	{"attack: /dev/console as a symlink", console_is_no_symlink},
	{"attack: a /dev/pts that isn't one", false_devpts},
	{"attack: /dev/null as a symlink", masks_ignore_the_images_null},
	{"attack: masked paths as symlinks", masks_stay_inside},
};

/* ---- the stage ---- */

static const char *set_up(void)
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

static void nothing(void)
{
	SKIP(cannot);
}

int main(void)
{
	struct test skipped[ARRAY_LEN(tests)];
	int r;

	/* What the test itself was given is not its business. */
	(void)fd_cloexec_from(3);
	cannot = set_up();
	memcpy(skipped, tests, sizeof(tests));
	for (size_t i = 0; cannot && i < ARRAY_LEN(skipped); i++)
		skipped[i].run = nothing;
	r = tap_main(skipped, ARRAY_LEN(skipped));
	if (!cannot)
		(void)syscall(SYS_umount2, top, 2 /* MNT_DETACH */);
	(void)rmdir(top);
	arena_done(&arena);
	return r;
}
