/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/gate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "libcontainer/sync.h"

#define GATE_NAME "start"

/* Through the descriptor, because the folder's path may be longer than sun_path. */
static void address(int dir, struct sockaddr_un *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->sun_family = AF_UNIX;
	(void)snprintf(ret->sun_path, sizeof(ret->sun_path),
		       "/proc/self/fd/%d/" GATE_NAME, dir);
}

int gate_make(int dir, struct err *e)
{
	AUTO_FD sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un addr;

	if (sock < 0)
		return err_sys(e, "the start gate: socket");
	address(dir, &addr);
	if (bind(sock, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return err_sys(e, "the start gate: bind");
	if (listen(sock, 1) < 0)
		return err_sys(e, "the start gate: listen");
	return fd_take(&sock);
}

bool gate_exists(int dir)
{
	return faccessat(dir, GATE_NAME, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int gate_wait(int listener, struct err *e)
{
	for (;;) {
		AUTO_FD fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0 && errno != EINTR && errno != ECONNABORTED)
			return err_sys(e, "the start gate: accept");
		if (fd >= 0 && sync_expect(fd, SYNC_START, NULL, NULL, ERR_IGNORE) == 0)
			return fd_take(&fd);
	}
}

int gate_open(int dir, struct err *e)
{
	AUTO_FD sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un addr;
	int r;

	if (sock < 0)
		return err_sys(e, "the start gate: socket");
	address(dir, &addr);
	if (connect(sock, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return err_sys(e, "the start gate: connect");
	if (unlinkat(dir, GATE_NAME, 0) < 0)
		return err_sys(e, "the start gate: unlink");
	/* Only now: a container that runs is never "created", wherever we are killed. */
	r = sync_tell(sock, SYNC_START, e);
	return r < 0 ? r : fd_take(&sock);
}
