/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "libcontainer/spec/spec.h"

#include "tests/unit/tap.h"

static struct spec *defaults(struct arena *a, bool rootless, char **text)
{
	struct spec *s = NULL;
	struct err e = {0};
	size_t len = 0;

	CHECK(spec_defaults(rootless, text, &len, &e) == 0);
	CHECK(*text && strlen(*text) == len);
	if (*text)
		(void)spec_decode(a, "config.json", *text, len, &s, &e);
	CHECK_STR(e.text, "");
	return s;
}

/* Each of the keys begins a line with this many tabs, in this order. */
static void check_keys(const char *text, size_t tabs, const char *const *keys)
{
	for (; *keys; keys++) {
		AUTO_FREE char *want = str_fmt("\n%.*s\"%s\": ", (int)tabs, "\t\t\t",
					       *keys);
		const char *at = want ? strstr(text, want) : NULL;

		if (!at)
			printf("# no %s after the one before it\n", *keys);
		CHECK(at);
		text = at ? at : text;
	}
}

static void layout(void)
{
	static const char *const top[] = {"ociVersion", "process", "root", "hostname",
					  "mounts",     "linux",   NULL};
	static const char *const process[] = {
		"terminal", "user",         "args",    "env",
		"cwd",      "capabilities", "rlimits", "noNewPrivileges",
		NULL};
	static const char *const linux_[] = {"resources", "namespaces", "maskedPaths",
					     "readonlyPaths", NULL};
	static const char begin[] =
		"{\n\t\"ociVersion\": \"1.3.0\",\n\t\"process\": {\n"
		"\t\t\"terminal\": true,\n\t\t\"user\": {\n"
		"\t\t\t\"uid\": 0,\n\t\t\t\"gid\": 0\n\t\t},\n"
		"\t\t\"args\": [\n\t\t\t\"sh\"\n\t\t],\n";
	AUTO_ARENA a = {0};
	AUTO_FREE char *text = NULL;

	CHECK(defaults(&a, false, &text));
	CHECK(text && str_after(text, begin));
	CHECK(text && str_ends_with(text, "\n\t}\n}\n"));
	check_keys(text, 1, top);
	check_keys(text, 2, process);
	check_keys(text, 2, linux_);
}

static void content(void)
{
	AUTO_ARENA a = {0};
	AUTO_FREE char *text = NULL;
	const struct spec *s = defaults(&a, false, &text);

	if (!s)
		return;
	CHECK_STR(s->hostname, "hull");
	CHECK(s->root->readonly && s->process->no_new_privileges && s->process->terminal);
	CHECK(s->process->capabilities->bounding.count == 3 &&
	      s->process->capabilities->effective.count == 3 &&
	      s->process->capabilities->permitted.count == 3 &&
	      s->process->capabilities->inheritable.count == 0 &&
	      s->process->capabilities->ambient.count == 0);
	CHECK(s->process->rlimits_count == 1 && s->process->rlimits[0].hard == 1024);
	CHECK(s->mounts_count == 7);
	CHECK_STR(s->mounts[2].options.v[5], "gid=5");
	CHECK_STR(s->mounts[6].type, "cgroup");
	CHECK(s->linux_->namespaces_count == 6 && !spec_namespace(s, SPEC_NS_USER) &&
	      spec_namespace(s, SPEC_NS_NETWORK) && spec_namespace(s, SPEC_NS_CGROUP));
	CHECK(s->linux_->masked_paths.count == 10 &&
	      s->linux_->readonly_paths.count == 5);
	CHECK(s->linux_->resources && s->linux_->resources->devices_count == 1 &&
	      !s->linux_->resources->devices[0].allow);
}

static void rootless(void)
{
	AUTO_ARENA a = {0};
	AUTO_FREE char *text = NULL;
	const struct spec *s = defaults(&a, true, &text);

	if (!s)
		return;
	CHECK(s->linux_->namespaces_count == 6 && spec_namespace(s, SPEC_NS_USER) &&
	      !spec_namespace(s, SPEC_NS_NETWORK));
	CHECK(s->linux_->uid_mappings.count == 1 && s->linux_->gid_mappings.count == 1);
	CHECK(s->linux_->uid_mappings.v[0].container_id == 0 &&
	      s->linux_->uid_mappings.v[0].host_id == geteuid() &&
	      s->linux_->uid_mappings.v[0].size == 1);
	CHECK(s->linux_->gid_mappings.v[0].host_id == getegid());
	CHECK(!s->linux_->resources);
	CHECK(s->mounts_count == 7 && s->mounts[2].options.count == 5);
	CHECK_STR(s->mounts[5].source, "/sys");
	CHECK_STR(s->mounts[5].type, "none");
	CHECK_STR(s->mounts[5].options.v[0], "rbind");
}

static const struct test tests[] = {
	{"keys are in runc's order, indented by tabs, a newline at the end", layout},
	{"the default configuration is what runc's is", content},
	{"rootless: a user namespace of one id, no resources, /sys bound", rootless},
};
TEST_MAIN(tests)
