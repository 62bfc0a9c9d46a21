/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams of the guest's vsock joined with sockets of the host: bytes, half-closes and the
 * end of one go over to the other, and a reader that is slow holds up its own stream
 * alone. All on the loop's thread.
 */
#ifndef VM_VSOCK_JOIN_H
#define VM_VSOCK_JOIN_H

#include "base/err.h"
#include "vm/loop.h"
#include "vm/vm.h"

struct vsock_join;

struct vsock_joins {
	struct vm *vm;     /* borrowed */
	struct loop *loop; /* borrowed */
	size_t max;        /* as many at once */
	size_t count;
	struct vsock_join *all; /* owned */
};

/* Joins a connected stream socket of the host, which is taken over in any case, with a new
 * connection to the guest's port. -EMFILE if there are too many. */
int vsock_join_connect(struct vsock_joins *j, int *fd, uint32_t port, struct err *e);

/* The same with a connection of the guest's: to be returned by a vm_accept_fn. NULL: it is
 * refused. */
void *vsock_join_accept(struct vsock_joins *j, int *fd, struct vm_stream *s,
			const struct vm_stream_ops **ret_ops);

/* Ends all of them; before vm_free(). */
void vsock_joins_done(struct vsock_joins *j);

#endif
