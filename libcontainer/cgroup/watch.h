/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches a container's cgroup: the kernel killed a process in it for want of memory, or
 * nothing is left in it.
 */
#ifndef LIBCONTAINER_CGROUP_WATCH_H
#define LIBCONTAINER_CGROUP_WATCH_H

#include <stdint.h>

#include "base/err.h"

struct cgroup;

struct cgroup_watch {
	int memory; /* owned: memory.events; -1 without that controller */
	int events; /* owned: cgroup.events; -1 without a cgroup */
	int pidfd;  /* owned: the container's end, where there is no cgroup; -1 */
	uint64_t oom_kills;
};

#define WATCH_INIT                                                                       \
	{                                                                                \
		.memory = -1, .events = -1, .pidfd = -1                                  \
	}

enum watch_news {
	WATCH_NOTHING, /* until the deadline */
	WATCH_OOM,     /* once for each kill */
	WATCH_END,     /* no process is left */
};

/* pidfd is borrowed: the container's first process. */
int cgroup_watch_open(const struct cgroup *c, int pidfd, struct cgroup_watch *ret,
		      struct err *e);

/* Waits for news until the deadline (of cgroup_events_now). Returns an enum watch_news,
 * or -errno. */
int cgroup_watch_wait(struct cgroup_watch *w, int64_t deadline_ms, struct err *e);

void cgroup_watch_done(struct cgroup_watch *w);

#define AUTO_WATCH __attribute__((cleanup(cgroup_watch_done))) struct cgroup_watch

#endif
