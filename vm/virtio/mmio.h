/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The register block by which a driver finds and steers a virtio device (VIRTIO 1.2,
 * 4.2.2), version 2 only. A bus_fn whose arg is the struct virtio_dev.
 */
#ifndef VM_VIRTIO_MMIO_H
#define VM_VIRTIO_MMIO_H

#include <stdbool.h>
#include <stdint.h>

#define MMIO_LEN 0x1000 /* bytes of a device's register block */

void mmio_access(void *virtio_dev, uint64_t off, void *data, unsigned len, bool write);

#endif
