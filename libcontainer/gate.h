/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The start gate: the unix socket <root>/<id>/start, on which a created container's
 * first process listens. `start` connects, and the connection carries what may still go
 * wrong up to execve, which closes it. As long as the socket is there, the container is
 * "created".
 */
#ifndef LIBCONTAINER_GATE_H
#define LIBCONTAINER_GATE_H

#include <stdbool.h>

#include "base/err.h"

/* Makes the gate in the container's folder; returns the listening socket, which the child
 * inherits. */
int gate_make(int dir, struct err *e);

/* Is there one? */
bool gate_exists(int dir);

/* In the child: waits for `start`, for as long as it takes; one that dies before it has taken
 * the gate away is nothing. Returns the connection; safe after clone. */
int gate_wait(int listener, struct err *e);

/* Opens the gate and takes it away. Returns the connection, on which sync_expect_close
 * tells how it went. */
int gate_open(int dir, struct err *e);

#endif
