/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/sync.h"

#include <errno.h>
#include <string.h>

#include "base/fd.h"

struct sync_msg {
	int type;
	int value;
	struct err err; /* SYNC_ERROR only; not sent otherwise */
};

#define HEAD_SIZE offsetof(struct sync_msg, err)

int sync_send(int sock, enum sync_type type, int value, int fd)
{
	struct sync_msg m = {.type = (int)type, .value = value};

	return fd_send(sock, &m, HEAD_SIZE, fd);
}

void sync_send_err(int sock, const struct err *err)
{
	struct sync_msg m = {.type = SYNC_ERROR, .err = *err};

	(void)fd_send(sock, &m, sizeof(m), -1);
}

/* Receives one message: 1, 0 if the other side is gone, or -errno. An error that was sent
 * is put in *e and is its code. */
static int receive(int sock, struct sync_msg *m, int *ret_fd, struct err *e)
{
	ssize_t n;

	memset(m, 0, sizeof(*m));
	n = fd_recv(sock, m, sizeof(*m), ret_fd);
	if (n == 0)
		return 0;
	/* It died with a message of ours unread. */
	if (n == -ECONNRESET)
		return err_set(e, EPIPE, "the other process has died");
	if (n < 0)
		return err_code(e, (int)n, "receive from the container's process");
	if (n < (ssize_t)HEAD_SIZE)
		return err_set(e, EPROTO, "a short message from the container's process");
	if (m->type != SYNC_ERROR)
		return 1;
	fd_close(ret_fd);
	/* A container that waits for its start may be from before an update, when the text
	 * had less room: what it didn't send is zero. */
	if (n < (ssize_t)offsetof(struct sync_msg, err.text) || m->err.code <= 0)
		return err_set(e, EPROTO, "a bad error from the container's process");
	m->err.text[sizeof(m->err.text) - 1] = '\0';
	*e = m->err;
	return -e->code;
}

int sync_expect(int sock, enum sync_type type, int *ret_value, int *ret_fd, struct err *e)
{
	AUTO_FD fd = -1;
	struct sync_msg m;
	int r = receive(sock, &m, &fd, e);

	if (r < 0)
		return r;
	if (r == 0)
		return err_set(e, EPIPE, "the other process has died");
	if (m.type != (int)type)
		return err_set(e, EPROTO, "message %d where %d was due", m.type,
			       (int)type);
	if (ret_value)
		*ret_value = m.value;
	if (ret_fd)
		*ret_fd = fd_take(&fd);
	return 0;
}

int sync_expect_close(int sock, struct err *e)
{
	AUTO_FD fd = -1;
	struct sync_msg m;
	int r = receive(sock, &m, &fd, e);

	return r > 0 ? err_set(e, EPROTO, "message %d where none was due", m.type) : r;
}

int sync_tell(int sock, enum sync_type type, struct err *e)
{
	int r = sync_send(sock, type, 0, -1);

	if (r == -EPIPE || r == -ECONNRESET)
		return sync_expect(sock, type, NULL, NULL, e);
	return r < 0 ? err_code(e, r, "talk to the container's process") : 0;
}
