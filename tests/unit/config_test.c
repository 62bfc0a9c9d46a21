/* SPDX-License-Identifier: Apache-2.0 */
/* The administrator's configuration: strict, and nobody else's. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "src/config.h"

#include "tests/unit/tap.h"

static void all_of_it(void)
{
	static const char text[] =
		"{\"engine\": \"microvm\", \"vm\": {\"kernel\": \"/k\", \"memory\": "
		"\"256M\","
		"\"memory_max\": \"2.5g\", \"vcpus\": 4},"
		"\"allow_annotations\": [\"dev.hull.engine\", \"io.x.\"]}";
	AUTO_ARENA a = {0};
	struct config c = {0};
	struct err e = {0};

	CHECK(config_parse(&a, "c", text, strlen(text), &c, &e) == 0);
	CHECK_STR(e.text, "");
	CHECK(c.engine == CONFIG_ENGINE_MICROVM);
	CHECK_STR(c.vm.kernel, "/k");
	CHECK(c.vm.memory == 256 << 20);
	CHECK(c.vm.memory_max == UINT64_C(2560) << 20);
	CHECK(c.vm.vcpus == 4);
	CHECK(c.allow_annotations.count == 2);
	CHECK_STR(c.allow_annotations.v[0], "dev.hull.engine");
	CHECK_STR(c.allow_annotations.v[1], "io.x.");
}

static void empty(void)
{
	AUTO_ARENA a = {0};
	struct config c = {.engine = CONFIG_ENGINE_MICROVM};
	struct err e = {0};

	CHECK(config_parse(&a, "c", "{}", 2, &c, &e) == 0);
	CHECK(c.engine == CONFIG_ENGINE_ANY && !c.vm.kernel && !c.vm.memory);
	CHECK(!c.vm.memory_max && !c.vm.vcpus && !c.allow_annotations.count);
}

static void rounded(void)
{
	uint64_t n = 0;
	struct err e;

	CHECK(config_memory("x", "67108865", &n, &e) == 0);
	CHECK(n == UINT64_C(66) << 20);
}

static void refusals(void)
{
	static const struct {
		const char *text, *error;
	} v[] = {
		{"[]", "c: an array, not an object"},
		{"{\"Engine\": \"native\"}", "c: Engine: not known"},
		{"{\"vm\": {\"mem\": \"1G\"}}", "c: vm.mem: not known"},
		{"{\"kernel\": \"/k\"}", "c: kernel: not known"},
		{"{\"engine\": true}", "c: engine: a boolean, not a string"},
		{"{\"engine\": null}", "c: engine: null, not a string"},
		{"{\"engine\": \"Native\"}",
		 "c: engine: \"Native\" is neither native nor microvm"},
		{"{\"vm\": \"/k\"}", "c: vm: a string, not an object"},
		{"{\"vm\": {\"kernel\": \"k\"}}", "c: vm.kernel: k is not absolute"},
		{"{\"vm\": {\"memory\": 256}}", "c: vm.memory: a number, not a string"},
		{"{\"vm\": {\"memory\": \"much\"}}",
		 "c: vm.memory: \"much\" is no size, as 512M or 2G"},
		{"{\"vm\": {\"memory\": \"63M\"}}", "c: vm.memory: 63M is less than 64M"},
		{"{\"vm\": {\"memory\": \"1G\", \"memory_max\": \"512M\"}}",
		 "c: vm.memory_max: less than memory"},
		{"{\"vm\": {\"vcpus\": 0}}", "c: vm.vcpus: 0 is not between 1 and 64"},
		{"{\"vm\": {\"vcpus\": 65}}", "c: vm.vcpus: 65 is not between 1 and 64"},
		{"{\"vm\": {\"vcpus\": 1.5}}", "c: vm.vcpus: \"1.5\" is no number"},
		{"{\"vm\": {\"vcpus\": -1}}", "c: vm.vcpus: \"-1\" is no number"},
		{"{\"vm\": {\"vcpus\": \"2\"}}", "c: vm.vcpus: a string, not a number"},
		{"{\"allow_annotations\": [\"a\", 1]}",
		 "c: allow_annotations[1]: not a name"},
		{"{\"allow_annotations\": [\"\"]}",
		 "c: allow_annotations[0]: not a name"},
		{"{\"allow_annotations\": \"a\"}",
		 "c: allow_annotations: a string, not an array"},
	};

	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		AUTO_ARENA a = {0};
		struct config c = {0};
		struct err e = {0};

		CHECK(config_parse(&a, "c", v[i].text, strlen(v[i].text), &c, &e) < 0);
		CHECK_STR(e.text, v[i].error);
		CHECK(c.engine == CONFIG_ENGINE_ANY);
	}
}

static void broken(void)
{
	AUTO_ARENA a = {0};
	struct config c;
	struct err e = {0};

	CHECK(config_parse(&a, "c", "{\"engine\"", 9, &c, &e) < 0);
	CHECK(str_after(e.text, "c: line 1: ") != NULL);
	/* Which of the two would count? */
	CHECK(config_parse(&a, "c", "{\"engine\":\"native\",\"engine\":\"microvm\"}", 38,
			   &c, &e) < 0);
}

/* ---- the file ---- */

static char path[] = "/tmp/hull-config-XXXXXX";

static void put(const char *text, mode_t mode)
{
	AUTO_FD fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CHECK(fd >= 0 && fd_write_full(fd, text, strlen(text)) == 0);
	CHECK(fchmod(fd, mode) == 0);
}

static void check_read(const char *error, enum config_engine engine)
{
	AUTO_ARENA a = {0};
	struct config c = {0};
	struct err e = {0};
	int r = config_read(&a, path, &c, &e);

	CHECK(r == -e.code);
	if (error && !strstr(e.text, error))
		printf("# %s\n", e.text);
	CHECK(error ? strstr(e.text, error) != NULL : e.text[0] == '\0');
	CHECK(c.engine == engine);
}

static void files(void)
{
	int fd = mkstemp(path);

	CHECK(fd >= 0);
	fd_close(&fd);
	put("{\"engine\": \"microvm\"}", 0644);
	check_read(NULL, CONFIG_ENGINE_MICROVM);
	put("{\"engine\": \"microvm\"}", 0646);
	check_read("others than its owner can write to it", CONFIG_ENGINE_ANY);
	put("{\"engine\": \"microvm\"}", 0664);
	check_read("others than its owner can write to it", CONFIG_ENGINE_ANY);
	put("", 0644);
	check_read(path, CONFIG_ENGINE_ANY);
	CHECK(unlink(path) == 0);
	check_read(NULL, CONFIG_ENGINE_ANY);
	CHECK(mkdir(path, 0755) == 0);
	check_read("not a regular file", CONFIG_ENGINE_ANY);
	CHECK(rmdir(path) == 0 && mkfifo(path, 0644) == 0);
	check_read("not a regular file", CONFIG_ENGINE_ANY);
	CHECK(unlink(path) == 0);
}

static void owner(void)
{
	if (geteuid() != 0)
		SKIP("needs root to give a file away");
	put("{\"engine\": \"native\"}", 0644);
	CHECK(chown(path, 1000, 0) == 0);
	check_read("its owner is user 1000, not root", CONFIG_ENGINE_ANY);
	CHECK(unlink(path) == 0);
}

static const struct test tests[] = {
	{"everything that can be said is read", all_of_it},
	{"an empty configuration says nothing", empty},
	{"a machine's memory is rounded up to what a machine can have", rounded},
	{"what isn't known, or of another type, is an error with its place", refusals},
	{"a text that is no JSON, or says a thing twice, is an error", broken},
	{"a missing file is an empty one; one that others can write to is refused",
	 files},
	{"a file of another user is refused", owner},
};
TEST_MAIN(tests)
