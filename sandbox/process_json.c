/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/process_json.h"

static void put_strings(struct json_writer *w, const char *key, const struct strings *v)
{
	if (!v->count)
		return;
	json_key(w, key);
	json_open_array(w);
	for (size_t i = 0; i < v->count; i++)
		json_string(w, v->v[i]);
	json_close_array(w);
}

static void put_user(struct json_writer *w, const struct spec_user *u)
{
	json_key(w, "user");
	json_open_object(w);
	json_put_uint(w, "uid", u->uid);
	json_put_uint(w, "gid", u->gid);
	if (u->umask.set)
		json_put_uint(w, "umask", u->umask.v);
	if (u->additional_gids_count) {
		json_key(w, "additionalGids");
		json_open_array(w);
		for (size_t i = 0; i < u->additional_gids_count; i++)
			json_uint(w, u->additional_gids[i]);
		json_close_array(w);
	}
	json_close_object(w);
}

static void put_capabilities(struct json_writer *w, const struct spec_capabilities *c)
{
	json_key(w, "capabilities");
	json_open_object(w);
	put_strings(w, "bounding", &c->bounding);
	put_strings(w, "effective", &c->effective);
	put_strings(w, "inheritable", &c->inheritable);
	put_strings(w, "permitted", &c->permitted);
	put_strings(w, "ambient", &c->ambient);
	json_close_object(w);
}

static void put_rlimits(struct json_writer *w, const struct spec_process *p)
{
	json_key(w, "rlimits");
	json_open_array(w);
	for (size_t i = 0; i < p->rlimits_count; i++) {
		json_open_object(w);
		json_put_string(w, "type", p->rlimits[i].type);
		json_put_uint(w, "soft", p->rlimits[i].soft);
		json_put_uint(w, "hard", p->rlimits[i].hard);
		json_close_object(w);
	}
	json_close_array(w);
}

static void put_console_size(struct json_writer *w, const struct spec_console_size *s)
{
	json_key(w, "consoleSize");
	json_open_object(w);
	json_put_uint(w, "height", s->height);
	json_put_uint(w, "width", s->width);
	json_close_object(w);
}

void process_json_write(struct json_writer *w, const struct spec_process *p)
{
	json_open_object(w);
	json_put_bool(w, "terminal", p->terminal);
	if (p->console_size)
		put_console_size(w, p->console_size);
	put_user(w, &p->user);
	put_strings(w, "args", &p->args);
	put_strings(w, "env", &p->env);
	json_put_string(w, "cwd", p->cwd);
	if (p->capabilities)
		put_capabilities(w, p->capabilities);
	if (p->rlimits_count)
		put_rlimits(w, p);
	json_put_bool(w, "noNewPrivileges", p->no_new_privileges);
	if (p->oom_score_adj.set)
		json_put_int(w, "oomScoreAdj", p->oom_score_adj.v);
	json_close_object(w);
}
