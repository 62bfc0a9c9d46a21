/* SPDX-License-Identifier: Apache-2.0 */
/* One connection: what is asked for, and the answer. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/str.h"
#include "libcontainer/container.h"
#include "sandbox/guest/server.h"
#include "sandbox/protocol.h"

#define ANSWER_MS 10000
#define CREATE_S  60

const struct guest_request guest_requests[] = {
	{"create", life_create},  {"exec", life_exec},
	{"attach", life_attach},  {"kill", ask_kill},
	{"pids", ask_pids},       {"stats", ask_stats},
	{"freeze", ask_freeze},   {"update", ask_update},
	{"network", ask_network}, {NULL, NULL},
};

/* ---- members and answers ---- */

int request_text(const struct json *request, const char *key, const char **ret,
		 struct err *e)
{
	*ret = json_get_string(request, key);
	return *ret ? 0 : err_set(e, EPROTO, "the request has no text \"%s\"", key);
}

int request_int(const struct json *request, const char *key, int64_t least, int64_t most,
		int64_t *ret, struct err *e)
{
	const struct json *v = json_get(request, key);

	if (!v || json_i64(v, ret) < 0 || *ret < least || *ret > most)
		return err_set(e, EPROTO, "the request has no number \"%s\"", key);
	return 0;
}

int answer(struct channel *c, struct json_writer *w, struct err *e)
{
	int r = w ? channel_send(c, w, ANSWER_MS, e) : err_code(e, ENOMEM, "answer");

	json_writer_free(w);
	return r;
}

int answer_empty(struct channel *c, struct err *e)
{
	struct json_writer *w = json_writer_new("");

	if (w) {
		json_open_object(w);
		json_close_object(w);
	}
	return answer(c, w, e);
}

int answer_error(struct channel *c, const struct err *why, struct err *e)
{
	struct json_writer *w = json_writer_new("");

	if (w) {
		json_open_object(w);
		json_key(w, "error");
		json_open_object(w);
		json_put_int(w, "code", why->code);
		json_put_string(w, "text", why->text);
		json_close_object(w);
		json_close_object(w);
	}
	return answer(c, w, e);
}

static int connect_system(struct guest *g, struct err *e)
{
	int r = g->connected ? 0 : g->system->connect(e);

	g->connected = r == 0;
	return r;
}

static int mount_once(struct guest *g, bool *done, const char *fs, struct err *e)
{
	int r = *done ? 0 : g->system->mount(fs, e);

	*done = r == 0;
	return r;
}

int server_connect(struct guest *g, bool shared, struct err *e)
{
	int r;

	(void)pthread_mutex_lock(&g->lock);
	r = connect_system(g, e);
	if (r == 0)
		r = mount_once(g, &g->private_there, PROTOCOL_FS_PRIVATE, e);
	if (r == 0 && shared)
		r = mount_once(g, &g->shared_there, PROTOCOL_FS_SHARED, e);
	(void)pthread_mutex_unlock(&g->lock);
	return r;
}

/* ---- containers ---- */

void server_creating(struct guest *g, bool begins)
{
	(void)pthread_mutex_lock(&g->lock);
	g->creating += begins ? 1U : -1U;
	g->created |= !begins;
	(void)pthread_cond_broadcast(&g->changed);
	(void)pthread_mutex_unlock(&g->lock);
}

static int load_now(const char *id, struct container **ret, struct err *e)
{
	int r = container_load(GUEST_CONTAINERS, id, ret, e);

	if (r < 0 || container_status(*ret, ERR_IGNORE) != CONTAINER_CREATING)
		return r;
	container_free(*ret);
	*ret = NULL;
	return err_set(e, ENOENT, "container does not exist");
}

int server_load(struct guest *g, const char *id, struct container **ret, struct err *e)
{
	struct timespec end;
	int r, late = 0;

	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += CREATE_S;
	(void)pthread_mutex_lock(&g->lock);
	for (;;) {
		/* What is being made while it is loaded is loaded again. */
		bool more = late == 0 && (g->creating || !g->created);

		r = load_now(id, ret, e);
		if (r != -ENOENT || !more)
			break;
		late = pthread_cond_clockwait(&g->changed, &g->lock, CLOCK_MONOTONIC,
					      &end);
	}
	(void)pthread_mutex_unlock(&g->lock);
	return r;
}

/* ---- a connection ---- */

static int dispatch(struct guest *g, struct channel *c, const struct json *request,
		    struct err *e)
{
	const char *op;
	int r = request_text(request, "op", &op, e);

	if (r < 0)
		return r;
	for (const struct guest_request *q = g->requests; q->op; q++) {
		if (str_eq(op, q->op))
			return q->fn(g, c, request, e);
	}
	return err_set(e, ENOTSUP, "the guest has no operation \"%s\"", op);
}

/* Who connects speaks, but need not at once: streams are connected long before they are
 * used, as long as the host may wait for `start`. */
void serve(struct guest *g, int *fd)
{
	const struct json *request;
	AUTO_ARENA a = {0};
	struct channel c;
	struct err e = {0};
	int r;

	channel_open(&c, fd);
	c.reader.max = PROTOCOL_REQUEST_MAX;
	r = channel_receive(&c, -1, &a, &request, &e);
	if (r > 0)
		r = dispatch(g, &c, request, &e);
	if (r < 0)
		(void)answer_error(&c, &e, ERR_IGNORE);
	channel_close(&c);
}
