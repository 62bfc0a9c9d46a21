/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/socket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>

#include "base/fd.h"

#define BACKLOG 128

/* By the descriptor, as the folder's path may be longer than sun_path. */
static void address(int dir, const char *name, struct sockaddr_un *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->sun_family = AF_UNIX;
	(void)snprintf(ret->sun_path, sizeof(ret->sun_path), "/proc/self/fd/%d/%s", dir,
		       name);
}

int socket_listen(int dir, const char *name, int type, struct err *e)
{
	AUTO_FD fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un addr;

	if (fd < 0)
		return err_sys(e, "the sandbox's socket");
	address(dir, name, &addr);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return err_sys(e, "the sandbox's socket: bind");
	/* Before anybody can connect. */
	if (fchmodat(dir, name, 0600, 0) < 0)
		return err_sys(e, "the sandbox's socket: chmod");
	if (listen(fd, BACKLOG) < 0)
		return err_sys(e, "the sandbox's socket: listen");
	return fd_take(&fd);
}

int socket_connect(int dir, const char *name, int type, int timeout_ms, struct err *e)
{
	const struct timeval limit = {.tv_sec = timeout_ms / 1000,
				      .tv_usec = timeout_ms % 1000 * 1000L};
	AUTO_FD fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	struct sockaddr_un addr;

	if (fd < 0)
		return err_sys(e, "connect to the sandbox");
	/* A full queue of a stopped monitor: connect(2) waits as long as a send may. */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0)
		return err_sys(e, "connect to the sandbox");
	address(dir, name, &addr);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		if (errno == ECONNREFUSED || errno == ENOENT)
			return err_set(e, ESRCH, "container not running");
		if (errno == EAGAIN)
			return err_set(e, ETIMEDOUT, "the sandbox does not answer");
		return err_sys(e, "connect to the sandbox");
	}
	return fd_take(&fd);
}
