/* SPDX-License-Identifier: Apache-2.0 */
/* linux.sysctl, as a container's child will write it. */
#include <errno.h>

#include "libcontainer/sysctl.h"

#include "tests/unit/spec_file.h"

static int plan(struct arena *a, const char *path, const char *key,
		struct sysctl_plan *ret, struct err *e)
{
	AUTO_FREE char *text = str_fmt(
		"{\"ociVersion\":\"1.3.0\",\"root\":{\"path\":\"r\"},\"linux\":{"
		"\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"ipc\"},"
		"{\"type\":\"network\",\"path\":\"%s\"}],"
		"\"sysctl\":{\"%s\":\"1\"}}}",
		path, key);
	struct spec *s = NULL;

	*e = (struct err){0};
	CHECK(spec_decode(a, "config.json", text, strlen(text), &s, e) == 0);
	return s ? sysctl_plan_make(a, s, ret, e) : -1;
}

static void network_by_path(void)
{
	AUTO_ARENA a = {0};
	struct sysctl_plan p = {0};
	struct err e;

	CHECK(plan(&a, "/proc/self/ns/net", "net.core.somaxconn", &p, &e) == -EINVAL);
	CHECK_STR(e.text,
		  "config.json: linux.sysctl[\"net.core.somaxconn\"]: not allowed in the "
		  "host's network namespace");
	CHECK(plan(&a, "/proc/self/ns/none", "net/core/somaxconn", &p, &e) == -EINVAL);
	CHECK_STR(e.text,
		  "config.json: linux.sysctl[\"net/core/somaxconn\"]: the network "
		  "namespace's path can't be looked at");
	/* Of another kind, so surely another one. */
	CHECK(plan(&a, "/proc/self/ns/uts", "net.core.somaxconn", &p, &e) == 0);
	/* Nobody asks about the network for another's parameter. */
	CHECK(plan(&a, "/proc/self/ns/net", "kernel.msgmax", &p, &e) == 0);
}

static void files(void)
{
	AUTO_ARENA a = {0};
	struct sysctl_plan p = {0};
	struct err e;

	CHECK(plan(&a, "/proc/self/ns/uts", "net.ipv4.conf.eth0/1.rp_filter", &p, &e) ==
	      0);
	CHECK(p.count == 1);
	if (p.count != 1)
		return;
	CHECK_STR(p.v[0].key, "sys/net/ipv4/conf/eth0.1/rp_filter");
	CHECK_STR(p.v[0].value, "1");
}

static const struct test tests[] = {
	{"a parameter of the host's network, by a path to it, is refused",
	 network_by_path},
	{"a name becomes its file", files},
};
TEST_MAIN(tests)
