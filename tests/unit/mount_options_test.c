/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/mount.h>

#include "base/str.h"
#include "libcontainer/rootfs/mount_options.h"

#include "tests/unit/tap.h"

static struct arena arena;
static struct err err;

/* Parses words separated by blanks. */
static struct mount_options parse(const char *words, int want)
{
	struct mount_options o = {0};
	char *s = arena_strdup(&arena, words), *save = NULL;
	struct strings list = {.v = arena_array(&arena, 32, sizeof(char *))};

	for (char *w = strtok_r(s, " ", &save); w; w = strtok_r(NULL, " ", &save))
		list.v[list.count++] = w;
	err.text[0] = '\0';
	CHECK(mount_options_parse(&arena, &list, &o, &err) == want);
	return o;
}

#define AT  MOUNT_ATTR__ATIME
#define RO  MOUNT_ATTR_RDONLY
#define NS  MOUNT_ATTR_NOSUID
#define NV  MOUNT_ATTR_NODEV
#define NX  MOUNT_ATTR_NOEXEC
#define NDA MOUNT_ATTR_NODIRATIME
#define NSF MOUNT_ATTR_NOSYMFOLLOW
#define NA  MOUNT_ATTR_NOATIME
#define SA  MOUNT_ATTR_STRICTATIME

static void flags_become_attributes(void)
{
	static const struct {
		const char *words;
		uint64_t set, clear, rec_set, rec_clear;
	} rows[] = {
		{"", 0, 0, 0, 0},
		{"defaults", 0, 0, 0, 0},
		{"ro", RO, 0, 0, 0},
		{"ro rw", 0, RO, 0, 0},
		{"rw ro", RO, 0, 0, 0},
		{"nosuid nodev noexec", NS | NV | NX, 0, 0, 0},
		{"suid dev exec", 0, NS | NV | NX, 0, 0},
		{"nosuid suid", 0, NS, 0, 0},
		{"nodiratime", NDA, 0, 0, 0},
		{"diratime", 0, NDA, 0, 0},
		{"nosymfollow", NSF, 0, 0, 0},
		{"symfollow", 0, NSF, 0, 0},
		{"noatime", NA, AT, 0, 0},
		{"noatime relatime", 0, AT, 0, 0},
		{"noatime strictatime", SA, AT, 0, 0},
		{"noatime atime", 0, AT, 0, 0},
		{"strictatime nostrictatime", 0, AT, 0, 0},
		{"noatime nostrictatime", NA, AT, 0, 0},
		{"norelatime", 0, 0, 0, 0},
		{"noatime norelatime", NA, AT, 0, 0},
		{"rro", 0, 0, RO, 0},
		{"rrw", 0, 0, 0, RO},
		{"rro rrw", 0, 0, 0, RO},
		{"rnosuid rnodev rnoexec", 0, 0, NS | NV | NX, 0},
		{"rsuid rdev rexec", 0, 0, 0, NS | NV | NX},
		{"rnodiratime rnosymfollow", 0, 0, NDA | NSF, 0},
		{"rdiratime rsymfollow", 0, 0, 0, NDA | NSF},
		{"rnoatime", 0, 0, NA, AT},
		{"rstrictatime", 0, 0, SA, AT},
		{"rrelatime", 0, 0, 0, AT},
		{"ratime", 0, 0, 0, AT},
		{"rnostrictatime", 0, 0, 0, AT},
		{"rnorelatime", 0, 0, 0, 0},
		{"ro rnosuid", RO, 0, NS, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct mount_options o = parse(rows[i].words, 0);

		if (o.set != rows[i].set || o.clear != rows[i].clear ||
		    o.rec_set != rows[i].rec_set || o.rec_clear != rows[i].rec_clear)
			printf("# row: %s\n", rows[i].words);
		CHECK(o.set == rows[i].set && o.clear == rows[i].clear);
		CHECK(o.rec_set == rows[i].rec_set && o.rec_clear == rows[i].rec_clear);
		CHECK(!o.bind && !o.params_count && !o.propagation_count && !o.super);
	}
}

static void super_flags(void)
{
	CHECK(parse("sync dirsync mand lazytime iversion silent", 0).super ==
	      (MS_SYNCHRONOUS | MS_DIRSYNC | MS_MANDLOCK | MS_LAZYTIME | MS_I_VERSION |
	       MS_SILENT));
	CHECK(parse("dirsync sync async mand nomand lazytime nolazytime iversion "
		    "noiversion silent loud",
		    0)
		      .super == MS_DIRSYNC);
}

static void binds(void)
{
	struct mount_options o = parse("bind", 0);

	CHECK(o.bind && !o.recursive && !o.flags_given);
	o = parse("rbind rprivate", 0);
	CHECK(o.bind && o.recursive && !o.flags_given);
	CHECK(parse("bind rw", 0).flags_given);
	CHECK(parse("bind dev", 0).flags_given);
	CHECK(parse("bind noatime", 0).flags_given);
	CHECK(!parse("bind rro", 0).flags_given);
	CHECK(parse("remount bind", 0).remount);
	CHECK(parse("tmpcopyup", 0).copy_up);
}

static void propagation(void)
{
	struct mount_options o = parse("rslave shared runbindable private", 0);
	uint64_t type;
	bool rec;

	CHECK(o.propagation_count == 4);
	CHECK(o.propagation[0].type == MS_SLAVE && o.propagation[0].recursive);
	CHECK(o.propagation[1].type == MS_SHARED && !o.propagation[1].recursive);
	CHECK(o.propagation[2].type == MS_UNBINDABLE && o.propagation[2].recursive);
	CHECK(o.propagation[3].type == MS_PRIVATE && !o.propagation[3].recursive);
	CHECK(mount_propagation_parse("rshared", &type, &rec) && type == MS_SHARED &&
	      rec);
	CHECK(mount_propagation_parse("slave", &type, &rec) && type == MS_SLAVE && !rec);
	CHECK(!mount_propagation_parse("ro", &type, &rec));
	CHECK(!mount_propagation_parse("", &type, &rec));
}

static void the_rest_is_data(void)
{
	struct mount_options o = parse(
		"mode=755 ro size=64k,nr_inodes=5 newinstance "
		"context=\"a:b:c:s0:c1,c2\",x=\"\",y=\"",
		0);

	CHECK(o.set == RO);
	CHECK(o.params_count == 7);
	CHECK_STR(o.params[0].key, "mode");
	CHECK_STR(o.params[0].value, "755");
	CHECK_STR(o.params[1].key, "size");
	CHECK_STR(o.params[2].key, "nr_inodes");
	CHECK_STR(o.params[2].value, "5");
	CHECK_STR(o.params[3].key, "newinstance");
	CHECK(o.params[3].value == NULL);
	CHECK_STR(o.params[4].key, "context");
	CHECK_STR(o.params[4].value, "a:b:c:s0:c1,c2");
	CHECK_STR(o.params[5].value, "");
	CHECK_STR(o.params[6].value, "\"");
	CHECK(parse("a,,b,", 0).params_count == 2);
	CHECK_STR(parse("lowerdir=/a=b", 0).params[0].value, "/a=b");
	CHECK_STR(parse("acl", 0).params[0].key, "acl");
	CHECK_STR(parse("RO", 0).params[0].key, "RO");
	(void)parse("=x", -EINVAL);
}

static void refuses_by_name(void)
{
	(void)parse("rbind idmap", -ENOTSUP);
	CHECK_STR(err.text, "option idmap: not supported yet");
	(void)parse("ridmap", -ENOTSUP);
	CHECK_STR(err.text, "option ridmap: not supported yet");
	(void)parse("idmap=uids=0-1-2", -ENOTSUP);
	CHECK_STR(parse("idmapped", 0).params[0].key, "idmapped");
}

static void names_are_sorted_and_understood(void)
{
	const char *const *n = mount_options_names();
	size_t count = 0;

	for (; n[count]; count++) {
		CHECK(count == 0 || strcmp(n[count - 1], n[count]) < 0);
		if (parse(n[count], 0).params_count)
			printf("# not found: %s\n", n[count]);
		CHECK(parse(n[count], 0).params_count == 0);
	}
	CHECK(count == 60);
}

static const struct test tests[] = {
	{"flags become attributes, the later word wins", flags_become_attributes},
	{"flags of the filesystem are kept apart", super_flags},
	{"binds, and whether they name any flag", binds},
	{"propagation is kept in its order", propagation},
	{"what isn't known is the filesystem's", the_rest_is_data},
	{"id mapping is refused by name", refuses_by_name},
	{"all names are sorted and found", names_are_sorted_and_understood},
};

int main(void)
{
	int r = tap_main(tests, sizeof(tests) / sizeof(tests[0]));

	arena_done(&arena);
	return r;
}
