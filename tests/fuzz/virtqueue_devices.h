/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The devices behind virtqueue_fuzz. A device is a row: how it is made, and (or NULL) what
 * the host does to it, with some bytes of the input, and (or NULL) how it works off what
 * has no thread here.
 */
#ifndef TESTS_FUZZ_VIRTQUEUE_DEVICES_H
#define TESTS_FUZZ_VIRTQUEUE_DEVICES_H

#include <stddef.h>

#include "vm/worker.h"

#include "tests/unit/toy_device.h"
#include "tests/unit/virtio_driver.h"

#define MEMORY (UINT64_C(4) << 20)

struct world {
	struct drv d;
	struct worker_pool *pool;
	unsigned (*poll)(struct virtio_dev *dev);
	struct toy toy;
};

struct device {
	int (*make)(struct world *w, struct virtio_dev **ret, struct err *e);
	void (*host)(struct virtio_dev *dev, const void *buf, size_t len);
	unsigned (*poll)(struct virtio_dev *dev);
};

extern const struct device virtqueue_devices[];
extern const size_t virtqueue_devices_count;

#endif
