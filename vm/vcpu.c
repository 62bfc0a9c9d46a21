/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/vcpu.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "base/fd.h"
#include "base/str.h"
#include "vm/kvm.h"
#include "vm/vcpu_parts.h"

/* Of the signals that nobody sends, one that can't fail to be queued (real-time ones
 * can: RLIMIT_SIGPENDING). */
#define KICK       SIGSTKFLT

#define STACK_SIZE ((size_t)512 << 10)

/* ---- a vCPU's thread ---- */

/* Takes kicks that are pending, or KVM_RUN would return at once for ever. */
static void take_kicks(void)
{
	const struct timespec now = {0};
	sigset_t kick;

	(void)sigemptyset(&kick);
	(void)sigaddset(&kick, KICK);
	while (sigtimedwait(&kick, NULL, &now) == KICK || errno == EINTR)
		;
}

/* Runs the guest until a kick, or until it can't go on. */
static void run(struct vcpu *v)
{
	char name[32];
	int r;

	for (;;) {
		r = ioctl(v->fd, KVM_RUN, 0);
		if (r == 0 && vcpu_exit(v))
			continue;
		if (r == 0)
			return;
		/* A processor that the guest has just woken up. */
		if (errno == EAGAIN)
			continue;
		if (errno != EINTR) {
			r = errno;
			vcpu_count(v, EXIT_OTHER);
			(void)vcpu_fail(v, VM_END_ERROR, "KVM_RUN: %s",
					err_name(r, name, sizeof(name)));
			return;
		}
		vcpu_count(v, EXIT_INTR);
		take_kicks();
		return;
	}
}

/* With the lock: parks until the vCPU is to run (true), or to end. */
static bool wait_to_run(struct vcpus *s)
{
	while (s->want == PARK)
		(void)pthread_cond_wait(&s->changed, &s->lock);
	return s->want == RUN;
}

static void *thread_main(void *arg)
{
	struct vcpu *v = arg;
	struct vcpus *s = v->set;
	struct err e = {0};
	int r = s->c.enter_thread ? s->c.enter_thread(s->c.arg, &e) : 0;

	(void)pthread_mutex_lock(&s->lock);
	if (r < 0 && !s->failed.code)
		s->failed = e;
	s->started++;
	(void)pthread_cond_broadcast(&s->changed);
	while (wait_to_run(s)) {
		s->running++;
		(void)pthread_mutex_unlock(&s->lock);
		run(v);
		(void)pthread_mutex_lock(&s->lock);
		s->running--;
		(void)pthread_cond_broadcast(&s->changed);
	}
	(void)pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* ---- all of them ---- */

/* All signals are the other threads', but those that an instruction of this one raises. */
static void blocked_signals(sigset_t *ret)
{
	static const int own[] = {SIGSEGV, SIGBUS,  SIGFPE, SIGILL,
				  SIGTRAP, SIGABRT, SIGSYS};

	(void)sigfillset(ret);
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		(void)sigdelset(ret, own[i]);
}

/* The mask while the guest runs. The kernel's set has 8 bytes, and is the beginning of
 * libc's. */
static int set_signal_mask(int vcpu_fd)
{
	union {
		struct kvm_signal_mask m;
		char space[sizeof(struct kvm_signal_mask) + 8];
	} mask = {.m = {.len = 8}};
	sigset_t blocked;

	blocked_signals(&blocked);
	(void)sigdelset(&blocked, KICK);
	memcpy(mask.m.sigset, &blocked, 8);
	return ioctl(vcpu_fd, KVM_SET_SIGNAL_MASK, &mask.m);
}

static int vcpu_init(struct vcpus *s, struct vcpu *v, unsigned index, struct err *e)
{
	struct arch_cpu_config c = {index, s->c.count, s->c.cpuid};
	void *p;

	v->set = s;
	v->index = index;
	v->fd = ioctl(s->c.vm_fd, KVM_CREATE_VCPU, (unsigned long)index);
	if (v->fd < 0)
		return err_sys(e, "kvm: create vCPU %u", index);
	p = mmap(NULL, s->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	if (p == MAP_FAILED)
		return err_sys(e, "kvm: map the structure of vCPU %u", index);
	v->run = p;
	if (set_signal_mask(v->fd) < 0)
		return err_sys(e, "kvm: set the signals of vCPU %u", index);
	return arch_cpu_init(v->fd, &c, e);
}

static void vcpu_done(struct vcpu *v)
{
	if (v->has_thread)
		(void)pthread_join(v->thread, NULL);
	if (v->run)
		(void)munmap(v->run, v->set->run_size);
	fd_close(&v->fd);
}

int vcpus_new(const struct vcpus_config *c, struct vcpus **ret, struct err *e)
{
	struct vcpus *s;
	int r = 0;

	if (c->count == 0 || c->count > VCPUS_MOST)
		return err_set(e, EINVAL, "%u vCPUs: there can be 1 to %d", c->count,
			       VCPUS_MOST);
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(e, ENOMEM, "vcpu: no memory");
	s->c = *c;
	s->hotplug = memory_hotplug_range(c->mem);
	(void)pthread_mutex_init(&s->lock, NULL);
	(void)pthread_cond_init(&s->changed, NULL);
	for (unsigned i = 0; i < c->count; i++)
		s->vcpu[i].fd = -1;
	r = kvm_run_size(c->kvm_fd, &s->run_size, e);
	for (unsigned i = 0; i < c->count && r == 0; i++)
		r = vcpu_init(s, &s->vcpu[i], i, e);
	if (r < 0) {
		vcpus_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

/* With the lock. */
static void set_want(struct vcpus *s, enum want want)
{
	s->want = want;
	(void)pthread_cond_broadcast(&s->changed);
}

static void kick_all(struct vcpus *s)
{
	for (unsigned i = 0; i < s->c.count; i++)
		if (s->vcpu[i].has_thread)
			(void)pthread_kill(s->vcpu[i].thread, KICK);
}

void vcpus_free(struct vcpus *s)
{
	if (!s)
		return;
	(void)pthread_mutex_lock(&s->lock);
	set_want(s, QUIT);
	(void)pthread_mutex_unlock(&s->lock);
	kick_all(s);
	for (unsigned i = 0; i < s->c.count; i++)
		vcpu_done(&s->vcpu[i]);
	(void)pthread_cond_destroy(&s->changed);
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
}

int vcpus_fd(const struct vcpus *s, unsigned index)
{
	return s->vcpu[index].fd;
}

static int make_thread(struct vcpu *v)
{
	char name[16];
	pthread_attr_t attr;
	int r;

	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setstacksize(&attr, STACK_SIZE);
	r = pthread_create(&v->thread, &attr, thread_main, v);
	(void)pthread_attr_destroy(&attr);
	if (r)
		return -r;
	v->has_thread = true;
	(void)snprintf(name, sizeof(name), "vcpu%u", v->index);
	(void)pthread_setname_np(v->thread, name);
	return 0;
}

int vcpus_spawn(struct vcpus *s, struct err *e)
{
	unsigned made = 0;
	sigset_t blocked, old;
	int r = 0;

	blocked_signals(&blocked);
	(void)pthread_sigmask(SIG_BLOCK, &blocked, &old);
	for (; made < s->c.count && r == 0; made++)
		r = make_thread(&s->vcpu[made]);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r < 0)
		return err_code(e, r, "vcpu: make a thread");
	(void)pthread_mutex_lock(&s->lock);
	while (s->started < made)
		(void)pthread_cond_wait(&s->changed, &s->lock);
	if (s->failed.code) {
		*e = s->failed;
		r = -e->code;
	}
	(void)pthread_mutex_unlock(&s->lock);
	return r;
}

void vcpus_resume(struct vcpus *s)
{
	(void)pthread_mutex_lock(&s->lock);
	set_want(s, RUN);
	(void)pthread_mutex_unlock(&s->lock);
}

void vcpus_park(struct vcpus *s)
{
	bool kick;

	(void)pthread_mutex_lock(&s->lock);
	kick = s->want == RUN;
	if (kick)
		set_want(s, PARK);
	(void)pthread_mutex_unlock(&s->lock);
	if (kick)
		kick_all(s);
}

void vcpus_pause(struct vcpus *s)
{
	vcpus_park(s);
	(void)pthread_mutex_lock(&s->lock);
	while (s->running > 0)
		(void)pthread_cond_wait(&s->changed, &s->lock);
	(void)pthread_mutex_unlock(&s->lock);
}

struct vm_exits vcpus_exits(const struct vcpus *s)
{
	uint64_t sum[EXIT_REASONS] = {0};

	for (unsigned i = 0; i < s->c.count; i++)
		for (unsigned k = 0; k < EXIT_REASONS; k++)
			sum[k] += atomic_load_explicit(&s->vcpu[i].exits[k],
						       memory_order_relaxed);
	return (struct vm_exits){sum[EXIT_IO], sum[EXIT_MMIO], sum[EXIT_HLT],
				 sum[EXIT_INTR], sum[EXIT_OTHER]};
}
