/* SPDX-License-Identifier: Apache-2.0 */
/* What is done to a container that is there: stopped for a while, resized, looked at. */
#include <errno.h>

#include "base/fd.h"
#include "libcontainer/engine.h"
#include "libcontainer/state.h"

static const struct engine *engine_of(const struct container *c, struct err *e)
{
	const struct engine *engine = engine_find(c->engine);

	if (!engine)
		(void)err_set(e, ENOTSUP, "this hull has no engine %s", c->engine);
	return engine;
}

static int not_running(struct err *e)
{
	return err_set(e, ESRCH, "container not running");
}

static int freeze(struct container *c, bool on, struct err *e)
{
	const struct engine *engine = engine_of(c, e);
	int status = container_status(c, e);

	if (!engine || status < 0)
		return -e->code;
	if (on && status != CONTAINER_RUNNING && status != CONTAINER_CREATED)
		return status == CONTAINER_PAUSED
			       ? err_set(e, EBUSY, "container already paused")
			       : not_running(e);
	if (!on && status != CONTAINER_PAUSED)
		return err_set(e, EINVAL, "container not paused");
	return engine->freeze(c, on, e);
}

/* Not while another command starts or deletes it. */
static int freeze_locked(struct container *c, bool on, struct err *e)
{
	int r = state_lock(c->dir, e);

	if (r < 0)
		return r;
	r = freeze(c, on, e);
	state_unlock(c->dir);
	return r;
}

int container_pause(struct container *c, struct err *e)
{
	return freeze_locked(c, true, e);
}

int container_resume(struct container *c, struct err *e)
{
	return freeze_locked(c, false, e);
}

static int update(struct container *c, const struct spec_resources *res,
		  const struct log *log, struct err *e)
{
	const struct engine *engine = engine_of(c, e);
	int status = container_status(c, e);

	if (!engine || status < 0)
		return -e->code;
	if (status == CONTAINER_STOPPED || status == CONTAINER_CREATING)
		return not_running(e);
	return engine->resize(c, res, log, e);
}

int container_update(struct container *c, const struct spec_resources *res,
		     const struct log *log, struct err *e)
{
	int r = state_lock(c->dir, e);

	if (r < 0)
		return r;
	r = update(c, res, log, e);
	state_unlock(c->dir);
	return r;
}

int container_processes(const struct container *c, struct arena *a, pid_t **ret,
			size_t *ret_count, struct err *e)
{
	const struct engine *engine = engine_of(c, e);

	return engine ? engine->processes(c, a, ret, ret_count, e) : -e->code;
}

int container_stats(const struct container *c, struct arena *a, struct cgroup_stats *ret,
		    struct err *e)
{
	const struct engine *engine = engine_of(c, e);

	return engine ? engine->stats(c, a, ret, e) : -e->code;
}

int container_watch(const struct container *c, struct cgroup_watch *ret, struct err *e)
{
	const struct engine *engine = engine_of(c, e);
	int status = container_status(c, e);

	if (!engine || status < 0)
		return -e->code;
	if (status == CONTAINER_STOPPED || status == CONTAINER_CREATING)
		return err_set(e, ESRCH, "container with id %s is not running", c->id);
	return engine->watch(c, ret, e);
}
