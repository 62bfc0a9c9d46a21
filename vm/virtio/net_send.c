/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the guest to the tap: each frame is written from where it lies. Its header goes
 * along, and is checked by the host's kernel, which gets to see it only once.
 */
#include <errno.h>
#include <sys/uio.h>

#include "vm/virtio/net_parts.h"

/* 0: it is gone, or nobody wanted it; -EAGAIN: the tap is full; -EINVAL: the driver gave
 * us something to write to. */
static int send_frame(const struct net *n, const struct chain *c)
{
	ssize_t r;

	if (c->in)
		return -EINVAL;
	if (n->fd < 0 || c->out_len < NET_HEADER + ETH_HLEN ||
	    c->out_len > NET_HEADER + NET_FRAME_MAX)
		return 0;
	do
		r = writev(n->fd, c->iov, (int)c->out);
	while (r < 0 && errno == EINTR);
	/* A header that makes no sense, a tap that is down: a frame that is lost. */
	return r < 0 && errno == EAGAIN ? -EAGAIN : 0;
}

/* Sends what is there, up to a turn's worth; whether the queue was emptied. */
static bool send_some(struct net *n, struct queue *q)
{
	struct iovec iov[NET_QUEUE_SIZE];
	uint64_t bytes = 0;
	struct chain c;

	for (unsigned packets = 0; packets < NET_TURN_PACKETS && bytes < NET_TURN_BYTES;
	     packets++) {
		int r = queue_pop(q, &c, iov, NET_QUEUE_SIZE);

		if (r == 0)
			return true;
		if (r > 0)
			r = send_frame(n, &c);
		if (r == -EAGAIN) {
			queue_unpop(q);
			n->tx_blocked = true;
			return false;
		}
		if (r < 0) {
			virtio_break(&n->dev, VIRTIO_BAD_REQUEST);
			return false;
		}
		queue_push(q, c.head, 0);
		bytes += c.out_len;
	}
	virtio_kick(&n->dev, NET_TX);
	return false;
}

void net_send(struct net *n)
{
	struct queue *q = &n->dev.queue[NET_TX];

	if (!net_runs(n, NET_TX) || n->tx_blocked)
		return;
	do
		queue_stop_notify(q);
	while (send_some(n, q) && queue_want_notify(q));
	virtio_signal_queue(&n->dev, NET_TX);
}
