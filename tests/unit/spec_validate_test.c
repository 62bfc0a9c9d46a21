/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "libcontainer/spec/sysctl.h"

#include "tests/unit/spec_file.h"

#define PROCESS(more) ",\"process\":{\"cwd\":\"/\",\"args\":[\"sh\"]" more "}"

static struct spec *with_namespaces(struct arena *a, const char *namespaces,
				    const char *more, struct err *e)
{
	AUTO_FREE char *text = str_fmt(
		"{\"ociVersion\":\"1.3.0\",\"root\":{\"path\":\"rootfs\"},"
		"\"linux\":{\"namespaces\":[%s]%s}}",
		namespaces, more);
	struct spec *s = NULL;

	if (text)
		(void)spec_decode(a, "config.json", text, strlen(text), &s, e);
	return s;
}

static void versions(void)
{
	static const struct {
		const char *version, *error;
	} v[] = {
		{"1.0.0", ""},
		{"1.2.1-dev", ""},
		{"1.9.9", ""},
		{"0.5.0-dev", ""},
		{"2.0.0", "config.json: ociVersion: 2.0.0 is not 1.x"},
		{"1", "config.json: ociVersion: 1 is not 1.x"},
		{"", "config.json: ociVersion: empty"},
	};

	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		AUTO_ARENA a = {0};
		AUTO_FREE char *text = str_fmt(
			"{\"ociVersion\":\"%s\",\"root\":{\"path\":\"r\"},\"linux\":"
			"{\"namespaces\":[{\"type\":\"mount\"}]}}",
			v[i].version);
		struct err e = {0};
		struct spec *s;

		(void)spec_decode(&a, "config.json", text, strlen(text), &s, &e);
		CHECK_STR(e.text, v[i].error);
	}
}

static void process(void)
{
	static const struct spec_refusal v[] = {
		{",\"process\":{\"cwd\":\"tmp\",\"args\":[\"sh\"]}", "",
		 "process.cwd: tmp is not absolute"},
		{",\"process\":{\"cwd\":\"/\"}", "", "process.args: missing or empty"},
		{",\"process\":{\"cwd\":\"/\",\"args\":[]}", "",
		 "process.args: missing or empty"},
		{",\"process\":{\"cwd\":\"/\",\"args\":[\"\"]}", "",
		 "process.args[0]: empty"},
		{PROCESS(",\"env\":[\"A=1\",\"B\"]"), "",
		 "process.env[1]: \"B\" has no '='"},
		{PROCESS(",\"env\":[\"=1\"]"), "", "process.env[0]: \"=1\" has no name"},
		{PROCESS(",\"rlimits\":[{\"type\":\"RLIMIT_CPU\",\"soft\":1,\"hard\":1},"
			 "{\"type\":\"RLIMIT_CPU\",\"soft\":2,\"hard\":2}]"),
		 "", "process.rlimits[1].type: RLIMIT_CPU is there twice"},
		{PROCESS(",\"user\":{\"uid\":4294967295}"), "",
		 "process.user.uid: 4294967295 is no id"},
		{PROCESS(",\"user\":{\"gid\":4294967295}"), "",
		 "process.user.gid: 4294967295 is no id"},
		{PROCESS(",\"user\":{\"additionalGids\":[1,4294967295]}"), "",
		 "process.user.additionalGids[1]: 4294967295 is no id"},
		{PROCESS(",\"user\":{\"umask\":512}"), "",
		 "process.user.umask: 512 is more than 0777 (511)"},
		{PROCESS(",\"oomScoreAdj\":1001"), "",
		 "process.oomScoreAdj: 1001 is not between -1000 and 1000"},
		{PROCESS(",\"consoleSize\":{\"height\":65536,\"width\":1}"), "",
		 "process.consoleSize: more than 65535 characters"},
	};
	AUTO_ARENA a = {0};
	struct err e = {0};

	check_refusals(v, ARRAY_LEN(v));
	CHECK(spec_with(&a,
			PROCESS(",\"env\":[\"A=\",\"B==\"],\"user\":{\"umask\":511},"
				"\"oomScoreAdj\":-1000,\"consoleSize\":{\"height\":0,"
				"\"width\":0}"),
			"", &e));
	CHECK_STR(e.text, "");
}

static void namespaces(void)
{
	static const struct {
		const char *namespaces, *more, *error;
	} v[] = {
		{"{\"type\":\"mount\"},{\"type\":\"pid\"},{\"type\":\"pid\",\"path\":\"/"
		 "x\"}",
		 "", "config.json: linux.namespaces[2]: pid is there twice"},
		{"{\"type\":\"mnt\"}", "",
		 "config.json: linux.namespaces[0].type: unknown: mnt"},
		{"{\"type\":\"mount\"},{\"type\":\"network\",\"path\":\"x\"}", "",
		 "config.json: linux.namespaces[1].path: x is not absolute"},
		{"", "",
		 "config.json: linux.namespaces: no mount namespace: not supported yet"},
		{"{\"type\":\"mount\",\"path\":\"/proc/1/ns/mnt\"}", "",
		 "config.json: linux.namespaces: a mount namespace by path: not "
		 "supported yet"},
		{"", ",\"maskedPaths\":[\"/x\"]",
		 "config.json: linux.maskedPaths: there is no mount namespace"},
		{"", ",\"readonlyPaths\":[\"/x\"]",
		 "config.json: linux.readonlyPaths: there is no mount namespace"},
		{"{\"type\":\"mount\"},{\"type\":\"user\"}", "",
		 "config.json: linux.uidMappings: missing for a new user namespace"},
		{"{\"type\":\"mount\"},{\"type\":\"user\"}",
		 ",\"uidMappings\":[{\"containerID\":0,\"hostID\":0,\"size\":1}]",
		 "config.json: linux.gidMappings: missing for a new user namespace"},
		{"{\"type\":\"mount\"},{\"type\":\"user\"}",
		 ",\"uidMappings\":[{\"containerID\":0,\"hostID\":0,\"size\":0}]",
		 "config.json: linux.uidMappings[0].size: 0"},
		{"{\"type\":\"mount\"},{\"type\":\"user\"}",
		 ",\"uidMappings\":[{\"containerID\":0,\"hostID\":2,\"size\":4294967294}"
		 "]",
		 "config.json: linux.uidMappings[0]: ends after the last id"},
		{"{\"type\":\"mount\"}",
		 ",\"uidMappings\":[{\"containerID\":0,\"hostID\":0,\"size\":1}]",
		 "config.json: linux.uidMappings: there is no user namespace"},
		{"{\"type\":\"mount\"}",
		 ",\"gidMappings\":[{\"containerID\":0,\"hostID\":0,\"size\":1}]",
		 "config.json: linux.gidMappings: there is no user namespace"},
		/* The whole range of ids; a joined namespace has its mappings already. */
		{"{\"type\":\"mount\"},{\"type\":\"user\"}",
		 ",\"uidMappings\":[{\"containerID\":0,\"hostID\":0,\"size\":4294967295}]"
		 ","
		 "\"gidMappings\":[{\"containerID\":0,\"hostID\":0,\"size\":1}]",
		 ""},
		{"{\"type\":\"mount\"},{\"type\":\"user\",\"path\":\"/proc/1/ns/user\"}",
		 "", ""},
		{"{\"type\":\"mount\"},{\"type\":\"pid\",\"path\":\"\"}", "", ""},
	};

	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		AUTO_ARENA a = {0};
		struct err e = {0};
		const struct spec *s = with_namespaces(&a, v[i].namespaces, v[i].more,
						       &e);

		CHECK(!s == (v[i].error[0] != '\0'));
		CHECK_STR(e.text, v[i].error);
	}
}

static void names_need_a_uts_namespace(void)
{
	static const struct spec_refusal v[] = {
		{",\"hostname\":\"h\"", "", "hostname: there is no uts namespace"},
		{",\"domainname\":\"d\"", "", "domainname: there is no uts namespace"},
	};
	static const char text[] =
		"{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"/r\"},"
		"\"hostname\":\"h\",\"linux\":{\"namespaces\":[{\"type\":"
		"\"mount\"},{\"type\":\"uts\",\"path\":\"/proc/1/ns/uts\"}]}}";
	AUTO_ARENA a = {0};
	struct err e = {0};
	struct spec *s;

	check_refusals(v, ARRAY_LEN(v));
	CHECK(spec_decode(&a, "config.json", text, strlen(text), &s, &e) == 0);
}

static void files(void)
{
	static const struct spec_refusal v[] = {
		{",\"mounts\":[{\"destination\":\"/"
		 "a\",\"uidMappings\":[{\"containerID\":0,"
		 "\"hostID\":0,\"size\":0}]}]",
		 "", "mounts[0].uidMappings[0].size: 0"},
		{"", ",\"devices\":[{\"type\":\"x\",\"path\":\"/dev/x\"}]",
		 "linux.devices[0].type: x is none of b, c, p, u"},
		{"", ",\"devices\":[{\"type\":\"c\",\"path\":\"dev/x\"}]",
		 "linux.devices[0].path: dev/x is not absolute"},
		{"", ",\"devices\":[{\"type\":\"c\",\"path\":\"/x\",\"major\":4096}]",
		 "linux.devices[0].major: 4096 is no device number"},
		{"", ",\"devices\":[{\"type\":\"c\",\"path\":\"/x\",\"minor\":-1}]",
		 "linux.devices[0].minor: -1 is no device number"},
		{"", ",\"devices\":[{\"type\":\"c\",\"path\":\"/x\",\"fileMode\":65536}]",
		 "linux.devices[0].fileMode: 65536 is no mode"},
		{"", ",\"maskedPaths\":[\"/a\",\"b\"]",
		 "linux.maskedPaths[1]: b is not absolute"},
		{"", ",\"readonlyPaths\":[\"\"]",
		 "linux.readonlyPaths[0]:  is not absolute"},
		{"", ",\"rootfsPropagation\":\"bound\"",
		 "linux.rootfsPropagation: unknown: bound"},
		{"",
		 ",\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"LOG\"]"
		 "}",
		 "linux.seccomp.flags[0]: unknown: LOG"},
	};
	AUTO_ARENA a = {0};
	struct err e = {0};
	const struct spec *s;

	check_refusals(v, ARRAY_LEN(v));
	s = spec_with(&a, ",\"mounts\":[{\"destination\":\"a/b\"}]",
		      ",\"rootfsPropagation\":\"runbindable\"", &e);
	CHECK_STR(s ? s->mounts[0].destination : NULL, "/a/b");
}

static void hooks(void)
{
	static const struct spec_refusal v[] = {
		{",\"hooks\":{\"prestart\":[{\"path\":\"/a\"},{\"path\":\"b\"}]}", "",
		 "hooks.prestart[1].path: b is not absolute"},
		{",\"hooks\":{\"poststop\":[{\"path\":\"/a\",\"timeout\":0}]}", "",
		 "hooks.poststop[0].timeout: 0 is not above 0"},
		{",\"hooks\":{\"startContainer\":[{\"path\":\"/a\",\"timeout\":-3}]}", "",
		 "hooks.startContainer[0].timeout: -3 is not above 0"},
	};

	check_refusals(v, ARRAY_LEN(v));
}

static void cgroups(void)
{
	static const struct spec_refusal v[] = {
		{"", ",\"cgroupsPath\":\"../x\"",
		 "linux.cgroupsPath: ../x leaves its parent"},
		{"", ",\"cgroupsPath\":\"/a/./../..//b\"",
		 "linux.cgroupsPath: /a/./../..//b leaves its parent"},
		{"", ",\"resources\":{\"devices\":[{\"allow\":true,\"type\":\"u\"}]}",
		 "linux.resources.devices[0].type: u is none of a, b, c"},
		{"", ",\"resources\":{\"devices\":[{\"allow\":true,\"access\":\"rx\"}]}",
		 "linux.resources.devices[0].access: rx has other letters than rwm"},
		{"", ",\"resources\":{\"devices\":[{\"allow\":true,\"major\":-2}]}",
		 "linux.resources.devices[0].major: -2 is no device number"},
		{"",
		 ",\"resources\":{\"devices\":[{\"allow\":true,\"minor\":4294967296}]}",
		 "linux.resources.devices[0].minor: 4294967296 is no device number"},
		{"", ",\"resources\":{\"unified\":{\"../x\":\"1\"}}",
		 "linux.resources.unified[\"../x\"]: not a file's name"},
		{"", ",\"resources\":{\"unified\":{\"..\":\"1\"}}",
		 "linux.resources.unified[\"..\"]: not a file's name"},
	};
	static const char *const good[] = {
		",\"cgroupsPath\":\"/a/../b\"",
		",\"cgroupsPath\":\"system.slice:docker:0123\"",
		",\"cgroupsPath\":\"..a/b..\"",
		",\"resources\":{\"devices\":[{\"allow\":false,\"major\":-1}]}",
	};

	check_refusals(v, ARRAY_LEN(v));
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		AUTO_ARENA a = {0};
		struct err e = {0};

		CHECK(spec_with(&a, "", good[i], &e));
		CHECK_STR(e.text, "");
	}
}

/* All namespaces that sysctls belong to are new ones, or none is. */
static void check_sysctl(const char *key, bool own, const char *error)
{
	AUTO_FREE char *more = str_fmt(
		",\"sysctl\":{\"%s\":\"1\"}%s", key,
		own ? ",\"uidMappings\":[{\"containerID\":0,\"hostID\":0,\"size\":1}],"
		      "\"gidMappings\":[{\"containerID\":0,\"hostID\":0,\"size\":1}]"
		    : "");
	AUTO_ARENA a = {0};
	struct err e = {0};
	const char *why;

	(void)with_namespaces(
		&a,
		own ? "{\"type\":\"mount\"},{\"type\":\"ipc\"},{\"type\":\"network\"},"
		      "{\"type\":\"uts\"},{\"type\":\"user\"}"
		    : "{\"type\":\"mount\"}",
		more, &e);
	why = strstr(e.text, "\"]: ");
	CHECK_STR(why ? why + 4 : e.text, error);
}

static void sysctls(void)
{
	static const struct {
		const char *key, *own, *hosts; /* the errors */
	} v[] = {
		{"kernel.msgmax", "", "not allowed in the host's ipc namespace"},
		{"kernel/shm_rmid_forced", "", "not allowed in the host's ipc namespace"},
		{"fs.mqueue.msg_max", "", "not allowed in the host's ipc namespace"},
		{"net.core.somaxconn", "", "not allowed in the host's network namespace"},
		{"net/ipv4/conf/eth0.1/rp_filter", "",
		 "not allowed in the host's network namespace"},
		{"user.max_user_namespaces", "",
		 "not allowed in the host's user namespace"},
		{"kernel.domainname", "", "not allowed in the host's uts namespace"},
		{"kernel.hostname", "the hostname property is for that",
		 "the hostname property is for that"},
		{"kernel.core_pattern", "not in a namespace of its own",
		 "not in a namespace of its own"},
		{"vm.swappiness", "not in a namespace of its own",
		 "not in a namespace of its own"},
		{"fs.mqueue", "not in a namespace of its own",
		 "not in a namespace of its own"},
		/* Ways to reach kernel.core_pattern under another name. */
		{"net/../kernel/core_pattern", "not a sysctl's name",
		 "not a sysctl's name"},
		{"net.//.kernel.core_pattern", "not a sysctl's name",
		 "not a sysctl's name"},
		{"net..kernel", "not a sysctl's name", "not a sysctl's name"},
		{"/net/core/somaxconn", "not a sysctl's name", "not a sysctl's name"},
	};

	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		check_sysctl(v[i].key, true, v[i].own);
		check_sysctl(v[i].key, false, v[i].hosts);
	}
}

/* The path means something on the host only, and a guest decodes the same text. */
static void sysctl_of_a_network_by_path(void)
{
	AUTO_ARENA a = {0};
	struct err e = {0};

	CHECK(with_namespaces(&a,
			      "{\"type\":\"mount\"},"
			      "{\"type\":\"network\",\"path\":\"/proc/self/ns/none\"}",
			      ",\"sysctl\":{\"net.core.somaxconn\":\"1\"}", &e));
	CHECK_STR(e.text, "");
}

static void sysctl_files(void)
{
	char buf[64];

	CHECK(sysctl_path("net.ipv4.conf.eth0/100.rp_filter", buf, sizeof(buf)) == 0);
	CHECK_STR(buf, "net/ipv4/conf/eth0.100/rp_filter");
	CHECK(sysctl_path("net/ipv4/conf/eth0.100/rp_filter", buf, sizeof(buf)) == 0);
	CHECK_STR(buf, "net/ipv4/conf/eth0.100/rp_filter");
	CHECK(sysctl_path("plain", buf, sizeof(buf)) == 0);
	CHECK_STR(buf, "plain");
	CHECK(sysctl_path("", buf, sizeof(buf)) == -EINVAL);
	CHECK(sysctl_path("a.b", buf, 3) == -ENAMETOOLONG);
	CHECK(sysctl_path("a.b", buf, 4) == 0);
}

static const struct test tests[] = {
	{"every version of 1.x and before is accepted", versions},
	{"a process must be sound", process},
	{"namespaces are listed once, known, and what needs one has it", namespaces},
	{"hostname and domainname need a uts namespace, new or by path",
	 names_need_a_uts_namespace},
	{"mounts, devices and paths", files},
	{"hooks have an absolute path and a timeout above 0", hooks},
	{"a cgroup path stays where it is, its rules are sound", cgroups},
	{"a sysctl is set only in a namespace of the container", sysctls},
	{"a sysctl of a network namespace by path is decoded without a look at it",
	 sysctl_of_a_network_by_path},
	{"both spellings of a sysctl name one file", sysctl_files},
};
TEST_MAIN(tests)
