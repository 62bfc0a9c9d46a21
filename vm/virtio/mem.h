/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that is plugged in and out while the guest runs (virtio-mem, VIRTIO 1.2, 5.15).
 * The device has the address range that memory.h keeps for it; the guest is asked for a
 * size, and asks for the blocks that it then adds or has emptied. It needs no table of the
 * firmware: the range is told by the device. What is not plugged in is not accessible
 * (UNPLUGGED_INACCESSIBLE; a driver that doesn't know that, Linux before 5.16, is
 * refused): a guest that touches it is stopped by KVM.
 *
 * Blocks stay plugged in when the driver goes or is reset, as the guest may use them; a
 * new driver plugs all out before it begins, if it doesn't know them.
 */
#ifndef VM_VIRTIO_MEM_H
#define VM_VIRTIO_MEM_H

#include <stdint.h>

#include "base/err.h"
#include "vm/loop.h"
#include "vm/memory.h"
#include "vm/virtio/virtio.h"

/* Also where no memory can be plugged in: it then has a range of no bytes. */
int mem_new(struct memory *mem, struct loop *loop, struct virtio_dev **ret,
	    struct err *e);

/* Asks the guest to have so many bytes plugged in, rounded up to whole blocks. */
int mem_request(struct virtio_dev *dev, uint64_t bytes, struct err *e);
uint64_t mem_plugged(struct virtio_dev *dev);

#endif
