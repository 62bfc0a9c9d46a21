/* SPDX-License-Identifier: Apache-2.0 */
/* The operations of one question and one answer. */
#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "libcontainer/container.h"
#include "sandbox/guest/server.h"
#include "sandbox/guest_stats.h"

static int load(struct guest *g, const struct json *request, struct container **ret,
		struct err *e)
{
	const char *id;
	int r = request_text(request, "id", &id, e);

	return r < 0 ? r : server_load(g, id, ret, e);
}

int ask_kill(struct guest *g, struct channel *c, const struct json *request,
	     struct err *e)
{
	struct container *x = NULL;
	int64_t sig;
	int r = request_int(request, "signal", 1, 64, &sig, e);

	if (r == 0)
		r = load(g, request, &x, e);
	if (r == 0)
		r = container_kill(x, (int)sig, true, e);
	container_free(x);
	return r < 0 ? r : answer_empty(c, e);
}

int ask_pids(struct guest *g, struct channel *c, const struct json *request,
	     struct err *e)
{
	AUTO_ARENA a = {0};
	struct container *x = NULL;
	struct json_writer *w;
	pid_t *pids = NULL;
	size_t count = 0;
	int r = load(g, request, &x, e);

	if (r == 0)
		r = container_processes(x, &a, &pids, &count, e);
	container_free(x);
	if (r < 0)
		return r;
	w = json_writer_new("");
	if (w) {
		json_open_object(w);
		json_key(w, "pids");
		json_open_array(w);
		for (size_t i = 0; i < count; i++)
			json_int(w, pids[i]);
		json_close_array(w);
		json_close_object(w);
	}
	return answer(c, w, e);
}

int ask_stats(struct guest *g, struct channel *c, const struct json *request,
	      struct err *e)
{
	AUTO_ARENA a = {0};
	struct container *x = NULL;
	struct cgroup_stats stats;
	struct json_writer *w;
	int r = load(g, request, &x, e);

	if (r == 0)
		r = container_stats(x, &a, &stats, e);
	container_free(x);
	if (r < 0)
		return r;
	w = json_writer_new("");
	if (w) {
		json_open_object(w);
		json_key(w, "stats");
		guest_stats_write(w, &stats);
		json_close_object(w);
	}
	return answer(c, w, e);
}

int ask_freeze(struct guest *g, struct channel *c, const struct json *request,
	       struct err *e)
{
	const struct json *on = json_get(request, "on");
	struct container *x = NULL;
	int r;

	if (!on || on->type != JSON_BOOL)
		return err_set(e, EPROTO, "the request has no \"on\"");
	r = load(g, request, &x, e);
	if (r == 0)
		r = on->boolean ? container_pause(x, e) : container_resume(x, e);
	container_free(x);
	return r < 0 ? r : answer_empty(c, e);
}

int ask_update(struct guest *g, struct channel *c, const struct json *request,
	       struct err *e)
{
	AUTO_ARENA a = {0};
	struct spec_resources *res = NULL;
	struct container *x = NULL;
	const char *text;
	int r = request_text(request, "resources", &text, e);

	if (r == 0)
		r = spec_decode_resources(&a, "resources", text, strlen(text), &res, e);
	if (r == 0)
		r = load(g, request, &x, e);
	if (r == 0)
		r = container_update(x, res, &g->log, e);
	container_free(x);
	return r < 0 ? r : answer_empty(c, e);
}
