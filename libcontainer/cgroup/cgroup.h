/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's cgroup, v2 only (Documentation/admin-guide/cgroup-v2.rst). On a hybrid
 * host the unified hierarchy is used as long as no limit is asked for.
 */
#ifndef LIBCONTAINER_CGROUP_CGROUP_H
#define LIBCONTAINER_CGROUP_CGROUP_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/log.h"
#include "libcontainer/spec/spec.h"

enum cgroup_driver {
	CGROUP_CGROUPFS, /* we make and remove the folder */
	CGROUP_DISABLED, /* the container stays in the caller's cgroup */
};

struct cgroup {
	enum cgroup_driver driver;
	char path[4096]; /* from the hierarchy's top, "/pod/ctr"; "" if disabled */
	int fd;          /* owned: the folder, for CLONE_INTO_CGROUP; -1 if disabled */
};

#define CGROUP_INIT                                                                      \
	{                                                                                \
		.fd = -1                                                                 \
	}

/* Finds out where the container's cgroup goes: cgroups_path as linux.cgroupsPath (NULL:
 * a default made from the id). Makes nothing. On failure nothing is kept. */
int cgroup_locate(struct cgroup *c, enum cgroup_driver driver, const char *cgroups_path,
		  const char *id, struct err *e);

/* Makes the cgroup that was located, enables the controllers that there are, refuses one
 * that has processes in it or is frozen, sets the limits and attaches the device filter.
 * res may be NULL: the filter then lets through what each container may use. A failure
 * leaves no new folder behind. Where a rootless caller may not make it and there are no
 * limits to set, that is a warning, and the driver becomes CGROUP_DISABLED. */
int cgroup_create(struct cgroup *c, const struct spec_resources *res,
		  const struct log *log, struct err *e);

/* Opens the cgroup of an existing container by what its state recorded; a missing folder
 * is no error (fd stays -1: nothing is left to do in it). */
int cgroup_open(struct cgroup *c, enum cgroup_driver driver, const char *path,
		struct err *e);

/* Opens a folder below the container's cgroup for exec (--cgroup); "" is c itself.
 * Returns a descriptor for CLONE_INTO_CGROUP. */
int cgroup_open_sub(const struct cgroup *c, const char *sub, struct err *e);

/* Opens the cgroup in which a process is, if that is c or one below: for exec, where the
 * container's init has made cgroups of its own and c can't take processes any more (clone
 * gives EBUSY). A descriptor as of cgroup_open_sub; -EXDEV if it is elsewhere. */
int cgroup_open_of(const struct cgroup *c, pid_t pid, struct err *e);

/* Writes changed limits (hull update); device rules stay as they are, as with runc. If one
 * can't be set, those before it get their old values back. */
int cgroup_apply(const struct cgroup *c, const struct spec_resources *res,
		 const struct log *log, struct err *e);

/* The processes in it and below, in the arena. Of a cgroup that is gone: none. */
int cgroup_processes(const struct cgroup *c, struct arena *a, pid_t **ret,
		     size_t *ret_count, struct err *e);

/* Signals every process in the cgroup and below; SIGKILL by cgroup.kill where there is
 * one, so that no fork escapes. None there is no error. */
int cgroup_kill(const struct cgroup *c, int sig, struct err *e);

/* 1 if it is frozen (cgroup.freeze), 0 if not, -errno. */
int cgroup_is_frozen(const struct cgroup *c, struct err *e);

/* Freezes or thaws and waits until it is so, 2 s at most. */
int cgroup_freeze(const struct cgroup *c, bool freeze, struct err *e);

/* 1 if a process is in it or below (cgroup.events populated), 0 if not. */
int cgroup_is_populated(const struct cgroup *c, struct err *e);

/* Removes the folder with all below, waiting a moment for dying processes to leave it.
 * A missing one is no error, and one that was neither created nor opened by this struct
 * (fd < 0) isn't touched: it may be another's. */
int cgroup_destroy(struct cgroup *c, struct err *e);

/* How many processes the kernel has killed in it for want of memory (memory.events); 0
 * also if that can't be told. Safe after clone. */
int cgroup_oom_kills(const struct cgroup *c);

/* Closes what is held. */
void cgroup_done(struct cgroup *c);

#endif
