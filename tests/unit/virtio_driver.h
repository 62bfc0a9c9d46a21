/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver's side of a virtio-mmio device, for tests of any device, without KVM: it
 * knows of the device what a guest does, its registers (mmio_access) and its memory.
 *
 *	struct drv d;
 *	drv_init(&d, 16 << 20);                     guest memory and a loop
 *	rng_new(d.mem, d.loop, &dev, &e);           the device under test
 *	drv_attach(&d, dev);
 *	CHECK(drv_start(&d, DRV_ALL, 64));          negotiates, queues of 64, DRIVER_OK
 *	n = drv_call(&d, 0, out, out_len, in, in_len);  one request there and back
 *	drv_done(&d);                               frees the device too
 *
 * For more than one request under way: drv_put() puts a chain of parts (drv_buffer() makes
 * one), drv_kick() notifies if the device wants that, drv_wait() runs the loop until a
 * request is given back. drv_irqs() and drv_isr() say how the device interrupted.
 *
 * A driver may be used on another thread than the loop's (as a vCPU would): set
 * `elsewhere`, and it waits without running the loop, for interrupts alone: if one is
 * lost, the wait fails.
 *
 * The hostile driver is below: drv_attack_all() gives a queue every chain that is broken
 * in some way, drv_flip_*() changes descriptors while the device reads them.
 */
#ifndef TESTS_UNIT_VIRTIO_DRIVER_H
#define TESTS_UNIT_VIRTIO_DRIVER_H

#include <linux/virtio_ring.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vm/loop.h"
#include "vm/memory.h"
#include "vm/virtio/virtio.h"

#define DRV_ALL     UINT64_MAX /* every feature that the device offers */
#define DRV_WAIT_MS 10000      /* until a wait gives up: only a failed test takes it */

struct drv_queue {
	uint16_t size;
	uint64_t desc_gpa, avail_gpa, used_gpa;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	uint16_t next_free;  /* descriptors are used round and round */
	uint16_t next_avail; /* as published */
	uint16_t kicked;     /* next_avail at the last drv_kick() */
	uint16_t next_used;
	bool no_irqs; /* drv_want_irqs() */
};

struct drv {
	struct memory *mem;     /* owned */
	struct loop *loop;      /* owned */
	struct virtio_dev *dev; /* owned after drv_attach() */
	uint64_t memory_size;
	uint64_t free_gpa; /* what drv_alloc() gives next */
	uint64_t features; /* as negotiated */
	unsigned irqs;     /* interrupts not yet asked for */
	bool elsewhere;    /* another thread runs the loop */
	struct drv_queue queue[VIRTIO_QUEUES_MAX];
};

/* A part of a chain: `write` for the device to write to. */
struct drv_part {
	uint64_t gpa;
	uint32_t len;
	bool write;
};

/* At least 1 MiB of memory. These end the test program if they can't. */
void drv_init(struct drv *d, uint64_t memory_size);
void drv_attach(struct drv *d, struct virtio_dev *dev);
void drv_done(struct drv *d);

/* ---- memory ---- */

/* Zeroed guest memory, page-aligned, never given twice but for drv_rewind(). */
uint64_t drv_alloc(struct drv *d, uint64_t len);
void *drv_at(struct drv *d, uint64_t gpa, uint64_t len);

/* A buffer with these bytes (NULL: zeros). */
uint64_t drv_buffer(struct drv *d, const void *data, uint64_t len);

/* Gives back all memory but the rings', for tests of many rounds. */
void drv_rewind(struct drv *d);

/* ---- registers ---- */

uint32_t drv_read(struct drv *d, uint64_t off);
void drv_write(struct drv *d, uint64_t off, uint32_t v);
void drv_config_read(struct drv *d, unsigned off, void *buf, unsigned len);
uint32_t drv_config32(struct drv *d, unsigned off);
void drv_config_write(struct drv *d, unsigned off, const void *buf, unsigned len);

/* Finds the device (false: there is none of this id). */
bool drv_find(struct drv *d, uint32_t id);
uint64_t drv_offered(struct drv *d);

/* Resets, acknowledges and settles features: those wanted that are offered, and VERSION_1.
 * False if the device didn't like them. */
bool drv_negotiate(struct drv *d, uint64_t want);

/* New rings for a queue, or at these addresses; whether the device took them. */
bool drv_set_queue(struct drv *d, unsigned queue, uint16_t size);
bool drv_set_queue_at(struct drv *d, unsigned queue, uint16_t size, uint64_t desc_gpa,
		      uint64_t avail_gpa, uint64_t used_gpa);
void drv_ok(struct drv *d);
void drv_reset(struct drv *d);

/* All of it with all queues: negotiate, set_queue, ok. Also starts anew after a reset. */
bool drv_start(struct drv *d, uint64_t want, uint16_t size);

/* Whether the device needs a reset. */
bool drv_broken(struct drv *d);

/* ---- requests ---- */

/* Puts a chain, not yet kicked; its head. The second puts it into an indirect table. */
uint16_t drv_put(struct drv *d, unsigned queue, const struct drv_part *parts,
		 unsigned count);
uint16_t drv_put_indirect(struct drv *d, unsigned queue, const struct drv_part *parts,
			  unsigned count);

/* Whether the device asked to be notified of what was put since the last question. */
bool drv_needs_kick(struct drv *d, unsigned queue);

/* Notifies if the device asked for it; whether it did. */
bool drv_kick(struct drv *d, unsigned queue);

/* Notifies in any case. */
void drv_notify(struct drv *d, unsigned queue);

/* Takes a used request, if there is one; after waiting, if it takes some time. */
bool drv_used(struct drv *d, unsigned queue, uint16_t *ret_head, uint32_t *ret_len);
bool drv_wait(struct drv *d, unsigned queue, uint16_t *ret_head, uint32_t *ret_len);

/* Runs the loop (and workers have their time) until cond(arg), or DRV_WAIT_MS: false. */
bool drv_until(struct drv *d, bool (*cond)(void *arg), void *arg);

/* Handles what the loop has, without waiting for more. */
void drv_run(struct drv *d);

/* Puts one request (out, in: either may have length 0), kicks, waits, and copies what the
 * device wrote. Returns the length in the used ring, or -1 if nothing came back. */
int64_t drv_call(struct drv *d, unsigned queue, const void *out, uint32_t out_len,
		 void *in, uint32_t in_len);

/* Interrupts since the last question. */
unsigned drv_irqs(struct drv *d);

/* The interrupt status, which is acknowledged. */
uint32_t drv_isr(struct drv *d);

/* Interrupts wanted or not: by flag, or by event index (from the next used on). */
void drv_want_irqs(struct drv *d, unsigned queue, bool want);

/* ---- the hostile driver ---- */

/* Writes a descriptor, and lets the device see a chain that begins anywhere. */
void drv_desc(struct drv *d, unsigned queue, uint16_t i, uint64_t gpa, uint32_t len,
	      uint16_t flags, uint16_t next);
void drv_publish(struct drv *d, unsigned queue, uint16_t head);

/* Chains that break the rules of VIRTIO 1.2, 2.7: whoever takes one has to break. */
struct drv_attack {
	const char *name;
	void (*put)(struct drv *d, unsigned queue);
};
extern const struct drv_attack drv_attacks[];
extern const unsigned drv_attacks_count;

/* Starts the device for each attack, puts it and notifies; poke (may be NULL) then makes
 * the device look at the queue, if it doesn't by itself. True if each time the device
 * needed a reset, and interrupted for that; else says in TAP which one it let pass. */
bool drv_attack_all(struct drv *d, unsigned queue, void (*poke)(struct drv *d, void *arg),
		    void *arg);

/* A second thread that changes all descriptors of a queue, and its available index, all
 * the time: between what they were at the start, and nonsense. */
struct drv_flip {
	struct drv *d;
	unsigned queue;
	_Atomic bool stop;
	pthread_t thread;
	struct vring_desc *good; /* owned */
};
void drv_flip_start(struct drv_flip *f, struct drv *d, unsigned queue);
void drv_flip_stop(struct drv_flip *f);

/* Rounds of put, kick, run with a flipping thread: the device may break (it is started
 * again) and give back anything; it mustn't do anything that a sanitizer sees. */
void drv_race(struct drv *d, unsigned queue, const struct drv_part *parts, unsigned count,
	      unsigned rounds);

#endif
