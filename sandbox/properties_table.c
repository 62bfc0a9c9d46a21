/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"
#include "sandbox/properties.h"

#define GUEST(name, why)                                                                 \
	{                                                                                \
		name, PROPERTY_GUEST, why                                                \
	}
#define HOST(name, why)                                                                  \
	{                                                                                \
		name, PROPERTY_HOST, why                                                 \
	}
#define BOTH(name, why)                                                                  \
	{                                                                                \
		name, PROPERTY_BOTH, why                                                 \
	}
#define REFUSED(name, why)                                                               \
	{                                                                                \
		name, PROPERTY_REFUSED, why                                              \
	}

#define HOOK(rows, name, why)                                                            \
	rows("hooks." name "[].path", why), rows("hooks." name "[].args", why),          \
		rows("hooks." name "[].env", why), rows("hooks." name "[].timeout", why)

#define IDMAP(rows, name, why)                                                           \
	rows(name "[].containerID", why), rows(name "[].hostID", why),                   \
		rows(name "[].size", why)

#define ON_HOST      "run on the host, with the pid of the sandbox's process"
#define MAPPED       "the file server is in that user namespace; the guest has none"
#define NOT_IDMAPPED "idmapped mounts are not supported yet"
#define NO_LISTENER  "a listener on the host can't see the guest's processes"
#define NOT_YET      "not supported yet, by either engine"
#define NODE         "the node is made in the guest, if it is one of the guest's devices"
#define RULE         "the guest's kernel filters what the container opens"
#define OLD          "no effect: cgroup v2 has nothing like it"
#define FILTER       "the guest's kernel filters the system calls"
#define CLOCK        "added to the guest's clocks"

const struct property properties[] = {
	BOTH("ociVersion", "both read the same configuration"),
	HOST("root.path", "served to the guest as a tree of the private filesystem"),
	BOTH("root.readonly",
	     "nothing is written by the server, and the guest mounts so"),

	BOTH("process.terminal", "a terminal in the guest, carried to a raw one here"),
	GUEST("process.consoleSize.height", "of the guest's terminal, later changes too"),
	GUEST("process.consoleSize.width", "of the guest's terminal, later changes too"),
	GUEST("process.user.uid", "ids as in the container's own /etc/passwd"),
	GUEST("process.user.gid", "ids as in the container's own /etc/group"),
	GUEST("process.user.umask", "of the process"),
	GUEST("process.user.additionalGids", "of the process"),
	GUEST("process.args", "run by the guest's kernel"),
	GUEST("process.env", "of the process"),
	GUEST("process.cwd", "of the process"),
	GUEST("process.capabilities.bounding", "rights over the guest, never the host"),
	GUEST("process.capabilities.effective", "rights over the guest, never the host"),
	GUEST("process.capabilities.inheritable",
	      "rights over the guest, never the host"),
	GUEST("process.capabilities.permitted", "rights over the guest, never the host"),
	GUEST("process.capabilities.ambient", "rights over the guest, never the host"),
	GUEST("process.rlimits[].type", "kept by the guest's kernel"),
	GUEST("process.rlimits[].soft", "kept by the guest's kernel"),
	GUEST("process.rlimits[].hard", "kept by the guest's kernel"),
	GUEST("process.noNewPrivileges", "of the process"),
	HOST("process.apparmorProfile", "of the sandbox's process; the guest has none"),
	HOST("process.selinuxLabel", "of the sandbox's process, as its policy allows"),
	BOTH("process.oomScoreAdj", "of the sandbox here, among containers there"),
	REFUSED("process.scheduler", NOT_YET),
	REFUSED("process.ioPriority", NOT_YET),
	REFUSED("process.execCPUAffinity", NOT_YET),

	GUEST("hostname", "of the container's uts namespace in the guest"),
	GUEST("domainname", "of the container's uts namespace in the guest"),

	GUEST("mounts[].destination", "mounted in the guest, in the order of the list"),
	GUEST("mounts[].type", "the kernel's own filesystems and memory are the guest's"),
	BOTH("mounts[].source",
	     "a bind's is served; /proc, /sys and the like, devices and a tmpfs for "
	     "/dev/shm are the guest's own"),
	BOTH("mounts[].options", "read-only and propagation also on what is served"),
	IDMAP(REFUSED, "mounts[].uidMappings", NOT_IDMAPPED),
	IDMAP(REFUSED, "mounts[].gidMappings", NOT_IDMAPPED),

	HOOK(HOST, "prestart", ON_HOST),
	HOOK(HOST, "createRuntime", ON_HOST),
	HOOK(HOST, "createContainer", "run on the host, in the sandbox's namespaces"),
	HOOK(GUEST, "startContainer", "run in the guest's container"),
	HOOK(HOST, "poststart", ON_HOST),
	HOOK(HOST, "poststop", ON_HOST),

	BOTH("annotations", "choose the engine and the size; hooks see them"),

	BOTH("linux.namespaces[].type",
	     "real ones on both sides, but network and user on the host alone; the "
	     "host's own network, pid or ipc is refused"),
	HOST("linux.namespaces[].path",
	     "of network and user; of the others refused: another container's namespace "
	     "isn't in this guest"),
	IDMAP(HOST, "linux.uidMappings", MAPPED),
	IDMAP(HOST, "linux.gidMappings", MAPPED),

	GUEST("linux.devices[].type", NODE),
	GUEST("linux.devices[].path", NODE),
	GUEST("linux.devices[].major",
	      "another device of the host is refused, or left out where all are allowed"),
	GUEST("linux.devices[].minor",
	      "another device of the host is refused, or left out where all are allowed"),
	GUEST("linux.devices[].fileMode", NODE),
	GUEST("linux.devices[].uid", NODE),
	GUEST("linux.devices[].gid", NODE),

	HOST("linux.cgroupsPath", "of the sandbox's process; the guest's is /ID"),
	GUEST("linux.resources.devices[].allow", RULE),
	GUEST("linux.resources.devices[].type", RULE),
	GUEST("linux.resources.devices[].major", RULE),
	GUEST("linux.resources.devices[].minor", RULE),
	GUEST("linux.resources.devices[].access", RULE),
	BOTH("linux.resources.memory.limit",
	     "exact in the guest; here with what the machine itself takes"),
	BOTH("linux.resources.memory.reservation", "each cgroup's own"),
	HOST("linux.resources.memory.swap", "the host swaps, the guest has nothing to"),
	BOTH("linux.resources.memory.kernel", OLD),
	BOTH("linux.resources.memory.kernelTCP", OLD),
	BOTH("linux.resources.memory.swappiness", OLD),
	BOTH("linux.resources.memory.disableOOMKiller", OLD),
	BOTH("linux.resources.memory.useHierarchy", OLD),
	BOTH("linux.resources.memory.checkBeforeUpdate", "each cgroup's own"),
	BOTH("linux.resources.cpu.shares", "each cgroup's own"),
	BOTH("linux.resources.cpu.quota", "each cgroup's own"),
	BOTH("linux.resources.cpu.burst", "each cgroup's own"),
	BOTH("linux.resources.cpu.period", "each cgroup's own"),
	BOTH("linux.resources.cpu.realtimeRuntime", OLD),
	BOTH("linux.resources.cpu.realtimePeriod", OLD),
	BOTH("linux.resources.cpu.idle", "each cgroup's own"),
	HOST("linux.resources.cpu.cpus", "the processors are the host's"),
	HOST("linux.resources.cpu.mems", "the nodes are the host's"),
	GUEST("linux.resources.pids.limit", "counts the container's processes"),
	BOTH("linux.resources.unified",
	     "files of memory, cpu and pids in both; of all others on the host alone"),
	REFUSED("linux.resources.blockIO", NOT_YET),
	REFUSED("linux.resources.hugepageLimits", NOT_YET),
	REFUSED("linux.resources.network", NOT_YET),
	REFUSED("linux.resources.rdma", NOT_YET),

	GUEST("linux.seccomp.defaultAction", FILTER "; SCMP_ACT_NOTIFY is refused"),
	GUEST("linux.seccomp.defaultErrnoRet", FILTER),
	GUEST("linux.seccomp.architectures", FILTER),
	GUEST("linux.seccomp.flags", FILTER),
	GUEST("linux.seccomp.syscalls[].names", FILTER),
	GUEST("linux.seccomp.syscalls[].action", FILTER "; SCMP_ACT_NOTIFY is refused"),
	GUEST("linux.seccomp.syscalls[].errnoRet", FILTER),
	GUEST("linux.seccomp.syscalls[].args[].index", FILTER),
	GUEST("linux.seccomp.syscalls[].args[].value", FILTER),
	GUEST("linux.seccomp.syscalls[].args[].valueTwo", FILTER),
	GUEST("linux.seccomp.syscalls[].args[].op", FILTER),
	REFUSED("linux.seccomp.listenerPath", NO_LISTENER),
	REFUSED("linux.seccomp.listenerMetadata", NO_LISTENER),

	GUEST("linux.sysctl", "of the guest's namespaces, its network too"),
	GUEST("linux.maskedPaths", "of the guest's procfs and sysfs"),
	GUEST("linux.readonlyPaths", "of the guest's procfs and sysfs"),
	GUEST("linux.rootfsPropagation", "between mounts of the guest"),
	GUEST("linux.mountLabel", "no effect: the guest's kernel has no labels"),
	GUEST("linux.timeOffsets.monotonic.secs", CLOCK),
	GUEST("linux.timeOffsets.monotonic.nanosecs", CLOCK),
	GUEST("linux.timeOffsets.boottime.secs", CLOCK),
	GUEST("linux.timeOffsets.boottime.nanosecs", CLOCK),
	REFUSED("linux.intelRdt", NOT_YET),
	REFUSED("linux.memoryPolicy", NOT_YET),
	REFUSED("linux.netDevices", "a device of the host can't be moved into the guest"),
	REFUSED("linux.personality", NOT_YET),
};
const size_t properties_count = ARRAY_LEN(properties);

const char *property_where_name(enum property_where where)
{
	static const char *const names[PROPERTY_WHERE_COUNT] = {
		[PROPERTY_GUEST] = "guest",
		[PROPERTY_HOST] = "host",
		[PROPERTY_BOTH] = "both",
		[PROPERTY_REFUSED] = "refused",
	};

	return names[where];
}
