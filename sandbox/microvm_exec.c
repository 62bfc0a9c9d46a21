/* SPDX-License-Identifier: Apache-2.0 */
/* exec: the proxy of one more process in a guest. */
#include <errno.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "libcontainer/init.h"
#include "libcontainer/sync.h"
#include "sandbox/client.h"
#include "sandbox/jail.h"
#include "sandbox/microvm_parts.h"
#include "sandbox/process_json.h"
#include "sandbox/proxy.h"

struct exec_own {
	struct proxy_ends ends; /* owned */
	struct jail *jail;      /* owned */
};

int microvm_refuse_descriptors(unsigned preserve_fds, struct err *e)
{
	return preserve_fds == 0
		       ? 0
		       : err_set(e, ENOTSUP,
				 "--preserve-fds: descriptors of the host can't "
				 "be passed into a sandbox");
}

int microvm_exec_prepare(struct exec_plan *p, struct container *c, struct err *e)
{
	const struct spec_process *process = p->options->process;
	struct exec_own *x = arena_alloc(&p->arena, sizeof(*x));
	int r = microvm_refuse_descriptors(p->options->preserve_fds, e);

	if (r < 0)
		return r;
	if (!x)
		return err_code(e, ENOMEM, "exec");
	x->ends = (struct proxy_ends)PROXY_ENDS_INIT;
	p->own = x;
	r = jail_prepare(&(struct jail_config){0}, &x->jail, e);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < proxy_connections(process->terminal); i++) {
		x->ends.connections[i] = client_connect(c, e);
		if (x->ends.connections[i] < 0)
			return x->ends.connections[i];
	}
	return proxy_ends_terminal(&x->ends, process, e);
}

void microvm_exec_done(struct exec_plan *p)
{
	struct exec_own *x = p->own;

	if (!x)
		return;
	proxy_ends_done(&x->ends);
	jail_free(x->jail);
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

static int enter_thread(void *arg, struct err *e)
{
	const struct exec_own *x = arg;

	return jail_enter_thread(x->jail, JAIL_PROXY, e);
}

/* Its root is the monitor's already, an empty one: what is left is what it may call. */
static int become_proxy(struct exec_plan *p, struct proxy *proxy, struct err *e)
{
	struct exec_own *x = p->own;
	int r = close_others(p, &x->ends, e);

	if (r < 0)
		return r;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(e, "no_new_privs");
	r = proxy_init(proxy, p->options->process, &x->ends, p->options->log, e);
	if (r < 0)
		return r;
	r = proxy_threads(proxy, enter_thread, x, e);
	return r < 0 ? r : enter_thread(x, e);
}

int microvm_exec_body(struct exec_plan *p, struct err *e)
{
	struct proxy proxy;
	int r = become_proxy(p, &proxy, e);

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
