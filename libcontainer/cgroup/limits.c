/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order and the treatment of 0 and -1 are runc's, so that one config.json means the
 * same here and there.
 */
#include "libcontainer/cgroup/limits.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/str.h"
#include "libcontainer/cgroup/cgroupfs.h"
#include "libcontainer/cgroup/cpu_weight.h"
#include "libcontainer/cgroup/path.h"

#define PERIOD_DEFAULT 100000 /* cpu.max, microseconds (cgroup-v2.rst) */
#define UNLIMITED      (-1)
#define NOTHING        (-2)
#define OLD_MAX        ((size_t)64 * 1024)

struct target {
	int dir;
	const char *path;
	struct limits_undo *undo; /* or NULL */
	const struct log *log;
};

struct limits_old {
	const char *file, *text; /* in the arena */
	struct limits_old *next;
};

/* What can't be read can't be written either, or needs no taking back. */
static int remember(const struct target *t, const char *file, struct err *e)
{
	AUTO_FREE char *text = NULL;
	struct limits_old *old;
	size_t len;

	if (!t->undo || file_read(t->dir, file, OLD_MAX, &text, &len, ERR_IGNORE) < 0)
		return 0;
	old = arena_alloc(&t->undo->arena, sizeof(*old));
	if (old) {
		old->file = arena_strdup(&t->undo->arena, file);
		old->text = arena_strndup(&t->undo->arena, text, len);
		old->next = t->undo->last;
	}
	if (!old || !old->file || !old->text)
		return err_code(e, ENOMEM, "change cgroup %s", t->path);
	t->undo->last = old;
	return 0;
}

/* Files as io.max take one line a write. */
static int write_lines(int dir, const struct limits_old *old)
{
	AUTO_FREE char *text = str_fmt("%s", old->text);
	char *line, *rest;
	int r = text ? 0 : -ENOMEM;

	for (line = text ? strtok_r(text, "\n", &rest) : NULL; line && r == 0;
	     line = strtok_r(NULL, "\n", &rest))
		r = file_write(dir, old->file, line);
	/* An empty list (cpuset.cpus) is written as one. */
	return text && !text[strspn(text, "\n")] ? file_write(dir, old->file, "\n") : r;
}

void limits_take_back(int dir, const struct limits_undo *undo, const struct log *log)
{
	char name[32];

	for (const struct limits_old *old = undo->last; old; old = old->next) {
		int r = write_lines(dir, old);

		if (r < 0)
			log_warn(log, "%s could not be set back: %s", old->file,
				 err_name(-r, name, sizeof(name)));
	}
}

void limits_undo_done(struct limits_undo *undo)
{
	arena_done(&undo->arena);
	undo->last = NULL;
}

/* A limit's file is missing: say which controller, and why it isn't there. */
static int explain_missing(const struct target *t, const char *file, struct err *e)
{
	int len = (int)strcspn(file, ".");
	AUTO_FD top = cgroup_path_top(ERR_IGNORE);

	if (top >= 0 && cgroupfs_has_controller(top, file, len) == 0)
		return err_set(e, EOPNOTSUPP,
			       "cgroup %s: no %.*s controller in the cgroup v2 hierarchy "
			       "(hybrid host?)",
			       file, len, file);
	if (cgroupfs_has_controller(t->dir, file, len) == 0)
		return err_set(
			e, EOPNOTSUPP,
			"cgroup %s: the %.*s controller can't be enabled for %s (is a "
			"process in a cgroup above it?)",
			file, len, file, t->path);
	return err_set(e, EOPNOTSUPP, "cgroup %s: this kernel doesn't have it", file);
}

static int write_limit(const struct target *t, const char *file, const char *value,
		       struct err *e)
{
	int r = remember(t, file, e);

	if (r < 0)
		return r;
	r = file_write(t->dir, file, value);
	if (r == -ENOENT)
		return explain_missing(t, file, e);
	return r < 0 ? err_code(e, r, "cgroup %s: write \"%s\" to %s", t->path, value,
				file)
		     : 0;
}

/* -1 is "max". */
static int write_number(const struct target *t, const char *file, int64_t value,
			struct err *e)
{
	char text[32] = "max";

	if (value != UNLIMITED)
		(void)snprintf(text, sizeof(text), "%" PRId64, value);
	return write_limit(t, file, text, e);
}

static int read_number(int dir, const char *file, uint64_t *ret)
{
	char text[32];
	ssize_t n = file_read_line(dir, file, text, sizeof(text));

	return n < 0 ? (int)n : str_to_u64(text, ret);
}

static int set_pids(const struct target *t, const struct spec_pids *p, struct err *e)
{
	int64_t limit;

	if (!p || !p->limit.set)
		return 0;
	/* 0 is a limit: no process can be forked. As the container's first one is there,
	 * 1 means that too, and doesn't refuse the first one; runc and systemd do so. */
	limit = p->limit.v < 0 ? UNLIMITED : p->limit.v;
	return write_number(t, "pids.max", limit == 0 ? 1 : limit, e);
}

int limits_swap(int64_t limit, int64_t swap, int64_t *ret, struct err *e)
{
	if (swap == 0) { /* not set: unlimited memory has unlimited swap, as on v1 */
		*ret = limit == UNLIMITED ? UNLIMITED : NOTHING;
		return 0;
	}
	if (swap == UNLIMITED || limit == UNLIMITED) {
		*ret = swap;
		return 0;
	}
	if (limit == 0)
		return err_set(e, EINVAL,
			       "unable to set swap limit without memory limit");
	if (limit < 0)
		return err_set(e, EINVAL, "invalid memory value: %" PRId64, limit);
	if (swap < limit)
		return err_set(e, EINVAL, "memory+swap limit should be >= memory limit");
	*ret = swap - limit;
	return 0;
}

/* memory.checkBeforeUpdate: don't set a limit that kills at once. */
static int check_usage(const struct target *t, int64_t limit, int64_t swap, struct err *e)
{
	uint64_t usage;

	/* As well as it can be known: without memory.current the kernel decides. */
	if (read_number(t->dir, "memory.current", &usage) < 0)
		return 0;
	if (swap > 0 && (uint64_t)swap <= usage)
		return err_set(e, EBUSY,
			       "rejecting memory+swap limit %" PRId64
			       " <= usage %" PRIu64,
			       swap, usage);
	if (limit > 0 && (uint64_t)limit <= usage)
		return err_set(e, EBUSY,
			       "rejecting memory limit %" PRId64 " <= usage %" PRIu64,
			       limit, usage);
	return 0;
}

static int set_swap(const struct target *t, int64_t limit, int64_t swap, struct err *e)
{
	int64_t value = NOTHING;
	uint64_t present;
	int r;

	/* An update of the swap alone goes with the limit that there is. */
	if (limit == 0 && swap > 0 && read_number(t->dir, "memory.max", &present) == 0 &&
	    present <= INT64_MAX)
		limit = (int64_t)present;
	r = limits_swap(limit, swap, &value, e);
	if (r < 0 || value == NOTHING)
		return r;
	r = write_number(t, "memory.swap.max", value, e);
	/* A kernel without swap accounting has no swap to limit; none or all of it is
	 * then what happens anyway. */
	if (r == -EOPNOTSUPP && value <= 0 &&
	    cgroupfs_has_controller(t->dir, "memory", 6) == 1)
		return 0;
	return r;
}

static void tell_ignored_memory(const struct target *t, const struct spec_memory *m)
{
	if (m->kernel.set || m->kernel_tcp.set)
		log_warn(t->log,
			 "memory.kernel and memory.kernelTCP are ignored: the kernel "
			 "has no such limits any more");
	if (m->swappiness.set || (m->disable_oom_killer.set && m->disable_oom_killer.v) ||
	    (m->use_hierarchy.set && !m->use_hierarchy.v))
		log_debug(t->log,
			  "memory.swappiness, disableOOMKiller and useHierarchy are "
			  "ignored: cgroup v2 has none of them");
}

static int set_memory(const struct target *t, const struct spec_memory *m, struct err *e)
{
	int64_t limit, swap;
	int r = 0;

	if (!m)
		return 0;
	tell_ignored_memory(t, m);
	limit = m->limit.set ? m->limit.v : 0;
	swap = m->swap.set ? m->swap.v : 0;
	if (m->check_before_update.set && m->check_before_update.v)
		r = check_usage(t, limit, swap, e);
	if (r == 0)
		r = set_swap(t, limit, swap, e);
	if (r == 0 && limit != 0)
		r = write_number(t, "memory.max", limit, e);
	if (r == 0 && m->reservation.set && m->reservation.v != 0)
		r = write_number(t, "memory.low", m->reservation.v, e);
	return r;
}

/* "max 100000": the quota is left in old; what can't be read isn't changed. */
static void read_cpu_max(int dir, char *old, size_t len, uint64_t *period)
{
	char text[64], *space;
	uint64_t value;

	if (file_read_line(dir, "cpu.max", text, sizeof(text)) <= 0)
		return;
	space = strchr(text, ' ');
	if (!space || str_to_u64(space + 1, &value) < 0)
		return;
	*space = '\0';
	(void)snprintf(old, len, "%s", text);
	*period = value;
}

/* cpu.max has quota and period in one; what isn't set stays as it is. */
static int set_cpu_max(const struct target *t, const struct spec_cpu *c, struct err *e)
{
	char old[64] = "max", text[64];
	bool has_quota = c->quota.set && c->quota.v != 0;
	bool has_period = c->period.set && c->period.v != 0;
	uint64_t period = PERIOD_DEFAULT;

	if (!has_quota && !has_period)
		return 0;
	if (!has_quota || !has_period)
		read_cpu_max(t->dir, old, sizeof(old), &period);
	if (has_period)
		period = c->period.v;
	if (!has_quota)
		(void)snprintf(text, sizeof(text), "%.32s %" PRIu64, old, period);
	else if (c->quota.v > 0)
		(void)snprintf(text, sizeof(text), "%" PRId64 " %" PRIu64, c->quota.v,
			       period);
	else
		(void)snprintf(text, sizeof(text), "max %" PRIu64, period);
	return write_limit(t, "cpu.max", text, e);
}

/* The burst may not exceed the quota, neither the old nor the new: if the kernel refuses
 * one of the orders, the other is right. */
static int set_quota_and_burst(const struct target *t, const struct spec_cpu *c,
			       struct err *e)
{
	char burst[32];
	int r;

	if (!c->burst.set)
		return set_cpu_max(t, c, e);
	(void)snprintf(burst, sizeof(burst), "%" PRIu64, c->burst.v);
	r = write_limit(t, "cpu.max.burst", burst, e);
	if (r == 0)
		return set_cpu_max(t, c, e);
	if (r != -EINVAL || !c->quota.set || c->quota.v == 0)
		return r;
	r = set_cpu_max(t, c, e);
	return r < 0 ? r : write_limit(t, "cpu.max.burst", burst, e);
}

/* A cgroup that becomes idle forgets its weight: the old one is set back after cpu.idle. */
static int set_idle(const struct target *t, int64_t idle, struct err *e)
{
	uint64_t old;
	int r = 0;

	if (read_number(t->dir, "cpu.idle", &old) == 0 && old == 0)
		r = remember(t, "cpu.weight", e);
	return r < 0 ? r : write_number(t, "cpu.idle", idle, e);
}

static int set_cpu(const struct target *t, const struct spec_cpu *c, struct err *e)
{
	bool idle = c && c->idle.set && c->idle.v == 1;
	uint64_t weight;
	int r = 0;

	if (!c)
		return 0;
	if ((c->realtime_runtime.set && c->realtime_runtime.v != 0) ||
	    (c->realtime_period.set && c->realtime_period.v != 0))
		log_warn(t->log,
			 "cpu.realtimeRuntime and cpu.realtimePeriod are ignored: "
			 "cgroup v2 has none of them");
	if (c->idle.set)
		r = set_idle(t, c->idle.v, e);
	weight = cpu_weight_from_shares(c->shares.set ? c->shares.v : 0);
	/* The kernel refuses a weight for an idle cgroup, where it would mean nothing. */
	if (r == 0 && weight != 0 && !idle)
		r = write_number(t, "cpu.weight", (int64_t)weight, e);
	if (r == 0)
		r = set_quota_and_burst(t, c, e);
	if (r == 0 && c->cpus && *c->cpus)
		r = write_limit(t, "cpuset.cpus", c->cpus, e);
	if (r == 0 && c->mems && *c->mems)
		r = write_limit(t, "cpuset.mems", c->mems, e);
	return r;
}

static int set_unified_line(const struct target *t, const char *key, const char *line,
			    struct err *e)
{
	int len = (int)strcspn(key, "."), r = remember(t, key, e);

	if (r < 0)
		return r;
	r = file_write(t->dir, key, line);
	if (r >= 0)
		return 0;
	if (r == -ENOENT || r == -EPERM) {
		if (key[len] == '\0')
			return err_set(e, EINVAL,
				       "unified resource \"%s\" must be in the form "
				       "CONTROLLER.PARAMETER",
				       key);
		if (strncmp(key, "cgroup.", 7) != 0 &&
		    cgroupfs_has_controller(t->dir, key, len) == 0)
			return err_set(e, EOPNOTSUPP,
				       "unified resource \"%s\" can't be set: controller "
				       "\"%.*s\" not available",
				       key, len, key);
	}
	return err_code(e, r, "unable to set unified resource \"%s\"", key);
}

/* Files as io.max take one line a write. */
static int set_unified(const struct target *t, const struct spec_pair *p, struct err *e)
{
	AUTO_FREE char *text = NULL;
	char *line, *rest;
	int r = 0;

	if (strchr(p->key, '/'))
		return err_set(e, EINVAL,
			       "unified resource \"%s\" must be a file name (no slashes)",
			       p->key);
	if (!strchr(p->value, '\n'))
		return set_unified_line(t, p->key, p->value, e);
	text = str_fmt("%s", p->value);
	if (!text)
		return err_code(e, ENOMEM, "unified resource \"%s\"", p->key);
	for (line = strtok_r(text, "\n", &rest); line && r == 0;
	     line = strtok_r(NULL, "\n", &rest))
		r = set_unified_line(t, p->key, line, e);
	return r;
}

int limits_apply(int dir, const char *path, const struct spec_resources *res,
		 struct limits_undo *undo, const struct log *log, struct err *e)
{
	const struct target t = {.dir = dir, .path = path, .undo = undo, .log = log};
	int r;

	if (!res)
		return 0;
	r = set_pids(&t, res->pids, e);
	if (r == 0)
		r = set_memory(&t, res->memory, e);
	if (r == 0)
		r = set_cpu(&t, res->cpu, e);
	/* Last, as it may correct the others. */
	for (size_t i = 0; i < res->unified.count && r == 0; i++)
		r = set_unified(&t, &res->unified.v[i], e);
	return r;
}

bool limits_any(const struct spec_resources *res)
{
	const struct spec_memory *m = res ? res->memory : NULL;
	const struct spec_cpu *c = res ? res->cpu : NULL;

	if (!res)
		return false;
	if (m && ((m->limit.set && m->limit.v != 0) || (m->swap.set && m->swap.v != 0) ||
		  (m->reservation.set && m->reservation.v != 0)))
		return true;
	if (c &&
	    ((c->shares.set && c->shares.v != 0) || (c->quota.set && c->quota.v != 0) ||
	     (c->period.set && c->period.v != 0) || c->burst.set || c->idle.set ||
	     (c->cpus && *c->cpus) || (c->mems && *c->mems)))
		return true;
	return (res->pids && res->pids->limit.set) || res->unified.count > 0;
}
