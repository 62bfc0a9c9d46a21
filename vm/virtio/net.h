/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network device (VIRTIO 1.2, 5.1) in front of a tap. It exists from boot, its link
 * down, and gets a tap when there is one: the driver is told by a configuration interrupt
 * (VIRTIO_NET_F_STATUS), and Linux then switches its carrier on.
 *
 * What is fixed when the driver has looked, and so can't come with the tap:
 *	address	Linux reads it when it finds the device, and never again. One that is
 *		connected later has to be set in the guest (`ip link set address`);
 *		nothing here filters by it.
 *	MTU	the feature is offered if the MTU is known before the driver looks; Linux
 *		then refuses a larger one for good. Else it begins with 1500, and takes
 *		any that is set in the guest.
 *	offloads	those that every tap has are offered; the tap is told which of them
 *		the driver took.
 * There is no control queue: promiscuous mode and the like have nothing to switch where
 * nothing is filtered, and Linux waits for each answer on a busy processor.
 */
#ifndef VM_VIRTIO_NET_H
#define VM_VIRTIO_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "vm/loop.h"
#include "vm/memory.h"
#include "vm/virtio/virtio.h"

/* Until it is connected its address is 02:68:75:6c:6c:INDEX. */
int net_new(struct memory *mem, struct loop *loop, uint8_t index, struct virtio_dev **ret,
	    struct err *e);

/* All on the loop's thread. */

/* Takes over *tap_fd (on success): IFF_TAP | IFF_NO_PI | IFF_VNET_HDR. mac is no multicast
 * address; mtu is 0 (not told) or 68 and up. -EBUSY: one is connected. */
int net_connect(struct virtio_dev *dev, int *tap_fd, const uint8_t mac[6], uint16_t mtu,
		struct err *e);

/* The same with any descriptor on which a read and a write are a frame with a virtio-net
 * header of 12 bytes, and which doesn't block: tests have a pair of datagram sockets. */
int net_attach(struct virtio_dev *dev, int *fd, const uint8_t mac[6], uint16_t mtu,
	       struct err *e);

/* Closes it; does nothing if none is connected. A tap that goes away is disconnected by
 * itself. What the guest sends from now on is dropped. */
void net_disconnect(struct virtio_dev *dev);
bool net_connected(struct virtio_dev *dev);

/* ---- taps ---- */

/* Checks a tap and sets what we need of it: header of 12 bytes, not blocking. Ioctls:
 * TUNGETIFF, TUNSETVNETHDRSZ, TUNSETOFFLOAD; and fcntl(2). */
int net_tap_prepare(int fd, struct err *e);

/* Has the tap give only what a driver with these features takes. */
void net_tap_offload(int fd, uint64_t features);

#endif
