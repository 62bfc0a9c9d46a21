/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "vm/loop.h"

#include "tests/unit/tap.h"
#include "tests/unit/usage.h"

#define MS UINT64_C(1000000)

struct end {
	struct loop *loop;
	struct loop_source *source;
	struct end *other;
	int fd, peer;
	unsigned calls;
	uint32_t events;
};

static struct loop *new_loop(void)
{
	struct err e = {0};
	struct loop *l = NULL;

	CHECK(loop_new(&l, &e) == 0);
	if (!l)
		abort();
	return l;
}

/* A pipe whose reading end is watched and has a byte. */
static void end_init(struct end *end, struct loop *l, loop_io_fn *fn)
{
	struct err e = {0};
	int p[2];

	if (pipe2(p, O_CLOEXEC | O_NONBLOCK) < 0)
		abort();
	*end = (struct end){.loop = l, .fd = p[0], .peer = p[1]};
	CHECK(write(p[1], "x", 1) == 1);
	CHECK(loop_add(l, end->fd, EPOLLIN, fn, end, &end->source, &e) == 0);
}

static void end_done(struct end *end)
{
	loop_del(end->source);
	fd_close(&end->fd);
	fd_close(&end->peer);
}

static void deletes_the_other(void *arg, uint32_t events)
{
	struct end *end = arg;

	end->calls++;
	end->events = events;
	loop_del(end->other->source);
	end->other->source = NULL;
}

static void deleted_is_not_called(void)
{
	struct loop *l = new_loop();
	struct end a, b;

	end_init(&a, l, deletes_the_other);
	end_init(&b, l, deletes_the_other);
	a.other = &b;
	b.other = &a;
	CHECK(loop_once(l, -1, ERR_IGNORE) == 1);
	CHECK(a.calls + b.calls == 1);
	CHECK((a.calls ? a.events : b.events) == EPOLLIN);
	CHECK(loop_once(l, 0, ERR_IGNORE) == 1);
	CHECK(a.calls + b.calls == 2 && (a.calls == 2 || b.calls == 2));
	end_done(&a);
	end_done(&b);
	loop_free(l);
}

static void deletes_itself(void *arg, uint32_t events)
{
	struct end *end = arg;

	(void)events;
	end->calls++;
	loop_del(end->source);
	end->source = NULL;
}

static void a_source_deletes_itself(void)
{
	struct loop *l = new_loop();
	struct end a;

	end_init(&a, l, deletes_itself);
	CHECK(loop_once(l, -1, ERR_IGNORE) == 1);
	CHECK(loop_once(l, 0, ERR_IGNORE) == 0);
	CHECK(a.calls == 1);
	end_done(&a);
	loop_free(l);
}

static void nests(void *arg, uint32_t events)
{
	struct end *end = arg;

	(void)events;
	end->calls++;
	loop_del(end->source);
	end->source = NULL;
	/* What this one fetched and deleted must outlive the inner call. */
	CHECK(loop_once(end->loop, 0, ERR_IGNORE) == 0);
	loop_del(end->other->source);
	end->other->source = NULL;
	CHECK(loop_once(end->loop, 0, ERR_IGNORE) == 0);
}

static void nested_calls_free_nothing_in_use(void)
{
	struct loop *l = new_loop();
	struct end a, b;

	end_init(&a, l, nests);
	end_init(&b, l, nests);
	a.other = &b;
	b.other = &a;
	/* The inner loop_once() of the one would call the other: only a is ready. */
	CHECK(loop_set(b.source, 0) == 0);
	CHECK(loop_once(l, -1, ERR_IGNORE) == 1);
	CHECK(a.calls == 1 && b.calls == 0);
	end_done(&a);
	end_done(&b);
	loop_free(l);
}

static void silences_the_other(void *arg, uint32_t events)
{
	struct end *end = arg;

	(void)events;
	end->calls++;
	CHECK(loop_set(end->other->source, 0) == 0);
}

static void no_events_means_none(void)
{
	struct loop *l = new_loop();
	struct end a, b;

	end_init(&a, l, silences_the_other);
	end_init(&b, l, silences_the_other);
	a.other = &b;
	b.other = &a;
	CHECK(loop_once(l, -1, ERR_IGNORE) == 1);
	CHECK(a.calls + b.calls == 1);

	/* Not even a hangup, which epoll reports to whoever watches. */
	CHECK(loop_set(a.source, 0) == 0 && loop_set(b.source, 0) == 0);
	fd_close(&a.peer);
	CHECK(loop_once(l, 0, ERR_IGNORE) == 0);
	CHECK(loop_set(a.source, EPOLLIN) == 0);
	CHECK(loop_once(l, 0, ERR_IGNORE) == 1);
	end_done(&a);
	end_done(&b);
	loop_free(l);
}

static void counts(void *arg)
{
	atomic_uint *n = arg;

	atomic_fetch_add(n, 1);
}

static void wakers_coalesce(void)
{
	struct loop *l = new_loop();
	struct loop_source *w = NULL;
	atomic_uint n = 0;

	CHECK(loop_waker(l, counts, &n, &w, ERR_IGNORE) == 0);
	CHECK(loop_once(l, 0, ERR_IGNORE) == 0);
	for (int i = 0; i < 1000; i++)
		loop_wake(w);
	CHECK(loop_once(l, -1, ERR_IGNORE) == 1);
	CHECK(n == 1);
	CHECK(loop_once(l, 0, ERR_IGNORE) == 0);
	loop_wake(w);
	CHECK(loop_once(l, 0, ERR_IGNORE) == 1);
	CHECK(n == 2);
	loop_free(l);
}

struct handover {
	struct loop *loop;
	struct loop_source *waker;
	atomic_uint put; /* written by the other thread */
	unsigned seen;
};

#define HANDOVERS 20000

static void takes(void *arg)
{
	struct handover *h = arg;

	h->seen = atomic_load_explicit(&h->put, memory_order_relaxed);
	if (h->seen == HANDOVERS)
		loop_stop(h->loop);
}

static void *puts_and_wakes(void *arg)
{
	struct handover *h = arg;

	for (int i = 0; i < HANDOVERS; i++) {
		atomic_fetch_add_explicit(&h->put, 1, memory_order_relaxed);
		loop_wake(h->waker);
	}
	return NULL;
}

static void no_wake_is_lost(void)
{
	struct handover h = {.loop = new_loop()};
	pthread_t t;

	CHECK(loop_waker(h.loop, takes, &h, &h.waker, ERR_IGNORE) == 0);
	CHECK(pthread_create(&t, NULL, puts_and_wakes, &h) == 0);
	CHECK(loop_run(h.loop, ERR_IGNORE) == 0); /* hangs if the last one is lost */
	CHECK(h.seen == HANDOVERS);
	CHECK(pthread_join(t, NULL) == 0);
	loop_free(h.loop);
}

static struct loop_source *signal_waker;

static void wakes_in_handler(int signal)
{
	(void)signal;
	errno = EXDEV;
	loop_wake(signal_waker);
	if (errno != EXDEV)
		abort();
}

static void wakes_from_a_signal_handler(void)
{
	struct sigaction sa = {.sa_handler = wakes_in_handler}, old;
	struct loop *l = new_loop();
	atomic_uint n = 0;

	CHECK(loop_waker(l, counts, &n, &signal_waker, ERR_IGNORE) == 0);
	CHECK(sigaction(SIGUSR1, &sa, &old) == 0);
	CHECK(raise(SIGUSR1) == 0);
	CHECK(loop_once(l, -1, ERR_IGNORE) == 1);
	CHECK(n == 1);
	CHECK(sigaction(SIGUSR1, &old, NULL) == 0);
	loop_free(l);
}

static void *stops(void *arg)
{
	loop_stop(arg);
	return NULL;
}

static void stops_from_another_thread(void)
{
	struct loop *l = new_loop();
	pthread_t t;

	for (int i = 0; i < 100; i++) {
		CHECK(pthread_create(&t, NULL, stops, l) == 0);
		CHECK(loop_run(l, ERR_IGNORE) == 0);
		CHECK(pthread_join(t, NULL) == 0);
	}
	loop_free(l);
}

static void stop_before_run(void)
{
	struct loop *l = new_loop();

	loop_stop(l);
	loop_stop(l);
	CHECK(loop_once(l, 0, ERR_IGNORE) == 0); /* it is no event of the caller's */
	CHECK(loop_run(l, ERR_IGNORE) == 0);
	loop_free(l);
}

struct timers {
	struct loop *loop;
	struct timer {
		struct timers *all;
		struct loop_source *source;
		uint64_t ns;
	} t[5];
	unsigned order[8], count;
};

static void expires(void *arg)
{
	struct timer *t = arg;

	t->all->order[t->all->count++] = (unsigned)(t - t->all->t);
	if (t->all->count == 5)
		loop_stop(t->all->loop);
}

static void timers_keep_order(void)
{
	static const uint64_t ns[5] = {40 * MS, 1, 30 * MS, 10 * MS, 20 * MS};
	static const unsigned order[5] = {1, 3, 4, 2, 0};
	struct timers all = {.loop = new_loop()};
	struct timespec a, b;

	CHECK(clock_gettime(CLOCK_MONOTONIC, &a) == 0);
	for (unsigned i = 0; i < 5; i++) {
		all.t[i].all = &all;
		CHECK(loop_timer(all.loop, expires, &all.t[i], &all.t[i].source,
				 ERR_IGNORE) == 0);
		/* One that is set again counts from then on, and fires once. */
		loop_timer_set(all.t[i].source, UINT64_C(3600000) * MS);
		loop_timer_set(all.t[i].source, ns[i]);
	}
	/* Those that expired while this thread wasn't run are fetched in their order. */
	while (all.count < 5)
		CHECK(loop_once(all.loop, -1, ERR_IGNORE) >= 0);
	CHECK(clock_gettime(CLOCK_MONOTONIC, &b) == 0);
	CHECK((uint64_t)(b.tv_sec - a.tv_sec) * 1000 * MS + (uint64_t)b.tv_nsec -
		      (uint64_t)a.tv_nsec >=
	      40 * MS);
	for (unsigned i = 0; i < 5; i++)
		CHECK(all.order[i] == order[i]);
	CHECK(loop_once(all.loop, 0, ERR_IGNORE) == 0);
	loop_free(all.loop);
}

static void stops_the_timer(void *arg, uint32_t events)
{
	struct end *end = arg;

	(void)events;
	end->calls++;
	loop_timer_set(end->other->source, 0);
}

static void counts_end(void *arg)
{
	struct end *end = arg;

	end->calls++;
}

static void stopped_timer_is_silent(void)
{
	struct loop *l = new_loop();
	struct end a, t = {.loop = l};
	struct pollfd p = {.fd = loop_fd(l), .events = POLLIN};

	end_init(&a, l, stops_the_timer);
	a.other = &t;
	CHECK(loop_timer(l, counts_end, &t, &t.source, ERR_IGNORE) == 0);
	loop_timer_set(t.source, 1);
	loop_timer_set(t.source, 0);
	CHECK(loop_once(l, 0, ERR_IGNORE) == 1);
	CHECK(t.calls == 0 && a.calls == 1);

	/* Expired and fetched with the pipe's event, then stopped by that one's call; if
	 * the timer comes first in the batch, it was not stopped in time. */
	CHECK(loop_set(a.source, 0) == 0);
	loop_timer_set(t.source, 1);
	CHECK(poll(&p, 1, -1) == 1);
	CHECK(loop_set(a.source, EPOLLIN) == 0);
	CHECK(loop_once(l, -1, ERR_IGNORE) >= 1);
	CHECK(t.calls <= 1 && a.calls == 2);
	CHECK(loop_once(l, 0, ERR_IGNORE) == 1);
	CHECK(t.calls <= 1);
	end_done(&a);
	loop_free(l);
}

static void the_descriptor_is_pollable(void)
{
	struct loop *l = new_loop();
	struct pollfd p = {.fd = loop_fd(l), .events = POLLIN};
	struct loop_source *w = NULL;
	atomic_uint n = 0;

	CHECK(fcntl(p.fd, F_GETFD) & FD_CLOEXEC);
	CHECK(loop_waker(l, counts, &n, &w, ERR_IGNORE) == 0);
	CHECK(poll(&p, 1, 0) == 0);
	loop_wake(w);
	CHECK(poll(&p, 1, 0) == 1);
	CHECK(loop_once(l, 0, ERR_IGNORE) == 1);
	CHECK(poll(&p, 1, 0) == 0);
	loop_free(l);
}

static void errors_leave_nothing(void)
{
	struct loop *l = new_loop();
	struct loop_source *s = NULL;
	struct err e = {0};

	CHECK(loop_add(l, -1, EPOLLIN, deletes_itself, NULL, &s, &e) == -EBADF);
	CHECK(!s && e.code == EBADF);
	CHECK_STR(e.text, "epoll_ctl: EBADF");
	loop_del(NULL);
	loop_free(l);
	loop_free(NULL);
}

static void nothing_leaks(void)
{
	unsigned before = count_fds();

	for (int i = 0; i < 50; i++) {
		struct loop *l = new_loop();
		struct loop_source *s = NULL;
		struct end a;
		atomic_uint n = 0;

		end_init(&a, l, deletes_itself);
		a.source = NULL;
		for (int j = 0; j < 10; j++) {
			CHECK(loop_waker(l, counts, &n, &s, ERR_IGNORE) == 0);
			CHECK(loop_timer(l, counts, &n, &s, ERR_IGNORE) == 0);
		}
		loop_free(l);
		CHECK(fcntl(a.fd, F_GETFD) >= 0); /* borrowed */
		end_done(&a);
	}
	CHECK(count_fds() == before);
}

static const struct test tests[] = {
	{"a source that another's call deleted is not called", deleted_is_not_called},
	{"a source may delete itself", a_source_deletes_itself},
	{"a call may run the loop and delete what was fetched",
	 nested_calls_free_nothing_in_use},
	{"a source without events is not called, nor for a hangup", no_events_means_none},
	{"wakes before the call become one call", wakers_coalesce},
	{"no wake of another thread is lost", no_wake_is_lost},
	{"a signal handler may wake, and keeps errno", wakes_from_a_signal_handler},
	{"another thread stops the loop", stops_from_another_thread},
	{"a stop before the loop runs is not forgotten", stop_before_run},
	{"timers expire once each, in order, and not early", timers_keep_order},
	{"a timer that was stopped does not expire", stopped_timer_is_silent},
	{"the loop's descriptor is readable when there is something to do",
	 the_descriptor_is_pollable},
	{"a descriptor that can't be watched is an error", errors_leave_nothing},
	{"nothing leaks, and borrowed descriptors stay open", nothing_leaks},
};
TEST_MAIN(tests)
