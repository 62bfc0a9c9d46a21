/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcontainer: OCI containers, their whole life. The one public header.
 *
 * It is a library before it is a command: it changes nothing of the calling process (cwd,
 * umask, credentials, namespaces, signals), has no writable global, never prints, exits
 * or waits. Every call may run in any thread.
 *
 * A container lives in three places: its processes, its cgroup, and a folder
 * <root>/<id> (0711) that has state.json, a copy of config.json and, until it is started,
 * the socket of the start gate. A folder is locked (flock) while it is changed; no lock
 * is held while a hook runs.
 */
#ifndef LIBCONTAINER_CONTAINER_H
#define LIBCONTAINER_CONTAINER_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "libcontainer/cgroup/cgroup.h"
#include "libcontainer/cgroup/stats.h"
#include "libcontainer/cgroup/watch.h"
#include "libcontainer/spec/spec.h"

enum container_status {
	CONTAINER_CREATING, /* create is at work, or died in it (and pid is 0 then) */
	CONTAINER_CREATED,  /* waits at its start gate */
	CONTAINER_RUNNING,
	CONTAINER_PAUSED,
	CONTAINER_STOPPED,
};

const char *container_status_name(enum container_status s);

/* One container, loaded or just created. Read-only for users; freed by container_free. */
struct container {
	struct arena arena; /* the strings below */
	const char *root;   /* the state root's path */
	const char *id, *bundle, *rootfs;
	const char *created; /* RFC 3339, UTC, nanoseconds */
	const char *owner;   /* see container_owner; NULL until it is asked for */
	const char *engine;  /* its name: "native" */
	struct spec_map annotations;
	pid_t pid; /* init, in the caller's pid namespace; 0 if there is none yet */
	uint64_t start_time; /* of that pid (proc_stat) */
	bool own_pidns;      /* the init's end is the end of all its processes */
	bool other_boot;     /* the machine was started anew since */
	bool has_poststart, has_poststop; /* the spec has such hooks */
	struct cgroup cgroup;
	int dir;   /* owned: <root>/<id> */
	int pidfd; /* owned, of pid; -1 if it is gone */
	int sync;  /* owned: to a child that this process created and hasn't let go; -1 */
	int console; /* owned: the terminal's master if no console socket took it; -1 */
};

struct engine;

struct container_options {
	const struct engine *engine; /* NULL: native */
	const void *engine_config;   /* borrowed: what that engine is told */
	const char *root; /* the state root, absolute; made (0700) if missing */
	const char *id;
	const char *bundle; /* absolute */
	const struct spec *spec;
	const char *spec_text; /* config.json as it was read: kept in the folder */
	size_t spec_len;
	int stdio[3];         /* borrowed; ignored with a terminal */
	int console_socket;   /* borrowed: gets the terminal's master; -1: keep it */
	int pidfd_socket;     /* borrowed: gets a pidfd; -1 */
	const char *pid_file; /* absolute, or NULL */
	unsigned preserve_fds, listen_fds;
	bool no_pivot, no_new_keyring;
	bool foreground; /* the caller starts it itself: no gate is left for `start` */
	enum cgroup_driver cgroup_driver;
	const sigset_t *sigmask; /* for the container; NULL: empty */
	const struct log *log;
};

/* Rules for an id as runc's: [A-Za-z0-9_+.-], not "." or "..", at most 255 bytes. */
int container_check_id(const char *id, struct err *e);

/* Makes a container and leaves its init at the start gate (runtime-spec runtime.md, the
 * steps 1-6 of the lifecycle). On failure nothing is left behind. */
int container_create(const struct container_options *o, struct container **ret,
		     struct err *e);

/* Lets the user's process begin; poststart hooks run. Errors up to execve are the
 * caller's to see. */
int container_start(struct container *c, const struct log *log, struct err *e);

/* Loads a container: -ENOENT "container does not exist". */
int container_load(const char *root, const char *id, struct container **ret,
		   struct err *e);

/* Reads its state again: as long as `create` was at work it may have been another. */
int container_reload(struct container *c, struct err *e);

/* The status as it is now, or -errno. */
int container_status(const struct container *c, struct err *e);

/* Sends a signal to the init, or (all, or SIGKILL without an own pid namespace) to every
 * process in the cgroup. -ESRCH "container not running" on a stopped one, but success
 * with all. */
int container_kill(struct container *c, int sig, bool all, struct err *e);

/* Removes a stopped or created container: processes, cgroup, poststop hooks, the folder.
 * force: also a running one, and whatever a killed command has left. */
int container_delete(struct container *c, bool force, const struct log *log,
		     struct err *e);

/* `delete --force` where container_load failed: removes what can be found of the id.
 * Nothing found is no error. */
int container_delete_remains(const char *root, const char *id, const struct log *log,
			     struct err *e);

/* Stops all of its processes where they are, and lets them go on. A created container can
 * be paused too. -ESRCH "container not running", -EINVAL "container not paused". */
int container_pause(struct container *c, struct err *e);
int container_resume(struct container *c, struct err *e);

/* Sets what is set in res, of a container that isn't stopped; devices are left as they
 * are (as runc). On failure all limits are again what they were. */
int container_update(struct container *c, const struct spec_resources *res,
		     const struct log *log, struct err *e);

/* The pids of all of its processes, in the caller's pid namespace and in the arena; none,
 * if it is stopped. */
int container_processes(const struct container *c, struct arena *a, pid_t **ret,
			size_t *ret_count, struct err *e);

/* What it uses, at this moment; lists are in the arena. */
int container_stats(const struct container *c, struct arena *a, struct cgroup_stats *ret,
		    struct err *e);

/* Watches a container that isn't stopped for its end and for want of memory (watch.h). */
int container_watch(const struct container *c, struct cgroup_watch *ret, struct err *e);

struct exec_options {
	const struct spec_process *process; /* whole, as --process gives it */
	const char *cgroup;                 /* below the container's own; NULL: there */
	int stdio[3];
	int console_socket, pidfd_socket;
	const char *pid_file;
	unsigned preserve_fds, listen_fds;
	bool ignore_paused, no_new_keyring;
	const sigset_t *sigmask;
	const struct log *log;
};

struct exec_process {
	pid_t pid;   /* a child of the caller */
	int pidfd;   /* owned */
	int console; /* owned: the master if no console socket took it; -1 */
};

/* Starts another process in a running or created container. It runs when this returns. */
int container_exec(struct container *c, const struct exec_options *o,
		   struct exec_process *ret, struct err *e);

/* The spec that the container was created with, decoded into its arena. */
int container_spec(struct container *c, struct spec **ret, struct err *e);

/* Writes the members of the OCI state (runtime.md, State) in runc's order, from
 * ociVersion to owner, into an open object. */
int container_write_state(struct container *c, struct json_writer *w, bool with_owner,
			  struct err *e);

/* The user name of who owns the container's folder, or "#uid". */
const char *container_owner(struct container *c);

/* Calls fn for each container under the root, in order of their ids; what can't be loaded
 * is logged and passed over. A missing root is -ENOENT. */
int container_list(const char *root, int (*fn)(struct container *c, void *ctx), void *ctx,
		   const struct log *log, struct err *e);

/* An empty one, for the functions above; NULL if there is no memory. */
struct container *container_new(void);

void container_free(struct container *c);

#endif
