/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A memory balloon (VIRTIO 1.2, 5.5): the guest gives pages up when it is asked to, takes
 * them back when it is short of memory (DEFLATE_ON_OOM), and reports pages that are free
 * without being asked (REPORTING), which it may use again at any time. The frames of both
 * go back to the host at once; what the guest finds there later is zeros.
 *
 * A guest that fills its free pages with a pattern says so (PAGE_POISON): pages that it
 * reports then stay as they are.
 */
#ifndef VM_VIRTIO_BALLOON_H
#define VM_VIRTIO_BALLOON_H

#include <stdint.h>

#include "base/err.h"
#include "vm/loop.h"
#include "vm/memory.h"
#include "vm/virtio/virtio.h"

int balloon_new(struct memory *mem, struct loop *loop, struct virtio_dev **ret,
		struct err *e);

/* Asks the guest to give up so many bytes (a part of 4 KiB doesn't count). */
int balloon_request(struct virtio_dev *dev, uint64_t bytes, struct err *e);

/* How many bytes the guest says that it has given up. */
uint64_t balloon_size(struct virtio_dev *dev);

#endif
