/* SPDX-License-Identifier: Apache-2.0 */
/* What engines have in common; and which there are. */
#include <errno.h>

#include "base/proc.h"
#include "base/procfs.h"
#include "base/str.h"
#include "libcontainer/engine.h"
#include "libcontainer/hooks.h"

/* The container's state with our pid as the runtime sees it. */
const char *engine_own_state(struct hook_state *state, int proc_fd, size_t *ret_len)
{
	pid_t pid = procfs_self(proc_fd);

	return hook_state_text(state, pid < 0 ? 0 : pid, ret_len);
}

/* The hook's program is the host's own. */
int engine_host_create_container(struct init_plan *p, struct err *e)
{
	const struct spec_hooks *h = p->spec->hooks;
	const char *text;
	size_t len;

	if (!h || !h->create_container.count)
		return 0;
	text = engine_own_state(&p->creating, p->proc, &len);
	return hooks_run(&h->create_container, "createContainer", text, len, e);
}

int engine_host_signal(const struct container *c, int sig, struct err *e)
{
	int r = c->pidfd < 0 ? -ESRCH : proc_kill(c->pidfd, sig);

	if (r == -ESRCH)
		return err_set(e, ESRCH, "container not running");
	return r < 0 ? err_code(e, r, "signal %d", sig) : 0;
}

int engine_host_freeze(const struct container *c, bool on, struct err *e)
{
	return cgroup_freeze(&c->cgroup, on, e);
}

int engine_host_is_frozen(const struct container *c, struct err *e)
{
	return cgroup_is_frozen(&c->cgroup, e);
}

int engine_host_processes(const struct container *c, struct arena *a, pid_t **ret,
			  size_t *ret_count, struct err *e)
{
	return cgroup_processes(&c->cgroup, a, ret, ret_count, e);
}

int engine_host_watch(const struct container *c, struct cgroup_watch *ret, struct err *e)
{
	return cgroup_watch_open(&c->cgroup, c->pidfd, ret, e);
}

const struct engine *engine_find(const char *name)
{
	for (const struct engine *const *v = engines; *v; v++) {
		if (str_eq(name, (*v)->name))
			return *v;
	}
	return NULL;
}
