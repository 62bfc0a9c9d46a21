/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a cgroup and all below it use, as the kernel counts it (cgroup-v2.rst). A file
 * that isn't there, because its controller isn't, leaves zeros.
 */
#ifndef LIBCONTAINER_CGROUP_STATS_H
#define LIBCONTAINER_CGROUP_STATS_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "libcontainer/cgroup/psi.h"

struct cgroup;

#define STATS_UNLIMITED UINT64_MAX /* a limit that says "max" */

struct stats_cpu { /* nanoseconds */
	uint64_t total, user, kernel;
	uint64_t periods, throttled_periods, throttled_time;
	struct psi psi;
};

struct stats_memory_use { /* bytes */
	uint64_t usage, limit, peak;
};

struct stats_value { /* of memory.stat */
	const char *name;
	uint64_t value;
};

struct stats_memory {
	struct stats_memory_use memory, swap;
	struct stats_value *raw; /* by name */
	size_t raw_count;
	struct psi psi;
};

struct stats_io { /* of one block device */
	uint64_t major, minor;
	uint64_t read_bytes, write_bytes, reads, writes;
};

struct stats_hugetlb { /* of one page size, "2MB" */
	const char *size;
	uint64_t usage, failures;
};

struct cgroup_stats {
	struct stats_cpu cpu;
	struct stats_memory memory;
	uint64_t pids, pids_limit; /* processes and threads; no limit: 0 */
	struct stats_io *io;
	size_t io_count;
	struct psi io_psi;
	struct stats_hugetlb *hugetlb;
	size_t hugetlb_count;
};

/* Lists are in the arena. A cgroup that isn't there (any more) is -ENODEV. */
int cgroup_stats_read(const struct cgroup *c, struct arena *a, struct cgroup_stats *ret,
		      struct err *e);

/* The value of `stat` in memory.stat, or 0. */
uint64_t cgroup_stats_memory(const struct cgroup_stats *s, const char *stat);

#endif
