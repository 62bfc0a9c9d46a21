/* SPDX-License-Identifier: Apache-2.0 */
/* What a command sends to a guest of a process or of limits is what it had. */
#include "sandbox/process_json.h"
#include "sandbox/resources_json.h"

#include "tests/unit/tap.h"

static const char process[] =
	"{\"terminal\":true,\"consoleSize\":{\"height\":24,\"width\":80},"
	"\"user\":{\"uid\":1000,\"gid\":4294967294,\"umask\":18,\"additionalGids\":[10,"
	"20]},"
	"\"args\":[\"sh\",\"-c\",\"echo "
	"\\\"a\\\\n\\\"\"],\"env\":[\"A=b\"],\"cwd\":\"/tmp\","
	"\"capabilities\":{\"bounding\":[\"CAP_CHOWN\",\"CAP_KILL\"],\"effective\":"
	"[\"CAP_CHOWN\"],\"inheritable\":[\"CAP_KILL\"],\"permitted\":[\"CAP_CHOWN\"],"
	"\"ambient\":[\"CAP_KILL\"]},\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"soft\":"
	"100,"
	"\"hard\":18446744073709551615}],\"noNewPrivileges\":true,\"oomScoreAdj\":-5}";

static const char resources[] =
	"{\"memory\":{\"limit\":1048576,\"reservation\":-1,\"swap\":2097152,"
	"\"swappiness\":10,\"disableOOMKiller\":false,\"checkBeforeUpdate\":true},"
	"\"cpu\":{\"shares\":1024,\"quota\":-1,\"burst\":5,\"period\":100000,\"idle\":1,"
	"\"cpus\":\"0-1\",\"mems\":\"0\"},\"pids\":{\"limit\":7},"
	"\"unified\":{\"memory.high\":\"1000000\"}}";

static void process_is_whole(void)
{
	AUTO_ARENA a = {0};
	AUTO_JSON *w = json_writer_new("");
	struct spec_process *p = NULL;
	const char *text = "";
	struct err e;
	size_t len;

	CHECK(spec_decode_process(&a, "t", process, strlen(process), &p, &e) == 0);
	if (!p || !w)
		return;
	process_json_write(w, p);
	CHECK(json_finish(w, &text, &len, &e) == 0);
	CHECK_STR(text, process);
}

static void labels_stay(void)
{
	static const char labelled[] =
		"{\"user\":{\"uid\":0,\"gid\":0},\"args\":[\"a\"],\"cwd\":\"/\","
		"\"apparmorProfile\":\"docker-default\",\"selinuxLabel\":\"a:b:c:d\"}";
	AUTO_ARENA a = {0};
	AUTO_JSON *w = json_writer_new("");
	struct spec_process *p = NULL;
	const char *text = "";
	struct err e;
	size_t len;

	CHECK(spec_decode_process(&a, "t", labelled, strlen(labelled), &p, &e) == 0);
	if (!p || !w)
		return;
	process_json_write(w, p);
	CHECK(json_finish(w, &text, &len, &e) == 0);
	CHECK(strstr(text, "\"args\":[\"a\"]") != NULL);
	CHECK(strstr(text, "docker-default") == NULL && strstr(text, "a:b:c:d") == NULL);
}

static void resources_are_whole(void)
{
	AUTO_ARENA a = {0};
	AUTO_JSON *w = json_writer_new("");
	struct spec_resources *r = NULL;
	const char *text = "";
	struct err e;
	size_t len;

	CHECK(spec_decode_resources(&a, "t", resources, strlen(resources), &r, &e) == 0);
	if (!r || !w)
		return;
	resources_json_write(w, r);
	CHECK(json_finish(w, &text, &len, &e) == 0);
	CHECK_STR(text, resources);
}

static const struct test tests[] = {
	{"a process is sent with all that it has", process_is_whole},
	{"the host's labels are not sent", labels_stay},
	{"limits are sent with all that they have", resources_are_whole},
};
TEST_MAIN(tests)
