/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A packet's header (VIRTIO 1.2, 5.10.6), in the host's byte order and checked against
 * the chain that it came in, or written to one.
 */
#ifndef VM_VIRTIO_VSOCK_PACKET_H
#define VM_VIRTIO_VSOCK_PACKET_H

#include <linux/virtio_vsock.h>
#include <stddef.h>
#include <stdint.h>

#include "vm/virtio/queue.h"

#define VSOCK_HOST_CID    2
#define VSOCK_HEADER      sizeof(struct virtio_vsock_hdr)
#define VSOCK_PAYLOAD_MAX 65536u /* drivers drop what is larger */

/* A part of a payload on our side. */
struct vsock_bytes {
	const void *p;
	size_t len;
};

struct vsock_packet {
	uint64_t src_cid, dst_cid;
	uint32_t src_port, dst_port, len;
	uint16_t type, op;
	uint32_t flags, buf_alloc, fwd_cnt;
};

/* Copies the header out of a chain of the tx queue. -EINVAL: there is no room for a
 * header, or for the payload that it tells of. */
int vsock_packet_get(const struct chain *c, struct vsock_packet *ret);

/* Moves the chain's iovecs behind the header, and cuts them off where the payload ends:
 * returns how many there are, from *ret on. */
unsigned vsock_packet_payload(struct chain *c, uint32_t len, struct iovec **ret);

/* Bytes of payload that a chain of the rx queue has room for; 0: it is of no use. */
size_t vsock_packet_room(const struct chain *c);

/* Writes header and payload, whose parts have p->len bytes; returns the bytes written. */
uint32_t vsock_packet_put(const struct chain *c, const struct vsock_packet *p,
			  const struct vsock_bytes *part, unsigned count);

#endif
