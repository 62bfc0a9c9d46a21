/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's console, hvc0 (VIRTIO 1.2, 5.3): one port, with a size. vm_console_* of vm.h,
 * by the device. All functions on the loop's thread; none of the callbacks may free the
 * device.
 */
#ifndef VM_VIRTIO_CONSOLE_H
#define VM_VIRTIO_CONSOLE_H

#include "vm/virtio/virtio.h"
#include "vm/vm.h"

int console_new(struct memory *mem, struct loop *loop, struct virtio_dev **ret,
		struct err *e);

/* Where output goes; without a function it is dropped. */
void console_output(struct virtio_dev *dev, vm_console_fn *fn, void *arg);

/* Takes as much as its buffer (16 KiB) has room for, also before there is a driver. */
size_t console_input(struct virtio_dev *dev, const void *buf, size_t len);

/* Called when there is room again after console_input() took less than it got. */
void console_writable(struct virtio_dev *dev, loop_fn *fn, void *arg);

void console_resize(struct virtio_dev *dev, unsigned rows, unsigned cols);

#endif
