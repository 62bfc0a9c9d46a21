/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/guest_stats.h"

#include <errno.h>

#define LIST_MAX 4096

/* The numbers of a struct, by what they are called. */
struct field {
	const char *key;
	size_t offset;
};

#define NUMBER(key, member)                                                              \
	{                                                                                \
		key, offsetof(struct cgroup_stats, member)                               \
	}

static const struct field numbers[] = {
	NUMBER("cpu", cpu.total),
	NUMBER("cpuUser", cpu.user),
	NUMBER("cpuKernel", cpu.kernel),
	NUMBER("periods", cpu.periods),
	NUMBER("throttledPeriods", cpu.throttled_periods),
	NUMBER("throttledTime", cpu.throttled_time),
	NUMBER("memory", memory.memory.usage),
	NUMBER("memoryLimit", memory.memory.limit),
	NUMBER("memoryPeak", memory.memory.peak),
	NUMBER("swap", memory.swap.usage),
	NUMBER("swapLimit", memory.swap.limit),
	NUMBER("swapPeak", memory.swap.peak),
	NUMBER("pids", pids),
	NUMBER("pidsLimit", pids_limit),
};

static const struct field io_numbers[] = {
	{"major", offsetof(struct stats_io, major)},
	{"minor", offsetof(struct stats_io, minor)},
	{"readBytes", offsetof(struct stats_io, read_bytes)},
	{"writeBytes", offsetof(struct stats_io, write_bytes)},
	{"reads", offsetof(struct stats_io, reads)},
	{"writes", offsetof(struct stats_io, writes)},
};

static const struct field pressures[] = {
	NUMBER("cpuPressure", cpu.psi),
	NUMBER("memoryPressure", memory.psi),
	NUMBER("ioPressure", io_psi),
};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static void *at(void *base, size_t offset)
{
	return (char *)base + offset;
}

static const void *at_const(const void *base, size_t offset)
{
	return (const char *)base + offset;
}

/* ---- out ---- */

static void put_numbers(struct json_writer *w, const struct field *f, size_t count,
			const void *base)
{
	for (size_t i = 0; i < count; i++)
		json_put_uint(w, f[i].key,
			      *(const uint64_t *)at_const(base, f[i].offset));
}

static void put_line(struct json_writer *w, const struct psi_line *l)
{
	json_uint(w, l->avg10);
	json_uint(w, l->avg60);
	json_uint(w, l->avg300);
	json_uint(w, l->total);
}

static void put_pressures(struct json_writer *w, const struct cgroup_stats *s)
{
	for (size_t i = 0; i < COUNT(pressures); i++) {
		const struct psi *p = at_const(s, pressures[i].offset);

		if (!p->set)
			continue;
		json_key(w, pressures[i].key);
		json_open_array(w);
		put_line(w, &p->some);
		put_line(w, &p->full);
		json_close_array(w);
	}
}

static void put_lists(struct json_writer *w, const struct cgroup_stats *s)
{
	json_key(w, "memoryStat");
	json_open_object(w);
	for (size_t i = 0; i < s->memory.raw_count; i++)
		json_put_uint(w, s->memory.raw[i].name, s->memory.raw[i].value);
	json_close_object(w);
	json_key(w, "io");
	json_open_array(w);
	for (size_t i = 0; i < s->io_count; i++) {
		json_open_object(w);
		put_numbers(w, io_numbers, COUNT(io_numbers), &s->io[i]);
		json_close_object(w);
	}
	json_close_array(w);
	json_key(w, "hugetlb");
	json_open_object(w);
	for (size_t i = 0; i < s->hugetlb_count; i++) {
		json_key(w, s->hugetlb[i].size);
		json_open_array(w);
		json_uint(w, s->hugetlb[i].usage);
		json_uint(w, s->hugetlb[i].failures);
		json_close_array(w);
	}
	json_close_object(w);
}

void guest_stats_write(struct json_writer *w, const struct cgroup_stats *s)
{
	json_open_object(w);
	put_numbers(w, numbers, COUNT(numbers), s);
	put_pressures(w, s);
	put_lists(w, s);
	json_close_object(w);
}

/* ---- in ---- */

static int missing(const char *key, struct err *e)
{
	return err_set(e, EPROTO, "the guest's statistics have no \"%s\"", key);
}

static int take_numbers(const struct json *v, const struct field *f, size_t count,
			void *base, struct err *e)
{
	for (size_t i = 0; i < count; i++) {
		const struct json *n = json_get(v, f[i].key);

		if (!n || json_u64(n, at(base, f[i].offset)) < 0)
			return missing(f[i].key, e);
	}
	return 0;
}

/* `count` numbers of an array. */
static int take_array(const struct json *v, uint64_t *ret, size_t count)
{
	const struct json *n = v && v->type == JSON_ARRAY ? v->first : NULL;

	if (!n || v->count != count)
		return -EPROTO;
	for (size_t i = 0; i < count; i++, n = n->next) {
		if (json_u64(n, &ret[i]) < 0)
			return -EPROTO;
	}
	return 0;
}

static struct psi_line line_of(const uint64_t v[4])
{
	return (struct psi_line){.avg10 = (uint32_t)v[0],
				 .avg60 = (uint32_t)v[1],
				 .avg300 = (uint32_t)v[2],
				 .total = v[3]};
}

static int take_pressures(const struct json *v, struct cgroup_stats *s, struct err *e)
{
	for (size_t i = 0; i < COUNT(pressures); i++) {
		const struct json *p = json_get(v, pressures[i].key);
		struct psi *psi = at(s, pressures[i].offset);
		uint64_t n[8];

		if (!p)
			continue;
		if (take_array(p, n, COUNT(n)) < 0)
			return missing(pressures[i].key, e);
		*psi = (struct psi){
			.set = true, .some = line_of(n), .full = line_of(n + 4)};
	}
	return 0;
}

/* A list's member, with room for all of it in the arena. */
static int open_list(struct arena *a, const struct json *v, const char *key,
		     enum json_type type, size_t size, const struct json **ret_first,
		     void **ret, size_t *ret_count, struct err *e)
{
	const struct json *list = json_get(v, key);

	if (!list || list->type != type || list->count > LIST_MAX)
		return missing(key, e);
	*ret_first = list->first;
	*ret_count = list->count;
	*ret = arena_array(a, list->count + 1, size);
	return *ret ? 0 : err_code(e, ENOMEM, "the guest's statistics");
}

static int take_memory(struct arena *a, const struct json *v, struct cgroup_stats *s,
		       struct err *e)
{
	const struct json *n;
	size_t i = 0;
	void *list = NULL;
	int r = open_list(a, v, "memoryStat", JSON_OBJECT, sizeof(*s->memory.raw), &n,
			  &list, &s->memory.raw_count, e);

	if (r < 0 || !list)
		return r;
	s->memory.raw = list;
	for (; n; n = n->next, i++) {
		s->memory.raw[i].name = arena_strdup(a, n->key);
		if (!s->memory.raw[i].name || json_u64(n, &s->memory.raw[i].value) < 0)
			return missing("memoryStat", e);
	}
	return 0;
}

static int take_io(struct arena *a, const struct json *v, struct cgroup_stats *s,
		   struct err *e)
{
	const struct json *n;
	size_t i = 0;
	void *list = NULL;
	int r = open_list(a, v, "io", JSON_ARRAY, sizeof(*s->io), &n, &list, &s->io_count,
			  e);

	if (r < 0 || !list)
		return r;
	s->io = list;
	for (; r == 0 && n; n = n->next, i++)
		r = take_numbers(n, io_numbers, COUNT(io_numbers), &s->io[i], e);
	return r;
}

static int take_hugetlb(struct arena *a, const struct json *v, struct cgroup_stats *s,
			struct err *e)
{
	const struct json *n;
	size_t i = 0;
	void *list = NULL;
	int r = open_list(a, v, "hugetlb", JSON_OBJECT, sizeof(*s->hugetlb), &n, &list,
			  &s->hugetlb_count, e);

	if (r < 0 || !list)
		return r;
	s->hugetlb = list;
	for (; n; n = n->next, i++) {
		uint64_t pair[2];

		s->hugetlb[i].size = arena_strdup(a, n->key);
		if (!s->hugetlb[i].size || take_array(n, pair, 2) < 0)
			return missing("hugetlb", e);
		s->hugetlb[i].usage = pair[0];
		s->hugetlb[i].failures = pair[1];
	}
	return 0;
}

int guest_stats_parse(struct arena *a, const struct json *v, struct cgroup_stats *ret,
		      struct err *e)
{
	struct cgroup_stats s = {0};
	int r = take_numbers(v, numbers, COUNT(numbers), &s, e);

	if (r == 0)
		r = take_pressures(v, &s, e);
	if (r == 0)
		r = take_memory(a, v, &s, e);
	if (r == 0)
		r = take_io(a, v, &s, e);
	if (r == 0)
		r = take_hugetlb(a, v, &s, e);
	if (r == 0)
		*ret = s;
	return r;
}
