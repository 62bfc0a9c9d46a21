/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop that devices share: descriptors, timers, and calls from other threads.
 * It is run by one thread, the loop's thread; unless a function says otherwise it is
 * called there only (or before the loop runs).
 */
#ifndef VM_LOOP_H
#define VM_LOOP_H

#include <stdint.h>

#include "base/err.h"

struct loop;
struct loop_source;

/* events is a set of EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR as epoll_ctl(2) has them. */
typedef void loop_io_fn(void *arg, uint32_t events);
typedef void loop_fn(void *arg);

int loop_new(struct loop **ret, struct err *e);

/* Also frees the sources that are still there; borrowed descriptors stay open. */
void loop_free(struct loop *l);

/* Calls fn whenever fd (borrowed) has one of the events; level-triggered. */
int loop_add(struct loop *l, int fd, uint32_t events, loop_io_fn *fn, void *arg,
	     struct loop_source **ret, struct err *e);

/* Other events from now on; 0: none, and not even EPOLLHUP, until they are set again. */
int loop_set(struct loop_source *s, uint32_t events);

/* Never calls s again, also when an event of it has been fetched already. NULL does
 * nothing. Must come before the descriptor is closed. */
void loop_del(struct loop_source *s);

/* A timer of its own (timerfd), not yet set. */
int loop_timer(struct loop *l, loop_fn *fn, void *arg, struct loop_source **ret,
	       struct err *e);

/* Calls the timer's fn once, in ns nanoseconds of CLOCK_MONOTONIC (0: never, it is
 * stopped). */
void loop_timer_set(struct loop_source *timer, uint64_t ns);

/* A call that other threads can ask for: an eventfd. loop_wake() may be called by any
 * thread, and in a signal handler; several before fn runs become one. */
int loop_waker(struct loop *l, loop_fn *fn, void *arg, struct loop_source **ret,
	       struct err *e);
void loop_wake(struct loop_source *waker);

/* Runs until loop_stop(). 0, or -errno if epoll itself fails. */
int loop_run(struct loop *l, struct err *e);

/* Handles what is there now, waiting at most timeout_ms (-1: until something is) for the
 * first event; returns how many there were, or -errno. For tests, and for callers with
 * a loop of their own, who poll loop_fd(). */
int loop_once(struct loop *l, int timeout_ms, struct err *e);
int loop_fd(const struct loop *l);

/* From any thread. */
void loop_stop(struct loop *l);

#endif
