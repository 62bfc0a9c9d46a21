/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "src/exec_process.h"

#include "tests/unit/tap.h"

static struct arena arena;
static struct err e;

static void users_are_numbers(void)
{
	static const char *const bad[] = {
		"",           "root",         "1:",
		":1",         "1:2:3",        " 1",
		"1 ",         "-1",           "1:-1",
		"+1",         "0x1",          "1.0",
		"1,2",        "01a",          "4294967295",
		"4294967296", "1:4294967295", "00000000000000000001",
	};
	uint32_t uid = 7, gid = 8;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK(exec_parse_user(bad[i], &uid, &gid, &e) == -EINVAL);
		CHECK(uid == 7 && gid == 8);
	}
	/* CVE-2026-30892: this was uid 0. */
	CHECK(exec_parse_user("1", &uid, &gid, &e) == 0 && uid == 1 && gid == 8);
	CHECK(exec_parse_user("1000:50", &uid, &gid, &e) == 0 && uid == 1000 &&
	      gid == 50);
	CHECK(exec_parse_user("0:0", &uid, &gid, &e) == 0 && uid == 0 && gid == 0);
	CHECK(exec_parse_user("4294967294:1", &uid, &gid, &e) == 0 && uid == 4294967294);
}

static struct spec_process container_process(void)
{
	static const char *env[] = {"PATH=/bin", NULL}, *args[] = {"sleep", "9", NULL};
	static const char *caps[] = {"CAP_KILL", NULL};
	static uint32_t gids[] = {5};
	static struct spec_capabilities c = {
		.bounding = {caps, 1},
		.effective = {caps, 1},
		.permitted = {caps, 1},
	};

	return (struct spec_process){
		.terminal = true,
		.user = {.uid = 10,
			 .gid = 20,
			 .additional_gids = gids,
			 .additional_gids_count = 1},
		.args = {args, 2},
		.env = {env, 1},
		.cwd = "/",
		.capabilities = &c,
	};
}

static char *command[] = {(char *)"ls", (char *)"-l", NULL};

static int try_make(const struct exec *o, const struct spec_process *base,
		    struct spec_process **ret)
{
	e = (struct err){0};
	return exec_process_make(&arena, o, base, 2, command, ret, &e);
}

/* Never NULL: a failure is noted, and an empty process looked at. */
static struct spec_process *make(const struct exec *o, const struct spec_process *base)
{
	static struct spec_capabilities no_caps;
	static struct spec_process nothing = {.capabilities = &no_caps};
	struct spec_process *p = &nothing;

	CHECK(try_make(o, base, &p) == 0);
	return p;
}

static void check_refused(const struct exec *o, const char *text)
{
	struct spec_process base = container_process(), *p;

	CHECK(try_make(o, &base, &p) == -EINVAL);
	CHECK_STR(e.text, text);
}

static void like_the_containers(void)
{
	struct spec_process base = container_process(), *p;

	p = make(&(struct exec){0}, &base);
	CHECK(!p->terminal && p->user.uid == 10 && p->user.gid == 20);
	CHECK(p->args.count == 2 && !p->args.v[2]);
	CHECK_STR(p->args.v[1], "-l");
	CHECK_STR(p->env.v[0], "PATH=/bin");
	p = make(&(struct exec){.tty = true, .user = "1", .cwd = "/tmp"}, &base);
	CHECK(p->terminal && p->user.uid == 1 && p->user.gid == 20);
	CHECK_STR(p->cwd, "/tmp");
	CHECK(base.terminal && base.user.uid == 10);
}

static void an_empty_word_changes_nothing(void)
{
	struct spec_process base = container_process(), *p;

	base.cwd = "/srv";
	base.apparmor_profile = "strict";
	base.selinux_label = "a:b:c";
	p = make(&(struct exec){.cwd = "", .apparmor = "", .process_label = ""}, &base);
	CHECK_STR(p->cwd, "/srv");
	CHECK_STR(p->apparmor_profile, "strict");
	CHECK_STR(p->selinux_label, "a:b:c");
}

static void a_file_has_its_own_terminal(void)
{
	struct spec_process base = container_process(), *p = &base;

	CHECK(exec_process_make(&arena, &(struct exec){.process = "f"}, &base, 0, NULL,
				&p, &e) == 0);
	CHECK(p->terminal && p->args.count == 2);
	CHECK_STR(p->args.v[0], "sleep");
}

static void lists_are_added_to(void)
{
	const char *env[] = {"A=1", "PATH=/x", NULL}, *gids[] = {"6", "7", NULL};
	struct spec_process base = container_process(), *p;
	const struct exec o = {.env = {env, 2}, .gids = {gids, 2}};

	p = make(&o, &base);
	CHECK(p->env.count == 3 && !p->env.v[3]);
	CHECK_STR(p->env.v[2], "PATH=/x");
	CHECK(p->user.additional_gids_count == 3 && p->user.additional_gids[0] == 5 &&
	      p->user.additional_gids[2] == 7);
	CHECK(base.env.count == 1 && base.user.additional_gids_count == 1);
}

static void caps_are_never_inheritable(void)
{
	const char *caps[] = {"CAP_NET_RAW", "CAP_KILL", NULL},
		   *inherit[] = {"CAP_KILL", NULL};
	struct spec_process base = container_process(), *p;
	const struct exec o = {.caps = {caps, 2}};
	struct spec_capabilities c = *base.capabilities;

	p = make(&o, &base);
	CHECK(p->capabilities->bounding.count == 2);
	CHECK(p->capabilities->effective.count == 2 &&
	      p->capabilities->permitted.count == 2);
	CHECK_STR(p->capabilities->effective.v[1], "CAP_NET_RAW");
	CHECK(p->capabilities->inheritable.count == 0 &&
	      p->capabilities->ambient.count == 0);

	c.inheritable = (struct strings){inherit, 1};
	base.capabilities = &c;
	p = make(&o, &base);
	CHECK(p->capabilities->inheritable.count == 1);
	CHECK(p->capabilities->ambient.count == 2);

	base.capabilities = NULL;
	p = make(&o, &base);
	CHECK(p->capabilities->bounding.count == 2);
	CHECK(p->capabilities->inheritable.count == 0);
}

static void mistakes_are_named(void)
{
	const char *env[] = {"A", NULL}, *gids[] = {"wheel", NULL};

	check_refused(&(struct exec){.env = {env, 1}}, "--env: not NAME=VALUE: A");
	check_refused(&(struct exec){.gids = {gids, 1}},
		      "--additional-gids: not a number: wheel");
	check_refused(&(struct exec){.user = "root"},
		      "--user: not UID[:GID] in numbers: root");
	arena_done(&arena);
}

static const struct test tests[] = {
	{"a user is one number or two, and 1 is 1", users_are_numbers},
	{"a process is like the container's but for its options", like_the_containers},
	{"an empty option is as none, so that a profile stays",
	 an_empty_word_changes_nothing},
	{"a process of a file keeps its terminal and command",
	 a_file_has_its_own_terminal},
	{"environment and groups are added at the end", lists_are_added_to},
	{"added capabilities are never inheritable", caps_are_never_inheritable},
	{"what is wrong is named, with the option", mistakes_are_named},
};
TEST_MAIN(tests)
