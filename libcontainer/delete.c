/* SPDX-License-Identifier: Apache-2.0 */
/* container_kill and container_delete: the end of a container. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <time.h>

#include "base/fd.h"
#include "libcontainer/engine.h"
#include "libcontainer/hooks.h"
#include "libcontainer/state.h"

/* As runc: how long a killed init may take to be gone. */
#define DEATH_MS 10000

int container_kill(struct container *c, int sig, bool all, struct err *e)
{
	const struct engine *engine = engine_find(c->engine);
	int status;

	if (!engine)
		return err_set(e, ENOTSUP, "this hull has no engine %s", c->engine);
	/* Without a pid namespace of its own a container outlives its init: then SIGKILL
	 * is for all of it, also when the init is gone (runc's rule). */
	if (all ||
	    (sig == SIGKILL && !c->own_pidns && c->cgroup.driver != CGROUP_DISABLED))
		return cgroup_kill(&c->cgroup, sig, e);
	status = container_status(c, e);
	if (status < 0)
		return status;
	if (status == CONTAINER_STOPPED || c->pidfd < 0)
		return err_set(e, ESRCH, "container not running");
	return engine->signal(c, sig, e);
}

/* Kills the init and all that was the container's, and waits for the init's end. */
static int end_processes(struct container *c, struct err *e)
{
	struct pollfd p = {.fd = c->pidfd, .events = POLLIN};
	int r;

	if (c->pidfd >= 0) {
		(void)engine_find(c->engine)->signal(c, SIGKILL, ERR_IGNORE);
		do {
			r = poll(&p, 1, DEATH_MS);
		} while (r < 0 && errno == EINTR);
		if (r == 0)
			return err_set(e, EBUSY, "container init still running");
		if (r < 0)
			return err_sys(e, "wait for the container's init");
	}
	return cgroup_kill(&c->cgroup, SIGKILL, e);
}

/* Their failure is a warning, and neither the container nor another hook has to do with it
 * (runtime.md, step 13). */
static void run_poststop(struct container *c, const struct spec *s, const struct log *log)
{
	struct hook_state state;
	const char *text;
	struct err e;
	size_t len;

	if (hook_state_init(&state, c, "stopped", &e) < 0) {
		log_warn(log, "poststop hooks: %s", e.text);
		return;
	}
	text = hook_state_text(&state, 0, &len);
	hooks_run_all(&s->hooks->poststop, "poststop", text, len, log);
	hook_state_done(&state);
}

static int destroy(struct container *c, const struct log *log, struct err *e)
{
	const struct engine *engine = engine_find(c->engine);
	struct spec *s = NULL;
	struct err why;
	int r;

	r = end_processes(c, e);
	if (r < 0)
		return r;
	if (engine->ended)
		engine->ended(c, log);
	r = cgroup_destroy(&c->cgroup, e);
	if (r < 0)
		return r;
	/* Read before the folder goes, run after it has gone. */
	if (c->has_poststop && container_spec(c, &s, &why) < 0)
		log_warn(log, "poststop hooks: %s", why.text);
	r = state_remove(c->root, c->id, c->dir, e);
	if (r < 0)
		return r;
	if (s && s->hooks)
		run_poststop(c, s, log);
	return 0;
}

static int refuse_alive(const struct container *c, struct err *e)
{
	int status = container_status(c, e);

	if (status < 0)
		return status;
	/* A created one is deleted, as with runc; of a half-made one the maker is at work,
	 * unless there is no process yet. */
	if (status == CONTAINER_STOPPED || status == CONTAINER_CREATED || c->pidfd < 0)
		return 0;
	return err_set(e, EBUSY, "cannot delete container %s that is not stopped: %s",
		       c->id, container_status_name((enum container_status)status));
}

int container_delete(struct container *c, bool force, const struct log *log,
		     struct err *e)
{
	struct err why;
	int r;

	if (!engine_find(c->engine))
		return err_set(e, ENOTSUP, "this hull has no engine %s", c->engine);
	r = state_lock(c->dir, &why);
	if (r == -ENOENT && force)
		return 0;
	/* Forced, it goes on also against a command that hangs. */
	if (r < 0 && !force)
		return *e = why, r;
	/* Loaded before it had a process, and a cgroup perhaps: it may have them by now. */
	if (c->pid == 0) {
		r = container_reload(c, &why);
		if (r < 0 && !force)
			return *e = why, r;
	}
	if (!force) {
		r = refuse_alive(c, e);
		if (r < 0)
			return r;
	}
	return destroy(c, log, e);
}

int container_delete_remains(const char *root, const char *id, const struct log *log,
			     struct err *e)
{
	struct container *c = NULL;
	AUTO_FD dir = -1;
	struct err why;
	int r;

	r = container_check_id(id, e);
	if (r < 0)
		return r;
	dir = state_open(root, id, e);
	if (dir == -ENOENT)
		return 0;
	if (dir < 0)
		return dir;
	/* The state is written under the lock: there may be one now. */
	r = state_lock(dir, &why);
	if (r == -ENOENT)
		return 0;
	if (container_load(root, id, &c, &why) == 0) {
		state_unlock(dir);
		r = container_delete(c, true, log, e);
		container_free(c);
		return r;
	}
	log_warn(log, "container %s has no readable state: only its folder is removed",
		 id);
	return state_remove(root, id, dir, e);
}
