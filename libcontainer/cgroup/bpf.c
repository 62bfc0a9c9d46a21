/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/cgroup/bpf.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"

/* More programs on one cgroup than the kernel takes (BPF_CGROUP_MAX_PROGS is 64). */
#define PROGS_MAX 64

static int sys_bpf(int cmd, union bpf_attr *attr)
{
	long r = syscall(SYS_bpf, cmd, attr, sizeof(*attr));

	return r < 0 ? -errno : (int)r;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the kernel writes to log */
static int load(const struct bpf_insn *insns, size_t count, char *log, size_t log_len)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr)); /* padding included, which the kernel checks */
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.insns = (uintptr_t)insns;
	attr.insn_cnt = (uint32_t)count;
	attr.license = (uintptr_t) "Apache-2.0";
	memcpy(attr.prog_name, "hull_devices", sizeof("hull_devices"));
	if (log) {
		attr.log_buf = (uintptr_t)log;
		attr.log_size = (uint32_t)log_len;
		attr.log_level = 1;
	}
	return sys_bpf(BPF_PROG_LOAD, &attr);
}

/* The limit belongs to the whole process: it gets its value back at once. */
static int load_with_memlock(const struct bpf_insn *insns, size_t count)
{
	const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
	struct rlimit old;
	int r;

	if (prlimit(0, RLIMIT_MEMLOCK, &all, &old) < 0)
		return -EPERM;
	r = load(insns, count, NULL, 0);
	(void)prlimit(0, RLIMIT_MEMLOCK, &old, NULL);
	return r;
}

int bpf_load_device(const struct bpf_insn *insns, size_t count, struct err *e)
{
	char log[4096] = "", *last;
	int r, again;

	r = load(insns, count, NULL, 0);
	if (r == -EPERM)
		r = load_with_memlock(insns, count);
	if (r >= 0)
		return r;
	if (r != -EINVAL && r != -EACCES)
		return err_code(e, r, "load the device filter: bpf");
	/* Again, now with the verifier's reasons; the last line is the verdict. */
	again = load(insns, count, log, sizeof(log));
	if (again >= 0)
		return again;
	log[sizeof(log) - 1] = '\0';
	while (*log && log[strlen(log) - 1] == '\n')
		log[strlen(log) - 1] = '\0';
	last = strrchr(log, '\n');
	return err_code(e, r, "load the device filter: bpf: %.200s",
			last ? last + 1 : log);
}

static int attach(int cgroup, int prog, int in_place_of)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (uint32_t)cgroup;
	attr.attach_bpf_fd = (uint32_t)prog;
	attr.attach_type = BPF_CGROUP_DEVICE;
	attr.attach_flags = BPF_F_ALLOW_MULTI;
	if (in_place_of >= 0) {
		attr.attach_flags |= BPF_F_REPLACE;
		attr.replace_bpf_fd = (uint32_t)in_place_of;
	}
	return sys_bpf(BPF_PROG_ATTACH, &attr);
}

static int detach(int cgroup, int prog)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (uint32_t)cgroup;
	attr.attach_bpf_fd = (uint32_t)prog;
	attr.attach_type = BPF_CGROUP_DEVICE;
	return sys_bpf(BPF_PROG_DETACH, &attr);
}

/* The ids of what is attached here (not above); their number or -errno. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the kernel writes to ids */
static int query(int cgroup, uint32_t ids[PROGS_MAX])
{
	union bpf_attr attr;
	int r;

	memset(&attr, 0, sizeof(attr));
	attr.query.target_fd = (uint32_t)cgroup;
	attr.query.attach_type = BPF_CGROUP_DEVICE;
	attr.query.prog_ids = (uintptr_t)ids;
	attr.query.prog_cnt = PROGS_MAX;
	r = sys_bpf(BPF_PROG_QUERY, &attr);
	return r < 0 ? r : (int)attr.query.prog_cnt;
}

static int open_by_id(uint32_t id)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_id = id;
	return sys_bpf(BPF_PROG_GET_FD_BY_ID, &attr);
}

/* One old program is exchanged; of several, all go once the new one is there. */
static int attach_replacing(int cgroup, int prog)
{
	uint32_t ids[PROGS_MAX];
	int count, r;

	count = query(cgroup, ids);
	if (count < 0)
		return count;
	if (count == 1) {
		AUTO_FD old = open_by_id(ids[0]);

		if (old >= 0)
			return attach(cgroup, prog, old);
	}
	r = attach(cgroup, prog, -1);
	for (int i = 0; i < count && r >= 0; i++) {
		AUTO_FD old = open_by_id(ids[i]);

		if (old < 0) /* ENOENT: it went by itself */
			continue;
		r = detach(cgroup, old);
		if (r == -ENOENT)
			r = 0;
	}
	return r;
}

int bpf_attach_device(int cgroup, int prog, bool replace, struct err *e)
{
	int r;

	r = replace ? attach_replacing(cgroup, prog) : attach(cgroup, prog, -1);
	return r < 0 ? err_code(e, r, "attach the device filter: bpf") : 0;
}
