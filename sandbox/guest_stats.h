/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The statistics of a container's cgroup, from the guest that has it to the host.
 */
#ifndef SANDBOX_GUEST_STATS_H
#define SANDBOX_GUEST_STATS_H

#include "base/json.h"
#include "libcontainer/cgroup/stats.h"

void guest_stats_write(struct json_writer *w, const struct cgroup_stats *s);

/* Lists are in the arena. -EPROTO if something is missing or no number. */
int guest_stats_parse(struct arena *a, const struct json *v, struct cgroup_stats *ret,
		      struct err *e);

#endif
