/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a privileged command has the monitor do: SANDBOX_CONTROL in the container's folder, a
 * socket of messages. An order is of a fixed size, with a descriptor; each is answered
 * before the next. The monitor, which nobody but root can reach, holds who orders for
 * honest, and looks at what it gets all the same; a command holds the monitor for hostile:
 * there is a deadline, and it takes an error's code and text, nothing else.
 */
#ifndef SANDBOX_CONTROL_H
#define SANDBOX_CONTROL_H

#include <stdint.h>

#include "libcontainer/container.h"
#include "vm/loop.h"

#define SANDBOX_CONTROL "control"

enum control_kind {
	CONTROL_TAP = 1, /* a tap for the device `index` */
	CONTROL_NETWORK, /* a file with what to ask the guest (protocol.h: network) */
};

struct control_order {
	uint32_t kind;
	uint32_t index, mtu;
	uint8_t mac[6];
	uint8_t zero[2];
};
_Static_assert(sizeof(struct control_order) == 20, "no holes");

/* The monitor's end, made by the runtime's process; non-blocking. */
int control_listen(int dir, struct err *e);

/* A command's; -ESRCH "container not running" if the monitor is gone. */
int control_connect(const struct container *c, struct err *e);

/* One order, with a descriptor, and its answer. */
int control_order(int sock, const struct control_order *o, int fd, struct err *e);

/* ---- the monitor ---- */

struct control;

/* Does what was ordered; *fd may be taken. An error is the command's to see. */
typedef int control_fn(void *arg, const struct control_order *o, int *fd, struct err *e);

/* Takes *listener over, also if it fails. One command at a time is served. */
int control_new(struct loop *loop, int *listener, control_fn *fn, void *arg,
		struct control **ret, struct err *e);
void control_free(struct control *c);

#endif
