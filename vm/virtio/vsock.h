/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-vsock (VIRTIO 1.2, 5.10), stream sockets, its host end in this process: vm.h's
 * "vsock" section is these functions and the vm_stream ones, which are defined here too.
 *
 * All are called on the loop's thread, and all calls to the user are made there, without
 * the device's lock. What the guest does wrong to a stream resets that stream; what it
 * does wrong to a queue breaks the device, and resets all of them.
 */
#ifndef VM_VIRTIO_VSOCK_H
#define VM_VIRTIO_VSOCK_H

#include <stdint.h>

#include "base/err.h"
#include "vm/loop.h"
#include "vm/memory.h"
#include "vm/virtio/virtio.h"
#include "vm/vm.h"

struct vsock;

struct vsock_config {
	uint32_t cid;     /* the guest's: 3 to 0xfffffffe */
	unsigned streams; /* the most at a time; 0: 8192. Beyond, the guest is refused */
	uint32_t timeout_ms; /* to connect, and to acknowledge a close; 0: 2000 */
	struct memory *mem;  /* borrowed */
	struct loop *loop;   /* borrowed */
};

/* The device is freed by virtio_free(): streams that are still there end without a call
 * to their users. */
int vsock_new(const struct vsock_config *c, struct vsock **ret, struct err *e);
struct virtio_dev *vsock_device(struct vsock *v);

/* As vm_vsock_*. listen: -EADDRINUSE. connect: -EMFILE (too many streams), -ENOMEM; it
 * may be called before the guest's driver is there, who then has the timeout to come. */
int vsock_listen(struct vsock *v, uint32_t port, vm_accept_fn *fn, void *arg,
		 struct err *e);
void vsock_unlisten(struct vsock *v, uint32_t port);
int vsock_connect(struct vsock *v, uint32_t guest_port, const struct vm_stream_ops *ops,
		  void *arg, struct vm_stream **ret, struct err *e);

/* Streams that take memory, those included whose user has closed them already. */
unsigned vsock_streams(struct vsock *v);

#endif
