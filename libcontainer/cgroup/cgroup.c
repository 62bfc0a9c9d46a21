/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/cgroup/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/path.h"
#include "base/str.h"
#include "libcontainer/cgroup/bpf.h"
#include "libcontainer/cgroup/cgroupfs.h"
#include "libcontainer/cgroup/devices.h"
#include "libcontainer/cgroup/events.h"
#include "libcontainer/cgroup/freezer.h"
#include "libcontainer/cgroup/limits.h"
#include "libcontainer/cgroup/path.h"
#include "libcontainer/cgroup/procs.h"

#define REMOVE_PATIENCE_MS 3000

int cgroup_locate(struct cgroup *c, enum cgroup_driver driver, const char *cgroups_path,
		  const char *id, struct err *e)
{
	struct cgroup found = {.driver = driver, .fd = -1};
	int r = 0;

	if (driver == CGROUP_CGROUPFS)
		r = cgroup_path_make(cgroups_path, id, found.path, sizeof(found.path), e);
	if (r == 0)
		*c = found;
	return r;
}

/* Without CAP_SYS_ADMIN in the initial user namespace: the host lets us neither write to
 * its cgroups nor use bpf(2) as we like. */
static bool is_rootless(void)
{
	char map[64], *p;
	uint64_t count = 0;

	if (geteuid() != 0)
		return true;
	if (file_read_line(AT_FDCWD, "/proc/self/uid_map", map, sizeof(map)) < 0)
		return false;
	/* "0 0 4294967295" is the initial one's. */
	map[strcspn(map, "\n")] = '\0';
	p = strrchr(map, ' ');
	return !(p && str_to_u64(p + 1, &count) == 0 && count == UINT32_MAX);
}

static bool is_refusal(int r)
{
	return r == -EACCES || r == -EPERM || r == -EROFS;
}

/* One that was there already must be unused: two containers in one cgroup would share
 * limits and be killed together. */
static int check_unused(const struct cgroup *c, struct err *e)
{
	int n;

	n = cgroup_procs_count(c->fd);
	if (n < 0)
		return err_code(e, n, "read the processes of cgroup %s", c->path);
	if (n > 0)
		return err_set(e, EBUSY,
			       "container's cgroup is not empty: %d process(es) found",
			       n);
	n = freezer_get(c->fd);
	if (n < 0)
		return err_code(e, n, "read the state of cgroup %s", c->path);
	return n ? err_set(e, EBUSY, "container's cgroup unexpectedly frozen") : 0;
}

static int set_device_filter(const struct cgroup *c, const struct spec_resources *res,
			     bool is_new, const struct log *log, struct err *e)
{
	__attribute__((cleanup(device_filter_done))) struct device_filter f = {0};
	AUTO_FD prog = -1;
	int r;

	r = device_filter_make(res ? res->devices : NULL, res ? res->devices_count : 0,
			       &f, e);
	if (r < 0)
		return r;
	prog = bpf_load_device(f.insns, f.count, e);
	r = prog < 0 ? prog : bpf_attach_device(c->fd, prog, !is_new, e);
	/* Who can't load it can't make device nodes either (runc: canSkipEBPFError). */
	if (r < 0 && is_rootless()) {
		log_debug(log, "no device filter: %s", e->text);
		r = 0;
	}
	return r < 0 ? err_wrap(e, "cgroup %s", c->path) : 0;
}

int cgroup_create(struct cgroup *c, const struct spec_resources *res,
		  const struct log *log, struct err *e)
{
	unsigned made = 0;
	AUTO_FD top = -1;
	int r = 0;

	if (c->driver == CGROUP_DISABLED)
		return 0;
	top = cgroup_path_top(e);
	if (top < 0)
		return top;
	c->fd = cgroupfs_make(top, c->path, &made, e);
	if (c->fd < 0) {
		r = c->fd;
		c->fd = -1;
		if (!is_refusal(r) || limits_any(res) || !is_rootless())
			return r;
		log_warn(log, "no cgroup for the container: %s", e->text);
		c->driver = CGROUP_DISABLED;
		c->path[0] = '\0';
		return 0;
	}
	if (made == 0)
		r = check_unused(c, e);
	if (r == 0)
		r = limits_apply(c->fd, c->path, res, NULL, log, e);
	if (r == 0)
		r = set_device_filter(c, res, made > 0, log, e);
	if (r < 0) {
		fd_close(&c->fd);
		cgroupfs_unmake(top, c->path, made);
	}
	return r;
}

int cgroup_open(struct cgroup *c, enum cgroup_driver driver, const char *path,
		struct err *e)
{
	struct cgroup found = {.driver = driver, .fd = -1};
	AUTO_FD top = -1;
	int r;

	if (driver == CGROUP_CGROUPFS) {
		r = cgroup_path_check(path, e);
		if (r < 0)
			return r;
		if (strlen(path) >= sizeof(found.path))
			return err_set(e, ENAMETOOLONG, "cgroup %.100s...: too long",
				       path);
		memcpy(found.path, path, strlen(path) + 1);
		top = cgroup_path_top(e);
		if (top < 0)
			return top;
		found.fd = cgroup_path_open(top, path);
		if (found.fd < 0 && found.fd != -ENOENT)
			return err_code(e, found.fd, "open cgroup %s", path);
		if (found.fd < 0)
			found.fd = -1;
	}
	*c = found;
	return 0;
}

int cgroup_open_sub(const struct cgroup *c, const char *sub, struct err *e)
{
	char clean[4096];
	int fd;

	if (c->fd < 0)
		return err_set(e, ENODEV, "the container has no cgroup%s%s",
			       *sub ? " for " : "", sub);
	/* Its text decides, as runc: what climbs out of the container's is refused, not
	 * silently taken back in. */
	if (path_clean(*sub == '/' ? sub + 1 : sub, clean, sizeof(clean)) < 0 ||
	    str_eq(clean, "..") || str_after(clean, "../") || clean[0] == '/')
		return err_set(e, EINVAL, "bad sub cgroup path: %s", sub);
	fd = path_open_plain(c->fd, clean, O_RDONLY | O_DIRECTORY, 0, 1);
	return fd < 0 ? err_code(e, fd, "open cgroup %s of %s", sub, c->path) : fd;
}

int cgroup_open_of(const struct cgroup *c, pid_t pid, struct err *e)
{
	char path[4096];
	const char *rest;
	AUTO_FD top = -1;
	int r, fd;

	r = cgroup_path_of(pid, path, sizeof(path), e);
	if (r < 0)
		return r;
	rest = str_after(path, c->path);
	if (c->path[0] == '\0' || !rest || (*rest != '\0' && *rest != '/') ||
	    cgroup_path_check(path, e) < 0)
		return err_set(e, EXDEV, "process %d is in cgroup %s, not in %s", pid,
			       path, c->path[0] ? c->path : "one of the container's own");
	top = cgroup_path_top(e);
	if (top < 0)
		return top;
	fd = cgroup_path_open(top, path);
	return fd < 0 ? err_code(e, fd, "open cgroup %s", path) : fd;
}

int cgroup_apply(const struct cgroup *c, const struct spec_resources *res,
		 const struct log *log, struct err *e)
{
	struct limits_undo undo = {0};
	int r;

	if (c->fd < 0)
		return limits_any(res)
			       ? err_set(e, ENODEV,
					 "the container has no cgroup to set limits "
					 "in")
			       : 0;
	r = limits_apply(c->fd, c->path, res, &undo, log, e);
	if (r < 0)
		limits_take_back(c->fd, &undo, log);
	limits_undo_done(&undo);
	return r;
}

struct pid_list {
	struct arena *arena;
	pid_t *v;
	size_t count, room;
};

static int add_pid(pid_t pid, void *arg)
{
	struct pid_list *l = arg;
	pid_t *more;

	if (l->count == l->room) {
		more = arena_array(l->arena, l->room ? l->room * 2 : 64, sizeof(*more));
		if (!more)
			return -ENOMEM;
		if (l->count)
			memcpy(more, l->v, l->count * sizeof(*more));
		l->room = l->room ? l->room * 2 : 64;
		l->v = more;
	}
	l->v[l->count++] = pid;
	return 0;
}

int cgroup_processes(const struct cgroup *c, struct arena *a, pid_t **ret,
		     size_t *ret_count, struct err *e)
{
	struct pid_list l = {.arena = a};
	int r = c->fd < 0 ? 0 : cgroup_procs_each(c->fd, add_pid, &l);

	if (r < 0)
		return err_code(e, r, "read the processes of cgroup %s", c->path);
	if (c->driver == CGROUP_DISABLED)
		return err_set(e, ENODEV,
			       "the container has no cgroup to find its processes in");
	*ret = l.v;
	*ret_count = l.count;
	return 0;
}

static int signal_one(pid_t pid, void *arg)
{
	/* Gone is fine, and so is one that we may not signal: the others get theirs. */
	return kill(pid, *(int *)arg) < 0 && errno == EINVAL ? -EINVAL : 0;
}

/* One by one; frozen meanwhile, so that none forks away and no pid changes hands. */
static int signal_all(const struct cgroup *c, int sig, struct err *e)
{
	bool was_frozen = freezer_get(c->fd) == 1;
	int r, frozen = -1;

	if (!was_frozen)
		frozen = freezer_set(c->fd, true);
	r = cgroup_procs_each(c->fd, signal_one, &sig);
	if (frozen == 0)
		(void)freezer_set(c->fd, false);
	return r < 0 ? err_code(e, r, "signal the processes of cgroup %s", c->path) : 0;
}

int cgroup_kill(const struct cgroup *c, int sig, struct err *e)
{
	int r;

	if (c->fd < 0)
		return 0;
	if (sig == SIGKILL) {
		r = file_write(c->fd, "cgroup.kill", "1");
		if (r == 0 || r == -ENODEV)
			return 0;
		/* ENOENT before Linux 5.14, or it was removed; EOPNOTSUPP in a threaded
		 * cgroup. */
		if (r != -ENOENT && r != -EOPNOTSUPP)
			return err_code(e, r, "kill cgroup %s", c->path);
	}
	return signal_all(c, sig, e);
}

int cgroup_is_frozen(const struct cgroup *c, struct err *e)
{
	int r;

	if (c->fd < 0)
		return 0;
	r = freezer_get(c->fd);
	return r < 0 ? err_code(e, r, "read the freezer of cgroup %s", c->path) : r;
}

int cgroup_freeze(const struct cgroup *c, bool freeze, struct err *e)
{
	const char *verb = freeze ? "freeze" : "thaw";
	int r;

	if (c->fd < 0)
		return err_set(e, ENODEV, "%s: the container has no cgroup", verb);
	r = freezer_set(c->fd, freeze);
	return r < 0 ? err_code(e, r, "%s cgroup %s", verb, c->path) : 0;
}

int cgroup_is_populated(const struct cgroup *c, struct err *e)
{
	int r;

	if (c->fd < 0)
		return 0;
	r = cgroup_events_get(c->fd, "populated");
	return r < 0 ? err_code(e, r, "read the events of cgroup %s", c->path) : r;
}

int cgroup_destroy(struct cgroup *c, struct err *e)
{
	AUTO_FD top = -1;
	int r;

	/* Without a descriptor it was never ours, or is gone: the folder of that name may
	 * be another container's. */
	if (c->fd < 0)
		return 0;
	/* Nor if it was removed by somebody else: then it has no files any more. */
	if (faccessat(c->fd, "cgroup.procs", F_OK, 0) < 0) {
		fd_close(&c->fd);
		return 0;
	}
	top = cgroup_path_top(e);
	if (top < 0)
		return top;
	r = cgroupfs_remove(top, c->path, cgroup_events_now() + REMOVE_PATIENCE_MS, e);
	if (r == 0)
		fd_close(&c->fd);
	return r;
}

int cgroup_oom_kills(const struct cgroup *c)
{
	char text[256];
	const char *p;

	if (c->fd < 0 || file_read_line(c->fd, "memory.events", text, sizeof(text)) < 0)
		return 0;
	p = strstr(text, "\noom_kill ");
	return p ? (int)strtol(p + sizeof("\noom_kill ") - 1, NULL, 10) : 0;
}

void cgroup_done(struct cgroup *c)
{
	fd_close(&c->fd);
}
