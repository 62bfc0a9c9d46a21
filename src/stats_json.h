/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statistics as runc's events print them.
 */
#ifndef SRC_STATS_JSON_H
#define SRC_STATS_JSON_H

#include "base/json.h"
#include "libcontainer/cgroup/stats.h"

/* The object "data" of a stats event: runc's keys in runc's order. What cgroup v2 doesn't
 * count is left out or 0, as runc does it. */
void stats_json_write(struct json_writer *w, const struct cgroup_stats *s);

#endif
