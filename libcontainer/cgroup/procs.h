/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processes of a cgroup and of all below it.
 */
#ifndef LIBCONTAINER_CGROUP_PROCS_H
#define LIBCONTAINER_CGROUP_PROCS_H

#include <sys/types.h>

/* Calls visit for each process (of our pid namespace); stops when that returns < 0. The
 * folder dir is borrowed. A cgroup that goes away meanwhile is passed over. 0 or what
 * visit returned, or -errno. */
int cgroup_procs_each(int dir, int (*visit)(pid_t pid, void *arg), void *arg);

/* How many there are, or -errno. */
int cgroup_procs_count(int dir);

/* Calls visit(parent, name) for each folder below dir, deepest first. */
int cgroup_dirs_each(int dir, int (*visit)(int parent, const char *name, void *arg),
		     void *arg);

#endif
