/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container_create: the runtime's side of making a container. In order: the folder, the
 * plan, the cgroup, the clone, the talk with the child (sync.h). Whatever fails, all of
 * it is taken back.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/proc.h"
#include "base/procfs.h"
#include "base/timestamp.h"
#include "libcontainer/engine.h"
#include "libcontainer/gate.h"
#include "libcontainer/hooks.h"
#include "libcontainer/init.h"
#include "libcontainer/state.h"
#include "libcontainer/sync.h"

static void plan_done(struct init_plan *p)
{
	if (p->engine && p->engine->done)
		p->engine->done(p);
	ns_plan_done(&p->ns);
	rootfs_plan_done(p->rootfs);
	hook_state_done(&p->creating);
	hook_state_done(&p->created);
	arena_done(&p->arena);
	fd_close(&p->sync[0]);
	fd_close(&p->sync[1]);
	fd_close(&p->listener);
	fd_close(&p->proc);
}

static const struct engine *engine_of(const struct container_options *o)
{
	return o->engine ? o->engine : &native_engine;
}

static int set_fields(struct container *c, const struct container_options *o,
		      struct err *e)
{
	const struct spec_map *from = &o->spec->annotations;
	char now[TIMESTAMP_MAX];

	c->root = arena_strdup(&c->arena, o->root);
	c->id = arena_strdup(&c->arena, o->id);
	c->bundle = arena_strdup(&c->arena, o->bundle);
	c->created = arena_strdup(&c->arena, timestamp_now(now));
	c->engine = engine_of(o)->name;
	c->annotations.v = arena_array(&c->arena, from->count, sizeof(*from->v));
	if (!c->root || !c->id || !c->bundle || !c->created || !c->annotations.v)
		return err_code(e, ENOMEM, "make a container");
	for (size_t i = 0; i < from->count; i++) {
		c->annotations.v[i].key = arena_strdup(&c->arena, from->v[i].key);
		c->annotations.v[i].value = arena_strdup(&c->arena, from->v[i].value);
		if (!c->annotations.v[i].key || !c->annotations.v[i].value)
			return err_code(e, ENOMEM, "make a container");
	}
	c->annotations.count = from->count;
	if (o->spec->hooks) {
		c->has_poststart = o->spec->hooks->poststart.count;
		c->has_poststop = o->spec->hooks->poststop.count;
	}
	return 0;
}

/* Everything that can fail without a trace comes before what leaves one. */
static int plan_make(struct init_plan *p, struct container *c,
		     const struct container_options *o, struct err *e)
{
	int r;

	p->spec = o->spec;
	p->options = o;
	p->engine = engine_of(o);
	p->resources = o->spec->linux_->resources;
	r = ns_plan_make(o->spec, &p->ns, e);
	if (r < 0)
		return r;
	c->own_pidns = p->ns.new_pid;
	p->proc = procfs_open(e);
	if (p->proc < 0)
		return p->proc;
	r = p->engine->prepare(p, c, e);
	if (r < 0)
		return r;
	c->rootfs = arena_strdup(&c->arena, p->rootfs_path);
	if (!c->rootfs)
		return err_code(e, ENOMEM, "make a container");
	if (!o->spec->hooks)
		return 0;
	r = hook_state_init(&p->creating, c, "creating", e);
	return r < 0 ? r : hook_state_init(&p->created, c, "created", e);
}

/* From here on a command that is killed leaves something: so first of all it is written
 * down where. */
static int make_places(struct init_plan *p, struct container *c, struct err *e)
{
	const struct container_options *o = p->options;
	int r;

	r = state_save(c, e);
	if (r < 0)
		return r;
	r = file_replace(c->dir, CONFIG_FILE, o->spec_text, o->spec_len, 0600, e);
	if (r < 0)
		return r;
	r = cgroup_create(&c->cgroup, p->resources, o->log, e);
	if (r < 0)
		return r;
	if (!o->foreground) {
		p->listener = gate_make(c->dir, e);
		if (p->listener < 0)
			return p->listener;
	}
	return fd_pair(p->sync, e);
}

static int spawn(struct init_plan *p, struct container *c, struct err *e)
{
	char state;
	int r;

	r = ns_spawn(&p->ns, c->cgroup.fd, p->proc, p->sync, init_run, p, &c->pidfd, e);
	fd_close(&p->listener);
	if (r < 0)
		return r;
	c->pid = r;
	r = proc_stat(c->pid, &c->start_time, &state);
	return r < 0 ? err_code(e, r, "look at the container's process") : 0;
}

/* Hooks may take their time and may look at the container: no lock is held. */
static int run_runtime_hooks(struct init_plan *p, struct container *c, struct err *e)
{
	const struct spec_hooks *h = p->spec->hooks;
	const char *text;
	size_t len;
	int r;

	if (!h || (!h->prestart.count && !h->create_runtime.count))
		return 0;
	r = sync_expect(p->sync[0], SYNC_NAMESPACES, NULL, NULL, e);
	if (r < 0)
		return r;
	text = hook_state_text(&p->creating, c->pid, &len);
	state_unlock(c->dir);
	r = hooks_run(&h->prestart, "prestart", text, len, e);
	if (r == 0)
		r = hooks_run(&h->create_runtime, "createRuntime", text, len, e);
	if (r < 0)
		return r;
	r = state_lock(c->dir, e);
	if (r < 0)
		return r;
	return sync_tell(p->sync[0], SYNC_GO, e);
}

static int hand_out(struct init_plan *p, struct container *c, int *master, struct err *e)
{
	const struct container_options *o = p->options;
	char text[16];
	int n, r;

	if (*master >= 0 && o->console_socket >= 0) {
		r = terminal_send(o->console_socket, *master, e);
		if (r < 0)
			return r;
		fd_close(master);
	}
	c->console = fd_take(master);
	if (o->pidfd_socket >= 0) {
		r = fd_send(o->pidfd_socket, "standard", strlen("standard"), c->pidfd);
		if (r < 0)
			return err_code(e, r, "send the pidfd");
	}
	if (o->pid_file) {
		n = snprintf(text, sizeof(text), "%d", c->pid);
		r = file_replace(AT_FDCWD, o->pid_file, text, (size_t)n, 0644, e);
		if (r < 0)
			return err_wrap(e, "pid file");
	}
	return 0;
}

/* It is complete, and commands may come; its process waits for `start`, or for us. */
static int let_wait(struct init_plan *p, struct container *c, struct err *e)
{
	int r = state_made(c->dir, e);

	if (r < 0)
		return r;
	if (p->options->foreground) {
		c->sync = fd_take(&p->sync[0]);
		return 0;
	}
	return sync_tell(p->sync[0], SYNC_GO, e);
}

/* Where the user's process is another kernel's, ours stands for it before the OOM killer. */
static int set_oom_score_adj(const struct init_plan *p, pid_t pid, struct err *e)
{
	const struct spec_process *process = p->spec->process;
	char path[48], text[24];
	int r;

	if (p->process || !process || !process->oom_score_adj.set)
		return 0;
	(void)snprintf(path, sizeof(path), "%d/oom_score_adj", pid);
	(void)snprintf(text, sizeof(text), "%" PRId64, process->oom_score_adj.v);
	r = procfs_write(p->proc, path, text);
	return r < 0 ? err_code(e, r, "process.oomScoreAdj: %s", text) : 0;
}

static int converse(struct init_plan *p, struct container *c, struct err *e)
{
	AUTO_FD master = -1;
	int r;

	if (p->ns.userns && p->process) {
		r = process_set_outside(p->process, c->pid, p->proc, e);
		if (r < 0)
			return r;
	}
	r = set_oom_score_adj(p, c->pid, e);
	if (r < 0)
		return r;
	if (p->ns.new_user) {
		r = ns_write_maps(&p->ns, c->pid, p->proc, e);
		if (r < 0)
			return r;
		r = sync_tell(p->sync[0], SYNC_GO, e);
		if (r < 0)
			return r;
	}
	/* Written while the child is at work. */
	r = state_save(c, e);
	if (r < 0)
		return r;
	r = run_runtime_hooks(p, c, e);
	if (r < 0)
		return r;
	r = sync_expect(p->sync[0], SYNC_CREATED, NULL, &master, e);
	if (r < 0)
		return r;
	r = hand_out(p, c, &master, e);
	if (r < 0)
		return r;
	r = let_wait(p, c, e);
	if (r < 0 && p->options->pid_file)
		(void)unlink(p->options->pid_file);
	return r;
}

/* A child that died without a word was killed: by its memory limit, as a rule. */
static void explain_death(const struct container *c, struct err *e)
{
	if (e->code != EPIPE || c->pid <= 0)
		return;
	if (cgroup_oom_kills(&c->cgroup) > 0)
		(void)err_set(e, ENOMEM,
			      "the container's process was killed while it was made: "
			      "the memory limit may be too low");
	else
		(void)err_set(e, EPIPE, "the container's process died while it was made");
}

static void take_back(struct container *c, const struct container_options *o)
{
	if (c->pid > 0) {
		(void)kill(c->pid, SIGKILL);
		(void)proc_wait(c->pid);
	}
	(void)cgroup_kill(&c->cgroup, SIGKILL, ERR_IGNORE);
	(void)cgroup_destroy(&c->cgroup, ERR_IGNORE);
	(void)state_remove(o->root, o->id, c->dir, ERR_IGNORE);
}

static int create(struct container *c, const struct container_options *o, struct err *e)
{
	struct init_plan p = {.sync = {-1, -1}, .listener = -1, .proc = -1};
	int r;

	for (int i = 0; i < SPEC_NS_COUNT; i++)
		p.ns.join[i] = -1;
	r = set_fields(c, o, e);
	if (r == 0)
		r = cgroup_locate(&c->cgroup, o->cgroup_driver,
				  o->spec->linux_->cgroups_path, o->id, e);
	if (r == 0)
		r = plan_make(&p, c, o, e);
	if (r == 0)
		r = make_places(&p, c, e);
	if (r == 0)
		r = spawn(&p, c, e);
	if (r == 0)
		r = converse(&p, c, e);
	if (r < 0)
		explain_death(c, e);
	plan_done(&p);
	return r < 0 ? -e->code : 0;
}

int container_create(const struct container_options *o, struct container **ret,
		     struct err *e)
{
	struct container *c;
	int r;

	r = container_check_id(o->id, e);
	if (r < 0)
		return r;
	if (!o->spec->process)
		return err_set(e, EINVAL, "config.json: process: missing");
	if (!o->spec->root)
		return err_set(e, EINVAL, "config.json: root: missing");
	c = container_new();
	if (!c)
		return err_code(e, ENOMEM, "make a container");
	c->dir = state_make(o->root, o->id, e);
	if (c->dir < 0) {
		container_free(c);
		return -e->code;
	}
	r = create(c, o, e);
	if (r < 0) {
		take_back(c, o);
		container_free(c);
		return r;
	}
	state_unlock(c->dir);
	*ret = c;
	return 0;
}
