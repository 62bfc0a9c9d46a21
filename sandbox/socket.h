/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monitor's sockets in the container's folder, by the folder's descriptor.
 */
#ifndef SANDBOX_SOCKET_H
#define SANDBOX_SOCKET_H

#include "base/err.h"

/* A listening one, which only its owner may connect to; non-blocking. */
int socket_listen(int dir, const char *name, int type, struct err *e);

/* A connection, which takes no longer than timeout_ms, nor does a send on it. -ESRCH "container not running" if nobody listens. */
int socket_connect(int dir, const char *name, int type, int timeout_ms, struct err *e);

#endif
