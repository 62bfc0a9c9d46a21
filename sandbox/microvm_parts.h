/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's files among themselves. */
#ifndef SANDBOX_MICROVM_PARTS_H
#define SANDBOX_MICROVM_PARTS_H

#include "libcontainer/engine.h"

/* What the guest's kernel and hull-guest take beside a container with a limit, in the
 * machine; what the machine's process takes beside its memory is a part of it. */
#define MICROVM_OVERHEAD (UINT64_C(128) << 20)

/* Descriptors of the host can't be passed into a guest. */
int microvm_refuse_descriptors(unsigned preserve_fds, struct err *e);

/* The limits of the host's group, of those of the container: the guest's kernel has the
 * container's own, the host bounds the machine, which needs more memory, and threads. In
 * the arena; NULL: no memory. */
const struct spec_resources *microvm_host_resources(struct arena *a,
						    const struct spec_resources *res);

/* microvm_exec.c */
int microvm_exec_prepare(struct exec_plan *p, struct container *c, struct err *e);
int microvm_exec_body(struct exec_plan *p, struct err *e);
void microvm_exec_done(struct exec_plan *p);

/* microvm_running.c */
int microvm_resize(const struct container *c, const struct spec_resources *res,
		   const struct log *log, struct err *e);
int microvm_freeze(const struct container *c, bool on, struct err *e);
int microvm_is_frozen(const struct container *c, struct err *e);
int microvm_stats(const struct container *c, struct arena *a, struct cgroup_stats *ret,
		  struct err *e);

/* microvm_network.c */
int microvm_starting(const struct container *c, const struct log *log, struct err *e);
void microvm_ended(struct container *c, const struct log *log);

#endif
