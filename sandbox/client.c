/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/client.h"

#include <errno.h>
#include <sys/socket.h>

#include "sandbox/channel.h"
#include "sandbox/microvm.h"
#include "sandbox/socket.h"

/* A stopped or hostile monitor holds nobody up for longer than both, of 3 s. */
#define ANSWER_MS  2500
#define CONNECT_MS 400

int client_listen(int dir, struct err *e)
{
	return socket_listen(dir, SANDBOX_SOCKET, SOCK_STREAM, e);
}

int client_connect(const struct container *c, struct err *e)
{
	return socket_connect(c->dir, SANDBOX_SOCKET, SOCK_STREAM, CONNECT_MS, e);
}

struct json_writer *client_begin(const struct container *c, const char *op)
{
	struct json_writer *w = json_writer_new("");

	if (!w)
		return NULL;
	json_open_object(w);
	json_put_string(w, "op", op);
	json_put_string(w, "id", c->id);
	return w;
}

int client_ask(const struct container *c, struct json_writer *w, struct arena *a,
	       const struct json **ret, struct err *e)
{
	struct channel ch;
	int r, fd;

	if (!w)
		return err_code(e, ENOMEM, "ask the sandbox");
	json_close_object(w);
	fd = client_connect(c, e);
	if (fd < 0)
		return fd;
	channel_open(&ch, &fd);
	r = channel_ask(&ch, w, ANSWER_MS, a, ret, e);
	channel_close(&ch);
	return r;
}
