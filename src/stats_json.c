/* SPDX-License-Identifier: Apache-2.0 */
/* Go leaves out a number of 0 where its field says omitempty, and callers know the result. */
#include "src/stats_json.h"

#include <stdio.h>

#include "base/str.h"

static void put_nonzero(struct json_writer *w, const char *key, uint64_t v)
{
	if (v)
		json_put_uint(w, key, v);
}

/* Hundredths as Go prints a float64: no zeros at the end. */
static void put_percent(struct json_writer *w, const char *key, uint32_t v)
{
	char text[24];

	if (v % 100 == 0)
		(void)snprintf(text, sizeof(text), "%u", v / 100);
	else if (v % 10 == 0)
		(void)snprintf(text, sizeof(text), "%u.%u", v / 100, v % 100 / 10);
	else
		(void)snprintf(text, sizeof(text), "%u.%02u", v / 100, v % 100);
	json_key(w, key);
	json_number(w, text);
}

static void put_psi_line(struct json_writer *w, const char *key, const struct psi_line *l)
{
	json_key(w, key);
	json_open_object(w);
	put_percent(w, "avg10", l->avg10);
	put_percent(w, "avg60", l->avg60);
	put_percent(w, "avg300", l->avg300);
	json_put_uint(w, "total", l->total);
	json_close_object(w);
}

static void put_psi(struct json_writer *w, const struct psi *p)
{
	if (!p->set)
		return;
	json_key(w, "psi");
	json_open_object(w);
	put_psi_line(w, "some", &p->some);
	put_psi_line(w, "full", &p->full);
	json_close_object(w);
}

static void put_cpu(struct json_writer *w, const struct stats_cpu *s)
{
	json_key(w, "cpu");
	json_open_object(w);
	json_key(w, "usage");
	json_open_object(w);
	put_nonzero(w, "total", s->total);
	json_put_uint(w, "kernel", s->kernel);
	json_put_uint(w, "user", s->user);
	json_close_object(w);
	json_key(w, "throttling");
	json_open_object(w);
	put_nonzero(w, "periods", s->periods);
	put_nonzero(w, "throttledPeriods", s->throttled_periods);
	put_nonzero(w, "throttledTime", s->throttled_time);
	json_close_object(w);
	put_psi(w, &s->psi);
	json_close_object(w);
}

/* Of cgroup v1; there is nothing to count in v2's cpuset. */
static void put_cpuset(struct json_writer *w)
{
	static const char *const keys[] = {
		"cpu_exclusive",   "mem_hardwall",       "mem_exclusive",
		"memory_migrate",  "memory_spread_page", "memory_spread_slab",
		"memory_pressure", "sched_load_balance", "sched_relax_domain_level",
	};

	json_key(w, "cpuset");
	json_open_object(w);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		json_put_uint(w, keys[i], 0);
	json_close_object(w);
}

static void put_memory_use(struct json_writer *w, const char *key,
			   const struct stats_memory_use *m)
{
	json_key(w, key);
	json_open_object(w);
	json_put_uint(w, "limit", m->limit);
	put_nonzero(w, "usage", m->usage);
	put_nonzero(w, "max", m->peak);
	json_put_uint(w, "failcnt", 0);
	json_close_object(w);
}

/* As v1 counted it: memory and swap together, of which there is no common peak. */
static struct stats_memory_use with_swap(const struct stats_memory *s)
{
	struct stats_memory_use both = {
		.usage = s->memory.usage + s->swap.usage,
		.limit = s->swap.limit,
	};

	if (both.limit != STATS_UNLIMITED &&
	    __builtin_add_overflow(both.limit, s->memory.limit, &both.limit))
		both.limit = STATS_UNLIMITED;
	return both;
}

static void put_memory(struct json_writer *w, const struct cgroup_stats *s)
{
	static const struct stats_memory_use none;
	const struct stats_memory_use swap = with_swap(&s->memory);

	json_key(w, "memory");
	json_open_object(w);
	put_nonzero(w, "cache", cgroup_stats_memory(s, "file"));
	put_memory_use(w, "usage", &s->memory.memory);
	put_memory_use(w, "swap", &swap);
	put_memory_use(w, "kernel", &none);
	put_memory_use(w, "kernelTCP", &none);
	if (s->memory.raw_count) {
		json_key(w, "raw");
		json_open_object(w);
		for (size_t i = 0; i < s->memory.raw_count; i++)
			json_put_uint(w, s->memory.raw[i].name, s->memory.raw[i].value);
		json_close_object(w);
	}
	put_psi(w, &s->memory.psi);
	json_close_object(w);
}

static void put_pids(struct json_writer *w, const struct cgroup_stats *s)
{
	json_key(w, "pids");
	json_open_object(w);
	put_nonzero(w, "current", s->pids);
	put_nonzero(w, "limit", s->pids_limit);
	json_close_object(w);
}

static void put_io_entry(struct json_writer *w, const struct stats_io *io, const char *op,
			 uint64_t value)
{
	json_open_object(w);
	put_nonzero(w, "major", io->major);
	put_nonzero(w, "minor", io->minor);
	json_put_string(w, "op", op);
	put_nonzero(w, "value", value);
	json_close_object(w);
}

static void put_blkio(struct json_writer *w, const struct cgroup_stats *s)
{
	json_key(w, "blkio");
	json_open_object(w);
	if (s->io_count) {
		json_key(w, "ioServiceBytesRecursive");
		json_open_array(w);
		for (size_t i = 0; i < s->io_count; i++) {
			put_io_entry(w, &s->io[i], "Read", s->io[i].read_bytes);
			put_io_entry(w, &s->io[i], "Write", s->io[i].write_bytes);
		}
		json_close_array(w);
		json_key(w, "ioServicedRecursive");
		json_open_array(w);
		for (size_t i = 0; i < s->io_count; i++) {
			put_io_entry(w, &s->io[i], "Read", s->io[i].reads);
			put_io_entry(w, &s->io[i], "Write", s->io[i].writes);
		}
		json_close_array(w);
	}
	put_psi(w, &s->io_psi);
	json_close_object(w);
}

static void put_hugetlb(struct json_writer *w, const struct cgroup_stats *s)
{
	json_key(w, "hugetlb");
	json_open_object(w);
	for (size_t i = 0; i < s->hugetlb_count; i++) {
		json_key(w, s->hugetlb[i].size);
		json_open_object(w);
		put_nonzero(w, "usage", s->hugetlb[i].usage);
		json_put_uint(w, "failcnt", s->hugetlb[i].failures);
		json_close_object(w);
	}
	json_close_object(w);
}

void stats_json_write(struct json_writer *w, const struct cgroup_stats *s)
{
	json_open_object(w);
	put_cpu(w, &s->cpu);
	put_cpuset(w);
	put_memory(w, s);
	put_pids(w, s);
	put_blkio(w, s);
	put_hugetlb(w, s);
	json_key(w, "intel_rdt");
	json_open_object(w);
	json_close_object(w);
	json_key(w, "network_interfaces");
	json_null(w);
	json_close_object(w);
}
