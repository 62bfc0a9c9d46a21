/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What net.c and net_*.c share: nobody else includes this.
 */
#ifndef VM_VIRTIO_NET_PARTS_H
#define VM_VIRTIO_NET_PARTS_H

#include <linux/if_ether.h>
#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "vm/virtio/virtio.h"

enum net_queue {
	NET_RX,
	NET_TX,
	NET_QUEUES,
};

#define NET_QUEUE_SIZE 256
#define NET_HEADER     sizeof(struct virtio_net_hdr_mrg_rxbuf)

/* The largest frame: an IP packet of 64 KiB with a VLAN tag. */
#define NET_FRAME_MAX (ETH_HLEN + 4 + 65536)

/* What a queue may do before it is the turn of other devices. */
#define NET_TURN_PACKETS 128
#define NET_TURN_BYTES   (1U << 20)

#define NET_RX_PARTS     (2 * NET_QUEUE_SIZE)
_Static_assert(NET_RX_PARTS < 1024, "with one more, at most IOV_MAX");

/*
 * Receive buffers that have been taken from the queue, before it is known how long the
 * next packet is: enough for the longest, so that one readv(2) puts it where it belongs.
 * Those that it didn't need stay for the next one.
 */
struct net_rx {
	bool ready;     /* there are enough: the tap is read */
	unsigned parts; /* of iov, in use */
	unsigned chains;
	uint64_t room; /* bytes */
	struct net_rx_chain {
		uint16_t head, parts;
		uint32_t len;
	} chain[NET_QUEUE_SIZE];
	struct iovec iov[NET_RX_PARTS + 1]; /* one more for spill */
	char spill[64]; /* what comes here came from a packet that didn't fit */
};

struct net {
	struct virtio_dev dev;
	struct virtio_net_config config; /* as the driver reads it */
	uint16_t mtu;                    /* what it reads after its next reset */
	int fd;                          /* owned; -1: not connected */
	struct loop_source *source;
	uint32_t events; /* for which the loop waits */
	bool paused;
	bool offload_due; /* the tap is yet to be told the features */
	bool tx_blocked;  /* the tap is full: go on when it can be written */
	struct net_rx rx;
};

/* Whether a queue may be used now. */
static inline bool net_runs(const struct net *n, enum net_queue queue)
{
	return n->dev.active && !n->paused && n->dev.queue[queue].ready;
}

/* A turn of each queue, with the lock held, on the loop's thread. net_receive() returns
 * -errno if the tap is gone. */
int net_receive(struct net *n);
void net_send(struct net *n);

/* Puts all receive buffers back that were taken and not used. */
void net_rx_untake(struct net *n);

#endif
