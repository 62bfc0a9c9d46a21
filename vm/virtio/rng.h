/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random numbers of the host (VIRTIO 1.2, 5.4).
 */
#ifndef VM_VIRTIO_RNG_H
#define VM_VIRTIO_RNG_H

#include "vm/virtio/virtio.h"

int rng_new(struct memory *mem, struct loop *loop, struct virtio_dev **ret,
	    struct err *e);

#endif
