/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/microvm.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/procfs.h"
#include "libcontainer/init.h"
#include "libcontainer/sync.h"
#include "sandbox/client.h"
#include "sandbox/initramfs.h"
#include "sandbox/kernel.h"
#include "sandbox/monitor.h"
#include "sandbox/process_json.h"
#include "sandbox/properties.h"
#include "sandbox/proxy.h"
#include "vm/vm.h"

#define MIB (UINT64_C(1) << 20)

/* Of a machine of whose container nobody has said how much it needs. */
#define MEMORY_DEFAULT (512 * MIB)

/* What the guest's kernel and hull-guest take beside a container with a limit. */
#define MEMORY_OVERHEAD (128 * MIB)
#define MEMORY_LEAST    (256 * MIB)

/* The machine's memory comes in pieces of this. */
#define MEMORY_STEP (128 * MIB)

#define NO_DESCRIPTORS                                                                   \
	"--preserve-fds: descriptors of the host can't be passed into a sandbox"

static uint64_t memory_of(const struct spec *s, const struct sandbox_config *c)
{
	const struct spec_resources *res = s->linux_->resources;
	uint64_t least = c && c->memory ? c->memory : MEMORY_DEFAULT, limit;

	if (!res || !res->memory || !res->memory->limit.set || res->memory->limit.v <= 0)
		return least;
	limit = (uint64_t)res->memory->limit.v;
	if (limit > UINT64_MAX / 2)
		return least;
	limit += MEMORY_OVERHEAD;
	if (limit < MEMORY_LEAST)
		limit = MEMORY_LEAST;
	limit = (limit + MEMORY_STEP - 1) / MEMORY_STEP * MEMORY_STEP;
	return c && c->memory_max && limit > c->memory_max ? c->memory_max : limit;
}

/* The host's group bounds the machine, the guest's the container: so it has room for what
 * the machine takes besides, and for its threads. */
static int host_resources(struct init_plan *p, uint64_t memory, struct err *e)
{
	const struct spec_resources *from = p->spec->linux_->resources;
	struct spec_resources *r;

	if (!from)
		return 0;
	r = arena_alloc(&p->arena, sizeof(*r));
	if (!r)
		return err_code(e, ENOMEM, "the sandbox's limits");
	*r = *from;
	r->pids = NULL;
	if (from->memory && from->memory->limit.set && from->memory->limit.v > 0) {
		struct spec_memory *m = arena_alloc(&p->arena, sizeof(*m));

		if (!m)
			return err_code(e, ENOMEM, "the sandbox's limits");
		m->limit = (struct opt_i64){.set = true,
					    .v = (int64_t)(memory + MEMORY_OVERHEAD / 2)};
		r->memory = m;
	}
	p->resources = r;
	return 0;
}

static int refuse(const struct init_plan *p, struct err *e)
{
	if (p->options->preserve_fds)
		return err_set(e, ENOTSUP, NO_DESCRIPTORS);
	return properties_check(p->spec, p->options->log, e);
}

static int prepare_machine(struct init_plan *p, struct container *c,
			   struct monitor_plan *m, struct err *e)
{
	const struct sandbox_config *config = p->options->engine_config;
	AUTO_FD modules = -1;
	int r;

	m->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (m->kvm < 0)
		return err_sys(e, "open /dev/kvm");
	r = vm_check(m->kvm, e);
	if (r < 0)
		return r;
	r = sandbox_kernel_find(config ? config->kernel : NULL, &m->kernel, &modules, e);
	if (r < 0)
		return r;
	r = initramfs_make(modules, &m->initrd, e);
	if (r < 0)
		return r;
	m->memory = memory_of(p->spec, config);
	m->vcpus = config && config->vcpus ? config->vcpus : 1;
	r = proxy_ends_terminal(&m->ends, p->spec->process, e);
	if (r < 0)
		return r;
	m->listener = client_listen(c->dir, e);
	return m->listener < 0 ? m->listener : 0;
}

static int prepare(struct init_plan *p, struct container *c, struct err *e)
{
	struct monitor_plan *m = arena_alloc(&p->arena, sizeof(*m));
	int r = refuse(p, e);

	if (r < 0)
		return r;
	if (!m)
		return err_code(e, ENOMEM, "make a sandbox");
	*m = (struct monitor_plan)MONITOR_PLAN_INIT;
	p->own = m;
	r = shares_make(&p->arena, p->spec, p->options->bundle, &m->shares, e);
	if (r < 0)
		return r;
	p->rootfs_path = m->shares.root_path;
	r = prepare_machine(p, c, m, e);
	return r < 0 ? r : host_resources(p, m->memory, e);
}

static void done(struct init_plan *p)
{
	if (p->own)
		monitor_plan_done(p->own);
}

static int body(struct init_plan *p, struct err *e)
{
	return monitor_run(p, p->own, e);
}

/* ---- exec ---- */

static int exec_prepare(struct exec_plan *p, struct container *c, struct err *e)
{
	const struct spec_process *process = p->options->process;
	struct proxy_ends *x = arena_alloc(&p->arena, sizeof(*x));

	if (p->options->preserve_fds)
		return err_set(e, ENOTSUP, NO_DESCRIPTORS);
	if (!x)
		return err_code(e, ENOMEM, "exec");
	*x = (struct proxy_ends)PROXY_ENDS_INIT;
	p->own = x;
	for (unsigned i = 0; i < proxy_connections(process->terminal); i++) {
		x->connections[i] = client_connect(c, e);
		if (x->connections[i] < 0)
			return x->connections[i];
	}
	return proxy_ends_terminal(x, process, e);
}

static void exec_done(struct exec_plan *p)
{
	if (p->own)
		proxy_ends_done(p->own);
}

/* All that the runtime had open and the proxy needs not. */
static int close_others(const struct exec_plan *p, const struct proxy_ends *x,
			struct err *e)
{
	const struct log *log = p->options->log;
	int keep[] = {p->sync[1],        x->connections[0], x->connections[1],
		      x->connections[2], x->connections[3], x->master,
		      x->slave,          log ? log->fd : -1};

	return init_close_others(3, keep, sizeof(keep) / sizeof(keep[0]), e);
}

static int exec_open(struct exec_plan *p, struct proxy *proxy, struct err *e)
{
	AUTO_JSON *w = json_writer_new("");
	AUTO_JSON *process = json_writer_new("");
	const char *text;
	size_t len;
	int r;

	if (!w || !process)
		return err_code(e, ENOMEM, "exec");
	process_json_write(process, p->options->process);
	r = json_finish(process, &text, &len, e);
	if (r < 0)
		return r;
	proxy_begin(w, "exec", p->id, p->options->process);
	json_put_string(w, "process", text);
	return proxy_open(proxy, w, e);
}

static int exec_body(struct exec_plan *p, struct err *e)
{
	struct proxy proxy;
	int r = close_others(p, p->own, e);

	if (r < 0)
		return r;
	r = proxy_init(&proxy, p->options->process, p->own, p->options->log, e);
	if (r < 0)
		return r;
	r = exec_open(p, &proxy, e);
	if (r < 0)
		return r;
	r = sync_send(p->sync[1], SYNC_CREATED, 0, proxy.ends.master);
	if (r < 0)
		return err_code(e, r, "tell the runtime");
	fd_close(&proxy.ends.master);
	r = sync_expect(p->sync[1], SYNC_START, NULL, NULL, e);
	if (r < 0)
		return r;
	r = proxy_start(&proxy, e);
	if (r < 0)
		return r;
	fd_close(&p->sync[1]);
	_exit(proxy_wait(&proxy));
}

const struct engine microvm_engine = {
	.name = "microvm",
	.prepare = prepare,
	.done = done,
	.body = body,
	.exec_prepare = exec_prepare,
	.exec_body = exec_body,
	.exec_done = exec_done,
	.signal = engine_host_signal,
	/* The group's freezer stops the processors of the machine, and so all in it. */
	.freeze = engine_host_freeze,
	.processes = engine_host_processes,
	.watch = engine_host_watch,
};
