/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The native engine: the container is processes of this kernel. Its body is the list of
 * what a container's first process does, in the order of the runtime-spec's lifecycle.
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/procfs.h"
#include "libcontainer/engine.h"
#include "libcontainer/hooks.h"
#include "libcontainer/init.h"
#include "libcontainer/sync.h"

static int prepare(struct init_plan *p, struct container *c, struct err *e)
{
	const struct container_options *o = p->options;
	const struct rootfs_options ro = {
		.spec = p->spec,
		.bundle = o->bundle,
		.cgroup_path = c->cgroup.path,
		.in_userns = p->ns.userns,
		.no_pivot = o->no_pivot,
		.log = o->log,
	};
	const struct process_options po = {
		.process = p->spec->process,
		.seccomp = p->spec->linux_->seccomp,
		.keyring = o->no_new_keyring ? NULL
					     : arena_fmt(&p->arena, "_ses.%s", o->id),
		.in_userns = p->ns.userns,
		.make_cwd = true,
		.preserve_fds = o->preserve_fds,
		.listen_fds = o->listen_fds,
		.log = o->log,
	};
	int r;

	r = process_plan_make(&p->arena, &po, &p->process, e);
	if (r < 0)
		return r;
	r = sysctl_plan_make(&p->arena, p->spec, &p->sysctl, e);
	if (r < 0)
		return r;
	return rootfs_plan_make(&p->arena, &ro, &p->rootfs, &p->rootfs_path, e);
}

/* A new network namespace has a loopback interface that is down; runc brings it up. */
static int loopback_up(const struct ns_plan *ns, struct err *e)
{
	struct ifreq ifr = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	AUTO_FD sock = -1;

	if (!ns->new_network)
		return 0;
	sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return errno == EAFNOSUPPORT ? 0 : err_sys(e, "loopback: socket");
	if (ioctl(sock, SIOCSIFFLAGS, &ifr) < 0)
		return err_sys(e, "bring loopback up");
	return 0;
}

static int set_names(const struct spec *s, struct err *e)
{
	if (s->hostname && sethostname(s->hostname, strlen(s->hostname)) < 0)
		return err_sys(e, "set the hostname");
	if (s->domainname && setdomainname(s->domainname, strlen(s->domainname)) < 0)
		return err_sys(e, "set the domainname");
	return 0;
}

static int confine_hook(void *ctx, int fd, struct err *e)
{
	const struct init_plan *p = ctx;

	return process_confine(p->process, p->proc, fd, e);
}

/* The hook's program is a file of the image, and who made that may have no more rights by
 * it than by the user's process (runc too drops all before these hooks run). */
static int run_start_container(struct init_plan *p, struct err *e)
{
	const struct spec_hooks *h = p->spec->hooks;
	const char *text;
	size_t len;

	if (!h || !h->start_container.count)
		return 0;
	text = engine_own_state(&p->created, p->proc, &len);
	return hooks_run_confined(&h->start_container, "startContainer", text, len,
				  confine_hook, p, e);
}

/* The terminal is made in the container's own devpts; the session leader that we are
 * takes it. *ret_master: -1 without a terminal. */
static int open_terminal(const struct spec_process *process, int root, bool bind_console,
			 int *ret_master, struct err *e)
{
	AUTO_FD master = -1;
	AUTO_FD slave = -1;
	int r;

	*ret_master = -1;
	if (!process->terminal)
		return 0;
	r = rootfs_open_pty(root, &master, &slave, e);
	if (r < 0)
		return r;
	if (bind_console) {
		r = rootfs_bind_console(root, slave, e);
		if (r < 0)
			return r;
	}
	if (process->console_size) {
		r = terminal_resize(master, process->console_size, e);
		if (r < 0)
			return r;
	}
	r = terminal_become(&slave, e);
	if (r < 0)
		return r;
	*ret_master = fd_take(&master);
	return 0;
}

/* Mounts, and into the new root. */
static int enter_root(struct init_plan *p, int *ret_master, struct err *e)
{
	AUTO_FD root = -1;
	int r;

	root = rootfs_mount(p->rootfs, p->proc, e);
	if (root < 0)
		return root;
	r = open_terminal(p->spec->process, root, true, ret_master, e);
	if (r < 0)
		return r;
	r = engine_host_create_container(p, e);
	if (r < 0)
		return r;
	return rootfs_pivot(p->rootfs, root, e);
}

static int body(struct init_plan *p, struct err *e)
{
	AUTO_FD master = -1;
	int r, sync;

	r = process_set_early(p->process, p->proc, e);
	if (r < 0)
		return r;
	r = loopback_up(&p->ns, e);
	if (r < 0)
		return r;
	r = set_names(p->spec, e);
	if (r < 0)
		return r;
	r = enter_root(p, &master, e);
	if (r < 0)
		return r;
	r = sysctl_write(&p->sysctl, p->proc, e);
	if (r < 0)
		return r;
	r = process_own_stdio(p->process, e);
	if (r < 0)
		return r;
	r = rootfs_seal(p->rootfs, e);
	if (r < 0)
		return r;
	r = process_find_exec(p->process, e);
	if (r < 0)
		return r;
	r = process_set_label(p->process, p->proc, e);
	if (r < 0)
		return r;
	r = init_wait_start(p, master, &sync, e);
	if (r < 0)
		return r;
	fd_close(&master);
	r = run_start_container(p, e);
	if (r < 0)
		return r;
	return process_exec(p->process, p->proc, sync, e);
}

static int exec_prepare(struct exec_plan *p, struct container *c, struct err *e)
{
	const struct exec_options *o = p->options;
	const struct process_options po = {
		.process = o->process,
		.seccomp = p->spec->linux_->seccomp,
		.keyring = o->no_new_keyring ? NULL
					     : arena_fmt(&p->arena, "_ses.%s", c->id),
		.in_userns = p->ns.userns,
		.preserve_fds = o->preserve_fds,
		.listen_fds = o->listen_fds,
		.log = o->log,
	};

	return process_plan_make(&p->arena, &po, &p->process, e);
}

static int exec_body(struct exec_plan *p, struct err *e)
{
	const struct spec_process *process = p->options->process;
	AUTO_FD root = -1;
	AUTO_FD master = -1;
	int r;

	r = process_set_early(p->process, p->proc, e);
	if (r < 0)
		return r;
	if (process->terminal) {
		root = path_open_in(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
		if (root < 0)
			return err_code(e, root, "open the container's root");
		r = open_terminal(process, root, false, &master, e);
		if (r < 0)
			return r;
	}
	r = process_own_stdio(p->process, e);
	if (r < 0)
		return r;
	r = process_find_exec(p->process, e);
	if (r < 0)
		return r;
	r = process_set_label(p->process, p->proc, e);
	if (r < 0)
		return r;
	r = sync_send(p->sync[1], SYNC_CREATED, 0, master);
	if (r < 0)
		return err_code(e, r, "tell the runtime");
	fd_close(&root);
	fd_close(&master);
	r = sync_expect(p->sync[1], SYNC_START, NULL, NULL, e);
	if (r < 0)
		return r;
	return process_exec(p->process, p->proc, p->sync[1], e);
}

static int resize(const struct container *c, const struct spec_resources *res,
		  const struct log *log, struct err *e)
{
	return cgroup_apply(&c->cgroup, res, log, e);
}

static int stats(const struct container *c, struct arena *a, struct cgroup_stats *ret,
		 struct err *e)
{
	return cgroup_stats_read(&c->cgroup, a, ret, e);
}

const struct engine native_engine = {
	.name = "native",
	.prepare = prepare,
	.body = body,
	.exec_prepare = exec_prepare,
	.exec_body = exec_body,
	.signal = engine_host_signal,
	.freeze = engine_host_freeze,
	.is_frozen = engine_host_is_frozen,
	.resize = resize,
	.processes = engine_host_processes,
	.stats = stats,
	.watch = engine_host_watch,
};
