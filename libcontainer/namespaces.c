/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/proc.h"
#include "base/procfs.h"
#include "base/str.h"
#include "libcontainer/sync.h"

#ifndef CLONE_CLEAR_SIGHAND /* linux/sched.h, since 5.5 */
#define CLONE_CLEAR_SIGHAND 0x100000000ULL
#endif
#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

static const uint64_t flags[SPEC_NS_COUNT] = {
	[SPEC_NS_CGROUP] = CLONE_NEWCGROUP, [SPEC_NS_IPC] = CLONE_NEWIPC,
	[SPEC_NS_MOUNT] = CLONE_NEWNS,      [SPEC_NS_NETWORK] = CLONE_NEWNET,
	[SPEC_NS_PID] = CLONE_NEWPID,       [SPEC_NS_TIME] = CLONE_NEWTIME,
	[SPEC_NS_USER] = CLONE_NEWUSER,     [SPEC_NS_UTS] = CLONE_NEWUTS,
};

uint64_t ns_flag(enum spec_ns type)
{
	return flags[type];
}

static int open_path(const struct spec_namespace *ns, struct err *e)
{
	AUTO_FD fd = open(ns->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int type;

	if (fd < 0)
		return err_sys(e, "linux.namespaces: %s: open %s", spec_ns_name(ns->type),
			       ns->path);
	type = ioctl(fd, NS_GET_NSTYPE);
	if (type < 0 || (uint64_t)type != flags[ns->type])
		return err_set(e, EINVAL, "linux.namespaces: %s: %s is none of that type",
			       spec_ns_name(ns->type), ns->path);
	return fd_take(&fd);
}

static void init_plan(struct ns_plan *p)
{
	*p = (struct ns_plan){.join_pidfd = -1};
	for (int i = 0; i < SPEC_NS_COUNT; i++)
		p->join[i] = -1;
}

static bool has_offsets(const struct spec_time_offsets *o)
{
	return o && (o->monotonic || o->boottime);
}

int ns_plan_make(const struct spec *s, struct ns_plan *ret, struct err *e)
{
	const struct spec_linux *l = s->linux_;
	bool paths = false;

	init_plan(ret);
	for (size_t i = 0; i < l->namespaces_count; i++) {
		const struct spec_namespace *ns = &l->namespaces[i];

		if (ns->path) {
			ret->join[ns->type] = open_path(ns, e);
			if (ret->join[ns->type] < 0) {
				ns_plan_done(ret);
				return -e->code;
			}
			paths = paths || ns->type != SPEC_NS_USER;
		} else if (ns->type == SPEC_NS_CGROUP) {
			ret->new_cgroup = true;
		} else {
			ret->clone_flags |= flags[ns->type];
		}
	}
	ret->new_user = ret->clone_flags & CLONE_NEWUSER;
	ret->new_pid = ret->clone_flags & CLONE_NEWPID;
	ret->new_network = ret->clone_flags & CLONE_NEWNET;
	ret->userns = ret->new_user || ret->join[SPEC_NS_USER] >= 0;
	ret->intermediate = ret->join[SPEC_NS_PID] >= 0 || ret->join[SPEC_NS_USER] >= 0 ||
			    (ret->new_user && paths) || has_offsets(l->time_offsets);
	ret->time_offsets = l->time_offsets;
	ret->uid_mappings = &l->uid_mappings;
	ret->gid_mappings = &l->gid_mappings;
	return 0;
}

void ns_plan_exec(const struct spec *s, int pidfd, struct ns_plan *ret)
{
	init_plan(ret);
	for (size_t i = 0; i < s->linux_->namespaces_count; i++)
		ret->join_flags |= flags[s->linux_->namespaces[i].type];
	ret->join_pidfd = pidfd;
	ret->userns = ret->join_flags & CLONE_NEWUSER;
	ret->intermediate = ret->join_flags & CLONE_NEWPID;
}

void ns_plan_done(struct ns_plan *p)
{
	for (int i = 0; i < SPEC_NS_COUNT; i++)
		fd_close(&p->join[i]);
}

/* Joins by path: what the caller's user namespace has a right to first, then the user
 * namespace, then what that one owns. */
static int join_paths(const struct ns_plan *p, bool with_user, struct err *e)
{
	bool done[SPEC_NS_COUNT] = {false};

	for (int pass = 0; pass < 2; pass++) {
		for (int i = 0; i < SPEC_NS_COUNT; i++) {
			if (p->join[i] < 0 || done[i] || i == SPEC_NS_USER)
				continue;
			done[i] = setns(p->join[i], (int)flags[i]) == 0;
			if (!done[i] && (pass == 1 || errno != EPERM))
				return err_sys(e, "join the %s namespace",
					       spec_ns_name((enum spec_ns)i));
		}
		if (pass == 1 || !with_user || p->join[SPEC_NS_USER] < 0)
			continue;
		if (setns(p->join[SPEC_NS_USER], CLONE_NEWUSER) < 0)
			return err_sys(e, "join the user namespace");
	}
	return 0;
}

static int join_all(const struct ns_plan *p, struct err *e)
{
	if (p->join_pidfd < 0)
		return join_paths(p, true, e);
	/* One call for all (Linux 5.8): either every namespace or none. */
	if (p->join_flags && setns(p->join_pidfd, (int)p->join_flags) < 0)
		return err_sys(e, "join the container's namespaces");
	return 0;
}

struct spawn {
	const struct ns_plan *plan;
	const int *sync;
	int proc_fd;
	void (*body)(void *ctx);
	void *ctx;
};

static int write_offset(int proc_fd, const char *clock, const struct spec_time_offset *o,
			struct err *e)
{
	char text[64];
	int r;

	if (!o)
		return 0;
	(void)snprintf(text, sizeof(text), "%s %lld %u", clock, (long long)o->secs,
		       o->nanosecs);
	r = procfs_write(proc_fd, "self/timens_offsets", text);
	return r < 0 ? err_code(e, r, "linux.timeOffsets.%s", clock) : 0;
}

/* The namespace is made for our children here and not by the clone, which would put a
 * process into it at once (time_namespaces(7)). */
static int make_time(const struct ns_plan *p, int proc_fd, struct err *e)
{
	int r;

	if (!has_offsets(p->time_offsets))
		return 0;
	if (unshare(CLONE_NEWTIME) < 0)
		return err_sys(e, "make a time namespace");
	r = write_offset(proc_fd, "monotonic", p->time_offsets->monotonic, e);
	if (r < 0)
		return r;
	return write_offset(proc_fd, "boottime", p->time_offsets->boottime, e);
}

/* The child in a pid namespace doesn't know what we call it, but our procfs does. It is
 * the child that tells, and not who cloned it, so that this comes before all else that it
 * has to say. */
static void __attribute__((noreturn)) run_child(const struct spawn *s)
{
	pid_t pid = procfs_self(s->proc_fd);
	struct err e;

	if (pid < 0) {
		(void)err_code(&e, pid, "look up the container's process");
		sync_send_err(s->sync[1], &e);
		_exit(1);
	}
	if (sync_send(s->sync[1], SYNC_PID, pid, -1) == 0)
		s->body(s->ctx);
	_exit(1);
}

/* The process in between: joins, clones, is gone. */
static void __attribute__((noreturn)) run_intermediate(const struct spawn *s)
{
	struct clone_args args = {.flags = s->plan->clone_flags | CLONE_PARENT};
	struct err e;
	pid_t pid;

	(void)close(s->sync[0]);
	/* Before it is where a container's processes could look at it (CVE-2019-5736). */
	(void)prctl(PR_SET_DUMPABLE, 0);
	if (has_offsets(s->plan->time_offsets))
		args.flags &= ~(uint64_t)CLONE_NEWTIME;
	if (join_all(s->plan, &e) < 0 || make_time(s->plan, s->proc_fd, &e) < 0) {
		sync_send_err(s->sync[1], &e);
		_exit(1);
	}
	pid = proc_clone(&args);
	if (pid == 0)
		run_child(s);
	if (pid < 0) {
		(void)err_code(&e, pid, "clone the container's process");
		sync_send_err(s->sync[1], &e);
		_exit(1);
	}
	_exit(0);
}

static pid_t finish_intermediate(pid_t middle, int sock, int *ret_pidfd, struct err *e)
{
	int pid = -1, r, status;

	r = sync_expect(sock, SYNC_PID, &pid, NULL, e);
	status = proc_wait(middle);
	if (r < 0)
		return r == -EPIPE && status >= 0 ? err_set(e, EPIPE,
							    "the process that joins "
							    "namespaces died (status %d)",
							    proc_exit_code(status))
						  : r;
	/* It is our child, so the number is its own until we wait for it. */
	r = proc_pidfd(pid);
	if (r < 0)
		return err_code(e, r, "pidfd_open %d", pid);
	*ret_pidfd = r;
	return pid;
}

pid_t ns_spawn(const struct ns_plan *p, int cgroup_fd, int proc_fd, int sync[2],
	       void (*body)(void *ctx), void *ctx, int *ret_pidfd, struct err *e)
{
	const struct spawn s = {
		.plan = p, .sync = sync, .proc_fd = proc_fd, .body = body, .ctx = ctx};
	int pidfd = -1;
	struct clone_args args = {
		.flags = CLONE_PIDFD | CLONE_CLEAR_SIGHAND |
			 (p->intermediate ? 0 : p->clone_flags),
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
	};
	pid_t pid;

	if (cgroup_fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)cgroup_fd;
	}
	pid = proc_clone(&args);
	if (pid == 0 && p->intermediate)
		run_intermediate(&s);
	if (pid == 0) {
		(void)close(sync[0]);
		body(ctx);
		_exit(1);
	}
	if (pid < 0)
		return err_code(e, pid, "clone the container's process");
	/* Now, or the end of a process that is killed before it says anything would never
	 * be seen: we would hold the other end ourselves. */
	fd_close(&sync[1]);
	if (p->intermediate) {
		fd_close(&pidfd);
		return finish_intermediate(pid, sync[0], ret_pidfd, e);
	}
	*ret_pidfd = pidfd;
	return pid;
}

static int write_map(const struct spec_idmaps *maps, int proc_fd, pid_t pid,
		     const char *file, struct err *e)
{
	AUTO_SBUF text = {0};
	char path[64];
	int r;

	for (size_t i = 0; i < maps->count; i++)
		sbuf_addf(&text, "%u %u %u\n", maps->v[i].container_id,
			  maps->v[i].host_id, maps->v[i].size);
	if (text.failed)
		return err_code(e, ENOMEM, "%s", file);
	if (!text.data)
		return 0;
	(void)snprintf(path, sizeof(path), "%d/%s", pid, file);
	r = procfs_write(proc_fd, path, text.data);
	return r < 0 ? err_code(e, r, "linux.%cidMappings: write %s", file[0], file) : 0;
}

int ns_write_maps(const struct ns_plan *p, pid_t pid, int proc_fd, struct err *e)
{
	int r = write_map(p->uid_mappings, proc_fd, pid, "uid_map", e);

	return r < 0 ? r : write_map(p->gid_mappings, proc_fd, pid, "gid_map", e);
}

/* The ids of a process that entered a user namespace are still its old ones; what it
 * makes is to belong to the namespace's root. By bare system calls: libc's functions
 * would look for the other threads of the process that we were cloned from. */
static int become_root(struct err *e)
{
	if (syscall(SYS_setresgid, 0, 0, 0) < 0)
		return err_sys(e, "gid 0 is not mapped in the user namespace");
	if (syscall(SYS_setresuid, 0, 0, 0) < 0)
		return err_sys(e, "uid 0 is not mapped in the user namespace");
	/* EPERM: setgroups is denied there, and the groups can't do harm. */
	if (syscall(SYS_setgroups, 0, NULL) < 0 && errno != EPERM)
		return err_sys(e, "setgroups");
	return 0;
}

int ns_finish(const struct ns_plan *p, struct err *e)
{
	int r;

	if (!p->intermediate) {
		r = join_all(p, e);
		if (r < 0)
			return r;
	}
	if (p->userns) {
		r = become_root(e);
		if (r < 0)
			return r;
	}
	if (p->new_cgroup && unshare(CLONE_NEWCGROUP) < 0)
		return err_sys(e, "make a cgroup namespace");
	return 0;
}
