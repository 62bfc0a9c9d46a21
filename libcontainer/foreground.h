/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The time that a command stays with its container: `run` and `exec` without --detach.
 */
#ifndef LIBCONTAINER_FOREGROUND_H
#define LIBCONTAINER_FOREGROUND_H

#include <sys/types.h>

#include "base/err.h"

/* What is needed before the container's process exists, so that no signal is lost. */
struct foreground {
	int signals;     /* signalfd of all that is forwarded; owned */
	char saved[128]; /* the caller's signal mask, a sigset_t */
};

/* Blocks the signals that are forwarded, for the calling thread; the container's child
 * must get the old mask back (foreground_mask). */
int foreground_init(struct foreground *f, struct err *e);

/* Stays until the child `pid` is dead: forwards every signal that can be caught to it,
 * and, if master >= 0, relays between the terminal's master and stdin/stdout: the
 * caller's terminal is made raw (and put back always), window changes are passed on,
 * output is drained before the end. Returns the exit status, 128 + signal if killed. */
int foreground_wait(struct foreground *f, pid_t pid, int pidfd, int master,
		    struct err *e);

/* Unblocks, closes. */
void foreground_done(struct foreground *f);

#endif
