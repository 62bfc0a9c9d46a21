/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a stream holds for the guest while that has no room: a ring of bytes, whose memory
 * is there only while there is something in it, and for a bounded number of streams, as a
 * guest can have thousands and read none. A few are kept for the next who needs one, so
 * that a busy stream doesn't allocate.
 */
#ifndef VM_VIRTIO_VSOCK_RING_H
#define VM_VIRTIO_VSOCK_RING_H

#include <stddef.h>
#include <stdint.h>

#include "vm/virtio/vsock_packet.h"

#define VSOCK_RING_SIZE 65536u /* a power of two */
#define VSOCK_SPARES    4
#define VSOCK_RINGS     256 /* of all streams at once: 16 MiB */

struct vsock_spares {
	uint8_t *data[VSOCK_SPARES]; /* owned */
	unsigned count;
	unsigned taken; /* rings with something in them */
};

struct vsock_ring {
	uint8_t *data;       /* owned; NULL while empty */
	uint32_t head, used; /* head < VSOCK_RING_SIZE */
};

/* Takes what there is room for, 0 if there is no memory, or if too many have some. */
size_t vsock_ring_put(struct vsock_ring *r, struct vsock_spares *s, const void *buf,
		      size_t len);

/* The first bytes, at most max of them, in one or two parts; returns how many parts. */
unsigned vsock_ring_peek(const struct vsock_ring *r, size_t max,
			 struct vsock_bytes ret[2]);
void vsock_ring_drop(struct vsock_ring *r, struct vsock_spares *s, size_t len);
void vsock_ring_clear(struct vsock_ring *r, struct vsock_spares *s);

void vsock_spares_done(struct vsock_spares *s);

#endif
