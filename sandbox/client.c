/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "sandbox/channel.h"
#include "sandbox/microvm.h"

#define BACKLOG 128

/* A stopped or hostile monitor holds nobody up for longer than both, of 3 s. */
#define ANSWER_MS  2500
#define CONNECT_MS 400

/* By the descriptor, as the folder's path may be longer than sun_path. */
static void address(int dir, struct sockaddr_un *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->sun_family = AF_UNIX;
	(void)snprintf(ret->sun_path, sizeof(ret->sun_path),
		       "/proc/self/fd/%d/" SANDBOX_SOCKET, dir);
}

int client_listen(int dir, struct err *e)
{
	AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un addr;

	if (fd < 0)
		return err_sys(e, "the sandbox's socket");
	address(dir, &addr);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return err_sys(e, "the sandbox's socket: bind");
	/* Before anybody can connect. */
	if (fchmodat(dir, SANDBOX_SOCKET, 0600, 0) < 0)
		return err_sys(e, "the sandbox's socket: chmod");
	if (listen(fd, BACKLOG) < 0)
		return err_sys(e, "the sandbox's socket: listen");
	return fd_take(&fd);
}

int client_connect(const struct container *c, struct err *e)
{
	const struct timeval limit = {.tv_usec = (suseconds_t)CONNECT_MS * 1000};
	AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un addr;

	if (fd < 0)
		return err_sys(e, "connect to the sandbox");
	/* A full queue of a stopped monitor: connect(2) waits as long as a send may. */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0)
		return err_sys(e, "connect to the sandbox");
	address(c->dir, &addr);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		if (errno == ECONNREFUSED || errno == ENOENT)
			return err_set(e, ESRCH, "container not running");
		if (errno == EAGAIN)
			return err_set(e, ETIMEDOUT, "the sandbox does not answer");
		return err_sys(e, "connect to the sandbox");
	}
	return fd_take(&fd);
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
