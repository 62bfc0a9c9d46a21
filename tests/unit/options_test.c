/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stddef.h>

#include "libcontainer/spec/spec.h"
#include "src/options.h"

#include "tests/unit/tap.h"

struct cfg {
	const char *bundle, *format;
	struct strings env;
	uint32_t fds;
	bool all, keep;
};

static const struct option first[] = {
	{"bundle", 'b', "DIR", "", offsetof(struct cfg, bundle), option_set_path},
	{"all", 'a', NULL, "", offsetof(struct cfg, all), option_set_flag},
	{"no-subreaper", 0, NULL, "", offsetof(struct cfg, keep), option_set_flag},
	{0},
};
static const struct option second[] = {
	{"preserve-fds", 0, "N", "", offsetof(struct cfg, fds), option_set_u32},
	{"format", 'f', "text|json", "", offsetof(struct cfg, format), option_set_choice},
	{"env", 'e', "NAME=VALUE", "", offsetof(struct cfg, env), option_add_string},
	{0},
};
static const struct option *const tables[] = {first, second, NULL};

static struct arena arena;
static struct err e;
static bool help;
static char *left[64];

/* Parses the words, which a NULL ends; what is left over is in left[]. */
static int parse(struct cfg *c, bool first_ends, const char *const *words)
{
	static char copy[64][256];
	int argc = 0;

	for (; words[argc]; argc++) {
		(void)snprintf(copy[argc], sizeof(copy[argc]), "%s", words[argc]);
		left[argc] = copy[argc];
	}
	*c = (struct cfg){0};
	e = (struct err){0};
	return options_parse(tables, c, &arena, argc, left, first_ends, &help, &e);
}
#define PARSE(c, first_ends, ...)                                                        \
	parse(c, first_ends, (const char *const[]){__VA_ARGS__, NULL})

static void values_in_every_form(void)
{
	static const char *const forms[][3] = {
		{"--bundle=/x"}, {"--bundle", "/x"}, {"-b", "/x"},  {"-b=/x"},
		{"-bundle=/x"},  {"-bundle", "/x"},  {"--b", "/x"},
	};
	struct cfg c;

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		CHECK(parse(&c, false, forms[i]) == 0);
		CHECK_STR(c.bundle, "/x");
	}
	CHECK(PARSE(&c, false, "-no-subreaper", "--bundle", "-odd", "id") == 1);
	CHECK(c.keep);
	CHECK_STR(c.bundle, "-odd");
	CHECK(PARSE(&c, false, "--format=json", "--env", "A=b=c") == 0);
	CHECK_STR(c.format, "json");
	CHECK_STR(c.env.v[0], "A=b=c");
}

static void the_last_one_wins(void)
{
	struct cfg c;

	CHECK(PARSE(&c, false, "-b", "/x", "--bundle=/y", "-a", "--all=false") == 0);
	CHECK_STR(c.bundle, "/y");
	CHECK(!c.all);
}

static void words_keep_their_order(void)
{
	struct cfg c;

	CHECK(PARSE(&c, false, "one", "-a", "two", "--bundle", "/x", "-", "three") == 4);
	CHECK(c.all);
	CHECK_STR(left[0], "one");
	CHECK_STR(left[1], "two");
	CHECK_STR(left[2], "-");
	CHECK_STR(left[3], "three");
}

static void options_end(void)
{
	struct cfg c;

	CHECK(PARSE(&c, true, "-a", "id", "ls", "-b", "/x", "--help") == 5);
	CHECK(c.all && !c.bundle && !help);
	CHECK_STR(left[2], "-b");
	CHECK(PARSE(&c, false, "id", "--", "-a", "--") == 3);
	CHECK(!c.all);
	CHECK_STR(left[1], "-a");
	CHECK_STR(left[2], "--");
}

static void help_is_known_everywhere(void)
{
	struct cfg c;

	CHECK(PARSE(&c, false, "-h", "--nonsense") >= 0 && help);
	CHECK(PARSE(&c, false, "id", "--help") >= 0 && help);
	CHECK(PARSE(&c, false, "id") == 1 && !help);
}

static void check_refused(const char *const *words, const char *text)
{
	struct cfg c;

	CHECK(parse(&c, false, words) < 0);
	CHECK_STR(e.text, text);
}
#define REFUSED(text, ...) check_refused((const char *const[]){__VA_ARGS__, NULL}, text)

static void mistakes_are_named(void)
{
	REFUSED("unknown option --nonsense", "--nonsense=1");
	REFUSED("unknown option -x", "-x");
	REFUSED("unknown option --bundl", "--bundl", "/x");
	REFUSED("unknown option ---bundle", "---bundle", "/x");
	REFUSED("unknown option --", "--=x");
	REFUSED("--bundle needs a value: DIR", "id", "-b");
	REFUSED("--bundle: an empty path", "--bundle=");
	REFUSED("--all: neither true nor false: yes", "--all=yes");
	REFUSED("--format: not one of text|json: jso", "-f", "jso");
	REFUSED("--format: not one of text|json: text|json", "-f", "text|json");
	REFUSED("--format: not one of text|json: ", "--format=");
	REFUSED("--preserve-fds: not a number from 0 to 4294967295: -1", "--preserve-fds",
		"-1");
	REFUSED("--preserve-fds: not a number from 0 to 4294967295: 1x",
		"--preserve-fds=1x");
}

static void lists_grow(void)
{
	const char *words[61];
	struct cfg c;

	for (int i = 0; i < 60; i += 2) {
		words[i] = "-e";
		words[i + 1] = i == 58 ? "LAST=1" : "A=1";
	}
	words[60] = NULL;
	CHECK(parse(&c, false, words) == 0);
	CHECK(c.env.count == 30 && !c.env.v[30]);
	CHECK_STR(c.env.v[28], "A=1");
	CHECK_STR(c.env.v[29], "LAST=1");
}

static void ends(void)
{
	arena_done(&arena);
}

static const struct test tests[] = {
	{"a value comes after a blank or =, one dash or two", values_in_every_form},
	{"the last one of an option wins", the_last_one_wins},
	{"words between options keep their order", words_keep_their_order},
	{"options end at --, and at the first word where they should", options_end},
	{"--help is known everywhere", help_is_known_everywhere},
	{"what is wrong is named, with the option", mistakes_are_named},
	{"a repeated option makes a list", lists_grow},
	{"the arena is freed", ends},
};
TEST_MAIN(tests)
