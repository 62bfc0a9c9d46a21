/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way from a command to a container's guest: SANDBOX_SOCKET in the container's folder,
 * which its monitor carries on to hull-guest. A monitor may have been taken over by its
 * guest: it is believed nothing, and waited for no longer than a bound.
 */
#ifndef SANDBOX_CLIENT_H
#define SANDBOX_CLIENT_H

#include "base/json.h"
#include "libcontainer/container.h"

/* The monitor's end, made by the runtime's process; non-blocking. */
int client_listen(int dir, struct err *e);

/* A connection to the container's guest. -ESRCH "container not running" if its monitor is
 * gone. */
int client_connect(const struct container *c, struct err *e);

/* One question (protocol.h), with the answer in the arena. */
int client_ask(const struct container *c, struct json_writer *w, struct arena *a,
	       const struct json **ret, struct err *e);

/* A writer with the object open, "op" and "id" in it; NULL: no memory. */
struct json_writer *client_begin(const struct container *c, const char *op);

#endif
