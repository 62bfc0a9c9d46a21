/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands on the host for a process in the guest: it has its stdio, its signals and its
 * exit status, and when it is killed the process in the guest dies. A thread of the monitor
 * is the proxy of the container that came with the sandbox; each exec is a process of its
 * own.
 *
 *	proxy_init	one thread yet: signals are blocked, the terminal is the process's own
 *	proxy_threads	the last ones: from here on there may be a jail that forbids it
 *	proxy_open	the process is made in the guest, up to its gate; may take a boot
 *	proxy_start	it runs, and its stdio with it
 *	proxy_wait	until it has ended: its exit status
 */
#ifndef SANDBOX_PROXY_H
#define SANDBOX_PROXY_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/log.h"
#include "libcontainer/spec/spec.h"
#include "sandbox/channel.h"
#include "sandbox/pump.h"

/* Connections to the guest: the process's life, and its streams. */
enum {
	PROXY_LIFE,
	PROXY_STREAMS, /* 0, 1, 2; with a terminal 0 alone */
	PROXY_CONNECTIONS = PROXY_STREAMS + 3,
};

/* As many as there are for a process with a terminal, or without. */
unsigned proxy_connections(bool terminal);

/* What it is made of; all owned, -1: none. */
struct proxy_ends {
	int connections[PROXY_CONNECTIONS];
	int master, slave; /* its terminal on the host */
};

#define PROXY_ENDS_INIT                                                                  \
	{                                                                                \
		.connections = {-1, -1, -1, -1}, .master = -1, .slave = -1               \
	}

/* Makes the terminal, if the process is to have one; still in the host's own root. */
int proxy_ends_terminal(struct proxy_ends *x, const struct spec_process *process,
			struct err *e);
void proxy_ends_done(struct proxy_ends *x);

struct proxy {
	const struct spec_process *process;
	const struct log *log;
	struct proxy_ends ends; /* owned */
	int signals;            /* owned: signalfd */
	struct channel life;
	struct arena arena;
	const char *token; /* what streams are attached with */
	struct pump pumps[3];
	bool oom; /* at its end: its container was out of memory */
};

/* The ends are taken over. The calling process, a session leader, takes the terminal for
 * its own; the master is to be handed out, and closed. */
int proxy_init(struct proxy *p, const struct spec_process *process,
	       struct proxy_ends *ends, const struct log *log, struct err *e);

/* enter(arg): what each of its threads does first; NULL: nothing. */
int proxy_threads(struct proxy *p, int (*enter)(void *arg, struct err *e), void *arg,
		  struct err *e);

/* A writer in whose open object the request begins: what it is about is to be added. */
void proxy_begin(struct json_writer *w, const char *op, const char *id,
		 const struct spec_process *process);

/* Sends it (the object is closed here) and waits for the answer. */
int proxy_open(struct proxy *p, struct json_writer *request, struct err *e);
int proxy_start(struct proxy *p, struct err *e);

/* The exit status; 137 if the sandbox has ended before its process. All output has been
 * written. */
int proxy_wait(struct proxy *p);

#endif
