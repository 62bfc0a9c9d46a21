/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device's side of a split virtqueue (VIRTIO 1.2, 2.7), with indirect descriptors
 * and event indexes.
 *
 * The driver is hostile. Every index, address and length is checked when a chain is
 * taken; each descriptor is read once, so that changing it afterwards changes nothing.
 * A queue is used by one thread at a time: its device's lock, or its worker's.
 */
#ifndef VM_VIRTIO_QUEUE_H
#define VM_VIRTIO_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "vm/memory.h"
#include "vm/state.h"

#define QUEUE_SIZE_MAX 1024

struct queue {
	const struct memory *mem; /* borrowed */
	uint16_t max;             /* the largest size that the driver may choose */

	/* What the driver set; checked by queue_enable(). */
	uint16_t size;
	bool ready;
	uint64_t desc_gpa, avail_gpa, used_gpa;

	/* From here on the queue's own. */
	bool event_idx, indirect;
	uint16_t next_avail, next_used;
	uint16_t signalled;   /* the used index when an interrupt was last thought of */
	bool signalled_valid; /* it has not gone all the way round since */
	struct vring_desc *desc; /* into guest memory */
	struct vring_avail *avail;
	struct vring_used *used;
};

/* A request: iovecs into guest memory, those that the device reads first. */
struct chain {
	uint16_t head;
	unsigned out, in;         /* how many iovecs to read from, to write to */
	uint64_t out_len, in_len; /* their bytes */
	struct iovec *iov;        /* out + in of them: the caller's array */
};

/* Checks and resolves what the driver set, when it sets QueueReady: 0, or -EINVAL
 * (size no power of two or too large, misaligned, not in memory). */
int queue_enable(struct queue *q, bool event_idx, bool indirect);
void queue_reset(struct queue *q);

/* Takes the next request into iov[iov_max]. Returns 1; 0 if there is none; -EINVAL if
 * the driver broke the rules (loop, index or address out of range, writable before
 * readable, more than iov_max parts or than size, an empty chain, more than UINT32_MAX
 * bytes): the device then needs a reset. Zero-length parts are left out. */
int queue_pop(struct queue *q, struct chain *c, struct iovec *iov, unsigned iov_max);

/* Puts the last popped request back, as if it had not been popped. Only the very last,
 * and then the one before it, if nothing was popped in between. */
void queue_unpop(struct queue *q);

/* Whether there are requests that have not been taken. */
bool queue_pending(const struct queue *q);

/* Gives a request back with the number of bytes that were written to it. Any order, and
 * any thread that has the queue to itself. */
void queue_push(struct queue *q, uint16_t head, uint32_t written);

/* The same for several requests that the driver must see at once (a packet over several
 * buffers): each is filled in, `ahead` requests after the next, then all are published. */
void queue_fill(struct queue *q, uint16_t ahead, uint16_t head, uint32_t written);
void queue_publish(struct queue *q, uint16_t count);

/* Whether the driver wants an interrupt for what was pushed since the last one. Ask once
 * after a batch. */
bool queue_wants_interrupt(struct queue *q);

/* No notifications are wanted while the device looks at the queue anyway; asks for them
 * again, and returns true if requests came meanwhile (then look again). A hint: the
 * driver may notify in spite of it. */
void queue_stop_notify(struct queue *q);
bool queue_want_notify(struct queue *q);

/* Helpers over an iovec array: copy from (to) offset off, at most len bytes; the number
 * copied, less where the array ends. iov_cut() moves the front by n bytes in place and
 * returns how many whole iovecs were used up. */
size_t iov_read(const struct iovec *iov, unsigned count, size_t off, void *buf,
		size_t len);
size_t iov_write(const struct iovec *iov, unsigned count, size_t off, const void *buf,
		 size_t len);
unsigned iov_cut(struct iovec *iov, unsigned count, size_t n);

void queue_save(const struct queue *q, struct state_writer *w);

/* The queue as it was; an enabled one is resolved anew (-EINVAL as queue_enable). */
int queue_restore(struct queue *q, struct state_reader *r);

#endif
