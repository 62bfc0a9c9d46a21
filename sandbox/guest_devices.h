/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of a spec's device nodes are the guest's own. Numbers that every kernel gives to
 * the same device (Documentation/admin-guide/devices.txt) mean the guest's; any other
 * number means a device of the host, which the guest doesn't have.
 */
#ifndef SANDBOX_GUEST_DEVICES_H
#define SANDBOX_GUEST_DEVICES_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "libcontainer/spec/spec.h"

/* Whether the container may use all devices (--privileged): its callers list all nodes of
 * the host then, and nobody expects every one of them. */
bool guest_devices_allow_all(const struct spec *s);

/* On the host: whether any guest that hull boots has this device (a FIFO is none). */
bool guest_devices_has(const struct spec_device *d);
bool guest_devices_has_node(mode_t mode, dev_t rdev);

/* In the guest, with a sysfs at /sys: drops the nodes that its kernel doesn't have, where
 * the container may use all; elsewhere such a one is an error. */
int guest_devices_adjust(struct spec *s, struct err *e);

#endif
