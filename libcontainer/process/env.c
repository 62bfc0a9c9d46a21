/* SPDX-License-Identifier: Apache-2.0 */
/* The environment of the container's process. See plan.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "libcontainer/process/plan.h"

/* HOME, LISTEN_FDS and LISTEN_PID */
#define ENV_ROOM 3

struct var {
	const char *text;
	size_t name_len, index;
};

static int by_name(const void *a, const void *b)
{
	const struct var *x = a, *y = b;
	size_t n = x->name_len < y->name_len ? x->name_len : y->name_len;
	int r = memcmp(x->text, y->text, n);

	if (r == 0 && x->name_len != y->name_len)
		r = x->name_len < y->name_len ? -1 : 1;
	if (r == 0)
		r = x->index < y->index ? -1 : 1;
	return r;
}

static bool same_name(const struct var *x, const struct var *y)
{
	return x->name_len == y->name_len && memcmp(x->text, y->text, x->name_len) == 0;
}

static bool is_named(const char *text, const char *name)
{
	const char *rest = str_after(text, name);

	return rest && *rest == '=';
}

static int read_vars(const struct strings *spec, struct var *vars, struct err *e)
{
	const char *eq;

	for (size_t i = 0; i < spec->count; i++) {
		eq = strchr(spec->v[i], '=');
		if (!eq)
			return err_set(e, EINVAL,
				       "process.env[%zu]: invalid environment variable: "
				       "missing '='",
				       i);
		if (eq == spec->v[i])
			return err_set(e, EINVAL,
				       "process.env[%zu]: invalid environment variable: "
				       "name cannot be empty",
				       i);
		vars[i] = (struct var){
			.text = spec->v[i],
			.name_len = (size_t)(eq - spec->v[i]),
			.index = i,
		};
	}
	return 0;
}

int env_make(struct arena *a, const struct strings *spec, unsigned listen_fds,
	     struct env *ret, struct err *e)
{
	struct var *vars = arena_array(a, spec->count + 1, sizeof(*vars));
	const char **v = arena_array(a, spec->count + ENV_ROOM + 1, sizeof(*v));
	int r;

	if (!vars || !v)
		return err_set(e, ENOMEM, "process.env: out of memory");
	r = read_vars(spec, vars, e);
	if (r < 0)
		return r;
	qsort(vars, spec->count, sizeof(*vars), by_name);
	/* Of equal names the last of the list stays, in its place. */
	for (size_t i = 0; i < spec->count; i++) {
		if (i + 1 == spec->count || !same_name(&vars[i], &vars[i + 1]))
			v[vars[i].index] = vars[i].text;
	}
	ret->v = v;
	ret->count = 0;
	ret->room = ENV_ROOM;
	(void)snprintf(ret->listen_fds, sizeof(ret->listen_fds), "LISTEN_FDS=%u",
		       listen_fds);
	for (size_t i = 0; i < spec->count; i++) {
		if (!v[i] || str_eq(v[i], "HOME="))
			continue;
		/* These two are the runtime's to say, if it passes descriptors on. */
		if (listen_fds &&
		    (is_named(v[i], "LISTEN_FDS") || is_named(v[i], "LISTEN_PID")))
			continue;
		v[ret->count++] = v[i];
	}
	if (listen_fds) {
		v[ret->count++] = ret->listen_fds;
		ret->room--;
	}
	v[ret->count] = NULL;
	return 0;
}

const char *env_get(const struct env *env, const char *name)
{
	for (size_t i = 0; i < env->count; i++) {
		if (is_named(env->v[i], name))
			return env->v[i] + strlen(name) + 1;
	}
	return NULL;
}

/* The entry is not copied. */
static void add(struct env *env, const char *entry)
{
	if (env->room == 0)
		return;
	env->room--;
	env->v[env->count++] = entry;
	env->v[env->count] = NULL;
}

void env_add_home(struct env *env, const char *home)
{
	if (env_get(env, "HOME"))
		return;
	(void)snprintf(env->home, sizeof(env->home), "HOME=%s", home);
	add(env, env->home);
}

void env_add_listen_pid(struct env *env, pid_t pid)
{
	if (!env_get(env, "LISTEN_FDS") || env_get(env, "LISTEN_PID"))
		return;
	(void)snprintf(env->listen_pid, sizeof(env->listen_pid), "LISTEN_PID=%d", pid);
	add(env, env->listen_pid);
}
