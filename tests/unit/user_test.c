/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/path.h"
#include "base/procfs.h"
#include "libcontainer/process/plan.h"

#include "tests/unit/child.h"
#include "tests/unit/tap.h"

static char dir[] = "/tmp/user_test.XXXXXX";
static int root = -1;

static void write_passwd(const char *text, size_t len)
{
	AUTO_FD fd = openat(root, "etc/passwd", O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC,
			    0644);

	if (fd < 0 || fd_write_full(fd, text, len) < 0)
		abort();
}

static const char *home(uid_t uid)
{
	static char buf[PATH_MAX];

	user_home(root, uid, buf, sizeof(buf));
	return buf;
}

static const char *home_in(const char *text, uid_t uid)
{
	write_passwd(text, strlen(text));
	return home(uid);
}

static void finds_the_home(void)
{
	static const char text[] =
		"root:x:0:0:root:/root:/bin/sh\n"
		"\n"
		"web:x:33:33::/var/www:/bin/sh\n"
		"web2:x:33:33::/second:/bin/sh\n"
		"last:x:99:99::/last:/bin/sh";

	CHECK_STR(home_in(text, 0), "/root");
	CHECK_STR(home_in(text, 33), "/var/www");
	CHECK_STR(home_in(text, 99), "/last");
	CHECK_STR(home_in(text, 1), "/");
}

static void bad_lines_are_passed_over(void)
{
	CHECK_STR(home_in("root\nroot:x\n::::::\nx:x:7x:1::/bad:\na:x:+7:1::/bad:\n"
			  "ok:x:7:1::/good:\n",
			  7),
		  "/good");
	CHECK_STR(home_in("a:x:7:1::", 7), "/");
	CHECK_STR(home_in("a:x:7:1", 7), "/");
	CHECK_STR(home_in("", 0), "/");
	CHECK_STR(home_in("a:x:0:0::/a:\r\n", 0), "/a");
	CHECK_STR(home_in("a:x:4294967295:0::/max:", 4294967295U), "/max");
}

static void long_lines_are_passed_over(void)
{
	static char text[40000];
	size_t n = 0;

	/* An overlong line that ends like an entry, then a real one. */
	memset(text, 'x', sizeof(text));
	n = 20000 + (size_t)snprintf(text + 20000, sizeof(text) - 20000,
				     ":x:7:1::/bad:\na:x:7:1::/good:\n");
	write_passwd(text, n);
	CHECK_STR(home(7), "/good");
	/* One that never ends. */
	write_passwd(text, 20000);
	CHECK_STR(home(7), "/");
	/* Exactly as long as the buffer, and one around it. */
	for (size_t len = 8185; len < 8200; len++) {
		n = len + (size_t)snprintf(text + len, sizeof(text) - len,
					   "\na:x:7:1::/good:\n");
		write_passwd(text, n);
		CHECK_STR(home(7), "/good");
		memset(text, 'x', sizeof(text));
	}
}

static void strange_files_give_the_default(void)
{
	CHECK(unlinkat(root, "etc/passwd", 0) == 0);
	CHECK_STR(home(0), "/");
	/* A FIFO must not block. */
	CHECK(mkfifoat(root, "etc/passwd", 0644) == 0);
	CHECK_STR(home(0), "/");
	CHECK(unlinkat(root, "etc/passwd", 0) == 0);
	CHECK(mkdirat(root, "etc/passwd", 0755) == 0);
	CHECK_STR(home(0), "/");
	CHECK(unlinkat(root, "etc/passwd", AT_REMOVEDIR) == 0);
	/* The host's file by a symlink: inside, it leads to the root's own, missing. */
	CHECK(symlinkat("../../../../../../../etc/group", root, "etc/passwd") == 0);
	CHECK_STR(home(0), "/");
	CHECK(unlinkat(root, "etc/passwd", 0) == 0);
	CHECK(symlinkat("/proc/self/root/etc/passwd", root, "etc/passwd") == 0);
	CHECK_STR(home(0), "/");
	CHECK(unlinkat(root, "etc/passwd", 0) == 0);
}

static const uint32_t groups[] = {7, 70000};
static const struct user web = {
	.uid = 33,
	.gid = 34,
	.groups = groups,
	.groups_count = 2,
};

static int becomes_web(void)
{
	uid_t r, f, s;
	gid_t rg, fg, sg, got[8];
	struct err e = {0};
	int sig = 0;

	if (prctl(PR_SET_PDEATHSIG, SIGUSR1) < 0)
		return 1;
	if (user_set_groups(&web, -1, &e) < 0 || user_set_ids(&web, &e) < 0)
		return 2;
	if (getresuid(&r, &f, &s) < 0 || r != 33 || f != 33 || s != 33)
		return 3;
	if (getresgid(&rg, &fg, &sg) < 0 || rg != 34 || fg != 34 || sg != 34)
		return 4;
	if (getgroups(8, got) != 2 || got[0] != 7 || got[1] != 70000)
		return 5;
	if (prctl(PR_GET_PDEATHSIG, &sig) < 0 || sig != SIGUSR1)
		return 6;
	return 0;
}

static int keeps_groups(void)
{
	struct user u = {.keep_groups = true, .uid = 33, .gid = 33};
	gid_t before = 4242, got[8];
	struct err e = {0};

	if (setgroups(1, &before) < 0)
		return 1;
	user_enter_files(&u);
	user_leave_files(&u);
	if (user_set_groups(&u, -1, &e) < 0)
		return 2;
	return getgroups(8, got) == 1 && got[0] == 4242 ? 0 : 3;
}

static void sets_ids_and_groups(void)
{
	if (geteuid() != 0)
		SKIP("root");
	CHECK(in_child(becomes_web) == 0);
	CHECK(in_child(keeps_groups) == 0);
}

static int files_as_web(void)
{
	struct user u = web;
	AUTO_FD fd = -1;

	if (prctl(PR_SET_PDEATHSIG, SIGUSR1) < 0)
		return 1;
	user_enter_files(&u);
	fd = openat(root, "secret", O_RDONLY | O_CLOEXEC);
	if (fd >= 0 || errno != EACCES)
		return 2;
	user_leave_files(&u);
	fd = openat(root, "secret", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 3;
	fd_close(&fd);
	/* One who may override modes, and root, stay as they are. */
	u.overrides_modes = true;
	user_enter_files(&u);
	fd = openat(root, "secret", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 4;
	user_leave_files(&u);
	return 0;
}

static int files_by_group(void)
{
	struct user u = web;
	AUTO_FD fd = -1;

	user_enter_files(&u);
	fd = openat(root, "of-group", O_RDONLY | O_CLOEXEC);
	return fd < 0 ? 1 : 0;
}

static void walks_files_as_the_user(void)
{
	AUTO_FD fd = openat(root, "secret", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	AUTO_FD fd2 = openat(root, "of-group", O_CREAT | O_WRONLY | O_CLOEXEC, 0640);

	if (geteuid() != 0)
		SKIP("root");
	CHECK(fd >= 0 && fd2 >= 0 && fchown(fd2, 0, 70000) == 0);
	CHECK(in_child(files_as_web) == 0);
	CHECK(in_child(files_by_group) == 0);
}

/* In a user namespace with one id and setgroups denied. */
static int in_userns(void)
{
	struct user u = {.uid = 0, .gid = 0};
	struct err e = {0};
	AUTO_FD proc = procfs_open(&e);
	char map[32], gid_map[32];

	(void)snprintf(map, sizeof(map), "0 %u 1", geteuid());
	(void)snprintf(gid_map, sizeof(gid_map), "0 %u 1", getegid());
	if (unshare(CLONE_NEWUSER) < 0)
		return 77;
	if (file_write(AT_FDCWD, "/proc/self/setgroups", "deny") < 0 ||
	    file_write(AT_FDCWD, "/proc/self/uid_map", map) < 0)
		return 1;
	if (file_write(AT_FDCWD, "/proc/self/gid_map", gid_map) < 0)
		return 2;
	if (user_set_groups(&u, proc, &e) < 0 || user_set_ids(&u, &e) < 0)
		return 3;
	u.groups = groups;
	u.groups_count = 2;
	if (user_set_groups(&u, proc, &e) != -EPERM ||
	    strcmp(e.text,
		   "process.user.additionalGids: the user namespace denies "
		   "setgroups") != 0)
		return 4;
	u.gid = 5;
	if (user_set_ids(&u, &e) != -EINVAL ||
	    strcmp(e.text, "cannot setgid to unmapped gid 5 in user namespace") != 0)
		return 5;
	u.gid = 0;
	u.uid = 6;
	if (user_set_ids(&u, &e) != -EINVAL ||
	    strcmp(e.text, "cannot setuid to unmapped uid 6 in user namespace") != 0)
		return 6;
	return 0;
}

static void user_namespaces(void)
{
	int r = in_child(in_userns);

	if (r == 77)
		SKIP("user namespaces");
	CHECK(r == 0);
}

static int without_rights(void)
{
	struct user nobody = {.uid = 65534, .gid = 65534};
	struct err e = {0};
	AUTO_FD proc = procfs_open(&e);

	if (geteuid() == 0 && user_set_ids(&nobody, &e) < 0)
		return 1;
	if (user_set_groups(&web, proc, &e) != -EPERM ||
	    strcmp(e.text, "process.user.additionalGids: setgroups: EPERM") != 0)
		return 2;
	if (user_set_ids(&web, &e) != -EPERM ||
	    strcmp(e.text, "setresgid 34: EPERM") != 0)
		return 3;
	return 0;
}

static void a_missing_right_is_an_error(void)
{
	CHECK(in_child(without_rights) == 0);
}

static const struct test tests[] = {
	{"HOME is the first line's with the uid", finds_the_home},
	{"lines that are no entries are passed over", bad_lines_are_passed_over},
	{"lines that are too long are passed over", long_lines_are_passed_over},
	{"a passwd that is no file, or outside, gives /", strange_files_give_the_default},
	{"ids and groups are set, the parent-death signal stays", sets_ids_and_groups},
	{"paths are walked with the user's rights", walks_files_as_the_user},
	{"a user namespace may deny groups and lack ids", user_namespaces},
	{"a missing right is told by the errno's name", a_missing_right_is_an_error},
};

int main(void)
{
	int r;

	if (!mkdtemp(dir))
		return 1;
	root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0 || fchmodat(AT_FDCWD, dir, 0755, 0) < 0 ||
	    mkdirat(root, "etc", 0755) < 0)
		return 1;
	r = tap_main(tests, sizeof(tests) / sizeof(tests[0]));
	fd_close(&root);
	(void)path_remove_tree(AT_FDCWD, dir, ERR_IGNORE);
	return r;
}
