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

/* Its parts, for a body that holds descriptors of its own: tells that it is created; then,
 * any time later, waits. Between them no lock is held and nothing is kept waiting. */
int init_tell_created(const struct init_plan *p, int master, struct err *e);
int init_wait_gate(struct init_plan *p, int *sync, struct err *e);

/* Closes all descriptors from `from` on but those of keep, which is sorted here and may
 * have -1 in it. */
int init_close_others(unsigned from, int keep[], size_t count, struct err *e);

#endif
