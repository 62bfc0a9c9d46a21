/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the driver share. */
#ifndef TESTS_UNIT_VIRTIO_DRIVER_PARTS_H
#define TESTS_UNIT_VIRTIO_DRIVER_PARTS_H

#include "tests/unit/virtio_driver.h"

/* Ends the test program. */
_Noreturn void drv_die(const char *what, const char *why);

/* As another thread may read them. */
void drv_put_desc(struct vring_desc *p, struct vring_desc v);
void drv_publish_index(struct drv_queue *q, uint16_t index);

#endif
