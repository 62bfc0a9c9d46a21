/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration that `hull spec` writes: runc's in content and order, so that what
 * people and scripts do to it (jq, sed) works on ours.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/str.h"
#include "libcontainer/spec/spec.h"

/* Which of the two variants an entry is in. */
enum variant {
	BOTH,
	ROOT,
	ROOTLESS,
};

struct mount {
	enum variant in;
	const char *destination, *type, *source;
	const char *options[8]; /* up to the first NULL */
};

/* Rootless: the tty group (gid 5) isn't mapped; a sysfs belongs to a network namespace,
 * and the host's can't be mounted by a user, only bound. */
static const struct mount mounts[] = {
	{BOTH, "/proc", "proc", "proc", {NULL}},
	{BOTH,
	 "/dev",
	 "tmpfs",
	 "tmpfs",
	 {"nosuid", "strictatime", "mode=755", "size=65536k"}},
	{ROOT,
	 "/dev/pts",
	 "devpts",
	 "devpts",
	 {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
	{ROOTLESS,
	 "/dev/pts",
	 "devpts",
	 "devpts",
	 {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}},
	{BOTH,
	 "/dev/shm",
	 "tmpfs",
	 "shm",
	 {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
	{BOTH, "/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}},
	{ROOT, "/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}},
	{ROOTLESS, "/sys", "none", "/sys", {"rbind", "nosuid", "noexec", "nodev", "ro"}},
	{BOTH,
	 "/sys/fs/cgroup",
	 "cgroup",
	 "cgroup",
	 {"nosuid", "noexec", "nodev", "relatime", "ro"}},
};

static const struct {
	enum variant in;
	enum spec_ns type;
} namespaces[] = {
	{BOTH, SPEC_NS_PID},      {ROOT, SPEC_NS_NETWORK}, {BOTH, SPEC_NS_IPC},
	{BOTH, SPEC_NS_UTS},      {BOTH, SPEC_NS_MOUNT},   {BOTH, SPEC_NS_CGROUP},
	{ROOTLESS, SPEC_NS_USER},
};

static bool is_in(enum variant v, bool rootless)
{
	return v == BOTH || v == (rootless ? ROOTLESS : ROOT);
}

static void put_strings(struct json_writer *w, const char *key, const char *const *v)
{
	json_key(w, key);
	json_open_array(w);
	for (; *v; v++)
		json_string(w, *v);
	json_close_array(w);
}

static void put_object(struct json_writer *w, const char *key)
{
	json_key(w, key);
	json_open_object(w);
}

static void put_array(struct json_writer *w, const char *key)
{
	json_key(w, key);
	json_open_array(w);
}

static void put_process(struct json_writer *w)
{
	static const char *const args[] = {"sh", NULL};
	static const char *const env[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"TERM=xterm", NULL};
	static const char *const caps[] = {"CAP_AUDIT_WRITE", "CAP_KILL",
					   "CAP_NET_BIND_SERVICE", NULL};

	put_object(w, "process");
	json_put_bool(w, "terminal", true);
	put_object(w, "user");
	json_put_uint(w, "uid", 0);
	json_put_uint(w, "gid", 0);
	json_close_object(w);
	put_strings(w, "args", args);
	put_strings(w, "env", env);
	json_put_string(w, "cwd", "/");
	put_object(w, "capabilities");
	put_strings(w, "bounding", caps);
	put_strings(w, "effective", caps);
	put_strings(w, "permitted", caps);
	json_close_object(w);
	put_array(w, "rlimits");
	json_open_object(w);
	json_put_string(w, "type", "RLIMIT_NOFILE");
	json_put_uint(w, "hard", 1024);
	json_put_uint(w, "soft", 1024);
	json_close_object(w);
	json_close_array(w);
	json_put_bool(w, "noNewPrivileges", true);
	json_close_object(w);
}

static void put_mounts(struct json_writer *w, bool rootless)
{
	put_array(w, "mounts");
	for (size_t i = 0; i < ARRAY_LEN(mounts); i++) {
		const struct mount *m = &mounts[i];

		if (!is_in(m->in, rootless))
			continue;
		json_open_object(w);
		json_put_string(w, "destination", m->destination);
		json_put_string(w, "type", m->type);
		json_put_string(w, "source", m->source);
		if (m->options[0])
			put_strings(w, "options", m->options);
		json_close_object(w);
	}
	json_close_array(w);
}

/* The one id that a user may map without help. */
static void put_idmap(struct json_writer *w, const char *key, uint32_t host_id)
{
	put_array(w, key);
	json_open_object(w);
	json_put_uint(w, "containerID", 0);
	json_put_uint(w, "hostID", host_id);
	json_put_uint(w, "size", 1);
	json_close_object(w);
	json_close_array(w);
}

static void put_no_devices(struct json_writer *w)
{
	put_object(w, "resources");
	put_array(w, "devices");
	json_open_object(w);
	json_put_bool(w, "allow", false);
	json_put_string(w, "access", "rwm");
	json_close_object(w);
	json_close_array(w);
	json_close_object(w);
}

static void put_linux(struct json_writer *w, bool rootless)
{
	static const char *const masked[] = {
		"/proc/acpi",
		"/proc/asound",
		"/proc/kcore",
		"/proc/keys",
		"/proc/latency_stats",
		"/proc/timer_list",
		"/proc/timer_stats",
		"/proc/sched_debug",
		"/sys/firmware",
		"/proc/scsi",
		NULL,
	};
	static const char *const readonly[] = {
		"/proc/bus",           "/proc/fs", "/proc/irq", "/proc/sys",
		"/proc/sysrq-trigger", NULL,
	};

	put_object(w, "linux");
	if (rootless) {
		put_idmap(w, "uidMappings", geteuid());
		put_idmap(w, "gidMappings", getegid());
	} else {
		put_no_devices(w);
	}
	put_array(w, "namespaces");
	for (size_t i = 0; i < ARRAY_LEN(namespaces); i++) {
		if (!is_in(namespaces[i].in, rootless))
			continue;
		json_open_object(w);
		json_put_string(w, "type", spec_ns_name(namespaces[i].type));
		json_close_object(w);
	}
	json_close_array(w);
	put_strings(w, "maskedPaths", masked);
	put_strings(w, "readonlyPaths", readonly);
	json_close_object(w);
}

int spec_defaults(bool rootless, char **ret, size_t *ret_len, struct err *e)
{
	AUTO_JSON *w = json_writer_new("\t");
	const char *text;
	size_t len;
	int r;

	if (!w)
		return err_code(e, ENOMEM, "default configuration");
	json_open_object(w);
	json_put_string(w, "ociVersion", SPEC_VERSION);
	put_process(w);
	put_object(w, "root");
	json_put_string(w, "path", "rootfs");
	json_put_bool(w, "readonly", true);
	json_close_object(w);
	json_put_string(w, "hostname", "hull");
	put_mounts(w, rootless);
	put_linux(w, rootless);
	json_close_object(w);
	r = json_finish(w, &text, &len, e);
	if (r < 0)
		return r;
	*ret = str_fmt("%s\n", text);
	if (!*ret)
		return err_code(e, ENOMEM, "default configuration");
	*ret_len = len + 1;
	return 0;
}
