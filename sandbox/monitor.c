/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/monitor.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/procfs.h"
#include "libcontainer/init.h"
#include "libcontainer/sync.h"
#include "sandbox/control.h"
#include "sandbox/find_exec.h"
#include "sandbox/oom.h"
#include "sandbox/relay.h"
#include "vm/loop.h"

#define GUEST_CID        3 /* of each machine by itself: the host's end is in this process */
#define STATUS_LOST      (128 + SIGKILL)
#define LAST_WORDS_NS    UINT64_C(2000000000)
#define CONSOLE_LINE_MAX 256
#define NETWORK_MS       60000
#define NETWORK_MAX      ((size_t)1024 * 1024)
#define DESCRIPTORS_MAX  4096

/* Descriptors of a monitor: these, and one a mount. */
#define KEEP_FIXED ((size_t)15)
#define KEEP_MAX   ((size_t)1024)

/* quiet: nobody reads the console as a rule, and each line costs exits. panic=-1 with
 * reboot=t: a panic is told by pvpanic, then the machine ends. pci=off: there is no bus to
 * look for. online_movable: plugged memory that can be unplugged again. */
static const char cmdline[] =
	"console=hvc0 quiet loglevel=3 panic=-1 reboot=t pci=off tsc=reliable "
	"no_timer_check "
	"random.trust_cpu=on cryptomgr.notests rcupdate.rcu_expedited=1 8250.nr_uarts=0 "
	"memhp_default_state=online_movable";

struct monitor {
	struct init_plan *p;
	struct monitor_plan *m;
	const struct log *log;
	struct guest_log guest_log; /* what the guest says, in it */
	struct loop *loop;
	struct vm *vm;
	struct relay *relay;
	struct control *control;
	struct loop_source *last; /* a timer */
	int proc;                 /* owned: the jail's procfs */
	int oom;                  /* owned: oom.h; -1 without a limit */
	sem_t begin;              /* of the proxy's thread */
	int network;              /* owned: a connection to tell the guest its network */
	pthread_mutex_t lock;     /* of what the proxy is left: */
	char *network_request;    /* owned; NULL: loopback is all */
	struct proxy proxy;
	size_t line_len;
	char line[CONSOLE_LINE_MAX];
};

void monitor_plan_done(struct monitor_plan *m)
{
	fd_close(&m->kvm);
	fd_close(&m->kernel);
	fd_close(&m->initrd);
	fd_close(&m->listener);
	fd_close(&m->control);
	proxy_ends_done(&m->ends);
	jail_free(m->jail);
	m->jail = NULL;
	shares_done(&m->shares);
}

/* ---- the machine's callbacks ---- */

static void end(void *arg)
{
	(void)arg;
	_exit(STATUS_LOST);
}

/* The proxy has what the guest has sent before: it may still tell the right status. */
static void on_ended(void *arg, enum vm_end why, const char *text)
{
	struct monitor *mon = arg;

	log_write(mon->log, why == VM_END_SHUTDOWN ? LOG_WARNING : LOG_ERROR,
		  "the sandbox has ended: %s", text);
	relay_end(mon->relay);
	loop_timer_set(mon->last, LAST_WORDS_NS);
}

static void on_log(void *arg, const char *line)
{
	const struct monitor *mon = arg;

	log_warn(mon->log, "sandbox: %s", line);
}

/* The kernel's words, by lines. */
static void on_console(void *arg, const void *buf, size_t len)
{
	struct monitor *mon = arg;
	const char *text = buf;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (c != '\n' && mon->line_len < sizeof(mon->line) - 1)
			mon->line[mon->line_len++] = c;
		if (c != '\n' && mon->line_len < sizeof(mon->line) - 1)
			continue;
		mon->line[mon->line_len] = '\0';
		guest_log_write(&mon->guest_log, LOG_DEBUG, "guest's console: %s",
				mon->line);
		mon->line_len = 0;
	}
}

/* ---- the proxy's thread ---- */

static void __attribute__((noreturn)) fail(int sock, const struct err *e)
{
	sync_send_err(sock, e);
	_exit(1);
}

static int enter_proxy_thread(void *arg, struct err *e)
{
	const struct monitor *mon = arg;

	return jail_enter_thread(mon->m->jail, JAIL_PROXY, e);
}

/* What a command has left before it opened the gate. */
static int tell_network(struct monitor *mon, struct err *e)
{
	AUTO_ARENA a = {0};
	struct channel c;
	char *request;
	int r;

	(void)pthread_mutex_lock(&mon->lock);
	request = mon->network_request;
	mon->network_request = NULL;
	(void)pthread_mutex_unlock(&mon->lock);
	channel_open(&c, &mon->network);
	r = request ? channel_send_text(&c, request, strlen(request), NETWORK_MS, e) : 0;
	if (r == 0 && request)
		r = channel_answer(&c, NETWORK_MS, &a, NULL, e);
	free(request);
	channel_close(&c);
	return r < 0 ? err_wrap(e, "the guest's network") : 0;
}

static void *run_proxy(void *arg)
{
	struct monitor *mon = arg;
	struct init_plan *p = mon->p;
	AUTO_JSON *w = json_writer_new("");
	struct err opened = {0}, e = {0};
	int r, sync = p->sync[1];

	if (enter_proxy_thread(mon, &e) < 0)
		fail(sync, &e);
	while (sem_wait(&mon->begin) < 0 && errno == EINTR)
		;
	if (!w || init_tell_created(p, mon->proxy.ends.master, &e) < 0)
		fail(sync, &e);
	fd_close(&mon->proxy.ends.master);
	proxy_begin(w, "create", p->options->id, p->spec->process);
	json_put_string(w, "config", p->options->spec_text);
	shares_write(&mon->m->shares, w);
	/* While the caller is on its way to `start`; who never starts it needn't know. */
	r = proxy_open(&mon->proxy, w, &opened);
	if (init_wait_gate(p, &sync, &e) < 0)
		fail(sync, &e);
	if (r < 0)
		fail(sync, &opened);
	if (tell_network(mon, &e) < 0)
		fail(sync, &e);
	if (proxy_start(&mon->proxy, &e) < 0)
		fail(sync, &e);
	fd_close(&p->sync[1]);
	r = proxy_wait(&mon->proxy);
	if (mon->proxy.oom && mon->oom >= 0)
		oom_strike(mon->oom);
	_exit(r);
}

static int start_proxy(struct monitor *mon, struct err *e)
{
	pthread_t thread;
	int r = pthread_create(&thread, NULL, run_proxy, mon);

	return r ? err_code(e, r, "start a thread") : 0;
}

/* ---- the set-up ---- */

static int enter_vm_thread(void *arg, enum vm_thread kind, struct err *e)
{
	static const enum jail_thread kinds[] = {
		[VM_THREAD_VCPU] = JAIL_VCPU,
		[VM_THREAD_FS] = JAIL_FS,
		[VM_THREAD_BLOCK] = JAIL_BLOCK,
	};
	const struct monitor *mon = arg;

	return jail_enter_thread(mon->m->jail, kinds[kind], e);
}

/* Nothing stays open that isn't on this list. */
static int enter_jail(struct monitor *mon, struct err *e)
{
	const struct monitor_plan *m = mon->m;
	const struct init_plan *p = mon->p;
	int keep[KEEP_MAX] = {p->sync[1],
			      p->listener,
			      mon->log ? mon->log->fd : -1,
			      m->kvm,
			      m->kernel,
			      m->initrd,
			      m->listener,
			      m->control,
			      mon->oom,
			      m->ends.master,
			      m->ends.slave,
			      p->proc,
			      0,
			      1,
			      2};
	size_t count = KEEP_FIXED;

	if (m->shares.count > KEEP_MAX - count)
		return err_set(e, E2BIG, "more than %zu mounts", KEEP_MAX - count);
	for (size_t i = 0; i < m->shares.count; i++)
		keep[count++] = m->shares.v[i].fd;
	return jail_enter(m->jail,
			  &(struct jail_room){.keep = keep,
					      .keep_count = count,
					      .nofile = DESCRIPTORS_MAX},
			  &mon->proc, e);
}

static int make_machine(struct monitor *mon, struct err *e)
{
	const struct monitor_plan *m = mon->m;
	const struct vm_config c = {
		.loop = mon->loop,
		.kvm_fd = m->kvm,
		.vcpus = m->vcpus,
		.memory = m->memory,
		.memory_fd = -1,
		.small_pages = true, /* an idle sandbox is small */
		.proc_fd = mon->proc,
		.fs_device_nodes = true,
		.cid = GUEST_CID,
		.ended = on_ended,
		.log = on_log,
		.enter_thread = enter_vm_thread,
		.arg = mon,
	};
	const struct vm_boot b = {
		.kernel_fd = m->kernel,
		.kernel_cache_fd = -1,
		.initrd_fd = m->initrd,
		.cmdline = cmdline,
	};
	int r = vm_new(&c, &mon->vm, e);

	if (r < 0)
		return r;
	vm_console_output(mon->vm, on_console, mon);
	r = shares_attach(&m->shares, mon->vm, e);
	return r < 0 ? r : vm_boot(mon->vm, &b, e);
}

/* A connection to the guest; the other end is the relay's. */
static int connect_guest(struct monitor *mon, int *ret, struct err *e)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, "socketpair");
	*ret = pair[0];
	return relay_add(mon->relay, &pair[1], e);
}

static int connect_proxy(struct monitor *mon, int connections[PROXY_CONNECTIONS],
			 struct err *e)
{
	unsigned count = proxy_connections(mon->p->spec->process->terminal);
	int r = connect_guest(mon, &mon->network, e);

	for (unsigned i = 0; r == 0 && i < count; i++)
		r = connect_guest(mon, &connections[i], e);
	return r;
}

/* ---- orders ---- */

static int connect_tap(struct monitor *mon, const struct control_order *o, int *fd,
		       struct err *e)
{
	struct vm_net_config c = {.tap_fd = *fd, .mtu = (uint16_t)o->mtu};
	int r;

	if (o->mtu > UINT16_MAX)
		return err_set(e, EINVAL, "an interface's MTU of %u", o->mtu);
	memcpy(c.mac, o->mac, sizeof(c.mac));
	/* What a killed command left. */
	r = vm_net_disconnect(mon->vm, o->index, e);
	if (r == 0)
		r = vm_net_connect(mon->vm, o->index, &c, e);
	if (r == 0)
		(void)fd_take(fd);
	return r;
}

static int take_network(struct monitor *mon, int fd, struct err *e)
{
	AUTO_FREE char *text = NULL;
	size_t len;
	int r = file_read_fd(fd, "the network", NETWORK_MAX, &text, &len, e);

	if (r < 0)
		return r;
	(void)pthread_mutex_lock(&mon->lock);
	free(mon->network_request);
	mon->network_request = TAKE(text);
	(void)pthread_mutex_unlock(&mon->lock);
	return 0;
}

static int on_order(void *arg, const struct control_order *o, int *fd, struct err *e)
{
	struct monitor *mon = arg;

	switch (o->kind) {
	case CONTROL_TAP:
		return connect_tap(mon, o, fd, e);
	case CONTROL_NETWORK:
		return take_network(mon, *fd, e);
	default:
		return err_set(e, EPROTO, "an order is not understood");
	}
}

/* All threads are made before the guest runs, and none can be made after it. */
static int make_threads(struct monitor *mon, struct err *e)
{
	int r = proxy_threads(&mon->proxy, enter_proxy_thread, mon, e);

	if (r == 0)
		r = start_proxy(mon, e);
	if (r == 0)
		r = vm_spawn(mon->vm, e);
	return r == 0 ? jail_enter_thread(mon->m->jail, JAIL_MAIN, e) : r;
}

static bool has_limit(const struct spec *s)
{
	const struct spec_resources *r = s->linux_->resources;

	return r && r->memory && r->memory->limit.set && r->memory->limit.v > 0;
}

/* What the host has to say about the process that stands for the container. */
static int be_container(struct monitor *mon, struct err *e)
{
	struct init_plan *p = mon->p;
	int r = engine_host_create_container(p, e);

	if (r == 0)
		r = sandbox_find_exec(mon->m->process, p->spec, mon->m->shares.v[0].fd,
				      e);
	if (r == 0 && has_limit(p->spec))
		r = oom_prepare(p->proc, &mon->oom, e);
	if (r == 0)
		r = enter_jail(mon, e);
	/* A profile for containers forbids what the jail is made with: so it comes last. */
	if (r == 0)
		r = process_take_label(mon->m->process, p->proc, e);
	fd_close(&p->proc);
	return r;
}

static int set_up(struct monitor *mon, struct err *e)
{
	int r = be_container(mon, e);

	if (r == 0)
		r = loop_new(&mon->loop, e);
	if (r == 0)
		r = loop_timer(mon->loop, end, NULL, &mon->last, e);
	if (r == 0)
		r = make_machine(mon, e);
	if (r == 0)
		r = relay_new(mon->vm, mon->loop, &mon->m->listener, &mon->guest_log,
			      &mon->relay, e);
	if (r == 0)
		r = control_new(mon->loop, &mon->m->control, on_order, mon, &mon->control,
				e);
	if (r == 0)
		r = connect_proxy(mon, mon->m->ends.connections, e);
	if (r == 0)
		r = proxy_init(&mon->proxy, mon->p->spec->process, &mon->m->ends,
			       mon->log, e);
	if (r == 0)
		r = make_threads(mon, e);
	if (r == 0)
		r = vm_resume(mon->vm, e);
	if (r == 0)
		(void)sem_post(&mon->begin);
	return r;
}

int monitor_run(struct init_plan *p, struct monitor_plan *m, struct err *e)
{
	struct monitor *mon = calloc(1, sizeof(*mon));
	int r;

	if (!mon)
		return err_code(e, ENOMEM, "make a sandbox");
	*mon = (struct monitor){.p = p,
				.m = m,
				.log = p->options->log,
				.guest_log = {.log = p->options->log},
				.proc = -1,
				.oom = -1,
				.network = -1};
	(void)pthread_mutex_init(&mon->lock, NULL);
	(void)sem_init(&mon->begin, 0, 0);
	r = set_up(mon, e);
	/* The process ends by its proxy, or when the machine has. */
	return r < 0 ? r : loop_run(mon->loop, e);
}
