/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One epoll instance. A source that is deleted while events are being handed out is only
 * marked, since an event of it may have been fetched already; its memory goes when the
 * outermost loop_once() is through with what it fetched.
 */
#include "vm/loop.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/fd.h"

#define BATCH  64
#define NS_SEC UINT64_C(1000000000)

enum source_kind {
	SOURCE_IO,
	SOURCE_TIMER,
	SOURCE_WAKER,
};

struct loop_source {
	struct loop *loop;
	struct loop_source *prev, *next; /* of the living, or next of the dead */
	enum source_kind kind;
	bool dead;
	int fd;          /* owned, but for SOURCE_IO */
	uint32_t events; /* wanted; 0: not in the epoll instance */
	loop_io_fn *io;
	loop_fn *fn;
	void *arg;
	_Atomic bool woken; /* a waker's call is due already */
};

struct loop {
	int epoll_fd; /* owned */
	_Atomic bool stop;
	unsigned depth; /* loop_once()s under way: callbacks may call it */
	struct loop_source *living, *dead;
	struct loop_source *stopper;
};

static void source_free(struct loop_source *s)
{
	if (s->kind != SOURCE_IO)
		fd_close(&s->fd);
	free(s);
}

static void bury(struct loop *l)
{
	while (l->dead) {
		struct loop_source *s = l->dead;

		l->dead = s->next;
		source_free(s);
	}
}

static int watch(struct loop_source *s, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data = {.ptr = s}};
	int op = EPOLL_CTL_MOD;

	if (events == s->events)
		return 0;
	if (!events)
		op = EPOLL_CTL_DEL;
	else if (!s->events)
		op = EPOLL_CTL_ADD;
	if (epoll_ctl(s->loop->epoll_fd, op, s->fd, &ev) < 0)
		return -errno;
	s->events = events;
	return 0;
}

/* Takes over *fd, but for SOURCE_IO; also when it fails. NULL: see e. */
static struct loop_source *source_new(struct loop *l, enum source_kind kind, int *fd,
				      uint32_t events, void *arg, struct err *e)
{
	struct loop_source *s = calloc(1, sizeof(*s));
	int r;

	if (!s) {
		if (kind != SOURCE_IO)
			fd_close(fd);
		(void)err_set(e, ENOMEM, "no memory for an event source");
		return NULL;
	}
	s->loop = l;
	s->kind = kind;
	s->arg = arg;
	s->fd = kind == SOURCE_IO ? *fd : fd_take(fd);
	r = watch(s, events);
	if (r < 0) {
		source_free(s);
		(void)err_code(e, r, "epoll_ctl");
		return NULL;
	}
	s->next = l->living;
	if (s->next)
		s->next->prev = s;
	l->living = s;
	return s;
}

int loop_add(struct loop *l, int fd, uint32_t events, loop_io_fn *fn, void *arg,
	     struct loop_source **ret, struct err *e)
{
	struct loop_source *s = source_new(l, SOURCE_IO, &fd, events, arg, e);

	if (!s)
		return -e->code;
	s->io = fn;
	*ret = s;
	return 0;
}

int loop_set(struct loop_source *s, uint32_t events)
{
	return watch(s, events);
}

void loop_del(struct loop_source *s)
{
	struct loop *l;

	if (!s)
		return;
	l = s->loop;
	(void)watch(s, 0);
	if (s->prev)
		s->prev->next = s->next;
	else
		l->living = s->next;
	if (s->next)
		s->next->prev = s->prev;
	s->dead = true;
	s->next = l->dead;
	l->dead = s;
	if (!l->depth)
		bury(l);
}

int loop_timer(struct loop *l, loop_fn *fn, void *arg, struct loop_source **ret,
	       struct err *e)
{
	AUTO_FD fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	struct loop_source *s;

	if (fd < 0)
		return err_sys(e, "timerfd_create");
	s = source_new(l, SOURCE_TIMER, &fd, EPOLLIN, arg, e);
	if (!s)
		return -e->code;
	s->fn = fn;
	*ret = s;
	return 0;
}

void loop_timer_set(struct loop_source *timer, uint64_t ns)
{
	struct itimerspec t = {0};

	t.it_value.tv_sec = (time_t)(ns / NS_SEC);
	t.it_value.tv_nsec = (long)(ns % NS_SEC);
	/* Fails for bad arguments only. Setting it also takes back an expiry that was
	 * not read yet. */
	(void)timerfd_settime(timer->fd, 0, &t, NULL);
}

int loop_waker(struct loop *l, loop_fn *fn, void *arg, struct loop_source **ret,
	       struct err *e)
{
	AUTO_FD fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct loop_source *s;

	if (fd < 0)
		return err_sys(e, "eventfd");
	s = source_new(l, SOURCE_WAKER, &fd, EPOLLIN, arg, e);
	if (!s)
		return -e->code;
	s->fn = fn;
	*ret = s;
	return 0;
}

void loop_wake(struct loop_source *waker)
{
	int saved = errno;

	/* One write until the loop has seen it, however many wake it. */
	if (!atomic_exchange(&waker->woken, true))
		(void)!write(waker->fd, &(uint64_t){1}, sizeof(uint64_t));
	errno = saved;
}

static void stopped(void *arg)
{
	(void)arg;
}

int loop_new(struct loop **ret, struct err *e)
{
	struct loop *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return err_set(e, ENOMEM, "no memory for an event loop");
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll_fd < 0) {
		r = err_sys(e, "epoll_create1");
		free(l);
		return r;
	}
	r = loop_waker(l, stopped, NULL, &l->stopper, e);
	if (r < 0) {
		loop_free(l);
		return r;
	}
	*ret = l;
	return 0;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	while (l->living)
		loop_del(l->living);
	bury(l);
	fd_close(&l->epoll_fd);
	free(l);
}

/* Returns how many calls were made. What was fetched may be out of date: another call of
 * the batch may have deleted the source, changed its events, or set its timer anew. */
static int dispatch(struct loop_source *s, uint32_t events)
{
	uint64_t count;

	if (s->dead)
		return 0;
	if (s->kind == SOURCE_IO) {
		events &= s->events ? s->events | EPOLLHUP | EPOLLERR : 0;
		if (!events)
			return 0;
		s->io(s->arg, events);
		return 1;
	}
	if (read(s->fd, &count, sizeof(count)) != sizeof(count))
		return 0;
	/* Before the call: who wakes during it is not forgotten. An exchange, to see what
	 * was written by those who found it true. */
	(void)atomic_exchange(&s->woken, false);
	s->fn(s->arg);
	return s != s->loop->stopper;
}

int loop_once(struct loop *l, int timeout_ms, struct err *e)
{
	struct epoll_event ev[BATCH];
	int n, calls = 0;

	do {
		n = epoll_wait(l->epoll_fd, ev, BATCH, timeout_ms);
	} while (n < 0 && errno == EINTR && timeout_ms < 0);
	if (n < 0)
		return errno == EINTR ? 0 : err_sys(e, "epoll_wait");
	l->depth++;
	for (int i = 0; i < n; i++)
		calls += dispatch(ev[i].data.ptr, ev[i].events);
	if (!--l->depth)
		bury(l);
	return calls;
}

int loop_run(struct loop *l, struct err *e)
{
	while (!atomic_exchange(&l->stop, false)) {
		int r = loop_once(l, -1, e);

		if (r < 0)
			return r;
	}
	return 0;
}

int loop_fd(const struct loop *l)
{
	return l->epoll_fd;
}

void loop_stop(struct loop *l)
{
	atomic_store(&l->stop, true);
	loop_wake(l->stopper);
}
