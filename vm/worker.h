/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fixed number of threads for what blocks: they wait for eventfds (queues' kicks), and
 * any of them calls the function that belongs to it, several the same one at a time.
 *
 * A source can be stopped and started at any time: after worker_stop() no thread is in
 * its function and none will be, whatever was signalled. That is how a device is quiet
 * for a reset, a pause and its end.
 */
#ifndef VM_WORKER_H
#define VM_WORKER_H

#include <stdbool.h>

#include "base/err.h"

struct worker_pool;
struct worker_source;

#define WORKER_THREADS_MAX 64

/* A pool without threads yet. */
int worker_pool_new(struct worker_pool **ret, struct err *e);

/* Makes the threads, all signals blocked. Each calls enter(arg) first (NULL: nothing to
 * do), and the first error of one is returned after all have ended. Once only. */
int worker_pool_start(struct worker_pool *p, unsigned threads,
		      int (*enter)(void *arg, struct err *e), void *arg, struct err *e);

/* In a pool without threads: what there is to do now is done on the caller's. Returns the
 * number of calls. For tests that must do the same each time. */
unsigned worker_pool_poll(struct worker_pool *p);

/* Ends the threads, when they return from what they do. Sources are freed before. */
void worker_pool_free(struct worker_pool *p);

/* Calls fn(arg) on a thread whenever event_fd (borrowed, an eventfd) is written, from
 * worker_start() on. */
int worker_source_new(struct worker_pool *p, int event_fd, void (*fn)(void *arg),
		      void *arg, struct worker_source **ret, struct err *e);

/* Stops it first. Before event_fd is closed, or right after, on the same thread. NULL
 * does nothing. */
void worker_source_free(struct worker_source *s);

/* Calls fn once in any case: there may be work already. Starts and stops don't nest. */
void worker_start(struct worker_source *s);

/* Waits until no thread is in fn, which needs to look at worker_stopping() if it takes
 * long. Not from within fn. NULL does nothing. */
void worker_stop(struct worker_source *s);
bool worker_stopping(const struct worker_source *s);

/* For fn, when it finds more to do than it does itself: another thread comes to help if
 * one has nothing to do. */
void worker_share(struct worker_source *s);

/* fn will be called again, after other sources had their turn. */
void worker_again(struct worker_source *s);

#endif
