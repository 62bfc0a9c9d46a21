/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.json as structs: the OCI runtime-spec 1.3's container configuration for Linux
 * (config.md, config-linux.md), with the JSON's names in C's spelling. All of a spec
 * lives in the arena that it was decoded into and is read-only from then on.
 *
 * Absent objects, arrays and strings are NULL (count 0); a number or boolean whose
 * absence means something else than 0 is an opt_*.
 */
#ifndef LIBCONTAINER_SPEC_SPEC_H
#define LIBCONTAINER_SPEC_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"

#define SPEC_VERSION "1.3.0" /* the version of the runtime-spec that is implemented */

struct opt_bool {
	bool set, v;
};
struct opt_i64 {
	bool set;
	int64_t v;
};
struct opt_u64 {
	bool set;
	uint64_t v;
};
struct opt_u32 {
	bool set;
	uint32_t v;
};

struct strings {
	const char **v; /* count entries and a NULL, so that it serves as argv or envp */
	size_t count;
};

struct spec_pair { /* a member of a string map: annotations, sysctl, unified */
	const char *key, *value;
};
struct spec_map {
	struct spec_pair *v;
	size_t count;
};

struct spec_idmap { /* of a user namespace or an idmapped mount */
	uint32_t container_id, host_id, size;
};
struct spec_idmaps {
	struct spec_idmap *v;
	size_t count;
};

struct spec_root {
	const char *path; /* absolute, or relative to the bundle */
	bool readonly;
};

struct spec_mount {
	const char *destination, *type, *source;
	struct strings options;
	struct spec_idmaps uid_mappings, gid_mappings;
};

struct spec_rlimit {
	const char *type; /* "RLIMIT_NOFILE" */
	uint64_t soft, hard;
};

struct spec_user {
	uint32_t uid, gid;
	struct opt_u32 umask;
	uint32_t *additional_gids;
	size_t additional_gids_count;
};

struct spec_capabilities { /* names, "CAP_CHOWN" */
	struct strings bounding, effective, inheritable, permitted, ambient;
};

struct spec_console_size {
	uint64_t height, width; /* in characters */
};

struct spec_process {
	bool terminal;
	struct spec_console_size *console_size;
	struct spec_user user;
	struct strings args, env;
	const char *cwd;
	struct spec_capabilities *capabilities;
	struct spec_rlimit *rlimits;
	size_t rlimits_count;
	bool no_new_privileges;
	const char *apparmor_profile, *selinux_label;
	struct opt_i64 oom_score_adj;
};

struct spec_hook {
	const char *path; /* absolute, of the host, but for startContainer */
	struct strings args, env;
	struct opt_i64 timeout; /* seconds, > 0 */
};
struct spec_hook_list {
	struct spec_hook *v;
	size_t count;
};
struct spec_hooks {
	struct spec_hook_list prestart, create_runtime, create_container, start_container,
		poststart, poststop;
};

enum spec_ns { /* the order of `features` */
	SPEC_NS_CGROUP,
	SPEC_NS_IPC,
	SPEC_NS_MOUNT,
	SPEC_NS_NETWORK,
	SPEC_NS_PID,
	SPEC_NS_TIME,
	SPEC_NS_USER,
	SPEC_NS_UTS,
	SPEC_NS_COUNT,
};

struct spec_namespace {
	enum spec_ns type;
	const char *path; /* NULL: a new one */
};

struct spec_device {
	const char *type; /* "c", "b", "u" or "p" */
	const char *path; /* in the container, absolute */
	int64_t major, minor;
	struct opt_u32 file_mode, uid, gid;
};

struct spec_device_rule { /* linux.resources.devices */
	bool allow;
	const char *type;            /* "a", "c", "b"; NULL: a */
	struct opt_i64 major, minor; /* not set or -1: all */
	const char *access;          /* of "rwm"; NULL: all */
};

struct spec_memory {
	struct opt_i64 limit, reservation, swap, kernel,
		kernel_tcp; /* bytes, -1: no limit */
	struct opt_u64 swappiness;
	struct opt_bool disable_oom_killer, use_hierarchy, check_before_update;
};

struct spec_cpu {
	struct opt_u64 shares, period, burst, realtime_period;
	struct opt_i64 quota, realtime_runtime, idle;
	const char *cpus, *mems; /* lists as "0-3,7" */
};

struct spec_pids {
	struct opt_i64 limit; /* -1: no limit */
};

struct spec_resources {
	struct spec_device_rule *devices;
	size_t devices_count;
	struct spec_memory *memory;
	struct spec_cpu *cpu;
	struct spec_pids *pids;
	struct spec_map unified;
};

struct spec_seccomp_arg {
	uint32_t index;
	uint64_t value, value_two;
	const char *op; /* "SCMP_CMP_EQ" ... */
};

struct spec_seccomp_rule { /* seccomp.syscalls */
	struct strings names;
	const char *action; /* "SCMP_ACT_ERRNO" ... */
	struct opt_u32 errno_ret;
	struct spec_seccomp_arg *args;
	size_t args_count;
};

struct spec_seccomp {
	const char *default_action;
	struct opt_u32 default_errno_ret;
	struct strings architectures;
	struct strings flags;
	bool flags_set; /* an empty list differs from none */
	struct spec_seccomp_rule *syscalls;
	size_t syscalls_count;
};

struct spec_time_offset { /* added to a clock of the time namespace */
	int64_t secs;
	uint32_t nanosecs;
};
struct spec_time_offsets {
	struct spec_time_offset *monotonic, *boottime;
};

struct spec_linux {
	struct spec_namespace *namespaces;
	size_t namespaces_count;
	struct spec_idmaps uid_mappings, gid_mappings;
	struct spec_device *devices;
	size_t devices_count;
	const char *cgroups_path;
	struct spec_resources *resources;
	struct spec_seccomp *seccomp;
	struct spec_map sysctl;
	struct strings masked_paths, readonly_paths;
	const char
		*rootfs_propagation; /* "shared", "slave", "private", "unbindable" + r */
	const char *mount_label;
	struct spec_time_offsets *time_offsets;
};

struct spec {
	const char *oci_version;
	struct spec_root *root;
	struct spec_process *process;
	const char *hostname, *domainname;
	struct spec_mount *mounts;
	size_t mounts_count;
	struct spec_hooks *hooks;
	struct spec_map annotations;
	struct spec_linux *linux_; /* never NULL after spec_decode; `linux` is a macro */
};

/* Decodes and validates config.json's text. `what` names the file in errors; an error has
 * the JSON path: "config.json: process.rlimits[2].soft: a string, not a number". What
 * the runtime-spec doesn't know is ignored (config.md, Extensibility); what it knows and
 * hull can't do yet is refused by name. */
int spec_decode(struct arena *a, const char *what, const char *text, size_t len,
		struct spec **ret, struct err *e);

/* The same for one `process` object (hull exec --process). */
int spec_decode_process(struct arena *a, const char *what, const char *text, size_t len,
			struct spec_process **ret, struct err *e);

/* The same for one `linux.resources` object (hull update). */
int spec_decode_resources(struct arena *a, const char *what, const char *text, size_t len,
			  struct spec_resources **ret, struct err *e);

/* The namespace of this type that the spec lists, or NULL. */
const struct spec_namespace *spec_namespace(const struct spec *s, enum spec_ns type);

/* On this machine: whether the network namespace that the spec has is, by its path, the
 * one that the caller is in (a pod of the host's network has it so). 1, 0, or -errno if the
 * path can't be looked at. */
int spec_network_is_callers(const struct spec *s);

/* The value of an annotation, or NULL. */
const char *spec_annotation(const struct spec *s, const char *key);

/* The OCI name: "pid", "network", ... */
const char *spec_ns_name(enum spec_ns type);

/* The text of the configuration that `hull spec` writes (tab-indented, newline at the
 * end); rootless: the one for a user without privileges. Heap, the caller frees. */
int spec_defaults(bool rootless, char **ret, size_t *ret_len, struct err *e);

#endif
