/* SPDX-License-Identifier: Apache-2.0 */
/* Limits, written to a folder of ordinary files in place of a cgroup. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/path.h"
#include "base/str.h"
#include "libcontainer/cgroup/cpu_weight.h"
#include "libcontainer/cgroup/limits.h"

#include "tests/unit/tap.h"

static const char *const files[] = {
	"cgroup.controllers",
	"pids.max",
	"memory.max",
	"memory.swap.max",
	"memory.low",
	"memory.current",
	"cpu.weight",
	"cpu.max",
	"cpu.max.burst",
	"cpu.idle",
	"cpuset.cpus",
	"cpuset.mems",
	"io.max",
};

static char folder[64];
static int dir = -1;

static void put(const char *name, const char *text)
{
	AUTO_FD fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	CHECK(fd >= 0 && fd_write_full(fd, text, strlen(text)) == 0);
}

static void begin(void)
{
	(void)snprintf(folder, sizeof(folder), "/tmp/cgroup_limits_test.XXXXXX");
	CHECK(mkdtemp(folder) != NULL);
	dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		put(files[i], "");
	put("cgroup.controllers", "cpuset cpu io memory pids\n");
}

static void end(void)
{
	fd_close(&dir);
	CHECK(path_remove_tree(AT_FDCWD, folder, ERR_IGNORE) == 0);
}

static const char *got(const char *name)
{
	static char text[256];

	return file_read_line(dir, name, text, sizeof(text)) < 0 ? "(missing)" : text;
}

static int apply(const struct spec_resources *res, struct err *e)
{
	return limits_apply(dir, "/t", res, NULL, NULL, e);
}

static struct opt_i64 i64(int64_t v)
{
	return (struct opt_i64){true, v};
}

static struct opt_u64 u64(uint64_t v)
{
	return (struct opt_u64){true, v};
}

static void known_weights(void)
{
	CHECK(cpu_weight_from_shares(0) == 0);
	CHECK(cpu_weight_from_shares(1) == 1);
	CHECK(cpu_weight_from_shares(2) == 1);
	CHECK(cpu_weight_from_shares(100) == 17);
	CHECK(cpu_weight_from_shares(512) == 59);
	CHECK(cpu_weight_from_shares(1024) == 100);
	CHECK(cpu_weight_from_shares(262144) == 10000);
	CHECK(cpu_weight_from_shares(UINT64_MAX) == 10000);
}

static void weights_as_libm(void)
{
	int bad = 0;

	for (uint64_t x = 3; x < 262144; x++) {
		double l = log2((double)x),
		       w = pow(10, (l * l + 125 * l) / 612.0 - 7.0 / 34);

		if (cpu_weight_from_shares(x) != (uint64_t)ceil(w)) {
			printf("# shares %lu\n", x);
			bad++;
		}
	}
	CHECK(bad == 0);
}

static void swap_is_the_rest(void)
{
	static const struct {
		int64_t limit, swap, want;
		int r;
	} t[] = {
		{100, 300, 200, 0},   {100, 100, 0, 0},       {100, -1, -1, 0},
		{-1, 300, 300, 0},    {-1, 0, -1, 0},         {-1, -1, -1, 0},
		{0, 0, -2, 0},        {100, 0, -2, 0},        {0, -1, -1, 0},
		{0, 300, 0, -EINVAL}, {300, 100, 0, -EINVAL}, {-7, 100, 0, -EINVAL},
	};
	int64_t value;
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		value = -99;
		CHECK(limits_swap(t[i].limit, t[i].swap, &value, &e) == t[i].r);
		CHECK(value == (t[i].r < 0 ? -99 : t[i].want));
	}
}

static void memory_files(void)
{
	struct spec_memory m = {
		.limit = i64(1 << 20), .swap = i64(3 << 20), .reservation = i64(4096)};
	struct spec_resources res = {.memory = &m};
	struct err e;

	begin();
	CHECK(apply(&res, &e) == 0);
	CHECK_STR(got("memory.max"), "1048576");
	CHECK_STR(got("memory.swap.max"), "2097152");
	CHECK_STR(got("memory.low"), "4096");
	end();
}

static void memory_without_limit(void)
{
	struct spec_memory m = {.limit = i64(-1), .reservation = i64(-1)};
	struct spec_resources res = {.memory = &m};
	struct err e;

	begin();
	CHECK(apply(&res, &e) == 0);
	CHECK_STR(got("memory.max"), "max");
	CHECK_STR(got("memory.swap.max"), "max");
	CHECK_STR(got("memory.low"), "max");
	end();
}

static void zero_is_not_set(void)
{
	struct spec_memory m = {.limit = i64(0), .swap = i64(0), .reservation = i64(0)};
	struct spec_cpu c = {.shares = u64(0), .quota = i64(0), .period = u64(0)};
	struct spec_resources res = {.memory = &m, .cpu = &c};
	struct err e;

	begin();
	CHECK(!limits_any(&res));
	CHECK(apply(&res, &e) == 0);
	for (size_t i = 1; i < ARRAY_LEN(files); i++)
		CHECK_STR(got(files[i]), "");
	end();
}

static void swap_alone(void)
{
	struct spec_memory m = {.swap = i64(3000)};
	struct spec_resources res = {.memory = &m};
	struct err e;

	begin();
	put("memory.max", "max\n");
	CHECK(apply(&res, &e) == -EINVAL);
	CHECK_STR(e.text, "unable to set swap limit without memory limit");
	put("memory.max", "1000\n");
	CHECK(apply(&res, &e) == 0);
	CHECK_STR(got("memory.swap.max"), "2000");
	end();
}

static void no_swap_accounting(void)
{
	struct spec_memory m = {.limit = i64(1000), .swap = i64(1000)};
	struct spec_resources res = {.memory = &m};
	struct err e;

	begin();
	(void)unlinkat(dir, "memory.swap.max", 0);
	CHECK(apply(&res, &e) == 0);
	CHECK_STR(got("memory.max"), "1000");
	m.swap = i64(1001);
	CHECK(apply(&res, &e) == -EOPNOTSUPP);
	end();
}

static void usage_is_respected(void)
{
	struct spec_memory m = {.limit = i64(4096), .check_before_update = {true, true}};
	struct spec_resources res = {.memory = &m};
	struct err e;

	begin();
	put("memory.current", "5000\n");
	CHECK(apply(&res, &e) < 0);
	CHECK_STR(e.text, "rejecting memory limit 4096 <= usage 5000");
	m.limit = i64(8192);
	m.swap = i64(5000);
	CHECK(apply(&res, &e) < 0);
	CHECK_STR(e.text, "rejecting memory+swap limit 5000 <= usage 5000");
	m.swap = i64(9000);
	CHECK(apply(&res, &e) == 0);
	CHECK_STR(got("memory.max"), "8192");
	end();
}

static void pids(void)
{
	static const struct {
		int64_t limit;
		const char *want;
	} t[] = {{5, "5"}, {0, "1"}, {-1, "max"}, {-9, "max"}};
	struct spec_pids p;
	struct spec_resources res = {.pids = &p};
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		begin();
		p.limit = i64(t[i].limit);
		CHECK(limits_any(&res));
		CHECK(apply(&res, &e) == 0);
		CHECK_STR(got("pids.max"), t[i].want);
		end();
	}
}

static void cpu_files(void)
{
	struct spec_cpu c = {.shares = u64(512),
			     .quota = i64(5000),
			     .period = u64(10000),
			     .burst = u64(2000),
			     .idle = i64(0),
			     .cpus = "0-1",
			     .mems = "0"};
	struct spec_resources res = {.cpu = &c};
	struct err e;

	begin();
	CHECK(apply(&res, &e) == 0);
	CHECK_STR(got("cpu.weight"), "59");
	CHECK_STR(got("cpu.max"), "5000 10000");
	CHECK_STR(got("cpu.max.burst"), "2000");
	CHECK_STR(got("cpu.idle"), "0");
	CHECK_STR(got("cpuset.cpus"), "0-1");
	CHECK_STR(got("cpuset.mems"), "0");
	end();
}

static void idle_has_no_weight(void)
{
	struct spec_cpu c = {.shares = u64(512), .idle = i64(1)};
	struct spec_resources res = {.cpu = &c};
	struct err e;

	begin();
	CHECK(apply(&res, &e) == 0);
	CHECK_STR(got("cpu.idle"), "1");
	CHECK_STR(got("cpu.weight"), "");
	end();
}

static void half_of_cpu_max(void)
{
	static const struct {
		const char *old;
		int64_t quota;
		uint64_t period;
		const char *want;
	} t[] = {
		{"", 5000, 0, "5000 100000"},
		{"", 0, 7000, "max 7000"},
		{"max 100000\n", 5000, 0, "5000 100000"},
		{"3000 20000\n", 5000, 0, "5000 20000"},
		{"3000 20000\n", 0, 50000, "3000 50000"},
		{"3000 20000\n", -1, 0, "max 20000"},
		{"3000 20000\n", -1, 5000, "max 5000"},
	};
	struct spec_cpu c;
	struct spec_resources res = {.cpu = &c};
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		c = (struct spec_cpu){.quota = i64(t[i].quota),
				      .period = u64(t[i].period)};
		begin();
		put("cpu.max", t[i].old);
		CHECK(apply(&res, &e) == 0);
		/* What is longer stays at the end of an ordinary file. */
		CHECK(str_after(got("cpu.max"), t[i].want) != NULL);
		end();
	}
}

static void unified(void)
{
	static const struct {
		const char *key, *value, *error;
	} t[] = {
		{"memory.max", "12345", NULL},
		{"../x", "1",
		 "unified resource \"../x\" must be a file name (no slashes)"},
		{"nodot", "1",
		 "unified resource \"nodot\" must be in the form CONTROLLER.PARAMETER"},
		{"rdma.max", "1",
		 "unified resource \"rdma.max\" can't be set: controller \"rdma\" not "
		 "available"},
		{"memory.nonsense", "1",
		 "unable to set unified resource \"memory.nonsense\": ENOENT"},
	};
	struct spec_pair p;
	struct spec_resources res = {.unified = {&p, 1}};
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		begin();
		p = (struct spec_pair){t[i].key, t[i].value};
		if (t[i].error) {
			CHECK(apply(&res, &e) < 0);
			CHECK_STR(e.text, t[i].error);
		} else {
			CHECK(apply(&res, &e) == 0);
			CHECK_STR(got(t[i].key), t[i].value);
		}
		end();
	}
}

static void unified_is_last_and_by_line(void)
{
	struct spec_memory m = {.limit = i64(1000)};
	struct spec_pair p[] = {{"memory.max", "2000"}, {"io.max", "8:16 a=1\n8:0 b=22"}};
	struct spec_resources res = {.memory = &m, .unified = {p, 2}};
	struct err e;

	begin();
	CHECK(apply(&res, &e) == 0);
	CHECK_STR(got("memory.max"), "2000");
	CHECK_STR(got("io.max"), "8:0 b=22"); /* the second write, at offset 0 */
	end();
}

/* The folder's files are plain ones: a shorter text leaves the end of a longer one. */
static void failed_update_is_undone(void)
{
	struct spec_memory m = {.limit = i64(4000), .reservation = i64(3000)};
	struct spec_pids p = {i64(5)};
	struct spec_resources res = {.pids = &p, .memory = &m};
	struct limits_undo undo = {0};
	struct err e;

	begin();
	put("pids.max", "9");
	put("memory.max", "8000");
	(void)unlinkat(dir, "memory.low", 0);
	CHECK(limits_apply(dir, "/t", &res, &undo, NULL, &e) < 0);
	CHECK_STR(got("pids.max"), "5");
	CHECK_STR(got("memory.max"), "4000");
	limits_take_back(dir, &undo, NULL);
	CHECK_STR(got("pids.max"), "9");
	CHECK_STR(got("memory.max"), "8000");
	limits_undo_done(&undo);
	end();
}

/* The kernel gives an idle cgroup that is none any more the default weight. */
static void weight_survives_an_undone_idle(void)
{
	struct spec_cpu c = {.idle = i64(1), .cpus = "0"};
	struct spec_resources res = {.cpu = &c};
	struct limits_undo undo = {0};
	struct err e;

	begin();
	put("cpu.idle", "0");
	put("cpu.weight", "199");
	(void)unlinkat(dir, "cpuset.cpus", 0);
	CHECK(limits_apply(dir, "/t", &res, &undo, NULL, &e) < 0);
	CHECK_STR(got("cpu.idle"), "1");
	put("cpu.weight", "100");
	limits_take_back(dir, &undo, NULL);
	CHECK_STR(got("cpu.idle"), "0");
	CHECK_STR(got("cpu.weight"), "199");
	limits_undo_done(&undo);
	end();
}

static void undone_by_line(void)
{
	struct spec_pair p[] = {{"io.max", "8:0 b=22"}};
	struct spec_resources res = {.unified = {p, 1}};
	struct limits_undo undo = {0};
	struct err e;

	begin();
	put("io.max", "8:16 a=1\n8:32 c=3\n");
	CHECK(limits_apply(dir, "/t", &res, &undo, NULL, &e) == 0);
	limits_take_back(dir, &undo, NULL);
	CHECK_STR(got("io.max"), "8:32 c=3\n8:32 c=3"); /* both lines, at offset 0 */
	limits_undo_done(&undo);
	end();
}

static void missing_file(void)
{
	struct spec_pids p = {i64(5)};
	struct spec_resources res = {.pids = &p};
	struct err e;

	begin();
	(void)unlinkat(dir, "pids.max", 0);
	put("cgroup.controllers", "cpu\n");
	CHECK(apply(&res, &e) == -EOPNOTSUPP);
	CHECK(str_after(e.text, "cgroup pids.max: ") != NULL);
	CHECK(strstr(e.text, "pids controller") != NULL);
	CHECK(strstr(e.text, "no such file") == NULL && strstr(e.text, "ENOENT") == NULL);
	end();
}

static const struct test tests[] = {
	{"shares become the weights of runc", known_weights},
	{"all weights are those of libm's functions", weights_as_libm},
	{"memory.swap.max is swap - limit", swap_is_the_rest},
	{"memory limits are written to their files", memory_files},
	{"-1 is max, and takes the swap along", memory_without_limit},
	{"0 is not set, but for pids", zero_is_not_set},
	{"swap alone needs a memory limit in place", swap_alone},
	{"a kernel without swap accounting is fine with no swap", no_swap_accounting},
	{"checkBeforeUpdate rejects a limit below the usage", usage_is_respected},
	{"pids.limit 0 is a limit, below it is none", pids},
	{"cpu limits are written to their files", cpu_files},
	{"an idle cgroup gets no weight", idle_has_no_weight},
	{"quota or period alone keeps the other", half_of_cpu_max},
	{"unified keys are checked, and errors name them", unified},
	{"unified comes last, a line a write", unified_is_last_and_by_line},
	{"what an update has changed is taken back", failed_update_is_undone},
	{"an update to idle that is taken back leaves the weight",
	 weight_survives_an_undone_idle},
	{"files of several lines are taken back by line", undone_by_line},
	{"a missing file is told as a missing controller", missing_file},
};

TEST_MAIN(tests)
