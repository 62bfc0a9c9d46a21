/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's side of protocol.h: a thread a connection, as what is asked for may block
 * (a mount of the host's files, a container's process).
 */
#ifndef SANDBOX_GUEST_SERVER_H
#define SANDBOX_GUEST_SERVER_H

#include <linux/vm_sockets.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "base/json.h"
#include "base/log.h"
#include "sandbox/channel.h"

#define GUEST_CONTAINERS "/run/hull/containers"

/* How many files a process may have open, as services have it under systemd; the server's
 * connections take more. */
#define GUEST_FILES_SOFT   1024
#define GUEST_FILES_HARD   524288
#define GUEST_FILES_SERVER 65536

struct life;
struct guest;
struct container;

/* What is asked for. An error is answered; so is {} if nothing else was. The channel is
 * the function's for as long as it runs. */
typedef int request_fn(struct guest *g, struct channel *c, const struct json *request,
		       struct err *e);

struct guest_request {
	const char *op;
	request_fn *fn;
};

/* Up to one with no op. */
extern const struct guest_request guest_requests[];

/* What is done of the system when the first container comes (boot.h). */
struct guest_system {
	int (*connect)(struct err *e);
	int (*mount)(const char *fs, struct err *e);
};

struct guest {
	const struct guest_system *system;
	const struct guest_request *requests;
	pthread_mutex_t lock;             /* of what follows */
	bool connected;                   /* boot_connect is done */
	bool private_there, shared_there; /* the host's filesystems are mounted */
	unsigned threads;
	unsigned creating;      /* containers that are being made */
	bool created;           /* one has been, or could not be */
	pthread_cond_t changed; /* of these two */
	struct life *lives;     /* whose streams may be attached */
	struct log log;         /* its lines go to the host */
	int log_lines;          /* where they are read; owned by the reporter */
};

request_fn life_create, life_exec, life_attach;
request_fn ask_kill, ask_pids, ask_stats, ask_freeze, ask_update, ask_network;

/* Loopback, and those of the host's filesystems that are wanted: each once. */
int server_connect(struct guest *g, bool shared, struct err *e);

/* A container, also one that was asked for before and isn't whole yet: the host knows it
 * from the moment that its machine begins to boot. */
int server_load(struct guest *g, const char *id, struct container **ret, struct err *e);

/* Around the making of one. */
void server_creating(struct guest *g, bool begins);

/* Members of requests: -EPROTO if one is missing or of another type. */
int request_text(const struct json *request, const char *key, const char **ret,
		 struct err *e);
int request_int(const struct json *request, const char *key, int64_t least, int64_t most,
		int64_t *ret, struct err *e);

/* An answer, which is freed. */
int answer(struct channel *c, struct json_writer *w, struct err *e);
int answer_empty(struct channel *c, struct err *e);
int answer_error(struct channel *c, const struct err *why, struct err *e);

/* A connection, from its first message to its end; *fd, a stream socket, is taken over. */
void serve(struct guest *g, int *fd);

/* Whether a connection is the host's: a container's process may have a socket of this kind,
 * and reach whoever listens in its own machine. */
bool server_is_host(const struct sockaddr_vm *peer);

/* Returns only if there can be no server. */
int server_run(struct err *e);

/* report.c: tells the host that the guest is there, and hands it the log; for ever. */
void *report_run(void *guest);

#endif
