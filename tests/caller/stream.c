/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams of the caller: a container's stdio, a terminal's master, an inherited pipe.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"

#include "caller.h"

int64_t time_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int time_left(int64_t deadline)
{
	int64_t left = deadline - time_ms();

	return left < 0 ? 0 : (int)left;
}

struct stream *streams_find(struct streams *s, const char *name, struct err *e)
{
	for (size_t i = 0; i < s->count; i++) {
		if (str_eq(s->all[i].name, name))
			return &s->all[i];
	}
	(void)err_set(e, ENOENT, "there is no stream %s", name);
	return NULL;
}

static void stream_done(struct stream *s)
{
	fd_close(&s->fd);
	sbuf_done(&s->data);
}

int streams_add(struct streams *s, const char *name, int *fd, struct err *e)
{
	struct stream *one = streams_find(s, name, ERR_IGNORE);

	if (strlen(name) >= sizeof(one->name))
		return err_set(e, ENAMETOOLONG, "%s is too long a name", name);
	if (one)
		stream_done(one);
	else if (s->count == STREAMS_MAX)
		return err_set(e, ENOSPC, "there are %d streams already", STREAMS_MAX);
	else
		one = &s->all[s->count++];
	*one = (struct stream){.fd = fd_take(fd)};
	(void)snprintf(one->name, sizeof(one->name), "%s", name);
	return 0;
}

void streams_done(struct streams *s)
{
	for (size_t i = 0; i < s->count; i++)
		stream_done(&s->all[i]);
	s->count = 0;
}

int stream_read(struct stream *s, struct err *e)
{
	char data[4096];
	ssize_t n;

	if (s->fd < 0 || s->ended)
		return 0;
	n = read(s->fd, data, sizeof(data));
	/* EIO is how a terminal's master ends. */
	if (n == 0 || (n < 0 && errno == EIO)) {
		s->ended = true;
		return 0;
	}
	if (n < 0)
		return err_sys(e, "read %s", s->name);
	sbuf_add(&s->data, data, (size_t)n);
	return 1;
}

/* One poll and one read: as stream_read, or -ETIMEDOUT. */
static int stream_step(struct stream *s, int64_t deadline, struct err *e)
{
	struct pollfd fd = {.fd = s->fd, .events = POLLIN};
	int r;

	if (s->fd < 0 || s->ended)
		return 0;
	r = poll(&fd, 1, time_left(deadline));
	if (r < 0)
		return err_sys(e, "poll %s", s->name);
	if (r == 0)
		return err_set(e, ETIMEDOUT, "%s has not ended; it said: %s", s->name,
			       s->data.len ? s->data.data : "nothing");
	return stream_read(s, e);
}

int stream_read_all(struct stream *s, int64_t deadline, struct err *e)
{
	int r;

	do
		r = stream_step(s, deadline, e);
	while (r > 0);
	return r;
}

int stream_expect(struct stream *s, const char *text, int64_t deadline, struct err *e)
{
	int r;

	while (!s->data.len || !strstr(s->data.data, text)) {
		r = stream_step(s, deadline, e);
		if (r < 0)
			return r;
		if (r == 0)
			return err_set(e, ENODATA, "%s ended; it said: %s", s->name,
				       s->data.len ? s->data.data : "nothing");
	}
	return 0;
}
