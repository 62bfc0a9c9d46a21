/* SPDX-License-Identifier: Apache-2.0 */
/* Resource limits (config.md, POSIX process, rlimits). See plan.h. */
#include <errno.h>
#include <sys/resource.h>

#include "base/str.h"
#include "libcontainer/process/plan.h"

static const struct {
	const char *name;
	int resource;
} names[] = {
	{"RLIMIT_AS", RLIMIT_AS},
	{"RLIMIT_CORE", RLIMIT_CORE},
	{"RLIMIT_CPU", RLIMIT_CPU},
	{"RLIMIT_DATA", RLIMIT_DATA},
	{"RLIMIT_FSIZE", RLIMIT_FSIZE},
	{"RLIMIT_LOCKS", RLIMIT_LOCKS},
	{"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
	{"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
	{"RLIMIT_NICE", RLIMIT_NICE},
	{"RLIMIT_NOFILE", RLIMIT_NOFILE},
	{"RLIMIT_NPROC", RLIMIT_NPROC},
	{"RLIMIT_RSS", RLIMIT_RSS},
	{"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
	{"RLIMIT_RTTIME", RLIMIT_RTTIME},
	{"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
	{"RLIMIT_STACK", RLIMIT_STACK},
};

static int find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (str_eq(names[i].name, name))
			return names[i].resource;
	}
	return -1;
}

int rlimits_make(struct arena *a, const struct spec_process *s, struct rlimits *ret,
		 struct err *e)
{
	ret->v = arena_array(a, s->rlimits_count + 1, sizeof(*ret->v));
	if (!ret->v)
		return err_set(e, ENOMEM, "process.rlimits: out of memory");
	ret->count = s->rlimits_count;
	for (size_t i = 0; i < s->rlimits_count; i++) {
		const struct spec_rlimit *l = &s->rlimits[i];

		ret->v[i].resource = find(l->type);
		if (ret->v[i].resource < 0)
			return err_set(e, EINVAL, "process.rlimits[%zu]: unknown type %s",
				       i, l->type);
		if (l->soft > l->hard)
			return err_set(e, EINVAL,
				       "process.rlimits[%zu]: %s: the soft limit %llu is "
				       "above the hard one %llu",
				       i, l->type, (unsigned long long)l->soft,
				       (unsigned long long)l->hard);
		ret->v[i].name = l->type;
		ret->v[i].v.rlim_cur = l->soft;
		ret->v[i].v.rlim_max = l->hard;
	}
	return 0;
}

static int get(const struct rlimits *l, size_t i, pid_t pid, struct rlimit64 *ret,
	       struct err *e)
{
	if (prlimit64(pid, (enum __rlimit_resource)l->v[i].resource, NULL, ret) < 0)
		return err_sys(e, "process.rlimits: %s", l->v[i].name);
	return 0;
}

static int put(const struct rlimits *l, size_t i, pid_t pid, const struct rlimit64 *v,
	       struct err *e)
{
	if (prlimit64(pid, (enum __rlimit_resource)l->v[i].resource, v, NULL) < 0)
		return err_sys(e, "process.rlimits: %s %llu:%llu", l->v[i].name,
			       (unsigned long long)l->v[i].v.rlim_cur,
			       (unsigned long long)l->v[i].v.rlim_max);
	return 0;
}

int rlimits_raise(const struct rlimits *l, pid_t pid, struct err *e)
{
	struct rlimit64 v;
	int r = 0;

	for (size_t i = 0; i < l->count && r == 0; i++) {
		r = get(l, i, pid, &v, e);
		if (r < 0 || l->v[i].v.rlim_max <= v.rlim_max)
			continue;
		v.rlim_max = l->v[i].v.rlim_max;
		r = put(l, i, pid, &v, e);
	}
	return r;
}

int rlimits_set(const struct rlimits *l, struct err *e)
{
	int r = 0;

	for (size_t i = 0; i < l->count && r == 0; i++)
		r = put(l, i, 0, &l->v[i].v, e);
	return r;
}
