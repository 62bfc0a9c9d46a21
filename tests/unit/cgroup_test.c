/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cgroup's life, on the real unified hierarchy: mounted over /sys/fs/cgroup in a mount
 * namespace of our own, so that the same is tested on a hybrid host. All happens below
 * one folder, which the last test finds empty.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/proc.h"
#include "base/str.h"
#include "libcontainer/cgroup/cgroup.h"
#include "libcontainer/cgroup/cgroupfs.h"
#include "libcontainer/cgroup/path.h"

#include "tests/unit/tap.h"

static const char *unable; /* why the tests can't be run here */
static char top_name[64];  /* "/hull-unit-PID" */

#define NEED_CGROUPS()                                                                   \
	do {                                                                             \
		if (unable)                                                              \
			SKIP(unable);                                                    \
	} while (0)

static void paths(void)
{
	static const struct {
		const char *in, *want;
	} t[] = {
		{NULL, "/web"},
		{"", "/web"},
		{"/pod/ctr", "/pod/ctr"},
		{"//pod/./ctr/", "/pod/ctr"},
		{"/a:b:c", "/a:b:c"},
		{"/", NULL},
		{"/pod/../..", NULL},
		{"../x", NULL},
		{"system.slice:hull:web", NULL},
	};
	char got[4096];
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		if (t[i].want) {
			CHECK(cgroup_path_make(t[i].in, "web", got, sizeof(got), &e) ==
			      0);
			CHECK_STR(got, t[i].want);
		} else {
			CHECK(cgroup_path_make(t[i].in, "web", got, sizeof(got), &e) ==
			      -EINVAL);
		}
	}
	CHECK(strstr(e.text, "slice:prefix:name") != NULL);
}

static void relative_path(void)
{
	char own[4096], got[4096], want[8200];
	struct err e;

	if (cgroup_path_of(0, own, sizeof(own), &e) < 0)
		SKIP("cgroup v2");
	*strrchr(own, '/') = '\0';
	(void)snprintf(want, sizeof(want), "%s/pod/ctr", own);
	CHECK(cgroup_path_make("pod/ctr", "web", got, sizeof(got), &e) == 0);
	CHECK_STR(got, want);
}

/* A new cgroup below the tests' folder. */
static int make(struct cgroup *c, const char *name, const struct spec_resources *res,
		struct err *e)
{
	char path[256];
	int r;

	(void)snprintf(path, sizeof(path), "%s/%s", top_name, name);
	r = cgroup_locate(c, CGROUP_CGROUPFS, path, "web", e);
	return r < 0 ? r : cgroup_create(c, res, NULL, e);
}

static bool exists(const char *name)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "/sys/fs/cgroup%s/%s", top_name, name);
	return access(path, F_OK) == 0;
}

static void drop(const char *name)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "/sys/fs/cgroup%s/%s", top_name, name);
	CHECK(rmdir(path) == 0);
}

/* A process that waits, in the cgroup from its first instant. */
static pid_t spawn_in(int cgroup)
{
	struct clone_args args = {.flags = CLONE_INTO_CGROUP,
				  .exit_signal = SIGCHLD,
				  .cgroup = (uint64_t)cgroup};
	pid_t pid = proc_clone(&args);

	if (pid == 0) {
		for (;;)
			(void)pause();
	}
	return pid;
}

static void life(void)
{
	struct cgroup c = CGROUP_INIT, again = CGROUP_INIT;
	char path[4096];
	struct err e;
	pid_t pid;

	NEED_CGROUPS();
	CHECK(make(&c, "pod/ctr", NULL, &e) == 0);
	CHECK(c.fd >= 0 && (fcntl(c.fd, F_GETFD) & FD_CLOEXEC));
	CHECK(cgroup_is_populated(&c, &e) == 0);
	pid = spawn_in(c.fd);
	CHECK(pid > 0);
	CHECK(cgroup_is_populated(&c, &e) == 1);
	CHECK(cgroup_path_of(pid, path, sizeof(path), &e) == 0);
	CHECK_STR(path, c.path);

	CHECK(make(&again, "pod/ctr", NULL, &e) == -EBUSY);
	CHECK_STR(e.text, "container's cgroup is not empty: 1 process(es) found");
	CHECK(again.fd == -1 && exists("pod/ctr"));
	/* The refused one has no say about the folder. */
	CHECK(cgroup_destroy(&again, &e) == 0 && exists("pod/ctr"));

	CHECK(cgroup_kill(&c, SIGKILL, &e) == 0);
	/* Not waited for: destroy does. */
	CHECK(cgroup_destroy(&c, &e) == 0);
	CHECK(!exists("pod/ctr") && c.fd == -1);
	CHECK(proc_wait(pid) == SIGKILL);
	drop("pod");
}

static void signals(void)
{
	struct cgroup c = CGROUP_INIT;
	struct err e;
	pid_t pids[3];

	NEED_CGROUPS();
	CHECK(make(&c, "sig", NULL, &e) == 0);
	CHECK(mkdirat(c.fd, "below", 0755) == 0);
	AUTO_FD below = cgroup_open_sub(&c, "below", &e);
	CHECK(below >= 0);
	for (int i = 0; i < 3; i++)
		pids[i] = spawn_in(i == 2 ? below : c.fd);
	CHECK(cgroup_kill(&c, SIGUSR1, &e) == 0);
	for (int i = 0; i < 3; i++)
		CHECK(proc_wait(pids[i]) == SIGUSR1);
	CHECK(cgroup_kill(&c, SIGTERM, &e) == 0); /* none there */
	CHECK(cgroup_is_frozen(&c, &e) == 0);
	CHECK(cgroup_destroy(&c, &e) == 0);
	CHECK(!exists("sig"));
}

static int told = -1; /* where wake_up writes, in the child */

static void wake_up(int sig)
{
	(void)sig;
	(void)!write(told, "x", 1);
}

/* As spawn_in, and SIGUSR1 makes it write a byte to *ret_pipe; a first one says that it
 * is ready. */
static pid_t spawn_telling(int cgroup, int *ret_pipe)
{
	struct clone_args args = {.flags = CLONE_INTO_CGROUP,
				  .exit_signal = SIGCHLD,
				  .cgroup = (uint64_t)cgroup};
	struct sigaction act = {.sa_handler = wake_up};
	int p[2];
	pid_t pid;
	char byte;

	CHECK(pipe2(p, O_CLOEXEC) == 0);
	pid = proc_clone(&args);
	if (pid == 0) {
		told = p[1];
		(void)sigaction(SIGUSR1, &act, NULL);
		wake_up(0);
		for (;;)
			(void)pause();
	}
	fd_close(&p[1]);
	CHECK(read(p[0], &byte, 1) == 1);
	*ret_pipe = p[0];
	return pid;
}

static void freezer(void)
{
	struct cgroup c = CGROUP_INIT, again = CGROUP_INIT;
	AUTO_FD from = -1;
	struct pollfd p;
	struct err e;
	pid_t pid;

	NEED_CGROUPS();
	CHECK(make(&c, "ice", NULL, &e) == 0);
	pid = spawn_telling(c.fd, &from);
	p = (struct pollfd){.fd = from, .events = POLLIN};
	CHECK(cgroup_is_frozen(&c, &e) == 0);
	CHECK(cgroup_freeze(&c, true, &e) == 0);
	CHECK(cgroup_is_frozen(&c, &e) == 1);
	CHECK(kill(pid, SIGUSR1) == 0);
	CHECK(poll(&p, 1, 20) == 0); /* comes through only when thawed */
	CHECK(cgroup_freeze(&c, false, &e) == 0);
	CHECK(cgroup_is_frozen(&c, &e) == 0);
	CHECK(poll(&p, 1, 5000) == 1);
	CHECK(cgroup_kill(&c, SIGTERM, &e) == 0 && proc_wait(pid) == SIGTERM);

	CHECK(cgroup_freeze(&c, true, &e) == 0);
	CHECK(make(&again, "ice", NULL, &e) == -EBUSY);
	CHECK_STR(e.text, "container's cgroup unexpectedly frozen");
	CHECK(cgroup_destroy(&c, &e) == 0);
}

static void frozen_can_be_killed(void)
{
	struct cgroup c = CGROUP_INIT;
	struct err e;
	pid_t pid;

	NEED_CGROUPS();
	CHECK(make(&c, "ice", NULL, &e) == 0);
	pid = spawn_in(c.fd);
	CHECK(cgroup_freeze(&c, true, &e) == 0);
	CHECK(cgroup_kill(&c, SIGKILL, &e) == 0);
	CHECK(proc_wait(pid) == SIGKILL);
	CHECK(cgroup_destroy(&c, &e) == 0);
}

static void busy_stays(void)
{
	struct cgroup c = CGROUP_INIT;
	AUTO_FD top = -1;
	struct err e;
	pid_t pid;

	NEED_CGROUPS();
	CHECK(make(&c, "busy", NULL, &e) == 0);
	CHECK(mkdirat(c.fd, "below", 0755) == 0);
	pid = spawn_in(c.fd);
	top = cgroup_path_top(&e);
	CHECK(cgroupfs_remove(top, c.path, 0, &e) == -EBUSY);
	CHECK(strstr(e.text, "1 process(es) still in it") != NULL);
	CHECK(exists("busy/below"));
	CHECK(kill(pid, SIGKILL) == 0 && proc_wait(pid) == SIGKILL);
	CHECK(cgroup_destroy(&c, &e) == 0);
	CHECK(!exists("busy"));
}

static void sub_paths(void)
{
	static const char *const bad[] = {"..", "../x", "a/../../b", "/..", "//x/../.."};
	struct cgroup c = CGROUP_INIT;
	struct err e;
	pid_t pid;
	int fd;

	NEED_CGROUPS();
	CHECK(make(&c, "sub", NULL, &e) == 0);
	CHECK(mkdirat(c.fd, "a", 0755) == 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CHECK(cgroup_open_sub(&c, bad[i], &e) == -EINVAL);
		CHECK(str_after(e.text, "bad sub cgroup path: ") != NULL);
	}
	CHECK(cgroup_open_sub(&c, "missing", &e) == -ENOENT);
	CHECK(strstr(e.text, "ENOENT") != NULL);
	fd = cgroup_open_sub(&c, "", &e);
	CHECK(fd >= 0);
	fd_close(&fd);
	fd = cgroup_open_sub(&c, "/a", &e);
	CHECK(fd >= 0);
	pid = spawn_in(fd);
	fd_close(&fd);
	fd = cgroup_open_of(&c, pid, &e);
	CHECK(fd >= 0);
	fd_close(&fd);
	CHECK(cgroup_open_of(&c, getpid(), &e) == -EXDEV);
	CHECK(cgroup_kill(&c, SIGKILL, &e) == 0 && proc_wait(pid) == SIGKILL);
	CHECK(cgroup_destroy(&c, &e) == 0);
}

static void opens(void)
{
	struct cgroup c = CGROUP_INIT, other = CGROUP_INIT;
	char path[256];
	struct err e;

	NEED_CGROUPS();
	CHECK(make(&c, "open", NULL, &e) == 0);
	CHECK(cgroup_open(&other, CGROUP_CGROUPFS, c.path, &e) == 0);
	CHECK(other.fd >= 0 && str_eq(other.path, c.path));
	CHECK(cgroup_destroy(&other, &e) == 0);
	CHECK(cgroup_destroy(&c, &e) == 0); /* gone already */
	CHECK(cgroup_open(&other, CGROUP_CGROUPFS, "/x/../y", &e) == -EINVAL);
	(void)snprintf(path, sizeof(path), "%s/missing", top_name);
	CHECK(cgroup_open(&other, CGROUP_CGROUPFS, path, &e) == 0);
	CHECK(other.fd == -1);
	CHECK(cgroup_kill(&other, SIGKILL, &e) == 0);
	CHECK(cgroup_is_populated(&other, &e) == 0);
	CHECK(cgroup_is_frozen(&other, &e) == 0);
	CHECK(cgroup_destroy(&other, &e) == 0);
	cgroup_done(&other);
}

static void disabled(void)
{
	struct cgroup c = CGROUP_INIT;
	struct err e;

	CHECK(cgroup_locate(&c, CGROUP_DISABLED, "/x", "web", &e) == 0);
	CHECK(cgroup_create(&c, NULL, NULL, &e) == 0);
	CHECK(c.fd == -1 && c.path[0] == '\0');
	CHECK(cgroup_destroy(&c, &e) == 0);
	CHECK(cgroup_open(&c, CGROUP_DISABLED, "", &e) == 0 && c.fd == -1);
}

static void failure_leaves_nothing(void)
{
	struct spec_pair pair = {"a/b", "1"};
	struct spec_resources res = {.unified = {&pair, 1}};
	struct cgroup c = CGROUP_INIT;
	struct err e;

	NEED_CGROUPS();
	CHECK(make(&c, "new/er/est", &res, &e) == -EINVAL);
	CHECK(c.fd == -1 && !exists("new"));
}

static void memory_limit(void)
{
	struct spec_memory m = {.limit = {true, 64 << 20}};
	struct spec_resources res = {.memory = &m};
	struct cgroup c = CGROUP_INIT;
	AUTO_FD top = -1;
	char text[64];
	struct err e;

	NEED_CGROUPS();
	top = cgroup_path_top(&e);
	if (cgroupfs_has_controller(top, "memory", 6) == 1) {
		CHECK(make(&c, "mem/ctr", &res, &e) == 0);
		CHECK(file_read_line(c.fd, "memory.max", text, sizeof(text)) > 0);
		CHECK_STR(text, "67108864");
		CHECK(file_read_line(c.fd, "memory.events", text, sizeof(text)) > 0);
		CHECK(cgroup_oom_kills(&c) == 0);
		m.limit.v = 32 << 20;
		CHECK(cgroup_apply(&c, &res, NULL, &e) == 0);
		CHECK(file_read_line(c.fd, "memory.max", text, sizeof(text)) > 0);
		CHECK_STR(text, "33554432");
		CHECK(cgroup_destroy(&c, &e) == 0);
		drop("mem");
		return;
	}
	CHECK(make(&c, "mem/ctr", &res, &e) == -EOPNOTSUPP);
	CHECK_STR(e.text,
		  "cgroup memory.max: no memory controller in the cgroup v2 "
		  "hierarchy (hybrid host?)");
	CHECK(!exists("mem"));
}

/* open(2) in the cgroup of a node with these numbers: 0 or the errno. */
static int open_in(int cgroup, const char *node)
{
	struct clone_args args = {.flags = CLONE_INTO_CGROUP,
				  .exit_signal = SIGCHLD,
				  .cgroup = (uint64_t)cgroup};
	pid_t pid = proc_clone(&args);

	if (pid == 0) {
		int fd = open(node, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

		_exit(fd < 0 ? errno : 0);
	}
	return proc_exit_code(proc_wait(pid));
}

static void device_filter(void)
{
	struct spec_device_rule rule = {.allow = true,
					.type = "c",
					.major = {true, 1},
					.minor = {true, 11},
					.access = "r"};
	const struct spec_resources allow = {.devices = &rule, .devices_count = 1};
	struct cgroup c = CGROUP_INIT, again = CGROUP_INIT;
	struct err e;

	NEED_CGROUPS();
	/* Nodes of our own, where nodev can't be in the way. */
	CHECK(mount("t", "/tmp", "tmpfs", 0, "mode=755") == 0);
	CHECK(mknod("/tmp/null", S_IFCHR | 0600, makedev(1, 3)) == 0);
	CHECK(mknod("/tmp/kmsg", S_IFCHR | 0600, makedev(1, 11)) == 0);
	CHECK(make(&c, "dev", NULL, &e) == 0);
	CHECK(open_in(c.fd, "/tmp/null") == 0);
	CHECK(open_in(c.fd, "/tmp/kmsg") == EPERM);
	/* Once more in the same, empty folder: the filter is exchanged, not added to. */
	CHECK(make(&again, "dev", &allow, &e) == 0);
	CHECK(open_in(c.fd, "/tmp/kmsg") == 0);
	cgroup_done(&again);
	CHECK(make(&again, "dev", NULL, &e) == 0);
	CHECK(open_in(c.fd, "/tmp/kmsg") == EPERM);
	cgroup_done(&again);
	CHECK(cgroup_destroy(&c, &e) == 0);
	CHECK(umount2("/tmp", MNT_DETACH) == 0);
}

/* Removes the tests' folder too. */
static void nothing_left(void)
{
	char path[128];

	NEED_CGROUPS();
	(void)snprintf(path, sizeof(path), "/sys/fs/cgroup%s", top_name);
	CHECK(rmdir(path) == 0);
}

static const char *set_up(void)
{
	char path[128];

	if (geteuid() != 0)
		return "root";
	if (unshare(CLONE_NEWNS) < 0 ||
	    mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return "a mount namespace";
	if (mount("c", "/sys/fs/cgroup", "cgroup2", 0, NULL) < 0)
		return "cgroup v2";
	(void)snprintf(top_name, sizeof(top_name), "/hull-unit-%d", getpid());
	(void)snprintf(path, sizeof(path), "/sys/fs/cgroup%s", top_name);
	return mkdir(path, 0755) < 0 ? "a writable cgroup v2 hierarchy" : NULL;
}

static const struct test tests[] = {
	{"linux.cgroupsPath becomes a clean path or is refused", paths},
	{"a relative path is beside the caller's cgroup", relative_path},
	{"a cgroup is made, refused while in use, emptied and removed", life},
	{"a signal reaches all, also below", signals},
	{"freezing stops, thawing goes on, a frozen one is refused", freezer},
	{"what is frozen can be killed", frozen_can_be_killed},
	{"one with a process in it stays, with all below", busy_stays},
	{"a path below can't climb out", sub_paths},
	{"a missing cgroup is no error later", opens},
	{"no driver, no cgroup", disabled},
	{"a failure leaves no folder", failure_leaves_nothing},
	{"a memory limit is set, or its controller is missed by name", memory_limit},
	{"devices are filtered, and a new filter takes the old one's place",
	 device_filter},
	{"nothing is left", nothing_left},
};

int main(void)
{
	unable = set_up();
	return tap_main(tests, ARRAY_LEN(tests));
}
