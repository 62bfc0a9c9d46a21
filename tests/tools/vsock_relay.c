/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/tools/vsock_relay.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "vm/vsock_join.h"

#define STREAMS_MAX 4096

struct door {
	struct vsock_relay *relay;
	struct door *next;
	uint32_t port;
	struct sockaddr_un addr;
	int fd;      /* owned: listens at addr; -1: we connect there */
	int ready;   /* owned: a connection made ahead */
	bool sealed; /* addr is out of reach */
	struct loop_source *source;
};

struct vsock_relay {
	struct vsock_joins joins;
	struct door *doors;
};

static int reach(const struct door *d)
{
	AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&d->addr, sizeof(d->addr)) < 0)
		return -1;
	return fd_take(&fd);
}

static void *guest_connects(void *arg, struct vm_stream *s, uint32_t guest_port,
			    const struct vm_stream_ops **ret_ops)
{
	struct door *d = arg;
	int fd = d->sealed ? fd_take(&d->ready) : reach(d);

	(void)guest_port;
	if (fd < 0)
		return NULL;
	return vsock_join_accept(&d->relay->joins, &fd, s, ret_ops);
}

static void unix_connects(void *arg, uint32_t events)
{
	struct door *d = arg;
	int fd = accept4(d->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd >= 0)
		(void)vsock_join_connect(&d->relay->joins, &fd, d->port, ERR_IGNORE);
}

/* NULL: see e. */
static struct door *door_new(struct vsock_relay *r, const char *path, size_t path_len,
			     const char *port, struct err *e)
{
	struct door *d = calloc(1, sizeof(*d));
	char *end;

	if (!d) {
		(void)err_set(e, ENOMEM, "no memory for a relay");
		return NULL;
	}
	d->relay = r;
	d->fd = d->ready = -1;
	d->port = (uint32_t)strtoul(port, &end, 10);
	d->addr.sun_family = AF_UNIX;
	if ((*end && *end != '=') || end == port || !path_len ||
	    path_len >= sizeof(d->addr.sun_path)) {
		free(d);
		(void)err_set(e, EINVAL, "no port and path: %s", port);
		return NULL;
	}
	memcpy(d->addr.sun_path, path, path_len);
	d->next = r->doors;
	r->doors = d;
	return d;
}

int vsock_relay_listen(struct vsock_relay *r, const char *value, struct err *e)
{
	const char *eq = strchr(value, '=');
	struct door *d;

	if (!eq)
		return err_set(e, EINVAL, "want PORT=PATH: %s", value);
	d = door_new(r, eq + 1, strlen(eq + 1), value, e);
	if (!d)
		return -e->code;
	return vm_vsock_listen(r->joins.vm, d->port, guest_connects, d, e);
}

int vsock_relay_connect(struct vsock_relay *r, const char *value, struct err *e)
{
	const char *eq = strrchr(value, '=');
	struct door *d;

	if (!eq)
		return err_set(e, EINVAL, "want PATH=PORT: %s", value);
	d = door_new(r, value, (size_t)(eq - value), eq + 1, e);
	if (!d)
		return -e->code;
	(void)unlink(d->addr.sun_path);
	d->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (d->fd < 0 || bind(d->fd, (struct sockaddr *)&d->addr, sizeof(d->addr)) < 0 ||
	    listen(d->fd, 128) < 0)
		return err_sys(e, "listen at %s", d->addr.sun_path);
	return loop_add(r->joins.loop, d->fd, EPOLLIN, unix_connects, d, &d->source, e);
}

int vsock_relay_new(struct vm *vm, struct loop *loop, struct vsock_relay **ret,
		    struct err *e)
{
	struct vsock_relay *r = calloc(1, sizeof(*r));

	if (!r)
		return err_set(e, ENOMEM, "no memory for a relay");
	r->joins = (struct vsock_joins){.vm = vm, .loop = loop, .max = STREAMS_MAX};
	*ret = r;
	return 0;
}

void vsock_relay_seal(struct vsock_relay *r)
{
	for (struct door *d = r ? r->doors : NULL; d; d = d->next) {
		if (d->fd < 0)
			d->ready = reach(d);
		d->sealed = true;
	}
}

void vsock_relay_free(struct vsock_relay *r)
{
	if (!r)
		return;
	vsock_joins_done(&r->joins);
	while (r->doors) {
		struct door *d = r->doors;

		r->doors = d->next;
		if (d->fd < 0)
			vm_vsock_unlisten(r->joins.vm, d->port);
		else if (!d->sealed)
			(void)unlink(d->addr.sun_path);
		loop_del(d->source);
		fd_close(&d->fd);
		fd_close(&d->ready);
		free(d);
	}
	free(r);
}
