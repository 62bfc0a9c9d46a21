/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk that is there from boot without capacity, and is connected and disconnected
 * while the machine runs (VIRTIO 1.2, 5.2). Requests are done by a pool of workers that
 * all disks share. vm_block_* of vm.h, by the device. Functions on the loop's thread.
 */
#ifndef VM_VIRTIO_BLOCK_H
#define VM_VIRTIO_BLOCK_H

#include "vm/virtio/virtio.h"
#include "vm/vm.h"
#include "vm/worker.h"

/* pool is borrowed, and outlives the device; requests wait until it has threads. */
int block_new(struct memory *mem, struct loop *loop, struct worker_pool *pool,
	      struct virtio_dev **ret, struct err *e);

/* The driver learns it by a configuration interrupt. -EBUSY: there is a disk already. On
 * failure the descriptor remains the caller's. A driver learns that a disk is read-only
 * only if it is connected before the driver negotiates; else its writes fail. */
int block_connect(struct virtio_dev *dev, const struct vm_block_config *c, struct err *e);

/* Waits for what is under way; on return the descriptor is closed. Requests that are
 * still in the queue, and later ones, fail. -ENOENT: there is no disk. */
int block_disconnect(struct virtio_dev *dev, struct err *e);

#endif
