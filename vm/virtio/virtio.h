/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtio device as its transport sees it: what every device has, and the functions in
 * which they differ. A device embeds struct virtio_dev as its first member; its file has
 * one `const struct virtio_ops`, and functions that machine.c and vm.h's callers use.
 *
 * Locking: the transport calls ops with dev->lock held, on a vCPU's thread (registers,
 * reset) or on the loop's (notify). Device code that runs otherwise (a descriptor of the
 * host became ready, a worker) takes the lock itself. Never call up to the user of the
 * device with the lock held.
 */
#ifndef VM_VIRTIO_VIRTIO_H
#define VM_VIRTIO_VIRTIO_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "vm/loop.h"
#include "vm/memory.h"
#include "vm/state.h"
#include "vm/virtio/queue.h"

#define VIRTIO_QUEUES_MAX 8

struct virtio_dev;

struct virtio_ops {
	const char *name;
	uint32_t id; /* VIRTIO 1.2, 5 */
	unsigned queues;
	uint16_t queue_max; /* entries of each */
	uint64_t features;  /* device-specific, offered; the transport adds VERSION_1,
			     * RING_EVENT_IDX and RING_INDIRECT_DESC */
	bool own_kicks;     /* the device waits for dev->kick[] itself (workers) */

	/* Device configuration space, NULL if it has none. off and len are checked
	 * against config_len. Reads copy; writes may be ignored. */
	unsigned config_len;
	void (*config_read)(struct virtio_dev *dev, unsigned off, void *buf,
			    unsigned len);
	void (*config_write)(struct virtio_dev *dev, unsigned off, const void *buf,
			     unsigned len);

	/* The driver set DRIVER_OK: features and queues are settled. -EINVAL: not with
	 * these (the device then needs a reset). NULL: nothing to do. */
	int (*activate)(struct virtio_dev *dev);

	/* The driver reset the device, or the machine ends: on return no request of it is
	 * under way anywhere, and no guest memory is referred to. The transport has
	 * forgotten nothing yet. May wait for workers (which mustn't need dev->lock for
	 * that). NULL: nothing to do. */
	void (*reset)(struct virtio_dev *dev);

	/* The driver put requests into this queue. Only while active. */
	void (*notify)(struct virtio_dev *dev, unsigned queue);

	/* The device's own state beyond queues, features and status; the machine is
	 * paused. restore runs before vCPUs do, with features and queues as they were;
	 * an active device is activated first. All queues are notified in the end, as
	 * there may be requests in them. NULL: none. */
	void (*save)(struct virtio_dev *dev, struct state_writer *w);
	int (*restore)(struct virtio_dev *dev, struct state_reader *r, struct err *e);

	/* The machine pauses (called without the lock): on return nothing is under way,
	 * and nothing is begun until resume. NULL: the device works on the loop's thread only, which pauses it. */
	void (*pause)(struct virtio_dev *dev);
	void (*resume)(struct virtio_dev *dev);

	/* Shared memory regions (VIRTIO 1.2, 2.10); NULL: none. 0 or -ENOENT. */
	int (*shm)(struct virtio_dev *dev, unsigned id, uint64_t *ret_gpa,
		   uint64_t *ret_len);

	void (*free)(struct virtio_dev *dev); /* after reset; frees dev itself */
};

struct virtio_dev {
	const struct virtio_ops *ops;
	struct memory *mem; /* borrowed */
	struct loop *loop;  /* borrowed */
	pthread_mutex_t lock;

	uint64_t offered;    /* ops->features and the transport's; a device may hide some
			      * of its own (with the lock held, while status is 0) */
	uint64_t features;   /* what the driver accepted */
	_Atomic bool active; /* DRIVER_OK, and not broken since */
	struct queue queue[VIRTIO_QUEUES_MAX];
	int kick[VIRTIO_QUEUES_MAX]; /* owned: the queues' ioeventfds, nonblocking, -1: none */
	struct virtio_kick {
		struct virtio_dev *dev;
		struct loop_source *source;
	} kick_source[VIRTIO_QUEUES_MAX];

	/* Set by the transport. interrupt() is called with or without the lock, by any
	 * thread. */
	void (*interrupt)(struct virtio_dev *dev, uint32_t isr_bits);
	_Atomic uint32_t isr;        /* VIRTIO_MMIO_INT_VRING, _CONFIG */
	_Atomic uint32_t generation; /* of the configuration */
	/* Set by who wants to hear virtio_remark()'s; as interrupt(). Or NULL. */
	void (*remark)(void *arg, const char *what);
	void *remark_arg;
	int irq_fd;              /* owned: an irqfd's eventfd; in tests any eventfd */
	_Atomic uint32_t status; /* VIRTIO 1.2, 2.1 */
	_Atomic bool absent;     /* a driver that looks finds no device (device id 0,
			      * VIRTIO 1.2, 4.2.3.1.1), until it is told to look again */
	uint32_t features_sel, driver_features_sel, queue_sel, shm_sel;
};

/* Fills what every device has: mutex, queues, one eventfd a queue and one for the
 * interrupt; with a loop, kicks are handled there (unless ops->own_kicks). */
int virtio_init(struct virtio_dev *dev, const struct virtio_ops *ops, struct memory *mem,
		struct loop *loop, struct err *e);

/* Resets it and undoes virtio_init, then ops->free. NULL does nothing. */
void virtio_free(struct virtio_dev *dev);

/* As if the driver had notified this queue: it is looked at again, on the loop. For a
 * device that stops before a queue is empty, so that others get their turn. Any thread. */
void virtio_kick(struct virtio_dev *dev, unsigned queue);

/* Interrupts the driver if it wants that for this queue. Called by who has the queue. */
void virtio_signal_queue(struct virtio_dev *dev, unsigned queue);

/* The configuration space has changed. With the lock held since before the change, so
 * that no driver reads half of it unaware. A driver that isn't ready yet is told when it
 * is. */
void virtio_signal_config(struct virtio_dev *dev);

/* The driver broke the rules: DEVICE_NEEDS_RESET, and nothing more is done until it
 * resets the device (VIRTIO 1.2, 2.1.2). With the lock held, or by a worker for which
 * ops->reset waits. did: a constant that goes on from "the guest's driver ". */
#define virtio_break(dev, did)                                                           \
	virtio_break_as(dev, "the guest's driver " did VIRTIO_UNTIL_RESET)
#define VIRTIO_UNTIL_RESET ": the device stops until it is reset"
#define VIRTIO_BAD_REQUEST "made a malformed request"
void virtio_break_as(struct virtio_dev *dev, const char *why);

/* Something that whoever runs the machine may want to know: a constant. By any thread,
 * with the lock held or not. */
void virtio_remark(struct virtio_dev *dev, const char *what);

/* Forgets all that the driver did, after ops->reset. With the lock held; for transports. */
void virtio_reset(struct virtio_dev *dev);

static inline bool virtio_has(const struct virtio_dev *dev, unsigned feature_bit)
{
	return dev->features >> feature_bit & 1;
}

/* All of the transport's and the device's state. */
void virtio_save(struct virtio_dev *dev, struct state_writer *w, uint32_t number);
int virtio_restore(struct virtio_dev *dev, struct state_reader *r, uint32_t number,
		   struct err *e);

#endif
