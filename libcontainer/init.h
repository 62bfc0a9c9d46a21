/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first moments of a cloned child, whatever its engine.
 */
#ifndef LIBCONTAINER_INIT_H
#define LIBCONTAINER_INIT_H

#include "libcontainer/engine.h"

/* The body for ns_spawn: ctx is a struct init_plan. */
void init_run(void *ctx) __attribute__((noreturn));

/* The same for exec: ctx is a struct exec_plan. */
void init_run_exec(void *ctx) __attribute__((noreturn));

/* For engines' bodies: tells the runtime that the container is created (with the
 * terminal's master, or -1), and waits until it may begin. On success *sync is where
 * failures are told from now on. */
int init_wait_start(struct init_plan *p, int master, int *sync, struct err *e);

#endif
