/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <unistd.h>

#include "src/root.h"

#include "tests/unit/tap.h"

static struct err e;

static void names(void)
{
	CHECK_STR(root_program_name("hull"), "hull");
	CHECK_STR(root_program_name("/usr/local/bin/hull-vm"), "hull-vm");
	CHECK_STR(root_program_name("./runc"), "runc");
	CHECK_STR(root_program_name(NULL), "hull");
	CHECK_STR(root_program_name(""), "hull");
	CHECK_STR(root_program_name("/bin/"), "hull");
	CHECK_STR(root_program_name(".."), "hull");
}

static void check_root(const char *given, const char *want)
{
	struct cli cli = {.name = "crun", .root = given, .root_given = given};

	CHECK(root_resolve(&cli, &e) == 0);
	CHECK_STR(cli.root, want);
	arena_done(&cli.arena);
}

static void given_roots(void)
{
	char cwd[4096], want[5000];

	check_root("/run/x", "/run/x");
	check_root("//run/./x/../y/", "/run/y");
	CHECK(getcwd(cwd, sizeof(cwd)) != NULL);
	(void)snprintf(want, sizeof(want), "%s/state", cwd);
	check_root("state", want);
}

static void the_top_is_refused(void)
{
	static const char *const tops[] = {"/", "//", "/..", "/run/..", "/./"};

	for (size_t i = 0; i < sizeof(tops) / sizeof(tops[0]); i++) {
		struct cli cli = {.name = "hull", .root = tops[i], .root_given = true};

		CHECK(root_resolve(&cli, &e) == -EINVAL);
		arena_done(&cli.arena);
	}
}

static void default_roots(void)
{
	bool real = root_is_real();

	(void)setenv("XDG_RUNTIME_DIR", "/run/user/77", 1);
	(void)setenv("USER", "someone", 1);
	check_root(NULL, real ? "/run/crun" : "/run/user/77/crun");
	(void)setenv("XDG_RUNTIME_DIR", "", 1);
	check_root(NULL, "/run/crun");
	(void)unsetenv("XDG_RUNTIME_DIR");
	check_root(NULL, "/run/crun");
}

static const struct test tests[] = {
	{"the program's name is its path's last part", names},
	{"--root becomes absolute and clean", given_roots},
	{"--root / is refused in any spelling", the_top_is_refused},
	{"root ignores XDG_RUNTIME_DIR, all ignore an empty one", default_roots},
};
TEST_MAIN(tests)
