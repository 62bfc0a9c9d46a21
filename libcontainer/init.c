/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every cloned child does: become a process of its own (signals, session, stdio),
 * enter its namespaces in step with the runtime, and hand over to its engine's body.
 *
 * Nothing here allocates: the runtime may have had other threads, whose locks nobody in
 * this process will ever release.
 */
#include "libcontainer/init.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "libcontainer/gate.h"
#include "libcontainer/sync.h"

/* The clone has put handlers back to their defaults (CLONE_CLEAR_SIGHAND); what the runtime
 * ignores is put back before the user's program (process_exec). */
static void set_signal_mask(const sigset_t *mask)
{
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, mask ? mask : &none, NULL);
}

/* Makes fds 0, 1, 2 of the three given. One of them may be 0, 1 or 2 in another place, so
 * all are first moved out of the way. */
static int set_stdio(const int stdio[3], struct err *e)
{
	int copy[3];

	if (stdio[0] == 0 && stdio[1] == 1 && stdio[2] == 2)
		return 0;
	for (int i = 0; i < 3; i++) {
		copy[i] = fcntl(stdio[i], F_DUPFD_CLOEXEC, 3);
		if (copy[i] < 0)
			return err_sys(e, "stdio: dup %d", stdio[i]);
	}
	for (int i = 0; i < 3; i++) {
		if (dup2(copy[i], i) < 0)
			return err_sys(e, "stdio: dup2 %d", i);
		(void)close(copy[i]);
	}
	return 0;
}

static int be_process(const sigset_t *mask, const int *stdio, struct err *e)
{
	set_signal_mask(mask);
	/* Nobody in the container may look into this process while it is still ours. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_sys(e, "prctl PR_SET_DUMPABLE");
	if (setsid() < 0 && errno != EPERM)
		return err_sys(e, "setsid");
	return stdio ? set_stdio(stdio, e) : 0;
}

static bool has_runtime_hooks(const struct spec *s)
{
	return s->hooks && (s->hooks->prestart.count || s->hooks->create_runtime.count);
}

static int enter(struct init_plan *p, struct err *e)
{
	const struct container_options *o = p->options;
	int r;

	r = be_process(o->sigmask, p->spec->process->terminal ? NULL : o->stdio, e);
	if (r < 0)
		return r;
	if (p->ns.new_user) {
		r = sync_expect(p->sync[1], SYNC_GO, NULL, NULL, e);
		if (r < 0)
			return r;
	}
	r = ns_finish(&p->ns, e);
	if (r < 0 || !has_runtime_hooks(p->spec))
		return r;
	r = sync_send(p->sync[1], SYNC_NAMESPACES, 0, -1);
	if (r < 0)
		return err_code(e, r, "tell the runtime");
	return sync_expect(p->sync[1], SYNC_GO, NULL, NULL, e);
}

static void __attribute__((noreturn)) fail(int sock, const struct err *e)
{
	sync_send_err(sock, e);
	_exit(1);
}

void init_run(void *ctx)
{
	struct init_plan *p = ctx;
	struct err e = {0};

	if (enter(p, &e) == 0)
		(void)p->engine->body(p, &e);
	fail(p->sync[1], &e);
}

void init_run_exec(void *ctx)
{
	struct exec_plan *p = ctx;
	const struct exec_options *o = p->options;
	struct err e = {0};

	if (be_process(o->sigmask, o->process->terminal ? NULL : o->stdio, &e) == 0 &&
	    ns_finish(&p->ns, &e) == 0)
		(void)p->engine->exec_body(p, &e);
	fail(p->sync[1], &e);
}

/* While it waits, a child holds what it needs and nothing else: a thread of the runtime
 * that was at work on another container when we were cloned waits for the end of its own
 * child's sockets, and we have copies. keep is sorted here. */
int init_close_others(unsigned from, int keep[], size_t count, struct err *e)
{
	for (size_t i = 1; i < count; i++) {
		for (size_t j = i; j > 0 && keep[j - 1] > keep[j]; j--) {
			int t = keep[j];

			keep[j] = keep[j - 1];
			keep[j - 1] = t;
		}
	}
	for (size_t i = 0; i < count; i++) {
		if (keep[i] < (int)from)
			continue;
		if ((unsigned)keep[i] > from &&
		    syscall(SYS_close_range, from, (unsigned)keep[i] - 1, 0) < 0)
			return err_sys(e, "close_range");
		from = (unsigned)keep[i] + 1;
	}
	if (syscall(SYS_close_range, from, ~0U, 0) < 0)
		return err_sys(e, "close_range");
	return 0;
}

int init_tell_created(const struct init_plan *p, int master, struct err *e)
{
	int r = sync_send(p->sync[1], SYNC_CREATED, 0, master);

	return r < 0 ? err_code(e, r, "tell the runtime") : 0;
}

int init_wait_gate(struct init_plan *p, int *sync, struct err *e)
{
	int r;

	*sync = p->sync[1];
	if (p->listener < 0)
		return sync_expect(p->sync[1], SYNC_START, NULL, NULL, e);
	r = sync_expect(p->sync[1], SYNC_GO, NULL, NULL, e);
	if (r < 0)
		return r;
	r = gate_wait(p->listener, e);
	if (r < 0)
		return r;
	(void)close(p->listener);
	(void)close(p->sync[1]);
	p->sync[1] = r;
	*sync = r;
	return 0;
}

int init_wait_start(struct init_plan *p, int master, int *sync, struct err *e)
{
	unsigned preserved = p->options->preserve_fds;
	const struct log *log = p->options->log;
	int keep[] = {p->sync[1], p->listener, p->proc, log ? log->fd : -1};
	int r;

	r = init_tell_created(p, master, e);
	if (r < 0)
		return r;
	*sync = p->sync[1];
	r = init_close_others(3 + preserved, keep, sizeof(keep) / sizeof(keep[0]), e);
	return r < 0 ? r : init_wait_gate(p, sync, e);
}
