/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"

#include "tests/unit/tap.h"

static char top[] = "/tmp/path_test.XXXXXX";
static int top_fd = -1, root = -1;

static int exists(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int set_up(void)
{
	if (!mkdtemp(top))
		return -1;
	top_fd = open(top, O_PATH | O_DIRECTORY | O_CLOEXEC);
	(void)mkdirat(top_fd, "root", 0755);
	(void)mkdirat(top_fd, "outside", 0755);
	root = openat(top_fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return root;
}

static void links_stay_inside(void)
{
	AUTO_FD fd = -1;

	CHECK(symlinkat("../../../outside", root, "up") == 0);
	CHECK(symlinkat("/outside", root, "abs") == 0);
	CHECK(path_open_in(root, "up", O_PATH, 0) == -ENOENT);
	CHECK(path_open_in(root, "abs", O_PATH, 0) == -ENOENT);
	CHECK(path_open_in(root, "../outside", O_PATH, 0) == -ENOENT);
	fd = path_open_in(root, "../../..", O_PATH, 0);
	CHECK(fd >= 0);
}

static void magic_links_are_refused(void)
{
	AUTO_FD slash = open("/", O_PATH | O_CLOEXEC);

	CHECK(path_open_in(slash, "/proc/self/cwd", O_PATH, 0) == -ELOOP);
	CHECK(path_open_plain(slash, "/proc/self/root", O_PATH, 0, 0) == -ELOOP);
}

static void mkdirs_follows_inside_only(void)
{
	AUTO_FD a = -1, b = -1, c = -1;

	CHECK(symlinkat("/made/by/link", root, "dangling") == 0);
	a = path_mkdirs_in(root, "/dangling/below", 0755);
	CHECK(a >= 0);
	CHECK(exists(root, "made/by/link/below"));
	CHECK(symlinkat("../../outside/x", root, "escape") == 0);
	b = path_mkdirs_in(root, "escape/y", 0755);
	CHECK(b >= 0);
	CHECK(!exists(top_fd, "outside/x"));
	CHECK(exists(root, "outside/x/y"));
	c = path_mkdirs_in(root, "a/../b/./c", 0700);
	CHECK(c >= 0 && exists(root, "b/c"));
}

static void mkdirs_refuses_loops_and_files(void)
{
	AUTO_FD fd = -1;

	CHECK(symlinkat("loop2/x", root, "loop1") == 0);
	CHECK(symlinkat("loop1/x", root, "loop2") == 0);
	CHECK(path_mkdirs_in(root, "loop1/y", 0755) == -ELOOP);
	fd = openat(root, "plain", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	CHECK(fd >= 0);
	CHECK(path_mkdirs_in(root, "plain/x", 0755) == -ENOTDIR);
}

static void mkfile_makes_targets_inside(void)
{
	AUTO_FD fd = -1, again = -1;

	CHECK(symlinkat("../../../outside/file", root, "filelink") == 0);
	fd = path_mkfile_in(root, "filelink", 0644);
	CHECK(fd >= 0);
	CHECK(!exists(top_fd, "outside/file"));
	CHECK(exists(root, "outside/file"));
	again = path_mkfile_in(root, "new/deep/file", 0644);
	CHECK(again >= 0 && exists(root, "new/deep/file"));
}

static void cleans_text(void)
{
	static const char *const pairs[][2] = {
		{"/a//b/./c/..", "/a/b"}, {"/../../x", "/x"}, {"a/../..", ".."},
		{"../../x", "../../x"},   {"/", "/"},         {"", "."},
		{"a/b/../../..", ".."},   {"./.", "."},       {"/a/b/", "/a/b"},
		{"../a/..", ".."},        {"..a/..", "."},
	};
	char out[PATH_MAX], tiny[4];

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		CHECK(path_clean(pairs[i][0], out, sizeof(out)) == 0);
		CHECK_STR(out, pairs[i][1]);
	}
	CHECK(path_clean("/abcdef", tiny, sizeof(tiny)) == -ENAMETOOLONG);
}

static void removes_without_following(void)
{
	struct err e = {0};
	AUTO_FD keep = openat(top_fd, "outside/keep", O_CREAT | O_WRONLY | O_CLOEXEC,
			      0600);

	CHECK(keep >= 0);
	CHECK(symlinkat("../outside", root, "tree-link") == 0);
	CHECK(path_remove_tree(top_fd, "root", &e) == 0);
	CHECK(!exists(top_fd, "root") && exists(top_fd, "outside/keep"));
	CHECK(path_remove_tree(top_fd, "root", &e) == 0);
	CHECK(path_remove_tree(top_fd, "outside", &e) == 0);
	CHECK(rmdir(top) == 0);
}

static const struct test tests[] = {
	{"symlinks and .. stay inside the root", links_stay_inside},
	{"magic links are refused", magic_links_are_refused},
	{"mkdirs follows links inside the root only", mkdirs_follows_inside_only},
	{"mkdirs ends at loops and at files", mkdirs_refuses_loops_and_files},
	{"mkfile makes a dangling link's target inside", mkfile_makes_targets_inside},
	{"paths are cleaned by their text", cleans_text},
	{"removing a tree follows no link", removes_without_following},
};

int main(void)
{
	if (set_up() < 0)
		return 99;
	return tap_main(tests, sizeof(tests) / sizeof(tests[0]));
}
