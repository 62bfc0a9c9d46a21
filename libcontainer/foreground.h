/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The time that a command stays with its container: `run` and `exec` without --detach.
 */
#ifndef LIBCONTAINER_FOREGROUND_H
#define LIBCONTAINER_FOREGROUND_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>
#include <termios.h>

#include "base/err.h"

/* What is needed before the container's process exists, so that no signal is lost. */
struct foreground {
	int signals;        /* signalfd of all that is forwarded; owned */
	sigset_t mask;      /* the caller's signal mask */
	int tty;            /* borrowed: the caller's terminal (stdin), or -1 */
	bool raw;           /* it is raw at the moment */
	struct termios was; /* its settings before */
};

/* Blocks the signals that are forwarded, for the calling thread; the container's child
 * must get the old mask back (f->mask). */
int foreground_init(struct foreground *f, struct err *e);

/* Optional, before the container's process runs: makes the caller's terminal raw (if the
 * caller is its foreground job) and gives its size and, as runc, no newline translation
 * to the container's, so that the first line already comes out right. */
int foreground_attach(struct foreground *f, int master, struct err *e);

/* Stays until the child `pid` is dead: forwards every signal that can be caught to it,
 * and, if master >= 0, attaches it (foreground_attach) and relays between the terminal's
 * master and stdin/stdout: window changes are passed on, the caller's terminal is put
 * back always, output is drained before the end. A stdin that ends is no end. Sets
 * O_NONBLOCK on master. Returns the exit status, 128 + signal if killed. */
int foreground_wait(struct foreground *f, pid_t pid, int pidfd, int master,
		    struct err *e);

/* Puts the terminal back, unblocks, closes. Signals that came too late for the container
 * are dropped. */
void foreground_done(struct foreground *f);

#endif
