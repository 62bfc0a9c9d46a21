/* SPDX-License-Identifier: Apache-2.0 */
/* The list of processes, and the streams that are attached to them. */
#include <errno.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>

#include "base/fd.h"
#include "base/str.h"
#include "sandbox/guest/life.h"

#define ATTACH_S 60

unsigned life_streams(const struct life *l)
{
	return l->terminal ? 1 : 3;
}

int life_add(struct guest *g, struct life *l, struct err *e)
{
	uint8_t bytes[(LIFE_TOKEN_MAX - 1) / 2];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return err_sys(e, "getrandom");
	for (size_t i = 0; i < sizeof(bytes); i++)
		(void)snprintf(l->token + 2 * i, 3, "%02x", bytes[i]);
	(void)pthread_mutex_lock(&g->lock);
	l->next = g->lives;
	g->lives = l;
	(void)pthread_mutex_unlock(&g->lock);
	return 0;
}

void life_remove(struct guest *g, struct life *l)
{
	(void)pthread_mutex_lock(&g->lock);
	for (struct life **p = &g->lives; *p; p = &(*p)->next) {
		if (*p != l)
			continue;
		*p = l->next;
		break;
	}
	(void)pthread_mutex_unlock(&g->lock);
}

static bool all_attached(const struct life *l)
{
	for (unsigned i = 0; i < life_streams(l); i++) {
		if (l->streams[i] < 0)
			return false;
	}
	return true;
}

int life_wait_streams(struct guest *g, struct life *l, struct err *e)
{
	struct timespec end;
	int r = 0;

	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += ATTACH_S;
	(void)pthread_mutex_lock(&g->lock);
	while (r == 0 && !all_attached(l))
		r = pthread_cond_clockwait(&l->attached, &g->lock, CLOCK_MONOTONIC, &end);
	(void)pthread_mutex_unlock(&g->lock);
	return r ? err_set(e, r, "the streams of the process are not attached") : 0;
}

void life_done(struct life *l)
{
	for (int i = 0; i < 3; i++) {
		fd_close(&l->streams[i]);
		fd_close(&l->ours[i]);
	}
	fd_close(&l->stop);
	fd_close(&l->exec_pidfd);
	fd_close(&l->exec_console);
}

/* Whether a process wants this stream (fd -1), or gives it the descriptor. */
static int give_stream(struct guest *g, const char *token, unsigned stream, int fd)
{
	int r = -ENOENT;

	(void)pthread_mutex_lock(&g->lock);
	for (struct life *l = g->lives; l; l = l->next) {
		if (!str_eq(l->token, token) || stream >= life_streams(l))
			continue;
		r = l->streams[stream] < 0 ? 0 : -EBUSY;
		if (r == 0 && fd >= 0) {
			l->streams[stream] = fd;
			(void)pthread_cond_signal(&l->attached);
		}
		break;
	}
	(void)pthread_mutex_unlock(&g->lock);
	return r;
}

int life_attach(struct guest *g, struct channel *c, const struct json *request,
		struct err *e)
{
	const char *token;
	int64_t stream = -1;
	int r = request_text(request, "token", &token, e);

	if (r == 0)
		r = request_int(request, "stream", 0, 2, &stream, e);
	if (r < 0)
		return r;
	r = give_stream(g, token, (unsigned)stream, -1);
	if (r < 0)
		return err_set(e, -r, "a stream that no process wants");
	/* Answered first: from then on the bytes are the stream's. */
	r = answer_empty(c, e);
	if (r < 0)
		return r;
	if (give_stream(g, token, (unsigned)stream, c->fd) < 0)
		log_warn(&g->log, "a stream that no process wants");
	else
		c->fd = -1;
	return 0;
}
