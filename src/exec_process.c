/* SPDX-License-Identifier: Apache-2.0 */
#include "src/exec_process.h"

#include <errno.h>
#include <string.h>

#include "base/str.h"

int exec_parse_user(const char *text, uint32_t *uid, uint32_t *gid, struct err *e)
{
	const char *colon = strchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : strlen(text);
	char number[16];
	uint32_t u, g = 0;

	if (len >= sizeof(number))
		return err_set(e, EINVAL, "--user: not UID[:GID] in numbers: %s", text);
	memcpy(number, text, len);
	number[len] = '\0';
	/* The greatest value means "leave it" to setresuid(2). */
	if (str_to_u32(number, &u) < 0 || u == UINT32_MAX ||
	    (colon && (str_to_u32(colon + 1, &g) < 0 || g == UINT32_MAX)))
		return err_set(e, EINVAL, "--user: not UID[:GID] in numbers: %s", text);
	*uid = u;
	if (colon)
		*gid = g;
	return 0;
}

/* list with the words of more after it; those that are in it already are left out if
 * unique. */
static int strings_join(struct arena *a, struct strings *list, const struct strings *more,
			bool unique, struct err *e)
{
	const char **v = arena_array(a, list->count + more->count + 1, sizeof(*v));
	size_t n = list->count;

	if (!v)
		return err_code(e, ENOMEM, "exec");
	if (n)
		memcpy(v, list->v, n * sizeof(*v));
	for (size_t i = 0; i < more->count; i++) {
		size_t k = unique ? 0 : n;

		while (k < n && !str_eq(v[k], more->v[i]))
			k++;
		if (k == n)
			v[n++] = more->v[i];
	}
	v[n] = NULL;
	*list = (struct strings){.v = v, .count = n};
	return 0;
}

/* Never inheritable: CVE-2022-29162. Ambient ones need an inheritable one as well. */
static int add_caps(struct arena *a, struct spec_process *p, const struct strings *caps,
		    struct err *e)
{
	struct spec_capabilities *c = arena_alloc(a, sizeof(*c));
	struct strings *sets[] = {&c->bounding, &c->effective, &c->permitted};
	int r = 0;

	if (!c)
		return err_code(e, ENOMEM, "exec");
	if (p->capabilities)
		*c = *p->capabilities;
	p->capabilities = c;
	for (size_t i = 0; i < ARRAY_LEN(sets) && r == 0; i++)
		r = strings_join(a, sets[i], caps, true, e);
	if (r == 0 && c->inheritable.count)
		r = strings_join(a, &c->ambient, caps, true, e);
	return r;
}

static int add_gids(struct arena *a, struct spec_user *u, const struct strings *gids,
		    struct err *e)
{
	uint32_t *v = arena_array(a, u->additional_gids_count + gids->count, sizeof(*v));
	size_t n = u->additional_gids_count;

	if (!v)
		return err_code(e, ENOMEM, "exec");
	if (n)
		memcpy(v, u->additional_gids, n * sizeof(*v));
	for (size_t i = 0; i < gids->count; i++) {
		if (str_to_u32(gids->v[i], &v[n]) < 0)
			return err_set(e, EINVAL, "--additional-gids: not a number: %s",
				       gids->v[i]);
		n++;
	}
	u->additional_gids = v;
	u->additional_gids_count = n;
	return 0;
}

/* argv is changed by nobody any more, so its words are used as they are. */
static int set_args(struct arena *a, struct spec_process *p, int argc, char **argv,
		    struct err *e)
{
	const char **v = arena_array(a, (size_t)argc + 1, sizeof(*v));

	if (!v)
		return err_code(e, ENOMEM, "exec");
	for (int i = 0; i < argc; i++)
		v[i] = argv[i];
	p->args = (struct strings){.v = v, .count = (size_t)argc};
	return 0;
}

static int apply_lists(struct arena *a, const struct exec *o, struct spec_process *p,
		       struct err *e)
{
	int r = 0;

	for (size_t i = 0; i < o->env.count; i++) {
		if (!strchr(o->env.v[i], '=') || o->env.v[i][0] == '=')
			return err_set(e, EINVAL, "--env: not NAME=VALUE: %s",
				       o->env.v[i]);
	}
	if (o->env.count)
		r = strings_join(a, &p->env, &o->env, false, e);
	if (r == 0 && o->caps.count)
		r = add_caps(a, p, &o->caps, e);
	if (r == 0 && o->gids.count)
		r = add_gids(a, &p->user, &o->gids, e);
	return r;
}

/* As with runc an empty word is as none: --apparmor "" doesn't take the profile away. */
static bool given(const char *word)
{
	return word && *word;
}

int exec_process_make(struct arena *a, const struct exec *o,
		      const struct spec_process *base, int argc, char **argv,
		      struct spec_process **ret, struct err *e)
{
	struct spec_process *p = arena_alloc(a, sizeof(*p));
	int r;

	if (!p)
		return err_code(e, ENOMEM, "exec");
	*p = *base;
	/* The container's own terminal says nothing about this process. */
	if (!o->process)
		p->terminal = false;
	p->terminal |= o->tty;
	p->no_new_privileges |= o->no_new_privs;
	if (given(o->cwd) && o->cwd[0] != '/')
		return err_set(e, EINVAL, "--cwd: %s is not absolute", o->cwd);
	if (given(o->cwd))
		p->cwd = o->cwd;
	if (given(o->apparmor))
		p->apparmor_profile = o->apparmor;
	if (given(o->process_label))
		p->selinux_label = o->process_label;
	if (o->user) {
		r = exec_parse_user(o->user, &p->user.uid, &p->user.gid, e);
		if (r < 0)
			return r;
	}
	if (argc > 0) {
		r = set_args(a, p, argc, argv, e);
		if (r < 0)
			return r;
	}
	r = apply_lists(a, o, p, e);
	if (r < 0)
		return r;
	*ret = p;
	return 0;
}
