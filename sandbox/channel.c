/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/channel.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "sandbox/protocol.h"

void channel_open(struct channel *c, int *fd)
{
	*c = (struct channel){.fd = fd_take(fd), .reader = {.max = PROTOCOL_ANSWER_MAX}};
}

void channel_close(struct channel *c)
{
	frame_reader_done(&c->reader);
	fd_close(&c->fd);
}

static int64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Until events, at most to the deadline (-1: none). */
static int wait_for(int fd, short events, int64_t deadline, struct err *e)
{
	struct pollfd p = {.fd = fd, .events = events};
	int64_t left = -1;
	int r;

	do {
		if (deadline >= 0) {
			left = deadline - now_ms();
			left = left < 0 ? 0 : left;
		}
		r = poll(&p, 1, (int)left);
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return err_sys(e, "wait for the guest");
	return r > 0 ? 0 : err_set(e, ETIMEDOUT, "the guest does not answer");
}

static int64_t deadline_of(int timeout_ms)
{
	return timeout_ms < 0 ? -1 : now_ms() + timeout_ms;
}

int channel_send(struct channel *c, struct json_writer *w, int timeout_ms, struct err *e)
{
	int64_t deadline = deadline_of(timeout_ms);
	AUTO_SBUF out = {0};
	const char *text;
	size_t len, done = 0;
	int r;

	r = json_finish(w, &text, &len, e);
	if (r < 0)
		return r;
	if (len > PROTOCOL_REQUEST_MAX)
		return err_set(e, EMSGSIZE,
			       "a request of %zu bytes to the guest: at most "
			       "%zu are possible",
			       len, PROTOCOL_REQUEST_MAX);
	frame_add(&out, text, len);
	if (out.failed)
		return err_code(e, ENOMEM, "a request to the guest");
	while (done < out.len) {
		ssize_t n = send(c->fd, out.data + done, out.len - done,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n >= 0) {
			done += (size_t)n;
		} else if (errno == EAGAIN) {
			r = wait_for(c->fd, POLLOUT, deadline, e);
			if (r < 0)
				return r;
		} else if (errno != EINTR) {
			return err_sys(e, "send to the guest");
		}
	}
	return 0;
}

/* A message of what has been read already: 1, or 0 for more. */
static int parse(struct channel *c, struct arena *a, const struct json **ret,
		 struct err *e)
{
	size_t taken;
	int r = frame_read(&c->reader, c->buf + c->start, c->end - c->start, &taken, e);

	if (r < 0)
		return err_wrap(e, "the guest");
	c->start += taken;
	if (r == 0)
		return 0;
	r = json_parse(a, "the guest's message", c->reader.text, c->reader.len, ret, e);
	if (r < 0)
		return r;
	if ((*ret)->type != JSON_OBJECT)
		return err_set(e, EPROTO, "the guest's message is no object");
	return 1;
}

int channel_receive(struct channel *c, int timeout_ms, struct arena *a,
		    const struct json **ret, struct err *e)
{
	int64_t deadline = deadline_of(timeout_ms);
	ssize_t n;
	int r;

	for (;;) {
		r = parse(c, a, ret, e);
		if (r != 0)
			return r;
		r = wait_for(c->fd, POLLIN, deadline, e);
		if (r < 0)
			return r;
		n = recv(c->fd, c->buf, sizeof(c->buf), MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return 0;
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return err_sys(e, "receive from the guest");
		c->start = 0;
		c->end = n < 0 ? 0 : (size_t)n;
	}
}

/* Its code is one of ours, its text one line. */
static int take_error(const struct json *v, struct err *e)
{
	const char *text = json_get_string(v, "text");
	int64_t code = EPROTO;

	if (json_i64(json_get(v, "code"), &code) < 0 || code < 1 || code > 4095)
		code = EPROTO;
	return err_words(e, (int)code, "%s", text ? text : "the guest gave no reason");
}

int channel_ask(struct channel *c, struct json_writer *w, int timeout_ms, struct arena *a,
		const struct json **ret, struct err *e)
{
	const struct json *answer = NULL, *error;
	int64_t deadline = deadline_of(timeout_ms), left = -1;
	int r = channel_send(c, w, timeout_ms, e);

	if (r < 0)
		return r;
	if (deadline >= 0) {
		left = deadline - now_ms();
		left = left < 0 ? 0 : left;
	}
	r = channel_receive(c, (int)left, a, &answer, e);
	if (r < 0)
		return r;
	if (r == 0)
		return err_set(e, EPIPE, "the sandbox has ended");
	error = json_get(answer, "error");
	if (error)
		return take_error(error, e);
	if (ret)
		*ret = answer;
	return 0;
}
