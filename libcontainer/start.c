/* SPDX-License-Identifier: Apache-2.0 */
/* container_start: opens the gate and sees the user's program begin. */
#include <errno.h>
#include <signal.h>

#include "base/fd.h"
#include "libcontainer/engine.h"
#include "libcontainer/gate.h"
#include "libcontainer/hooks.h"
#include "libcontainer/state.h"
#include "libcontainer/sync.h"

static int prepare_start(const struct container *c, const struct log *log, struct err *e)
{
	const struct engine *engine = engine_find(c->engine);

	if (!engine)
		return err_set(e, ENOTSUP, "this hull has no engine %s", c->engine);
	return engine->starting ? engine->starting(c, log, e) : 0;
}

/* The gate's connection, or the socket that a foreground container was made with. */
static int open_gate(struct container *c, const struct log *log, struct err *e)
{
	int status, r;

	if (c->sync >= 0) {
		r = prepare_start(c, log, e);
		/* One that has died says why. */
		if (r == 0 || r == -ESRCH)
			r = sync_tell(c->sync, SYNC_START, e);
		return r < 0 ? r : fd_take(&c->sync);
	}
	status = container_status(c, e);
	if (status < 0)
		return status;
	if (status == CONTAINER_STOPPED)
		return err_set(e, EINVAL, "cannot start a container that has stopped");
	if (status != CONTAINER_CREATED)
		return err_set(e, EINVAL,
			       status == CONTAINER_CREATING
				       ? "cannot start a container that is being created"
				       : "cannot start an already running container");
	r = prepare_start(c, log, e);
	return r < 0 ? r : gate_open(c->dir, e);
}

static int run_poststart(struct container *c, const struct log *log, struct err *e)
{
	struct hook_state state;
	const char *text;
	struct spec *s;
	size_t len;
	int r;

	r = container_spec(c, &s, e);
	if (r < 0)
		return r;
	if (!s->hooks || !s->hooks->poststart.count)
		return 0;
	r = hook_state_init(&state, c, "running", e);
	if (r < 0)
		return r;
	text = hook_state_text(&state, c->pid, &len);
	r = hooks_run(&s->hooks->poststart, "poststart", text, len, e);
	hook_state_done(&state);
	/* Since runtime-spec 1.3 a failure stops the container. */
	if (r < 0 && container_kill(c, SIGKILL, false, ERR_IGNORE) < 0)
		log_warn(log, "container %s could not be stopped after a failed hook",
			 c->id);
	return r;
}

int container_start(struct container *c, const struct log *log, struct err *e)
{
	AUTO_FD gate = -1;
	int r;

	r = state_lock(c->dir, e);
	if (r < 0)
		return r;
	gate = open_gate(c, log, e);
	/* The gate is gone, so nobody starts it again; startContainer hooks may run now.
	 */
	state_unlock(c->dir);
	r = gate < 0 ? gate : sync_expect_close(gate, e);
	if (r == -EPIPE)
		(void)err_set(e, EPIPE,
			      "the container's process died before it could begin");
	if (r < 0 || !c->has_poststart)
		return r;
	return run_poststart(c, log, e);
}
