/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monitor's jail: what is left to the process that runs a virtual machine once it is
 * set up. README.md has the whole of it as a table.
 *
 *	jail_prepare		in the runtime's process, before it clones the monitor
 *	jail_enter		in the monitor: one thread, a mount namespace of its own
 *	vm_new, vm_boot, vm_spawn
 *	jail_enter_thread	on each thread, the first one last: it can make no other
 *
 * Nothing but jail_prepare allocates. Threads share one memory, so the lists of system
 * calls are a wall around the process, and only a fence between its threads.
 */
#ifndef SANDBOX_JAIL_H
#define SANDBOX_JAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum jail_thread {
	JAIL_MAIN,  /* the loop: devices, sockets, timers */
	JAIL_VCPU,  /* runs the guest, and what its accesses to devices do at once */
	JAIL_FS,    /* workers of the shared filesystems */
	JAIL_BLOCK, /* workers of disks */
	JAIL_PROXY, /* of the container: its stdio, signals and terminal */
	JAIL_THREADS
};

struct jail;

struct jail_config {
	bool device_nodes; /* the guest may make some (vm.h: fs_device_nodes) */
	bool saving;       /* the machine may be saved (vm_save) */
};

int jail_prepare(const struct jail_config *c, struct jail **ret, struct err *e);
void jail_free(struct jail *j);

struct jail_room {
	const int *keep; /* descriptors that stay open, in any order; NULL: all do */
	size_t keep_count;
	uint64_t
		nofile; /* how many there may be from now on (as far as the limit goes) */
};

/*
 * The calling process, which must have a single thread, a mount namespace of its own and
 * CAP_SYS_ADMIN over it: gets an empty root that can't be written to, none of its old
 * mounts, the file server's capabilities at most (for good: the bounding set, too), no new
 * privileges, a session keyring of its own, no core dumps, and nobody may trace it. On an
 * error it is of no use any more.
 *
 * Of procfs there is its own self/fd alone, with nothing above: a descriptor, to be
 * vm_config's proc_fd.
 */
int jail_enter(const struct jail *j, const struct jail_room *room, int *ret_proc_fd,
	       struct err *e);

/* The calling thread may do what its kind may from now on, and dies with the process if it
 * does anything else. All kinds but JAIL_FS lose their capabilities. */
int jail_enter_thread(const struct jail *j, enum jail_thread kind, struct err *e);

#endif
