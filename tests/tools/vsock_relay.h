/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For vmrun: streams between unix sockets and the guest's vsock, with back-pressure both
 * ways, half-closes and resets as they come.
 *
 *	--vsock-listen PORT=PATH    the guest connects to PORT: we connect to PATH
 *	--vsock-connect PATH=PORT   somebody connects to PATH: we connect to the guest's PORT
 */
#ifndef TESTS_TOOLS_VSOCK_RELAY_H
#define TESTS_TOOLS_VSOCK_RELAY_H

#include "base/err.h"
#include "vm/loop.h"
#include "vm/vm.h"

struct vsock_relay;

int vsock_relay_new(struct vm *vm, struct loop *loop, struct vsock_relay **ret,
		    struct err *e);

/* Each takes the option's value. PATH is made anew for vsock-connect. */
int vsock_relay_listen(struct vsock_relay *r, const char *value, struct err *e);
int vsock_relay_connect(struct vsock_relay *r, const char *value, struct err *e);

/* No path can be reached from now on: each PORT gets one connection to its PATH ahead, for
 * the first who connects to it. NULL does nothing. */
void vsock_relay_seal(struct vsock_relay *r);

/* Before vm_free(). NULL does nothing. */
void vsock_relay_free(struct vsock_relay *r);

#endif
