/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread that copies one stream of a process's stdio. A thread each, as a caller's
 * descriptors may not be made non-blocking (others share them), and a reader who never
 * reads may hold up its own stream alone.
 */
#ifndef SANDBOX_PUMP_H
#define SANDBOX_PUMP_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>

#include "base/err.h"

struct pump {
	int from, to;   /* borrowed: one is a socket to the other side */
	bool to_socket; /* it is `to` */
	bool close_to;  /* `to` is owned, and closed at the end */
	int stop;       /* -1, or a borrowed eventfd: see pump_stop */
	/* First thing on its thread: closes its jail; NULL: nothing. */
	int (*enter)(void *arg, struct err *e);
	void *arg;
	pthread_t thread;
	sem_t go;
	bool running; /* to be joined */
};

/* Copies until the end of `from`, of which the other side is told if it reads, or until
 * nobody reads `to` any more, of which it is told if it writes. All signals are blocked on
 * the thread. Once `stop` can be read, it ends as soon as nothing is there to be copied. */
int pump_start(struct pump *p, struct err *e);

/* The same in two steps: its thread is made, and does nothing as yet; it begins. */
int pump_make(struct pump *p, struct err *e);
void pump_go(struct pump *p);

/* Waits for its end: of one whose `from` is a stream of the guest's. */
void pump_join(struct pump *p);

#endif
