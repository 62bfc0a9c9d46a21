/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the tap to the guest: frames are read right into the guest's buffers. While there
 * are too few of them the tap isn't read, and its own queue fills and drops.
 */
#include <endian.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/uio.h>

#include "vm/virtio/net.h"
#include "vm/virtio/net_parts.h"

#define PACKET_MIN 1526 /* VIRTIO 1.2, 5.1.6.3.1 */

#define GUEST_GSO                                                                        \
	(UINT64_C(1) << VIRTIO_NET_F_GUEST_TSO4 | UINT64_C(1) << VIRTIO_NET_F_GUEST_TSO6)

/* How much room the next packet may need; and what has to do if there is no more. Without
 * mergeable buffers it gets one, of which the driver must know that it will do. */
static uint64_t room_wanted(const struct net *n)
{
	return virtio_has(&n->dev, VIRTIO_NET_F_MRG_RXBUF) ? NET_HEADER + NET_FRAME_MAX
							   : 1;
}

static uint64_t room_least(const struct net *n)
{
	uint64_t frame = NET_HEADER + ETH_HLEN + 4 + n->mtu;

	if (n->dev.features & GUEST_GSO)
		return room_wanted(n);
	return frame > PACKET_MIN ? frame : PACKET_MIN;
}

/* No more can be taken: we can't hold more, or the driver has no more descriptors. */
static bool full(const struct net *n)
{
	const struct net_rx *rx = &n->rx;

	return rx->chains == NET_QUEUE_SIZE ||
	       rx->parts > NET_RX_PARTS - NET_QUEUE_SIZE ||
	       (rx->chains && rx->parts >= n->dev.queue[NET_RX].size);
}

/* Takes one buffer: 1, 0 if there is none, or -EINVAL. */
static int take(struct net *n)
{
	struct net_rx *rx = &n->rx;
	struct chain c;
	int r;

	r = queue_pop(&n->dev.queue[NET_RX], &c, rx->iov + rx->parts, NET_QUEUE_SIZE);
	if (r <= 0)
		return r;
	if (c.out || c.in_len < NET_HEADER)
		return -EINVAL;
	rx->chain[rx->chains++] = (struct net_rx_chain){
		.head = c.head,
		.parts = (uint16_t)c.in,
		.len = (uint32_t)c.in_len,
	};
	rx->parts += c.in;
	rx->room += c.in_len;
	return 1;
}

/* Takes buffers until there are enough. If there are not, the driver will notify. */
static bool take_enough(struct net *n)
{
	struct queue *q = &n->dev.queue[NET_RX];
	uint64_t wanted = room_wanted(n);
	int r = 1;

	while (r >= 0 && n->rx.room < wanted && !full(n)) {
		r = take(n);
		if (r == 0 && n->rx.room >= room_least(n))
			break;
		if (r == 0 && !queue_want_notify(q))
			return false;
	}
	if (r < 0) {
		virtio_break(&n->dev, "gave a malformed receive buffer");
		return false;
	}
	queue_stop_notify(q);
	return true;
}

/* A packet of len bytes is in the first buffers: they are the driver's again. */
static void give(struct net *n, uint64_t len)
{
	struct net_rx *rx = &n->rx;
	struct queue *q = &n->dev.queue[NET_RX];
	uint16_t chains = 0;
	unsigned parts = 0;

	while (len > 0) {
		const struct net_rx_chain *c = &rx->chain[chains];
		uint32_t written = len < c->len ? (uint32_t)len : c->len;

		queue_fill(q, chains++, c->head, written);
		parts += c->parts;
		rx->room -= c->len;
		len -= written;
	}
	queue_publish(q, chains);
	rx->chains -= chains;
	rx->parts -= parts;
	memmove(rx->chain, rx->chain + chains, rx->chains * sizeof(*rx->chain));
	memmove(rx->iov, rx->iov + parts, rx->parts * sizeof(*rx->iov));
}

/* What the tap leaves out of the header: it doesn't know how many buffers there are. And
 * without GUEST_CSUM there is no flag, though a tap says which checksums it has seen. */
static void finish_header(struct net *n, uint64_t len)
{
	struct net_rx *rx = &n->rx;
	const uint8_t none = 0;
	uint16_t count = 0;

	for (uint64_t at = 0; at < len; count++)
		at += rx->chain[count].len;
	count = htole16(count);
	(void)iov_write(rx->iov, rx->parts,
			offsetof(struct virtio_net_hdr_mrg_rxbuf, num_buffers), &count,
			sizeof(count));
	if (!virtio_has(&n->dev, VIRTIO_NET_F_GUEST_CSUM))
		(void)iov_write(rx->iov, rx->parts,
				offsetof(struct virtio_net_hdr_mrg_rxbuf, hdr.flags),
				&none, sizeof(none));
}

/* Reads a packet: its length, 0 if it was dropped, or -errno: -EAGAIN, there is none. */
static ssize_t receive_frame(struct net *n)
{
	struct net_rx *rx = &n->rx;
	ssize_t r;

	rx->iov[rx->parts] = (struct iovec){rx->spill, sizeof(rx->spill)};
	do
		r = readv(n->fd, rx->iov, (int)rx->parts + 1);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		/* Guest memory that the host can't give: the packet is lost. */
		return errno == EFAULT || errno == ENOMEM ? 0 : -errno;
	if (r == 0)
		return -ENODEV;
	if ((size_t)r < NET_HEADER + ETH_HLEN || (size_t)r > rx->room)
		return 0;
	finish_header(n, (size_t)r);
	give(n, (size_t)r);
	return r;
}

int net_receive(struct net *n)
{
	ssize_t r = 0;
	uint64_t bytes = 0;

	if (!net_runs(n, NET_RX) || n->fd < 0)
		return 0;
	if (n->offload_due)
		net_tap_offload(n->fd, n->dev.features);
	n->offload_due = false;
	for (unsigned packets = 0; packets < NET_TURN_PACKETS && bytes < NET_TURN_BYTES;
	     packets++) {
		n->rx.ready = take_enough(n);
		if (!n->rx.ready)
			break;
		r = receive_frame(n);
		if (r < 0)
			break;
		bytes += (uint64_t)r;
	}
	virtio_signal_queue(&n->dev, NET_RX);
	return r < 0 && r != -EAGAIN ? (int)r : 0;
}

void net_rx_untake(struct net *n)
{
	for (unsigned i = 0; i < n->rx.chains; i++)
		queue_unpop(&n->dev.queue[NET_RX]);
	n->rx.ready = false;
	n->rx.chains = n->rx.parts = 0;
	n->rx.room = 0;
}
