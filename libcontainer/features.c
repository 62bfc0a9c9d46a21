/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/features.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/str.h"
#include "libcontainer/spec/spec.h"

static const char *const hooks[] = {
	"prestart",
	"createRuntime",
	"createContainer",
	"startContainer",
	"poststart",
	"poststop",
	NULL,
};

/* SCMP_ACT_NOTIFY is not here: listeners aren't supported yet. */
static const char *const actions[] = {
	"SCMP_ACT_ALLOW",        "SCMP_ACT_ERRNO",       "SCMP_ACT_KILL",
	"SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_LOG",
	"SCMP_ACT_TRACE",        "SCMP_ACT_TRAP",        NULL,
};

static const char *const operators[] = {
	"SCMP_CMP_EQ", "SCMP_CMP_GE",        "SCMP_CMP_GT", "SCMP_CMP_LE",
	"SCMP_CMP_LT", "SCMP_CMP_MASKED_EQ", "SCMP_CMP_NE", NULL,
};

/* The runtime-spec's names after "SCMP_ARCH_"; libseccomp's are the same in lower case,
 * and which it has depends on its version. */
static const char *const archs[] = {
	"AARCH64",   "ARM",    "LOONGARCH64", "M68K",        "MIPS",   "MIPS64",
	"MIPS64N32", "MIPSEL", "MIPSEL64",    "MIPSEL64N32", "PARISC", "PARISC64",
	"PPC",       "PPC64",  "PPC64LE",     "RISCV64",     "S390",   "S390X",
	"SH",        "SHEB",   "X32",         "X86",         "X86_64",
};

/* WAIT_KILLABLE_RECV has a meaning with a listener only. */
static const struct {
	const char *name;
	unsigned flag;
} flags[] = {
	{"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
	{"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
	{"SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC},
};

/* Annotations that change how hull runs a container, by which whoever writes a pod could
 * reach past it; one that ends in a dot is a prefix. */
static const char *const unsafe_annotations[] = {
	"dev.hull.", "io.katacontainers.config.", "org.systemd.property.", "run.oci.",
	NULL,
};

static void put_strings(struct json_writer *w, const char *key, const char *const *v)
{
	json_key(w, key);
	json_open_array(w);
	for (; v && *v; v++)
		json_string(w, *v);
	json_close_array(w);
}

static void put_enabled(struct json_writer *w, const char *key, bool enabled)
{
	json_key(w, key);
	json_open_object(w);
	json_put_bool(w, "enabled", enabled);
	json_close_object(w);
}

/* "cap_chown" to "CAP_CHOWN", all that have a name. */
static void put_capabilities(struct json_writer *w)
{
	json_key(w, "capabilities");
	json_open_array(w);
	for (cap_value_t c = 0; c <= CAP_LAST_CAP; c++) {
		char *name = cap_to_name(c);
		bool named = name && str_after(name, "cap_");

		for (char *s = name; s && *s; s++) {
			if (*s >= 'a' && *s <= 'z')
				*s = (char)(*s - 'a' + 'A');
		}
		if (named)
			json_string(w, name);
		if (name)
			(void)cap_free(name);
	}
	json_close_array(w);
}

static void put_archs(struct json_writer *w)
{
	json_key(w, "archs");
	json_open_array(w);
	for (size_t i = 0; i < ARRAY_LEN(archs); i++) {
		char name[24], oci[40];
		size_t n = 0;

		for (; archs[i][n]; n++) {
			char c = archs[i][n];

			name[n] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
		}
		name[n] = '\0';
		(void)snprintf(oci, sizeof(oci), "SCMP_ARCH_%s", archs[i]);
		if (seccomp_arch_resolve_name(name))
			json_string(w, oci);
	}
	json_close_array(w);
}

/* The kernel looks at the flags before it looks for the filter that isn't there. */
static bool kernel_has_flag(unsigned flag)
{
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flag, NULL) < 0 &&
	       errno == EFAULT;
}

static void put_flags(struct json_writer *w, const char *key, bool only_supported)
{
	json_key(w, key);
	json_open_array(w);
	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		if (!only_supported || kernel_has_flag(flags[i].flag))
			json_string(w, flags[i].name);
	}
	json_close_array(w);
}

static void put_linux(struct json_writer *w, const struct features_options *o)
{
	json_key(w, "linux");
	json_open_object(w);
	json_key(w, "namespaces");
	json_open_array(w);
	for (enum spec_ns ns = 0; ns < SPEC_NS_COUNT; ns++)
		json_string(w, spec_ns_name(ns));
	json_close_array(w);
	put_capabilities(w);

	json_key(w, "cgroup");
	json_open_object(w);
	json_put_bool(w, "v1", false);
	json_put_bool(w, "v2", true);
	json_put_bool(w, "systemd", o->systemd);
	json_put_bool(w, "systemdUser", o->systemd_user);
	json_put_bool(w, "rdma", false);
	json_close_object(w);

	json_key(w, "seccomp");
	json_open_object(w);
	json_put_bool(w, "enabled", true);
	put_strings(w, "actions", actions);
	put_strings(w, "operators", operators);
	put_archs(w);
	put_flags(w, "knownFlags", false);
	put_flags(w, "supportedFlags", true);
	json_close_object(w);

	put_enabled(w, "apparmor", true);
	put_enabled(w, "selinux", o->selinux);
	put_enabled(w, "intelRdt", false);
	json_key(w, "mountExtensions");
	json_open_object(w);
	put_enabled(w, "idmap", o->idmap);
	json_close_object(w);
	put_enabled(w, "netDevices", false);
	json_close_object(w);
}

static void put_annotations(struct json_writer *w)
{
	const struct scmp_version *v = seccomp_version();
	char text[40];

	(void)snprintf(text, sizeof(text), "%u.%u.%u", v ? v->major : 0, v ? v->minor : 0,
		       v ? v->micro : 0);
	json_key(w, "annotations");
	json_open_object(w);
	json_put_string(w, "io.github.seccomp.libseccomp.version", text);
	json_put_string(w, "org.opencontainers.runc.checkpoint.enabled", "false");
	json_close_object(w);
}

int features_write(struct json_writer *w, const struct features_options *o, struct err *e)
{
	if (!w)
		return err_code(e, ENOMEM, "features");
	json_open_object(w);
	json_put_string(w, "ociVersionMin", "1.0.0");
	json_put_string(w, "ociVersionMax", SPEC_VERSION);
	put_strings(w, "hooks", hooks);
	put_strings(w, "mountOptions", o->mount_options);
	put_linux(w, o);
	put_annotations(w);
	put_strings(w, "potentiallyUnsafeConfigAnnotations", unsafe_annotations);
	json_close_object(w);
	return 0;
}
