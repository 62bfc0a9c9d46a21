/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup.events: what a cgroup tells of itself, with notification (cgroup-v2.rst, Core
 * Interface Files).
 */
#ifndef LIBCONTAINER_CGROUP_EVENTS_H
#define LIBCONTAINER_CGROUP_EVENTS_H

#include <stdint.h>

/* The value of "populated" or "frozen": 0 or 1, or -errno. A cgroup that was removed
 * meanwhile (ENODEV) has neither. */
int cgroup_events_get(int dir, const char *key);

/* Waits until key has this value, or the time (of cgroup_events_now) is past the
 * deadline. 0, -ETIMEDOUT or another -errno. */
int cgroup_events_wait(int dir, const char *key, int value, int64_t deadline_ms);

/* CLOCK_MONOTONIC in milliseconds. */
int64_t cgroup_events_now(void);

#endif
