/* SPDX-License-Identifier: Apache-2.0 */
/* container_exec: one more process in a container. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/proc.h"
#include "base/procfs.h"
#include "libcontainer/engine.h"
#include "libcontainer/init.h"
#include "libcontainer/state.h"
#include "libcontainer/sync.h"

static int check_status(const struct container *c, const struct exec_options *o,
			struct err *e)
{
	int status = container_status(c, e);

	if (status < 0)
		return status;
	if (status == CONTAINER_STOPPED || status == CONTAINER_CREATING)
		return err_set(e, ESRCH, "cannot exec in a %s container",
			       status == CONTAINER_STOPPED ? "stopped" : "half-made");
	if (status == CONTAINER_PAUSED && !o->ignore_paused)
		return err_set(e, EBUSY,
			       "cannot exec in a paused container (use "
			       "--ignore-paused to override)");
	return 0;
}

static int plan_make(struct exec_plan *p, struct container *c,
		     const struct exec_options *o, struct err *e)
{
	struct spec *s;
	int r;

	r = container_spec(c, &s, e);
	if (r < 0)
		return r;
	p->id = c->id;
	p->spec = s;
	p->options = o;
	p->engine = engine_find(c->engine);
	if (!p->engine)
		return err_set(e, ENOTSUP, "this hull has no engine %s", c->engine);
	ns_plan_exec(s, c->pidfd, &p->ns);
	p->proc = procfs_open(e);
	if (p->proc < 0)
		return p->proc;
	r = p->engine->exec_prepare(p, c, e);
	return r < 0 ? r : fd_pair(p->sync, e);
}

static void plan_done(struct exec_plan *p)
{
	if (p->engine && p->engine->exec_done)
		p->engine->exec_done(p);
	ns_plan_done(&p->ns);
	arena_done(&p->arena);
	fd_close(&p->sync[0]);
	fd_close(&p->sync[1]);
	fd_close(&p->proc);
}

static int spawn(struct exec_plan *p, const struct container *c, struct exec_process *x,
		 struct err *e)
{
	AUTO_FD sub = -1;
	int r;

	if (p->options->cgroup) {
		sub = cgroup_open_sub(&c->cgroup, p->options->cgroup, e);
		if (sub < 0)
			return sub;
	}
	r = ns_spawn(&p->ns, sub >= 0 ? sub : c->cgroup.fd, p->proc, p->sync,
		     init_run_exec, p, &x->pidfd, e);
	/* A container that has made cgroups of its own (systemd) has no processes in the
	 * outermost any more, and it takes none: go where the init has gone. */
	if (r == -EBUSY && sub < 0 && c->cgroup.fd >= 0) {
		sub = cgroup_open_of(&c->cgroup, c->pid, e);
		r = sub < 0 ? sub
			    : ns_spawn(&p->ns, sub, p->proc, p->sync, init_run_exec, p,
				       &x->pidfd, e);
	}
	if (r < 0)
		return r;
	x->pid = r;
	return 0;
}

static int hand_out(const struct exec_options *o, struct exec_process *x, int *master,
		    struct err *e)
{
	int r;

	if (*master >= 0 && o->console_socket >= 0) {
		r = terminal_send(o->console_socket, *master, e);
		if (r < 0)
			return r;
		fd_close(master);
	}
	x->console = fd_take(master);
	if (o->pidfd_socket < 0)
		return 0;
	r = fd_send(o->pidfd_socket, "setns", strlen("setns"), x->pidfd);
	return r < 0 ? err_code(e, r, "send the pidfd") : 0;
}

/* Written last: that the pid file is there tells conmon that the process runs. */
static int write_pid_file(const struct exec_options *o, pid_t pid, struct err *e)
{
	char text[16];
	int n, r;

	if (!o->pid_file)
		return 0;
	n = snprintf(text, sizeof(text), "%d", pid);
	r = file_replace(AT_FDCWD, o->pid_file, text, (size_t)n, 0644, e);
	return r < 0 ? err_wrap(e, "pid file") : 0;
}

static int converse(struct exec_plan *p, struct exec_process *x, struct err *e)
{
	AUTO_FD master = -1;
	int r;

	if (p->ns.userns && p->process) {
		r = process_set_outside(p->process, x->pid, p->proc, e);
		if (r < 0)
			return r;
	}
	r = sync_expect(p->sync[0], SYNC_CREATED, NULL, &master, e);
	if (r < 0)
		return r;
	r = hand_out(p->options, x, &master, e);
	if (r < 0)
		return r;
	r = sync_tell(p->sync[0], SYNC_START, e);
	if (r < 0)
		return r;
	r = sync_expect_close(p->sync[0], e);
	return r < 0 ? r : write_pid_file(p->options, x->pid, e);
}

static void take_back(struct exec_process *x)
{
	if (x->pid > 0) {
		(void)kill(x->pid, SIGKILL);
		(void)proc_wait(x->pid);
	}
	fd_close(&x->pidfd);
	fd_close(&x->console);
}

int container_exec(struct container *c, const struct exec_options *o,
		   struct exec_process *ret, struct err *e)
{
	struct exec_plan p = {.sync = {-1, -1}, .proc = -1};
	struct exec_process x = {.pidfd = -1, .console = -1};
	int r;

	for (int i = 0; i < SPEC_NS_COUNT; i++)
		p.ns.join[i] = -1;
	r = check_status(c, o, e);
	if (r == 0)
		r = plan_make(&p, c, o, e);
	if (r == 0)
		r = spawn(&p, c, &x, e);
	if (r == 0)
		r = converse(&p, &x, e);
	plan_done(&p);
	if (r < 0) {
		take_back(&x);
		if (e->code == EPIPE)
			(void)err_set(e, EPIPE, "the process died before it could begin");
		return -e->code;
	}
	*ret = x;
	return 0;
}
