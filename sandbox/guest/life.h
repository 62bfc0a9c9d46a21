/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process of a container, while the connection that it hangs on is served; and the list
 * of those whose streams may be attached by other connections.
 */
#ifndef SANDBOX_GUEST_LIFE_H
#define SANDBOX_GUEST_LIFE_H

#include "libcontainer/container.h"
#include "sandbox/guest/server.h"
#include "sandbox/pump.h"

#define LIFE_TOKEN_MAX 33

struct life {
	struct life *next; /* in guest.lives */
	char token[LIFE_TOKEN_MAX];
	int streams[3]; /* owned, -1 until they are attached: by guest.lock */
	pthread_cond_t attached;

	struct container *container; /* owned by who serves it */
	const struct spec_process *process;
	const char *tree; /* the rootfs, of a container's first process; NULL */
	const struct log *log;
	bool terminal, begun, oom;
	int pidfd, console;            /* borrowed; -1 */
	int exec_pidfd, exec_console;  /* owned */
	int ours[3];                   /* owned: of the pipes to its stdio */
	int stop;                      /* owned: eventfd */
	struct spec_console_size size; /* of a terminal that there isn't yet */
	struct pump pumps[3];

	/* What differs between a container's first process and the others: before its
	 * streams are pumped, after it, and when the process is gone. */
	int (*start)(struct guest *g, struct life *l, struct err *e);
	int (*after_start)(struct life *l, struct err *e);
	void (*finish)(struct guest *g, struct life *l);
};

#define LIFE_INIT                                                                        \
	{                                                                                \
		.streams = {-1, -1, -1}, .attached = PTHREAD_COND_INITIALIZER,           \
		.pidfd = -1, .console = -1, .exec_pidfd = -1, .exec_console = -1,        \
		.ours = {-1, -1, -1}, .stop = -1                                         \
	}

/* One with a terminal has a single stream. */
unsigned life_streams(const struct life *l);

/* Serves it from its first answer to its end. */
int life_run(struct guest *g, struct life *l, struct channel *c,
	     const struct json *request, struct err *e);

/* Into the list, with a token; and out of it. */
int life_add(struct guest *g, struct life *l, struct err *e);
void life_remove(struct guest *g, struct life *l);

/* Until all streams are attached; -ETIMEDOUT. */
int life_wait_streams(struct guest *g, struct life *l, struct err *e);

/* Closes what it owns. */
void life_done(struct life *l);

/* The spec of a request's "config", as the guest is to have it, in the arena. */
int life_spec(struct arena *a, const struct json *request, const char *id,
	      const char *config, struct spec **ret, const char **ret_tree,
	      struct err *e);

/* What a process has if its spec doesn't say: never what the server has for itself. */
int life_defaults(struct arena *a, struct spec_process *p, struct err *e);

/* What was written to a tree (NULL: nothing) is on the host. */
void life_sync(struct guest *g, const char *tree);

#endif
