/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/sysctl.h"

#include <errno.h>
#include <string.h>

#include "base/procfs.h"
#include "libcontainer/spec/sysctl.h"

static int check_network(const struct spec *s, const char *key, struct err *e)
{
	int r = sysctl_is_network(key) ? spec_network_is_callers(s) : 0;

	if (r == 0)
		return 0;
	return err_set(e, EINVAL, "config.json: linux.sysctl[\"%.100s\"]: %s", key,
		       r > 0 ? "not allowed in the host's network namespace"
			     : "the network namespace's path can't be looked at");
}

int sysctl_plan_make(struct arena *a, const struct spec *s, struct sysctl_plan *ret,
		     struct err *e)
{
	const struct spec_map *map = &s->linux_->sysctl;
	char *file;
	int r;

	ret->count = map->count;
	ret->v = arena_array(a, map->count, sizeof(*ret->v));
	if (!ret->v)
		return err_code(e, ENOMEM, "linux.sysctl");
	for (size_t i = 0; i < map->count; i++) {
		r = check_network(s, map->v[i].key, e);
		if (r < 0)
			return r;
		file = arena_fmt(a, "sys/%s", map->v[i].key);
		if (!file)
			return err_code(e, ENOMEM, "linux.sysctl");
		if (map->v[i].key[strcspn(map->v[i].key, "./")] == '.') {
			/* In dotted names a slash stands for a dot. */
			for (char *p = file + 4; *p; p++)
				if (*p == '.')
					*p = '/';
				else if (*p == '/')
					*p = '.';
		}
		ret->v[i] = (struct spec_pair){file, map->v[i].value};
	}
	return 0;
}

int sysctl_write(const struct sysctl_plan *p, int proc_fd, struct err *e)
{
	int r;

	for (size_t i = 0; i < p->count; i++) {
		r = procfs_write(proc_fd, p->v[i].key, p->v[i].value);
		if (r < 0)
			return err_code(e, r, "write sysctl %s",
					p->v[i].key + strlen("sys/"));
	}
	return 0;
}
