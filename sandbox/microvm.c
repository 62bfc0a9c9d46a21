/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/microvm.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "libcontainer/init.h"
#include "sandbox/client.h"
#include "sandbox/control.h"
#include "sandbox/initramfs.h"
#include "sandbox/kernel.h"
#include "sandbox/microvm_parts.h"
#include "sandbox/monitor.h"
#include "sandbox/properties.h"
#include "vm/vm.h"

#define MIB (UINT64_C(1) << 20)

/* Of a machine of whose container nobody has said how much it needs. */
#define MEMORY_DEFAULT (512 * MIB)

#define MEMORY_LEAST   (256 * MIB)

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
	limit += MICROVM_OVERHEAD;
	if (limit < MEMORY_LEAST)
		limit = MEMORY_LEAST;
	limit = (limit + MEMORY_STEP - 1) / MEMORY_STEP * MEMORY_STEP;
	return c && c->memory_max && limit > c->memory_max ? c->memory_max : limit;
}

/* The group of a container that has its machine to itself. */
static int host_resources(struct init_plan *p, struct err *e)
{
	if (!p->spec->linux_->resources)
		return 0;
	p->resources = microvm_host_resources(&p->arena, p->spec->linux_->resources);
	return p->resources ? 0 : err_code(e, ENOMEM, "the sandbox's limits");
}

static int refuse(const struct init_plan *p, struct err *e)
{
	int r = microvm_refuse_descriptors(p->options->preserve_fds, e);

	if (r < 0)
		return r;
	return properties_check(p->spec, p->options->log, e);
}

/* For its command alone: the rest is the guest's. */
static int plan_process(struct init_plan *p, struct monitor_plan *m, struct err *e)
{
	const struct process_options o = {
		.process = p->spec->process,
		.in_userns = p->ns.userns,
		.make_cwd = true,
		.log = p->options->log,
	};

	return process_plan_make(&p->arena, &o, &m->process, e);
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
	r = jail_prepare(&(struct jail_config){.device_nodes = true}, &m->jail, e);
	if (r < 0)
		return r;
	m->listener = client_listen(c->dir, e);
	if (m->listener < 0)
		return m->listener;
	m->control = control_listen(c->dir, e);
	return m->control < 0 ? m->control : 0;
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
	r = plan_process(p, m, e);
	if (r < 0)
		return r;
	r = prepare_machine(p, c, m, e);
	return r < 0 ? r : host_resources(p, e);
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

const struct engine microvm_engine = {
	.name = "microvm",
	.prepare = prepare,
	.done = done,
	.body = body,
	.starting = microvm_starting,
	.ended = microvm_ended,
	.exec_prepare = microvm_exec_prepare,
	.exec_body = microvm_exec_body,
	.exec_done = microvm_exec_done,
	.signal = engine_host_signal,
	.freeze = microvm_freeze,
	.is_frozen = microvm_is_frozen,
	.resize = microvm_resize,
	.processes = engine_host_processes,
	.stats = microvm_stats,
	.watch = engine_host_watch,
};
