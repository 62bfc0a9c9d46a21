/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/fd.h"
#include "sandbox/socket.h"

/* A stopped or hostile monitor holds nobody up for longer. */
#define ANSWER_MS 2500

/* Code 0: done. */
struct answer {
	int32_t code;
	char text[sizeof(((struct err *)0)->text)];
};

/* ---- commands ---- */

int control_listen(int dir, struct err *e)
{
	return socket_listen(dir, SANDBOX_CONTROL, SOCK_SEQPACKET, e);
}

int control_connect(const struct container *c, struct err *e)
{
	const struct timeval limit = {.tv_sec = ANSWER_MS / 1000,
				      .tv_usec = ANSWER_MS % 1000 * 1000L};
	AUTO_FD fd = socket_connect(c->dir, SANDBOX_CONTROL, SOCK_SEQPACKET, ANSWER_MS,
				    e);

	if (fd < 0)
		return fd;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0)
		return err_sys(e, "connect to the sandbox");
	return fd_take(&fd);
}

int control_order(int sock, const struct control_order *o, int fd, struct err *e)
{
	struct answer answer = {0};
	AUTO_FD unwanted = -1;
	ssize_t n = fd_send(sock, o, sizeof(*o), fd);

	if (n == 0)
		n = fd_recv(sock, &answer, sizeof(answer), &unwanted);
	if (n == -EAGAIN)
		return err_set(e, ETIMEDOUT, "the sandbox does not answer");
	if (n == -EPIPE || n == -ECONNRESET || n == 0)
		return err_set(e, EPIPE, "the sandbox has ended");
	if (n < 0)
		return err_code(e, (int)n, "the sandbox");
	if (n != sizeof(answer) || unwanted >= 0 || answer.code < 0 || answer.code > 4095)
		return err_set(e, EPROTO, "the sandbox's answer is not understood");
	answer.text[sizeof(answer.text) - 1] = '\0';
	return answer.code ? err_set(e, answer.code, "%s", answer.text) : 0;
}

/* ---- the monitor ---- */

struct control {
	struct loop *loop;
	int listener, client; /* owned; client: the command that is served, -1 */
	struct loop_source *listening, *serving;
	control_fn *fn;
	void *arg;
};

static void end_client(struct control *c)
{
	loop_del(c->serving);
	c->serving = NULL;
	fd_close(&c->client);
	(void)loop_set(c->listening, EPOLLIN);
}

static int obey(struct control *c, struct err *e)
{
	struct control_order o;
	AUTO_FD fd = -1;
	ssize_t n = fd_recv(c->client, &o, sizeof(o), &fd);

	if (n == 0)
		return err_set(e, EPIPE, "the command has gone");
	if (n != sizeof(o) || fd < 0)
		return err_set(e, EPROTO, "an order is not understood");
	return c->fn(c->arg, &o, &fd, e);
}

static void on_order(void *arg, uint32_t events)
{
	struct control *c = arg;
	struct answer answer = {0};
	struct err e;
	int r = obey(c, &e);

	(void)events;
	if (r < 0) {
		answer.code = -r;
		memcpy(answer.text, e.text, sizeof(answer.text));
	}
	if (r == -EPIPE || fd_send(c->client, &answer, sizeof(answer), -1) < 0)
		end_client(c);
}

static void on_connection(void *arg, uint32_t events)
{
	struct control *c = arg;

	(void)events;
	c->client = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (c->client < 0)
		return;
	(void)loop_set(c->listening, 0);
	if (loop_add(c->loop, c->client, EPOLLIN, on_order, c, &c->serving, ERR_IGNORE) <
	    0)
		end_client(c);
}

int control_new(struct loop *loop, int *listener, control_fn *fn, void *arg,
		struct control **ret, struct err *e)
{
	struct control *c = calloc(1, sizeof(*c));
	int r;

	if (!c) {
		fd_close(listener);
		return err_code(e, ENOMEM, "make a sandbox");
	}
	*c = (struct control){.loop = loop,
			      .listener = fd_take(listener),
			      .client = -1,
			      .fn = fn,
			      .arg = arg};
	r = loop_add(loop, c->listener, EPOLLIN, on_connection, c, &c->listening, e);
	if (r < 0) {
		control_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

void control_free(struct control *c)
{
	if (!c)
		return;
	loop_del(c->serving);
	loop_del(c->listening);
	fd_close(&c->client);
	fd_close(&c->listener);
	free(c);
}
