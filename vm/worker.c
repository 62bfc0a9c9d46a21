/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One epoll instance for all threads. An eventfd is watched edge-triggered: each write
 * wakes one thread, and it need not be read. What a thread has fetched may be stale, a
 * source that was stopped meanwhile: it is looked up under the lock, where threads in fn
 * are counted.
 *
 * The system calls of a thread are epoll_wait, futex, and write to an eventfd, beside
 * those of fn.
 */
#include "vm/worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/fd.h"

#define SOURCES    32
#define STACK_SIZE ((size_t)256 << 10)

struct worker_source {
	struct worker_pool *pool; /* NULL: a free place */
	int fd;                   /* borrowed */
	void (*fn)(void *arg);
	void *arg;
	bool started;
	_Atomic bool stopping;
	unsigned inside; /* threads in fn */
};

struct worker_pool {
	int epoll_fd, end_fd; /* owned */
	pthread_mutex_t lock;
	pthread_cond_t quiet;
	unsigned threads;
	_Atomic unsigned idle; /* threads that wait, or are about to */
	_Atomic bool end;
	pthread_t thread[WORKER_THREADS_MAX];
	struct worker_source source[SOURCES];

	/* While threads are made. */
	int (*enter)(void *arg, struct err *e);
	void *arg;
	unsigned entered;
	struct err error;
};

static void event_write(int fd)
{
	uint64_t one = 1;
	ssize_t n = write(fd, &one, sizeof(one));

	(void)n; /* full is as good as written */
}

/* ---- sources ---- */

static struct worker_source *source_find(struct worker_pool *p)
{
	for (unsigned i = 0; i < SOURCES; i++) {
		if (!p->source[i].pool)
			return &p->source[i];
	}
	return NULL;
}

int worker_source_new(struct worker_pool *p, int event_fd, void (*fn)(void *arg),
		      void *arg, struct worker_source **ret, struct err *e)
{
	struct worker_source *s;
	int r = 0;

	pthread_mutex_lock(&p->lock);
	s = source_find(p);
	if (s) {
		struct epoll_event ev = {.events = EPOLLIN | EPOLLET,
					 .data = {.u32 = (uint32_t)(s - p->source)}};

		*s = (struct worker_source){.pool = p,
					    .fd = event_fd,
					    .fn = fn,
					    .arg = arg,
					    .stopping = true};
		if (epoll_ctl(p->epoll_fd, EPOLL_CTL_ADD, event_fd, &ev) < 0) {
			r = err_sys(e, "workers: wait for an eventfd");
			s->pool = NULL;
		}
	} else {
		r = err_set(e, ENOSPC, "workers: more than %d sources", SOURCES);
	}
	pthread_mutex_unlock(&p->lock);
	if (r == 0)
		*ret = s;
	return r;
}

void worker_start(struct worker_source *s)
{
	pthread_mutex_lock(&s->pool->lock);
	s->stopping = false;
	s->started = true;
	pthread_mutex_unlock(&s->pool->lock);
	event_write(s->fd);
}

void worker_stop(struct worker_source *s)
{
	if (!s)
		return;
	s->stopping = true;
	pthread_mutex_lock(&s->pool->lock);
	s->started = false;
	while (s->inside)
		pthread_cond_wait(&s->pool->quiet, &s->pool->lock);
	pthread_mutex_unlock(&s->pool->lock);
}

bool worker_stopping(const struct worker_source *s)
{
	return s->stopping;
}

void worker_source_free(struct worker_source *s)
{
	struct worker_pool *p;

	if (!s)
		return;
	worker_stop(s);
	p = s->pool;
	pthread_mutex_lock(&p->lock);
	(void)epoll_ctl(p->epoll_fd, EPOLL_CTL_DEL, s->fd, NULL);
	s->pool = NULL;
	pthread_mutex_unlock(&p->lock);
}

void worker_share(struct worker_source *s)
{
	if (s->pool->idle)
		event_write(s->fd);
}

void worker_again(struct worker_source *s)
{
	event_write(s->fd);
}

/* ---- threads ---- */

static void call(struct worker_pool *p, struct worker_source *s)
{
	pthread_mutex_lock(&p->lock);
	if (s->pool && s->started) {
		s->inside++;
		pthread_mutex_unlock(&p->lock);
		s->fn(s->arg);
		pthread_mutex_lock(&p->lock);
		if (--s->inside == 0)
			pthread_cond_broadcast(&p->quiet);
	}
	pthread_mutex_unlock(&p->lock);
}

static bool serve_one(struct worker_pool *p, int timeout_ms)
{
	struct epoll_event ev;

	if (epoll_wait(p->epoll_fd, &ev, 1, timeout_ms) != 1 || ev.data.u32 >= SOURCES)
		return false;
	p->idle--;
	call(p, &p->source[ev.data.u32]);
	p->idle++;
	return true;
}

static void serve(struct worker_pool *p)
{
	while (!p->end)
		(void)serve_one(p, -1);
}

unsigned worker_pool_poll(struct worker_pool *p)
{
	unsigned n = 0;

	for (p->idle = 1; serve_one(p, 0); n++)
		;
	p->idle = 0;
	return n;
}

static void *thread_main(void *arg)
{
	struct worker_pool *p = arg;
	struct err e = {0};
	int r = p->enter ? p->enter(p->arg, &e) : 0;

	pthread_mutex_lock(&p->lock);
	if (r < 0 && !p->error.code)
		p->error = e;
	p->entered++;
	p->idle++;
	pthread_cond_broadcast(&p->quiet);
	pthread_mutex_unlock(&p->lock);
	if (r == 0)
		serve(p);
	return NULL;
}

static int thread_new(pthread_t *ret, struct worker_pool *p)
{
	sigset_t all, old;
	pthread_attr_t a;
	int r;

	(void)sigfillset(&all);
	(void)pthread_attr_init(&a);
	(void)pthread_attr_setstacksize(&a, STACK_SIZE);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(ret, &a, thread_main, p);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	(void)pthread_attr_destroy(&a);
	return r;
}

static void end_threads(struct worker_pool *p)
{
	p->end = true;
	event_write(p->end_fd);
	for (; p->threads; p->threads--)
		(void)pthread_join(p->thread[p->threads - 1], NULL);
}

int worker_pool_start(struct worker_pool *p, unsigned threads,
		      int (*enter)(void *arg, struct err *e), void *arg, struct err *e)
{
	int r = 0;

	if (threads > WORKER_THREADS_MAX)
		return err_set(e, EINVAL, "workers: more than %d threads",
			       WORKER_THREADS_MAX);
	p->enter = enter;
	p->arg = arg;
	for (; p->threads < threads && r == 0; p->threads += r == 0)
		r = thread_new(&p->thread[p->threads], p);
	if (r) {
		end_threads(p);
		return err_code(e, r, "workers: make a thread");
	}
	pthread_mutex_lock(&p->lock);
	while (p->entered < threads)
		pthread_cond_wait(&p->quiet, &p->lock);
	pthread_mutex_unlock(&p->lock);
	if (!p->error.code)
		return 0;
	end_threads(p);
	*e = p->error;
	return -e->code;
}

static void pool_free(struct worker_pool *p)
{
	fd_close(&p->epoll_fd);
	fd_close(&p->end_fd);
	(void)pthread_cond_destroy(&p->quiet);
	(void)pthread_mutex_destroy(&p->lock);
	free(p);
}

void worker_pool_free(struct worker_pool *p)
{
	if (!p)
		return;
	end_threads(p);
	pool_free(p);
}

int worker_pool_new(struct worker_pool **ret, struct err *e)
{
	struct epoll_event ev = {.events = EPOLLIN, .data = {.u32 = SOURCES}};
	struct worker_pool *p = calloc(1, sizeof(*p));

	if (!p)
		return err_set(e, ENOMEM, "workers: no memory");
	(void)pthread_mutex_init(&p->lock, NULL);
	(void)pthread_cond_init(&p->quiet, NULL);
	p->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	p->end_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	/* Never read: it ends all threads. */
	if (p->epoll_fd < 0 || p->end_fd < 0 ||
	    epoll_ctl(p->epoll_fd, EPOLL_CTL_ADD, p->end_fd, &ev) < 0) {
		int r = err_sys(e, "workers: epoll");

		pool_free(p);
		return r;
	}
	*ret = p;
	return 0;
}
