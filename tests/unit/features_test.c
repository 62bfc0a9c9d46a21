/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "libcontainer/features.h"

#include "tests/unit/tap.h"

static const char *const mount_options[] = {"bind", "rro", NULL};

static const struct json *features(struct arena *a, const struct features_options *o)
{
	AUTO_JSON *w = json_writer_new("    ");
	const struct json *v = NULL;
	struct err e = {0};
	const char *text;
	size_t len;

	CHECK(features_write(w, o, &e) == 0);
	CHECK(json_finish(w, &text, &len, &e) == 0);
	CHECK(json_parse(a, "features", text, len, &v, &e) == 0);
	return v;
}

static bool has(const struct json *list, const char *word)
{
	for (const struct json *c = list ? list->first : NULL; c; c = c->next) {
		if (c->type == JSON_STRING && str_eq(c->text, word))
			return true;
	}
	return false;
}

static bool enabled(const struct json *obj, const char *key)
{
	const struct json *v = json_get(json_get(obj, key), "enabled");

	CHECK(v && v->type == JSON_BOOL);
	return v && v->boolean;
}

static void what_callers_look_for(void)
{
	AUTO_ARENA a = {0};
	const struct json *v = features(
		&a, &(struct features_options){.mount_options = mount_options});
	const struct json *l = json_get(v, "linux"), *c = json_get(l, "cgroup");

	CHECK_STR(json_get_string(v, "ociVersionMin"), "1.0.0");
	CHECK_STR(json_get_string(v, "ociVersionMax"), "1.3.0");
	CHECK(json_get(v, "hooks") && json_get(v, "hooks")->count == 6);
	CHECK(has(json_get(v, "mountOptions"), "rro"));
	CHECK(json_get(l, "namespaces") && json_get(l, "namespaces")->count == 8);
	CHECK(has(json_get(l, "namespaces"), "user"));
	CHECK(has(json_get(l, "capabilities"), "CAP_CHOWN"));
	CHECK(has(json_get(l, "capabilities"), "CAP_CHECKPOINT_RESTORE"));
	CHECK(c && json_get(c, "v2")->boolean && !json_get(c, "v1")->boolean);
	CHECK(enabled(l, "seccomp") && enabled(l, "apparmor"));
	CHECK(has(json_get(json_get(l, "seccomp"), "archs"), "SCMP_ARCH_X86_64"));
	CHECK(has(json_get(json_get(l, "seccomp"), "actions"), "SCMP_ACT_ERRNO"));
	CHECK(has(json_get(v, "potentiallyUnsafeConfigAnnotations"), "dev.hull."));
	CHECK(has(json_get(v, "potentiallyUnsafeConfigAnnotations"),
		  "io.katacontainers.config."));
	CHECK(json_get_string(json_get(v, "annotations"),
			      "io.github.seccomp.libseccomp.version"));
}

static void nothing_more_than_there_is(void)
{
	AUTO_ARENA a = {0};
	const struct json *l = json_get(features(&a, &(struct features_options){0}),
					"linux");
	const struct json *s = json_get(l, "seccomp");

	CHECK(!has(json_get(s, "actions"), "SCMP_ACT_NOTIFY"));
	CHECK(!enabled(l, "intelRdt") && !enabled(l, "netDevices") &&
	      !enabled(l, "selinux"));
	CHECK(!enabled(json_get(l, "mountExtensions"), "idmap"));
	for (const struct json *f = json_get(s, "supportedFlags")->first; f; f = f->next)
		CHECK(has(json_get(s, "knownFlags"), f->text));
}

static void what_other_parts_say_is_passed_on(void)
{
	AUTO_ARENA a = {0};
	const struct json *l = json_get(
		features(&a, &(struct features_options){.idmap = true,
							.selinux = true,
							.systemd = true,
							.systemd_user = true}),
		"linux");
	const struct json *c = json_get(l, "cgroup");

	CHECK(enabled(json_get(l, "mountExtensions"), "idmap") && enabled(l, "selinux"));
	CHECK(c && json_get(c, "systemd")->boolean &&
	      json_get(c, "systemdUser")->boolean);
}

static const struct test tests[] = {
	{"what callers look for is there", what_callers_look_for},
	{"nothing is claimed that there isn't", nothing_more_than_there_is},
	{"what other parts say is passed on", what_other_parts_say_is_passed_on},
};
TEST_MAIN(tests)
