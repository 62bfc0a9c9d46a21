/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdint.h>

#include "base/str.h"
#include "sandbox/guest_stats.h"

#include "tests/unit/tap.h"

static const struct psi_line line = {
	.avg10 = 1, .avg60 = 2, .avg300 = 3, .total = UINT64_MAX};

static void fill(struct cgroup_stats *s)
{
	static struct stats_value raw[] = {{"anon", 5}, {"file", UINT64_MAX}};
	static struct stats_io io[] = {{8, 16, 1, 2, 3, 4},
				       {254, 0, 5, 6, 7, UINT64_MAX}};
	static struct stats_hugetlb huge[] = {{"2MB", 9, 10}};

	*s = (struct cgroup_stats){
		.cpu = {.total = 11,
			.user = 12,
			.kernel = 13,
			.periods = 14,
			.throttled_periods = 15,
			.throttled_time = 16,
			.psi = {.set = true, .some = line, .full = line}},
		.memory = {.memory = {17, STATS_UNLIMITED, 18},
			   .swap = {19, 20, 21},
			   .raw = raw,
			   .raw_count = 2},
		.pids = 22,
		.pids_limit = 23,
		.io = io,
		.io_count = 2,
		.io_psi = {.set = true, .some = line, .full = line},
		.hugetlb = huge,
		.hugetlb_count = 1,
	};
}

/* The JSON of the statistics, in the arena. */
static const char *text_of(struct arena *a, const struct cgroup_stats *s)
{
	AUTO_JSON *w = json_writer_new("");
	const char *text = "";
	size_t len;

	guest_stats_write(w, s);
	CHECK(json_finish(w, &text, &len, ERR_IGNORE) == 0);
	return arena_strdup(a, text);
}

static int parse(struct arena *a, const char *text, struct cgroup_stats *ret,
		 struct err *e)
{
	const struct json *v;

	if (json_parse(a, "test", text, strlen(text), &v, e) < 0)
		abort();
	return guest_stats_parse(a, v, ret, e);
}

static void there_and_back(void)
{
	AUTO_ARENA a = {0};
	struct cgroup_stats s, back = {0};
	struct err e = {0};
	const char *text;

	fill(&s);
	text = text_of(&a, &s);
	CHECK(parse(&a, text, &back, &e) == 0);
	CHECK_STR(text_of(&a, &back), text);
	CHECK(back.memory.memory.limit == STATS_UNLIMITED && !back.memory.psi.set);
	CHECK(back.cpu.throttled_time == 16 && back.cpu.psi.full.total == UINT64_MAX);
	CHECK(back.io_count == 2 && back.io[1].writes == UINT64_MAX &&
	      back.io[0].minor == 16);
	CHECK(back.hugetlb_count == 1 && back.hugetlb[0].failures == 10);
	CHECK(cgroup_stats_memory(&back, "file") == UINT64_MAX);
}

static void none(void)
{
	AUTO_ARENA a = {0};
	struct cgroup_stats s = {0}, back = {.pids = 1};
	struct err e = {0};

	CHECK(parse(&a, text_of(&a, &s), &back, &e) == 0);
	CHECK(back.pids == 0 && back.io_count == 0 && back.memory.raw_count == 0);
}

/* Each with one thing in the text that is replaced. */
static void refusals(void)
{
	static const struct {
		const char *from, *to;
	} lies[] = {
		{"\"cpu\":11", "\"cpu\":-11"},
		{"\"cpu\":11", "\"cpu\":\"11\""},
		{"\"cpu\":11", "\"cpu\":18446744073709551616"},
		{"\"cpu\":11", "\"cpv\":11"},
		{"\"pidsLimit\":23", "\"pidsLimit\":2.5"},
		{"[1,2,3,", "[1,2,"},
		{"[1,2,3,", "[0,1,2,3,"},
		{"[1,2,3,", "[{},2,3,"},
		{"\"anon\":5", "\"anon\":null"},
		{"\"memoryStat\":{", "\"x\":[],\"memoryStat_\":{"},
		{"\"io\":[", "\"io\":{\"x\":["},
		{"\"major\":8", "\"major\":[8]"},
		{"\"io\":[{", "\"io\":[7,{"},
		{"\"2MB\":[9,10]", "\"2MB\":[9]"},
		{"\"2MB\":[9,10]", "\"2MB\":9"},
	};
	AUTO_ARENA a = {0};
	struct cgroup_stats s;
	const char *text;

	fill(&s);
	text = text_of(&a, &s);
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		const char *at = strstr(text, lies[i].from);
		struct cgroup_stats back = {.pids = 99};
		struct err e = {0};
		const struct json *v;
		const char *lie;

		CHECK(at != NULL);
		if (!at)
			continue;
		lie = arena_fmt(&a, "%.*s%s%s", (int)(at - text), text, lies[i].to,
				at + strlen(lies[i].from));
		/* What isn't JSON any more has no statistics either. */
		if (json_parse(&a, "test", lie, strlen(lie), &v, &e) < 0)
			continue;
		CHECK(guest_stats_parse(&a, v, &back, &e) == -EPROTO);
		CHECK(e.text[0] && back.pids == 99);
	}
}

static void long_lists(void)
{
	AUTO_ARENA a = {0};
	AUTO_SBUF b = {0};
	struct cgroup_stats s = {0}, back;
	const char *text = text_of(&a, &s), *at = strstr(text, "\"memoryStat\":{");
	struct err e = {0};

	if (!at)
		abort();
	sbuf_addf(&b, "%.*s\"memoryStat\":{\"x\":1", (int)(at - text), text);
	for (int i = 0; i < 5000; i++)
		sbuf_addf(&b, ",\"y%d\":1", i);
	sbuf_addf(&b, "%s", at + strlen("\"memoryStat\":{"));
	CHECK(!b.failed && parse(&a, b.data, &back, &e) == -EPROTO);
}

static const struct test tests[] = {
	{"all numbers come over", there_and_back},
	{"what isn't there comes over as nothing", none},
	{"a guest that leaves something out, or gives something else, is refused",
	 refusals},
	{"lists have a limit", long_lists},
};
TEST_MAIN(tests)
