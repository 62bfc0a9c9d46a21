/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monitor's doors: connections from commands and proxies go on to hull-guest, bytes as
 * they are, as soon as that has said hello; what it logs goes to the log. On the loop's
 * thread.
 */
#ifndef SANDBOX_RELAY_H
#define SANDBOX_RELAY_H

#include "sandbox/guest_log.h"
#include "vm/loop.h"
#include "vm/vm.h"

struct relay;

/* listener: a unix stream socket that listens, or -1; taken over, in any case. log: borrowed. */
int relay_new(struct vm *vm, struct loop *loop, int *listener, struct guest_log *log,
	      struct relay **ret, struct err *e);

/* One more connection, taken over. */
int relay_add(struct relay *r, int *fd, struct err *e);

/* The guest is gone: so are all connections. */
void relay_end(struct relay *r);

/* Before vm_free(). NULL does nothing. */
void relay_free(struct relay *r);

#endif
