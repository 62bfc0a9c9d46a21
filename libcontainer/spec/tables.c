/* SPDX-License-Identifier: Apache-2.0 */
/* The properties of the runtime-spec 1.3, object by object from the inside out. */
#include "libcontainer/spec/tables.h"

#include "base/str.h"
#include "libcontainer/spec/spec.h"

/* A member's offset; an error of the compiler if it isn't of the type that the row's
 * kind writes. */
#define AT(s, m, type)                                                                   \
	(offsetof(struct s, m) +                                                         \
	 0 * sizeof(char[__builtin_types_compatible_p(__typeof__(((struct s *)0)->m),    \
						      type)                              \
				 ? 1                                                     \
				 : -1]))
#define TABLE(s, rows)                                                                   \
	{                                                                                \
		.size = sizeof(struct s), .fields = (rows), .count = ARRAY_LEN(rows)     \
	}

#define MEMBER(k, s, n, m, type, need)                                                   \
	{                                                                                \
		.name = (n), .kind = (k), .required = (need), .offset = AT(s, m, type)   \
	}

#define STRING(s, n, m)   MEMBER(SPEC_STRING, s, n, m, const char *, false)
#define BOOL(s, n, m)     MEMBER(SPEC_BOOL, s, n, m, bool, false)
#define U32(s, n, m)      MEMBER(SPEC_U32, s, n, m, uint32_t, false)
#define I64(s, n, m)      MEMBER(SPEC_I64, s, n, m, int64_t, false)
#define U64(s, n, m)      MEMBER(SPEC_U64, s, n, m, uint64_t, false)
#define OPT_BOOL(s, n, m) MEMBER(SPEC_OPT_BOOL, s, n, m, struct opt_bool, false)
#define OPT_U32(s, n, m)  MEMBER(SPEC_OPT_U32, s, n, m, struct opt_u32, false)
#define OPT_U64(s, n, m)  MEMBER(SPEC_OPT_U64, s, n, m, struct opt_u64, false)
#define OPT_I64(s, n, m)  MEMBER(SPEC_OPT_I64, s, n, m, struct opt_i64, false)
#define STRINGS(s, n, m)  MEMBER(SPEC_STRINGS, s, n, m, struct strings, false)
#define MAP(s, n, m)      MEMBER(SPEC_MAP, s, n, m, struct spec_map, false)
#define PRESENT(s, n, m)  MEMBER(SPEC_PRESENT, s, n, m, bool, false)

/* The same where the property must be there. */
#define NEED_STRING(s, n, m)  MEMBER(SPEC_STRING, s, n, m, const char *, true)
#define NEED_BOOL(s, n, m)    MEMBER(SPEC_BOOL, s, n, m, bool, true)
#define NEED_U32(s, n, m)     MEMBER(SPEC_U32, s, n, m, uint32_t, true)
#define NEED_U64(s, n, m)     MEMBER(SPEC_U64, s, n, m, uint64_t, true)
#define NEED_STRINGS(s, n, m) MEMBER(SPEC_STRINGS, s, n, m, struct strings, true)

#define OBJECT(s, n, m, type, t)                                                         \
	{                                                                                \
		.name = (n), .kind = SPEC_OBJECT, .offset = AT(s, m, struct type),       \
		.table = &(t)                                                            \
	}
#define OBJECT_PTR(s, n, m, type, t)                                                     \
	{                                                                                \
		.name = (n), .kind = SPEC_OBJECT_PTR, .offset = AT(s, m, struct type *), \
		.table = &(t)                                                            \
	}
#define LIST(s, n, m, c, type, t)                                                        \
	{                                                                                \
		.name = (n), .kind = SPEC_LIST, .offset = AT(s, m, struct type *),       \
		.count_offset = AT(s, c, size_t), .table = &(t)                          \
	}

/* What the runtime-spec knows and hull can't do yet. */
#define REFUSED(n)                                                                       \
	{                                                                                \
		.name = (n), .kind = SPEC_REFUSED                                        \
	}
#define REFUSED_SET(n)                                                                   \
	{                                                                                \
		.name = (n), .kind = SPEC_REFUSED_SET                                    \
	}

/* config.md, Root and Mounts */

static const struct spec_field root_fields[] = {
	NEED_STRING(spec_root, "path", path),
	BOOL(spec_root, "readonly", readonly),
};
static const struct spec_table root_table = TABLE(spec_root, root_fields);

static const struct spec_field idmap_fields[] = {
	NEED_U32(spec_idmap, "containerID", container_id),
	NEED_U32(spec_idmap, "hostID", host_id),
	NEED_U32(spec_idmap, "size", size),
};
static const struct spec_table idmap_table = TABLE(spec_idmap, idmap_fields);

static const struct spec_field mount_fields[] = {
	NEED_STRING(spec_mount, "destination", destination),
	STRING(spec_mount, "type", type),
	STRING(spec_mount, "source", source),
	STRINGS(spec_mount, "options", options),
	LIST(spec_mount, "uidMappings", uid_mappings.v, uid_mappings.count, spec_idmap,
	     idmap_table),
	LIST(spec_mount, "gidMappings", gid_mappings.v, gid_mappings.count, spec_idmap,
	     idmap_table),
};
static const struct spec_table mount_table = TABLE(spec_mount, mount_fields);

/* config.md, Process */

static const struct spec_field console_size_fields[] = {
	NEED_U64(spec_console_size, "height", height),
	NEED_U64(spec_console_size, "width", width),
};
static const struct spec_table console_size_table = TABLE(spec_console_size,
							  console_size_fields);

static const struct spec_field user_fields[] = {
	U32(spec_user, "uid", uid),
	U32(spec_user, "gid", gid),
	OPT_U32(spec_user, "umask", umask),
	{.name = "additionalGids",
	 .kind = SPEC_U32S,
	 .offset = AT(spec_user, additional_gids, uint32_t *),
	 .count_offset = AT(spec_user, additional_gids_count, size_t)},
};
static const struct spec_table user_table = TABLE(spec_user, user_fields);

static const struct spec_field capabilities_fields[] = {
	STRINGS(spec_capabilities, "bounding", bounding),
	STRINGS(spec_capabilities, "effective", effective),
	STRINGS(spec_capabilities, "inheritable", inheritable),
	STRINGS(spec_capabilities, "permitted", permitted),
	STRINGS(spec_capabilities, "ambient", ambient),
};
static const struct spec_table capabilities_table = TABLE(spec_capabilities,
							  capabilities_fields);

static const struct spec_field rlimit_fields[] = {
	NEED_STRING(spec_rlimit, "type", type),
	NEED_U64(spec_rlimit, "soft", soft),
	NEED_U64(spec_rlimit, "hard", hard),
};
static const struct spec_table rlimit_table = TABLE(spec_rlimit, rlimit_fields);

static const struct spec_field process_fields[] = {
	BOOL(spec_process, "terminal", terminal),
	OBJECT_PTR(spec_process, "consoleSize", console_size, spec_console_size,
		   console_size_table),
	OBJECT(spec_process, "user", user, spec_user, user_table),
	STRINGS(spec_process, "args", args),
	STRINGS(spec_process, "env", env),
	NEED_STRING(spec_process, "cwd", cwd),
	OBJECT_PTR(spec_process, "capabilities", capabilities, spec_capabilities,
		   capabilities_table),
	LIST(spec_process, "rlimits", rlimits, rlimits_count, spec_rlimit, rlimit_table),
	BOOL(spec_process, "noNewPrivileges", no_new_privileges),
	STRING(spec_process, "apparmorProfile", apparmor_profile),
	STRING(spec_process, "selinuxLabel", selinux_label),
	OPT_I64(spec_process, "oomScoreAdj", oom_score_adj),
	REFUSED_SET("scheduler"),
	REFUSED_SET("ioPriority"),
	REFUSED_SET("execCPUAffinity"),
};
const struct spec_table spec_process_table = TABLE(spec_process, process_fields);

/* config.md, POSIX-platform Hooks */

static const struct spec_field hook_fields[] = {
	NEED_STRING(spec_hook, "path", path),
	STRINGS(spec_hook, "args", args),
	STRINGS(spec_hook, "env", env),
	OPT_I64(spec_hook, "timeout", timeout),
};
static const struct spec_table hook_table = TABLE(spec_hook, hook_fields);

static const struct spec_field hooks_fields[] = {
	LIST(spec_hooks, "prestart", prestart.v, prestart.count, spec_hook, hook_table),
	LIST(spec_hooks, "createRuntime", create_runtime.v, create_runtime.count,
	     spec_hook, hook_table),
	LIST(spec_hooks, "createContainer", create_container.v, create_container.count,
	     spec_hook, hook_table),
	LIST(spec_hooks, "startContainer", start_container.v, start_container.count,
	     spec_hook, hook_table),
	LIST(spec_hooks, "poststart", poststart.v, poststart.count, spec_hook,
	     hook_table),
	LIST(spec_hooks, "poststop", poststop.v, poststop.count, spec_hook, hook_table),
};
static const struct spec_table hooks_table = TABLE(spec_hooks, hooks_fields);

/* config-linux.md, Namespaces and Devices */

const char *const spec_ns_words[SPEC_NS_COUNT + 1] = {
	[SPEC_NS_CGROUP] = "cgroup",   [SPEC_NS_IPC] = "ipc", [SPEC_NS_MOUNT] = "mount",
	[SPEC_NS_NETWORK] = "network", [SPEC_NS_PID] = "pid", [SPEC_NS_TIME] = "time",
	[SPEC_NS_USER] = "user",       [SPEC_NS_UTS] = "uts",
};

static const struct spec_field namespace_fields[] = {
	{.name = "type",
	 .kind = SPEC_WORD,
	 .required = true,
	 .offset = AT(spec_namespace, type, enum spec_ns),
	 .words = spec_ns_words},
	STRING(spec_namespace, "path", path),
};
static const struct spec_table namespace_table = TABLE(spec_namespace, namespace_fields);

static const struct spec_field device_fields[] = {
	NEED_STRING(spec_device, "type", type),
	NEED_STRING(spec_device, "path", path),
	I64(spec_device, "major", major),
	I64(spec_device, "minor", minor),
	OPT_U32(spec_device, "fileMode", file_mode),
	OPT_U32(spec_device, "uid", uid),
	OPT_U32(spec_device, "gid", gid),
};
static const struct spec_table device_table = TABLE(spec_device, device_fields);

/* config-linux.md, Control groups */

static const struct spec_field device_rule_fields[] = {
	NEED_BOOL(spec_device_rule, "allow", allow),
	STRING(spec_device_rule, "type", type),
	OPT_I64(spec_device_rule, "major", major),
	OPT_I64(spec_device_rule, "minor", minor),
	STRING(spec_device_rule, "access", access),
};
static const struct spec_table device_rule_table = TABLE(spec_device_rule,
							 device_rule_fields);

static const struct spec_field memory_fields[] = {
	OPT_I64(spec_memory, "limit", limit),
	OPT_I64(spec_memory, "reservation", reservation),
	OPT_I64(spec_memory, "swap", swap),
	OPT_I64(spec_memory, "kernel", kernel),
	OPT_I64(spec_memory, "kernelTCP", kernel_tcp),
	OPT_U64(spec_memory, "swappiness", swappiness),
	OPT_BOOL(spec_memory, "disableOOMKiller", disable_oom_killer),
	OPT_BOOL(spec_memory, "useHierarchy", use_hierarchy),
	OPT_BOOL(spec_memory, "checkBeforeUpdate", check_before_update),
};
static const struct spec_table memory_table = TABLE(spec_memory, memory_fields);

static const struct spec_field cpu_fields[] = {
	OPT_U64(spec_cpu, "shares", shares),
	OPT_I64(spec_cpu, "quota", quota),
	OPT_U64(spec_cpu, "burst", burst),
	OPT_U64(spec_cpu, "period", period),
	OPT_I64(spec_cpu, "realtimeRuntime", realtime_runtime),
	OPT_U64(spec_cpu, "realtimePeriod", realtime_period),
	OPT_I64(spec_cpu, "idle", idle),
	STRING(spec_cpu, "cpus", cpus),
	STRING(spec_cpu, "mems", mems),
};
static const struct spec_table cpu_table = TABLE(spec_cpu, cpu_fields);

static const struct spec_field pids_fields[] = {
	OPT_I64(spec_pids, "limit", limit),
};
static const struct spec_table pids_table = TABLE(spec_pids, pids_fields);

static const struct spec_field resources_fields[] = {
	LIST(spec_resources, "devices", devices, devices_count, spec_device_rule,
	     device_rule_table),
	OBJECT_PTR(spec_resources, "memory", memory, spec_memory, memory_table),
	OBJECT_PTR(spec_resources, "cpu", cpu, spec_cpu, cpu_table),
	OBJECT_PTR(spec_resources, "pids", pids, spec_pids, pids_table),
	MAP(spec_resources, "unified", unified),
	REFUSED_SET("blockIO"),
	REFUSED_SET("hugepageLimits"),
	REFUSED_SET("network"),
	REFUSED_SET("rdma"),
};
const struct spec_table spec_resources_table = TABLE(spec_resources, resources_fields);

/* config-linux.md, Seccomp */

static const struct spec_field seccomp_arg_fields[] = {
	NEED_U32(spec_seccomp_arg, "index", index),
	NEED_U64(spec_seccomp_arg, "value", value),
	U64(spec_seccomp_arg, "valueTwo", value_two),
	NEED_STRING(spec_seccomp_arg, "op", op),
};
static const struct spec_table seccomp_arg_table = TABLE(spec_seccomp_arg,
							 seccomp_arg_fields);

static const struct spec_field seccomp_rule_fields[] = {
	NEED_STRINGS(spec_seccomp_rule, "names", names),
	NEED_STRING(spec_seccomp_rule, "action", action),
	OPT_U32(spec_seccomp_rule, "errnoRet", errno_ret),
	LIST(spec_seccomp_rule, "args", args, args_count, spec_seccomp_arg,
	     seccomp_arg_table),
};
static const struct spec_table seccomp_rule_table = TABLE(spec_seccomp_rule,
							  seccomp_rule_fields);

static const struct spec_field seccomp_fields[] = {
	NEED_STRING(spec_seccomp, "defaultAction", default_action),
	OPT_U32(spec_seccomp, "defaultErrnoRet", default_errno_ret),
	STRINGS(spec_seccomp, "architectures", architectures),
	STRINGS(spec_seccomp, "flags", flags),
	PRESENT(spec_seccomp, "flags", flags_set),
	LIST(spec_seccomp, "syscalls", syscalls, syscalls_count, spec_seccomp_rule,
	     seccomp_rule_table),
	REFUSED_SET("listenerPath"),
	REFUSED_SET("listenerMetadata"),
};
static const struct spec_table seccomp_table = TABLE(spec_seccomp, seccomp_fields);

/* config-linux.md */

static const struct spec_field time_offset_fields[] = {
	I64(spec_time_offset, "secs", secs),
	U32(spec_time_offset, "nanosecs", nanosecs),
};
static const struct spec_table time_offset_table = TABLE(spec_time_offset,
							 time_offset_fields);

static const struct spec_field time_offsets_fields[] = {
	OBJECT_PTR(spec_time_offsets, "monotonic", monotonic, spec_time_offset,
		   time_offset_table),
	OBJECT_PTR(spec_time_offsets, "boottime", boottime, spec_time_offset,
		   time_offset_table),
};
static const struct spec_table time_offsets_table = TABLE(spec_time_offsets,
							  time_offsets_fields);

static const struct spec_field linux_fields[] = {
	LIST(spec_linux, "namespaces", namespaces, namespaces_count, spec_namespace,
	     namespace_table),
	LIST(spec_linux, "uidMappings", uid_mappings.v, uid_mappings.count, spec_idmap,
	     idmap_table),
	LIST(spec_linux, "gidMappings", gid_mappings.v, gid_mappings.count, spec_idmap,
	     idmap_table),
	LIST(spec_linux, "devices", devices, devices_count, spec_device, device_table),
	STRING(spec_linux, "cgroupsPath", cgroups_path),
	OBJECT_PTR(spec_linux, "resources", resources, spec_resources,
		   spec_resources_table),
	OBJECT_PTR(spec_linux, "seccomp", seccomp, spec_seccomp, seccomp_table),
	MAP(spec_linux, "sysctl", sysctl),
	STRINGS(spec_linux, "maskedPaths", masked_paths),
	STRINGS(spec_linux, "readonlyPaths", readonly_paths),
	STRING(spec_linux, "rootfsPropagation", rootfs_propagation),
	STRING(spec_linux, "mountLabel", mount_label),
	OBJECT_PTR(spec_linux, "timeOffsets", time_offsets, spec_time_offsets,
		   time_offsets_table),
	/* An empty one asks for a resource group as well. */
	REFUSED("intelRdt"),
	REFUSED_SET("memoryPolicy"),
	REFUSED_SET("netDevices"),
	REFUSED_SET("personality"),
};
static const struct spec_table linux_table = TABLE(spec_linux, linux_fields);

/* config.md. The sections of other platforms (solaris, windows, vm, zos, freebsd) have
 * no row: they are ignored like any property that isn't ours. */

static const struct spec_field spec_fields[] = {
	NEED_STRING(spec, "ociVersion", oci_version),
	{.name = "root",
	 .kind = SPEC_OBJECT_PTR,
	 .required = true,
	 .offset = AT(spec, root, struct spec_root *),
	 .table = &root_table},
	OBJECT_PTR(spec, "process", process, spec_process, spec_process_table),
	STRING(spec, "hostname", hostname),
	STRING(spec, "domainname", domainname),
	LIST(spec, "mounts", mounts, mounts_count, spec_mount, mount_table),
	OBJECT_PTR(spec, "hooks", hooks, spec_hooks, hooks_table),
	MAP(spec, "annotations", annotations),
	OBJECT_PTR(spec, "linux", linux_, spec_linux, linux_table),
};
const struct spec_table spec_table = TABLE(spec, spec_fields);
