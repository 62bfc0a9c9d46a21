/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monitor: the process that a sandboxed container is on the host. Its main thread runs
 * the machine's devices and carries connections to the guest; one thread is the proxy of
 * the container that came with the sandbox.
 */
#ifndef SANDBOX_MONITOR_H
#define SANDBOX_MONITOR_H

#include "libcontainer/engine.h"
#include "sandbox/jail.h"
#include "sandbox/proxy.h"
#include "sandbox/shares.h"

/* What the runtime's process has prepared; descriptors are owned. */
struct monitor_plan {
	int kvm, kernel, initrd;
	int listener;                 /* SANDBOX_SOCKET */
	int control;                  /* SANDBOX_CONTROL */
	struct proxy_ends ends;       /* no connections as yet */
	struct jail *jail;            /* owned */
	struct process_plan *process; /* to look for its command; in the arena */
	uint64_t memory;
	unsigned vcpus;
	struct shares shares;
};

#define MONITOR_PLAN_INIT                                                                \
	{                                                                                \
		.kvm = -1, .kernel = -1, .initrd = -1, .listener = -1, .control = -1,    \
		.ends = PROXY_ENDS_INIT                                                  \
	}

void monitor_plan_done(struct monitor_plan *m);

/* In the container's cloned child, single-threaded as yet: boots the machine and stays.
 * Ends the process with the container's status; returns only to tell what went wrong
 * before the container was created. */
int monitor_run(struct init_plan *p, struct monitor_plan *m, struct err *e);

#endif
