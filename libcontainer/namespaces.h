/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Namespaces: what a spec asks for, and the clone that gives it.
 *
 * One clone3(2) makes all new namespaces, and the child joins those given by path. That
 * can't work in four cases, which take an intermediate process that joins first and then
 * clones the child as its sibling (CLONE_PARENT):
 *
 *	pid by path	setns(2) moves only later children into it
 *	user by path	the new namespaces are to be owned by it
 *	user new and	a child in the new user namespace has no right any more
 *	others by path	to join what the old one owns
 *	time offsets	are written before a process is in the namespace
 *
 * The cgroup namespace is made by the child (unshare), because its root is the cgroup
 * that its maker is in, and the child is put into the container's cgroup by the clone.
 */
#ifndef LIBCONTAINER_NAMESPACES_H
#define LIBCONTAINER_NAMESPACES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "libcontainer/spec/spec.h"

struct ns_plan {
	uint64_t clone_flags; /* CLONE_NEW* of the child's clone */
	bool new_cgroup;      /* made by ns_finish */
	bool new_user, new_pid, new_network;
	bool userns; /* the container isn't in the caller's user namespace */
	bool intermediate;
	int join[SPEC_NS_COUNT]; /* owned: the namespace to enter, or -1 */
	int join_pidfd;          /* borrowed: exec joins `join_flags` of this process */
	uint64_t join_flags;
	const struct spec_idmaps *uid_mappings, *gid_mappings;
	const struct spec_time_offsets *time_offsets; /* NULL: none */
};

/* For a container to be made. Opens the paths and checks that each is a namespace of its
 * type. */
int ns_plan_make(const struct spec *s, struct ns_plan *ret, struct err *e);

/* For a process in an existing container: all namespaces that its spec names, of the
 * process behind pidfd. */
void ns_plan_exec(const struct spec *s, int pidfd, struct ns_plan *ret);

void ns_plan_done(struct ns_plan *p);

/* Clones the child, in the cgroup (or -1). It runs body(ctx), which must not return.
 * proc_fd: base/procfs.h. sync: [0] stays here, [1] is the child's and closed here once
 * there is one. Returns the pid of the child, which is a child of the caller, and its
 * pidfd. */
pid_t ns_spawn(const struct ns_plan *p, int cgroup_fd, int proc_fd, int sync[2],
	       void (*body)(void *ctx), void *ctx, int *ret_pidfd, struct err *e);

/* From the runtime's side: writes the maps of a child's new user namespace. */
int ns_write_maps(const struct ns_plan *p, pid_t pid, int proc_fd, struct err *e);

/* In the child, once the maps are there: joins what is left, becomes the namespace's
 * root, makes the cgroup namespace. */
int ns_finish(const struct ns_plan *p, struct err *e);

/* The CLONE_NEW* flag of a type. */
uint64_t ns_flag(enum spec_ns type);

#endif
