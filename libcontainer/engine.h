/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an engine supplies to the lifecycle: the difference, nothing else. Commands never
 * ask which engine a container has; the state records it, and engine_find gives it back.
 */
#ifndef LIBCONTAINER_ENGINE_H
#define LIBCONTAINER_ENGINE_H

#include "libcontainer/container.h"
#include "libcontainer/hook_state.h"
#include "libcontainer/namespaces.h"
#include "libcontainer/process/process.h"
#include "libcontainer/rootfs/rootfs.h"
#include "libcontainer/sysctl.h"

/* What a container's first process carries: made before the clone, walked after it. */
struct init_plan {
	const struct spec *spec;
	const struct container_options *options;
	const struct engine *engine;
	struct arena arena;
	struct ns_plan ns;
	struct rootfs_plan *rootfs;
	const char *rootfs_path;
	struct process_plan *process; /* NULL: this kernel won't have that process */
	struct sysctl_plan sysctl;
	const struct spec_resources *resources; /* of the cgroup: the spec's, at first */
	void *own;                              /* the engine's; `done` frees it */
	struct hook_state creating, created;    /* for the hooks that the child runs */
	int sync[2];                            /* owned: [1] is the child's */
	int listener; /* owned: the start gate; -1 in the foreground */
	int proc;     /* owned: the trusted procfs */
};

/* What another process in a container carries. */
struct exec_plan {
	const char *id;
	const struct spec *spec; /* the container's */
	const struct exec_options *options;
	const struct engine *engine;
	struct arena arena;
	struct ns_plan ns;
	struct process_plan *process;
	void *own;
	int sync[2]; /* owned */
	int proc;    /* owned */
};

struct engine {
	const char *name; /* in state.json */

	/* Makes the engine's part of the plan, in the runtime's process: p->rootfs_path at
	 * least. */
	int (*prepare)(struct init_plan *p, struct container *c, struct err *e);
	void (*done)(struct init_plan *p); /* frees it there, also half-made; or NULL */

	/* What the cloned child does in its namespaces, up to and with the user's
	 * program. Returns only to tell what went wrong. */
	int (*body)(struct init_plan *p, struct err *e);

	/* In the runtime's process, of a container at its start gate: what is to be done
	 * before that opens; the container is locked, or the caller's own. And of one that
	 * has no processes any more, before its folder goes. NULL: nothing. */
	int (*starting)(const struct container *c, const struct log *log, struct err *e);
	void (*ended)(struct container *c, const struct log *log);

	/* As prepare, body and done, for exec. */
	int (*exec_prepare)(struct exec_plan *p, struct container *c, struct err *e);
	int (*exec_body)(struct exec_plan *p, struct err *e);
	void (*exec_done)(struct exec_plan *p);

	/* Signals the container's first process. */
	int (*signal)(const struct container *c, int sig, struct err *e);

	/* Of a container that is there: see container_pause and what follows it. */
	int (*freeze)(const struct container *c, bool on, struct err *e);
	int (*is_frozen)(const struct container *c, struct err *e); /* 1, 0 */
	int (*resize)(const struct container *c, const struct spec_resources *res,
		      const struct log *log, struct err *e);
	int (*processes)(const struct container *c, struct arena *a, pid_t **ret,
			 size_t *ret_count, struct err *e);
	int (*stats)(const struct container *c, struct arena *a, struct cgroup_stats *ret,
		     struct err *e);
	int (*watch)(const struct container *c, struct cgroup_watch *ret, struct err *e);
};

/* Runs the createContainer hooks, in the container's child and its namespaces: programs of
 * the host. */
int engine_host_create_container(struct init_plan *p, struct err *e);

/* A hook's state with the caller's pid as the runtime sees it. */
const char *engine_own_state(struct hook_state *state, int proc_fd, size_t *ret_len);

/* The same for all whose container is, on the host, its first process and its cgroup. */
int engine_host_signal(const struct container *c, int sig, struct err *e);
int engine_host_freeze(const struct container *c, bool on, struct err *e);
int engine_host_is_frozen(const struct container *c, struct err *e);
int engine_host_processes(const struct container *c, struct arena *a, pid_t **ret,
			  size_t *ret_count, struct err *e);
int engine_host_watch(const struct container *c, struct cgroup_watch *ret, struct err *e);

extern const struct engine native_engine;

/* The engines of this program, and a NULL: native_engine alone (engines.c), unless the
 * program has a table of its own. */
extern const struct engine *const engines[];

/* By the name in state.json; NULL if this hull has no such engine. */
const struct engine *engine_find(const char *name);

#endif
