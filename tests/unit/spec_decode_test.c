/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "tests/unit/spec_file.h"

static void reads_process(void)
{
	AUTO_ARENA a = {0};
	struct err e = {0};
	const struct spec *s = spec_file(&a, "spec/full.json", &e);
	const struct spec_process *p = s ? s->process : NULL;

	CHECK_STR(e.text, "");
	CHECK(p);
	if (!p)
		return;
	CHECK(p->terminal && p->no_new_privileges);
	CHECK(p->console_size && p->console_size->height == 25 &&
	      p->console_size->width == 80);
	CHECK(p->user.uid == 1 && p->user.gid == 1);
	CHECK(p->user.umask.set && p->user.umask.v == 022);
	CHECK(p->user.additional_gids_count == 2 && p->user.additional_gids[0] == 5 &&
	      p->user.additional_gids[1] == 6);
	CHECK(p->args.count == 1 && !p->args.v[1]);
	CHECK_STR(p->args.v[0], "sh");
	CHECK(p->env.count == 2 && !p->env.v[2]);
	CHECK_STR(p->env.v[1], "TERM=xterm");
	CHECK_STR(p->cwd, "/");
	if (!p->capabilities)
		abort();
	CHECK(p->capabilities->bounding.count == 3 &&
	      p->capabilities->effective.count == 2 &&
	      p->capabilities->ambient.count == 1);
	CHECK_STR(p->capabilities->ambient.v[0], "CAP_NET_BIND_SERVICE");
	CHECK(p->rlimits_count == 2 && p->rlimits[1].soft == 1024 &&
	      p->rlimits[1].hard == 1024);
	CHECK_STR(p->rlimits[1].type, "RLIMIT_NOFILE");
	CHECK_STR(p->apparmor_profile, "acme_secure_profile");
	CHECK_STR(p->selinux_label, "system_u:system_r:svirt_lxc_net_t:s0:c124,c675");
	CHECK(p->oom_score_adj.set && p->oom_score_adj.v == 100);
}

static void reads_files(void)
{
	AUTO_ARENA a = {0};
	struct err e = {0};
	const struct spec *s = spec_file(&a, "spec/full.json", &e);
	const struct spec_mount *m;

	CHECK(s);
	if (!s)
		return;
	CHECK_STR(s->oci_version, "1.3.0");
	CHECK_STR(s->root->path, "rootfs");
	CHECK(s->root->readonly);
	CHECK(s->mounts_count == 8);
	CHECK_STR(s->mounts[0].destination, "/proc");
	CHECK(s->mounts[0].options.count == 0);
	CHECK(s->mounts[2].options.count == 6);
	CHECK_STR(s->mounts[2].options.v[5], "gid=5");
	m = &s->mounts[7];
	CHECK_STR(m->destination, "/data");
	CHECK_STR(m->source, "/srv/data");
	CHECK(m->uid_mappings.count == 1 && m->uid_mappings.v[0].host_id == 1000);
	CHECK(m->gid_mappings.count == 1 && m->gid_mappings.v[0].size == 1);
	CHECK(s->linux_->devices_count == 2);
	CHECK_STR(s->linux_->devices[0].path, "/dev/fuse");
	CHECK(s->linux_->devices[0].major == 10 && s->linux_->devices[0].minor == 229);
	CHECK(s->linux_->devices[0].file_mode.v == 0666);
	CHECK(s->linux_->devices[1].uid.set && s->linux_->devices[1].uid.v == 0);
	CHECK(s->linux_->masked_paths.count == 4 && s->linux_->readonly_paths.count == 6);
	CHECK_STR(s->linux_->rootfs_propagation, "slave");
	CHECK_STR(s->linux_->mount_label,
		  "system_u:object_r:svirt_sandbox_file_t:s0:c715,c811");
}

static void reads_namespaces(void)
{
	AUTO_ARENA a = {0};
	struct err e = {0};
	const struct spec *s = spec_file(&a, "spec/full.json", &e);

	CHECK(s);
	if (!s)
		return;
	CHECK_STR(s->hostname, "slartibartfast");
	CHECK_STR(s->domainname, "foobarbaz.test");
	CHECK(s->linux_->namespaces_count == SPEC_NS_COUNT);
	for (enum spec_ns ns = 0; ns < SPEC_NS_COUNT; ns++) {
		CHECK(spec_namespace(s, ns) && spec_namespace(s, ns)->type == ns);
		CHECK(spec_namespace(s, ns) && !spec_namespace(s, ns)->path);
	}
	CHECK(s->linux_->uid_mappings.count == 1 &&
	      s->linux_->uid_mappings.v[0].size == 32000);
	CHECK(s->linux_->gid_mappings.v[0].host_id == 1000 &&
	      s->linux_->gid_mappings.v[0].container_id == 0);
	CHECK(s->linux_->sysctl.count == 2);
	CHECK_STR(s->linux_->sysctl.v[1].key, "kernel.shmmax");
	CHECK_STR(s->linux_->sysctl.v[1].value, "65536");
	CHECK_STR(spec_annotation(s, "com.example.key2"), "value2");
	CHECK(!spec_annotation(s, "com.example"));
}

static void reads_resources(void)
{
	AUTO_ARENA a = {0};
	struct err e = {0};
	const struct spec *s = spec_file(&a, "spec/full.json", &e);
	const struct spec_resources *r = s ? s->linux_->resources : NULL;

	CHECK(r && r->memory && r->cpu && r->pids);
	if (!r || !r->memory || !r->cpu || !r->pids)
		return;
	CHECK_STR(s->linux_->cgroups_path, "/myRuntime/myContainer");
	CHECK(r->devices_count == 4 && !r->devices[0].allow && !r->devices[0].type &&
	      !r->devices[0].major.set);
	CHECK_STR(r->devices[1].access, "rw");
	CHECK(r->devices[3].minor.set && r->devices[3].minor.v == -1 &&
	      !r->devices[3].access);
	CHECK(r->memory->limit.v == 536870912 && r->memory->swap.set &&
	      r->memory->swap.v == -1 && r->memory->kernel_tcp.v == -1);
	CHECK(r->memory->swappiness.set && r->memory->swappiness.v == 0);
	CHECK(r->memory->check_before_update.set && !r->memory->check_before_update.v);
	CHECK(r->cpu->shares.v == 1024 && r->cpu->quota.v == 1000000 &&
	      r->cpu->period.v == 500000 && r->cpu->burst.v == 1000000 &&
	      r->cpu->idle.v == 1 && r->cpu->realtime_runtime.v == 950000 &&
	      r->cpu->realtime_period.v == 1000000);
	CHECK_STR(r->cpu->cpus, "2-3");
	CHECK_STR(r->cpu->mems, "0-7");
	CHECK(r->pids->limit.v == 32771);
	CHECK(r->unified.count == 1);
	CHECK_STR(r->unified.v[0].key, "memory.high");
}

static void reads_hooks(void)
{
	AUTO_ARENA a = {0};
	struct err e = {0};
	const struct spec *s = spec_file(&a, "spec/full.json", &e);
	const struct spec_hooks *h = s ? s->hooks : NULL;

	CHECK(h);
	if (!h)
		return;
	CHECK(h->prestart.count == 2 && h->create_runtime.count == 2 &&
	      h->create_container.count == 1 && h->start_container.count == 1 &&
	      h->poststart.count == 1 && h->poststop.count == 1);
	CHECK_STR(h->prestart.v[0].path, "/usr/bin/fix-mounts");
	CHECK(h->prestart.v[0].args.count == 3 && !h->prestart.v[0].timeout.set);
	CHECK_STR(h->prestart.v[0].env.v[0], "key1=value1");
	CHECK(h->poststart.v[0].timeout.set && h->poststart.v[0].timeout.v == 5);
}

static void reads_seccomp(void)
{
	AUTO_ARENA a = {0};
	struct err e = {0};
	const struct spec *s = spec_file(&a, "spec/full.json", &e);
	const struct spec_seccomp *c = s ? s->linux_->seccomp : NULL;

	CHECK(c);
	if (!c)
		return;
	CHECK_STR(c->default_action, "SCMP_ACT_ERRNO");
	CHECK(c->default_errno_ret.set && c->default_errno_ret.v == 38);
	CHECK(c->architectures.count == 2 && c->flags.count == 1 && c->flags_set);
	CHECK(c->syscalls_count == 2 && c->syscalls[0].names.count == 2 &&
	      c->syscalls[0].errno_ret.v == 1 && !c->syscalls[1].errno_ret.set);
	CHECK(c->syscalls[1].args_count == 1 &&
	      c->syscalls[1].args[0].value == UINT64_MAX &&
	      c->syscalls[1].args[0].value_two == 8);
	CHECK_STR(c->syscalls[1].args[0].op, "SCMP_CMP_MASKED_EQ");
}

static void absent_differs_from_empty(void)
{
	AUTO_ARENA a = {0};
	struct err e = {0};
	const struct spec *s = spec_with(
		&a, ",\"process\":null,\"mounts\":null,\"hostname\":\"\"",
		",\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\","
		"\"flags\":[]},\"resources\":{\"memory\":{}}",
		&e);

	CHECK_STR(e.text, "");
	CHECK(s && !s->process && s->mounts_count == 0 && !s->hostname);
	CHECK(s && s->linux_->seccomp->flags_set && s->linux_->seccomp->flags.count == 0);
	CHECK(s && s->linux_->resources->memory &&
	      !s->linux_->resources->memory->limit.set && !s->linux_->resources->cpu);
	s = spec_with(&a, "", ",\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\"}", &e);
	CHECK(s && !s->linux_->seccomp->flags_set);
}

static void wrong_types_have_a_path(void)
{
	static const struct spec_refusal v[] = {
		{",\"process\":{\"cwd\":\"/"
		 "\",\"args\":[\"a\"],\"rlimits\":[{\"type\":\"A\",\"soft\":1,"
		 "\"hard\":1},{\"type\":\"B\",\"soft\":1,\"hard\":1},{\"type\":\"C\","
		 "\"soft\":\"1\","
		 "\"hard\":1}]}",
		 "", "process.rlimits[2].soft: a string, not a number"},
		{",\"process\":[]", "", "process: an array, not an object"},
		{",\"process\":{\"cwd\":1}", "", "process.cwd: a number, not a string"},
		{",\"process\":{\"cwd\":\"/\",\"args\":[\"a\",null]}", "",
		 "process.args[1]: null, not a string"},
		{",\"process\":{\"cwd\":\"/\",\"args\":\"sh\"}", "",
		 "process.args: a string, not an array"},
		{",\"process\":{\"terminal\":1,\"cwd\":\"/\"}", "",
		 "process.terminal: a number, not a boolean"},
		{",\"process\":{\"user\":{\"additionalGids\":[1,true]},\"cwd\":\"/\"}",
		 "", "process.user.additionalGids[1]: a boolean, not a number"},
		{",\"mounts\":{}", "", "mounts: an object, not an array"},
		{",\"mounts\":[{\"destination\":\"/a\"},7]", "",
		 "mounts[1]: a number, not an object"},
		{",\"annotations\":{\"a.b\":1}", "",
		 "annotations[\"a.b\"]: a number, not a string"},
		{",\"annotations\":{\"\":\"x\"}", "", "annotations: a name is empty"},
		{"", ",\"resources\":{\"memory\":{\"disableOOMKiller\":\"no\"}}",
		 "linux.resources.memory.disableOOMKiller: a string, not a boolean"},
	};

	check_refusals(v, ARRAY_LEN(v));
}

static void numbers_are_exact(void)
{
	static const struct spec_refusal v[] = {
		{",\"process\":{\"user\":{\"uid\":-1},\"cwd\":\"/\"}", "",
		 "process.user.uid: -1 is not between 0 and 4294967295"},
		{",\"process\":{\"user\":{\"gid\":4294967296},\"cwd\":\"/\"}", "",
		 "process.user.gid: 4294967296 is not between 0 and 4294967295"},
		{",\"process\":{\"user\":{\"uid\":1.5},\"cwd\":\"/\"}", "",
		 "process.user.uid: 1.5 is not an integer"},
		{",\"process\":{\"user\":{\"uid\":1e3},\"cwd\":\"/\"}", "",
		 "process.user.uid: 1e3 is not an integer"},
		{"", ",\"resources\":{\"memory\":{\"limit\":9223372036854775808}}",
		 "linux.resources.memory.limit: 9223372036854775808 is not between "
		 "-9223372036854775808 and 9223372036854775807"},
		{"", ",\"resources\":{\"cpu\":{\"shares\":18446744073709551616}}",
		 "linux.resources.cpu.shares: 18446744073709551616 is not between 0 and "
		 "18446744073709551615"},
	};

	check_refusals(v, ARRAY_LEN(v));
}

static void what_is_required_is_named(void)
{
	static const struct spec_refusal v[] = {
		{",\"mounts\":[{\"type\":\"proc\"}]", "",
		 "mounts[0].destination: missing"},
		{",\"mounts\":[{\"destination\":\"\"}]", "",
		 "mounts[0].destination: empty"},
		{",\"process\":{\"args\":[\"sh\"]}", "", "process.cwd: missing"},
		{",\"process\":{\"cwd\":null}", "", "process.cwd: missing"},
		{",\"process\":{\"cwd\":\"/"
		 "\",\"rlimits\":[{\"type\":\"RLIMIT_CPU\",\"soft\":1}]}",
		 "", "process.rlimits[0].hard: missing"},
		{",\"hooks\":{\"poststop\":[{}]}", "", "hooks.poststop[0].path: missing"},
		{"", ",\"seccomp\":{}", "linux.seccomp.defaultAction: missing"},
		{"",
		 ",\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{"
		 "\"names\":[],"
		 "\"action\":\"SCMP_ACT_ALLOW\"}]}",
		 "linux.seccomp.syscalls[0].names: empty"},
		{"", ",\"devices\":[{\"type\":\"c\"}]", "linux.devices[0].path: missing"},
		{"", ",\"uidMappings\":[{\"containerID\":0,\"size\":1}]",
		 "linux.uidMappings[0].hostID: missing"},
		{"", ",\"resources\":{\"devices\":[{\"access\":\"rwm\"}]}",
		 "linux.resources.devices[0].allow: missing"},
	};
	AUTO_ARENA a = {0};
	struct spec *s;
	struct err e = {0};

	check_refusals(v, ARRAY_LEN(v));
	CHECK(spec_decode(&a, "config.json", "{}", 2, &s, &e) == -EINVAL);
	CHECK_STR(e.text, "config.json: ociVersion: missing");
	CHECK(spec_decode(&a, "config.json", "{\"ociVersion\":\"1.0.0\"}", 22, &s, &e) <
	      0);
	CHECK_STR(e.text, "config.json: root: missing");
	CHECK(spec_decode(&a, "config.json", "[]", 2, &s, &e) == -EINVAL);
	CHECK_STR(e.text, "config.json: an array, not an object");
}

static void what_is_not_supported_is_refused_by_name(void)
{
	static const struct spec_refusal v[] = {
		{",\"process\":{\"cwd\":\"/"
		 "\",\"scheduler\":{\"policy\":\"SCHED_OTHER\"}}",
		 "", "process.scheduler: not supported yet"},
		{",\"process\":{\"cwd\":\"/"
		 "\",\"ioPriority\":{\"class\":\"IOPRIO_CLASS_RT\"}}",
		 "", "process.ioPriority: not supported yet"},
		{",\"process\":{\"cwd\":\"/\",\"execCPUAffinity\":{\"initial\":\"0\"}}",
		 "", "process.execCPUAffinity: not supported yet"},
		{"", ",\"intelRdt\":{}", "linux.intelRdt: not supported yet"},
		{"", ",\"memoryPolicy\":{\"mode\":\"MPOL_LOCAL\"}",
		 "linux.memoryPolicy: not supported yet"},
		{"", ",\"netDevices\":{\"eth0\":{}}",
		 "linux.netDevices: not supported yet"},
		{"", ",\"personality\":{\"domain\":\"LINUX32\"}",
		 "linux.personality: not supported yet"},
		{"",
		 ",\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerPath\":\"/"
		 "run/s\"}",
		 "linux.seccomp.listenerPath: not supported yet"},
		{"",
		 ",\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\","
		 "\"listenerMetadata\":\"m\"}",
		 "linux.seccomp.listenerMetadata: not supported yet"},
		{"", ",\"resources\":{\"blockIO\":{\"weight\":10}}",
		 "linux.resources.blockIO: not supported yet"},
		{"",
		 ",\"resources\":{\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":0}]"
		 "}",
		 "linux.resources.hugepageLimits: not supported yet"},
		{"",
		 ",\"resources\":{\"network\":{\"priorities\":[{\"name\":\"a\","
		 "\"priority\":0}]}}",
		 "linux.resources.network: not supported yet"},
		{"", ",\"resources\":{\"rdma\":{\"mlx5_1\":{\"hcaHandles\":0}}}",
		 "linux.resources.rdma: not supported yet"},
	};

	check_refusals(v, ARRAY_LEN(v));
}

static void empty_forms_of_it_pass(void)
{
	AUTO_ARENA a = {0};
	struct err e = {0};

	CHECK(spec_with(
		&a,
		",\"process\":{\"cwd\":\"/\",\"args\":[\"sh\"],\"scheduler\":null,"
		"\"ioPriority\":{},\"execCPUAffinity\":{\"initial\":\"\"}},"
		"\"windows\":{\"x\":1},\"vm\":{},\"solaris\":3,\"zos\":[]",
		",\"intelRdt\":null,\"netDevices\":{},\"personality\":{\"flags\":[]},"
		"\"timeOffsets\":{},\"resources\":{\"blockIO\":{\"weight\":0,"
		"\"weightDevice\":null},\"network\":{\"classID\":0},\"hugepageLimits\":[]"
		","
		"\"rdma\":{},\"memory\":{\"swappiness\":null}}",
		&e));
	CHECK_STR(e.text, "");
}

static void names_match_in_any_case_if_none_is_exact(void)
{
	static const char text[] =
		"{\"CPU\":{\"Cpus\":\"0-1\",\"shares\":5,\"Shares\":6}}";
	AUTO_ARENA a = {0};
	struct spec_resources *r = NULL;
	struct err e = {0};

	CHECK(spec_decode_resources(&a, "stdin", text, strlen(text), &r, &e) == 0);
	CHECK(r && r->cpu && r->cpu->shares.v == 5);
	CHECK_STR(r ? r->cpu->cpus : NULL, "0-1");
}

static void parts_are_decoded_alone(void)
{
	AUTO_ARENA a = {0};
	struct spec_process *p = NULL;
	struct spec_resources *r = NULL;
	struct err e = {0};
	const char *text = "{\"cwd\":\"/\",\"args\":[\"id\",\"\"],\"env\":[\"A=\"]}";

	CHECK(spec_decode_process(&a, "p.json", text, strlen(text), &p, &e) == 0);
	CHECK(p && p->args.count == 2);
	text = "{\"cwd\":\"/\",\"args\":[\"id\"],\"env\":[\"A\"]}";
	CHECK(spec_decode_process(&a, "p.json", text, strlen(text), &p, &e) == -EINVAL);
	CHECK_STR(e.text, "p.json: env[0]: \"A\" has no '='");
	text = "{\"cwd\":\"/\",\"args\":[\"id\"],\"user\":{\"uid\":\"0\"}}";
	CHECK(spec_decode_process(&a, "p.json", text, strlen(text), &p, &e) == -EINVAL);
	CHECK_STR(e.text, "p.json: user.uid: a string, not a number");
	text = "{\"devices\":[{\"allow\":true,\"access\":\"rwx\"}]}";
	CHECK(spec_decode_resources(&a, "-", text, strlen(text), &r, &e) == -EINVAL);
	CHECK_STR(e.text, "-: devices[0].access: rwx has other letters than rwm");
}

static void examples_of_the_runtime_spec(void)
{
	static const struct {
		const char *name, *error;
	} v[] = {
		{"oci-spec/bad/invalid-json.json",
		 "config.json: line 1: not valid JSON: parse error: invalid object key "
		 "(must be "
		 "a string)"},
		{"oci-spec/bad/linux-hugepage.json",
		 "config.json: linux.resources.hugepageLimits: not supported yet"},
		{"oci-spec/bad/linux-netdevice.json",
		 "config.json: linux.netDevices: not supported yet"},
		{"oci-spec/bad/linux-rdma.json",
		 "config.json: linux.resources.rdma: not supported yet"},
		/* Good ones, but for what hull can't do yet. */
		{"oci-spec/good/linux-netdevice.json",
		 "config.json: linux.netDevices: not supported yet"},
		{"oci-spec/good/linux-rdma.json",
		 "config.json: linux.resources.rdma: not supported yet"},
		{"oci-spec/good/minimal.json",
		 "config.json: linux.namespaces: no mount namespace: not supported yet"},
		{"oci-spec/good/minimal-for-start.json",
		 "config.json: linux.namespaces: no mount namespace: not supported yet"},
		{"oci-spec/good/spec-example.json",
		 "config.json: linux.resources.blockIO: not supported yet"},
	};

	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		AUTO_ARENA a = {0};
		struct err e = {0};

		CHECK(!spec_file(&a, v[i].name, &e));
		CHECK_STR(e.text, v[i].error);
	}
}

static const struct test tests[] = {
	{"process is read", reads_process},
	{"root, mounts, devices and paths are read", reads_files},
	{"namespaces, mappings, sysctl and annotations are read", reads_namespaces},
	{"resources are read", reads_resources},
	{"hooks are read", reads_hooks},
	{"seccomp is read", reads_seccomp},
	{"null is absent, and an empty list is there", absent_differs_from_empty},
	{"a wrong type is told with its path", wrong_types_have_a_path},
	{"a number outside its range or no integer is refused", numbers_are_exact},
	{"what is required and missing is named", what_is_required_is_named},
	{"what isn't supported is refused by name",
	 what_is_not_supported_is_refused_by_name},
	{"its empty forms and other platforms' sections pass", empty_forms_of_it_pass},
	{"names match in any case if none is exact",
	 names_match_in_any_case_if_none_is_exact},
	{"a process or resources object alone is decoded", parts_are_decoded_alone},
	{"the runtime-spec's examples", examples_of_the_runtime_spec},
};
TEST_MAIN(tests)
