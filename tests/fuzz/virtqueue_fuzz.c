/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A driver that does anything to a virtio device: registers, rings, descriptors and
 * buffers, in any order, beside what makes a device get as far as its requests. The first
 * byte of the input is the device, each of the others begins a step.
 *
 * All happens on one thread, so that an input always does the same. One of the steps saves
 * the device, perhaps damages what was saved, and goes on with another device that is
 * restored from it.
 */
#include <fcntl.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "vm/state.h"
#include "vm/virtio/mmio.h"

#include "tests/fuzz/virtqueue_devices.h"
#include "tests/unit/state_seal.h"

#define STEPS_MAX 512
#define STATE_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *p;
	size_t len;
};

/* ---- input ---- */

static uint32_t take(struct input *in, size_t bytes)
{
	uint32_t v = 0;

	if (bytes > in->len)
		bytes = in->len;
	memcpy(&v, in->p, bytes);
	in->p += bytes;
	in->len -= bytes;
	return v;
}

static const void *take_bytes(struct input *in, size_t *len)
{
	const void *p = in->p;

	if (*len > in->len)
		*len = in->len;
	in->p += *len;
	in->len -= *len;
	return p;
}

/* ---- save and restore ---- */

static size_t save(struct virtio_dev *dev, uint8_t *buf)
{
	struct state_writer *w = state_writer_new();
	const void *p;
	size_t len;

	if (dev->ops->pause)
		dev->ops->pause(dev);
	virtio_save(dev, w, 0);
	if (state_finish(w, &p, &len, ERR_IGNORE) < 0 || len > STATE_MAX)
		abort();
	memcpy(buf, p, len);
	state_writer_free(w);
	return len;
}

/* Whether it took the state; if not, why it didn't was told. */
static bool restore(struct virtio_dev *dev, const uint8_t *buf, size_t len)
{
	struct state_reader *r = NULL;
	struct err e = {0};
	int n = state_reader_new(buf, len, &r, &e);

	if (n == 0)
		n = virtio_restore(dev, r, 0, &e);
	state_reader_free(r);
	if (n < 0 && !e.code)
		abort();
	return n == 0;
}

static void exchange_device(struct world *w, const struct device *device)
{
	virtio_free(w->d.dev);
	w->d.dev = NULL;
	if (device->make(w, &w->d.dev, ERR_IGNORE) < 0)
		abort();
}

/* What was saved has to be taken again; what was damaged may be. */
static void save_and_restore(struct world *w, const struct device *device,
			     struct input *in)
{
	static uint8_t buf[STATE_MAX];
	size_t len = save(w->d.dev, buf);
	uint32_t damages = take(in, 1) % 8;

	for (unsigned i = 0; i < damages; i++) {
		uint32_t at = take(in, 2);

		buf[HEADER + at % (len - HEADER)] = (uint8_t)take(in, 1);
	}
	state_seal(buf, len);
	exchange_device(w, device);
	if (restore(w->d.dev, buf, len)) {
		if (w->d.dev->ops->resume)
			w->d.dev->ops->resume(w->d.dev);
	} else {
		if (damages == 0)
			abort();
		exchange_device(w, device); /* the other is of no use */
	}
}

/* ---- steps ---- */

static void step_write(struct world *w, struct input *in)
{
	uint64_t off = (uint64_t)take(in, 1) * 4;

	drv_write(&w->d, off, take(in, 4));
}

static void step_read(struct world *w, struct input *in)
{
	for (uint64_t off = 0; off < 0x120; off += 4)
		(void)drv_read(&w->d, off);
	(void)in;
}

/* Any width, aligned or not, up to the end of the block. */
static void step_access(struct world *w, struct input *in)
{
	uint32_t v = take(in, 2);
	unsigned len = 1U << (v >> 12 & 3);
	uint64_t off = v & 0xfff;
	char data[8] = {0};

	if (off > MMIO_LEN - len)
		off = MMIO_LEN - len;
	for (unsigned i = 0; i < len; i++)
		data[i] = (char)(v >> 15 ? take(in, 1) : 0);
	mmio_access(w->d.dev, off, data, len, v >> 15);
}

static void step_memory(struct world *w, struct input *in)
{
	uint64_t gpa = take(in, 3) % (MEMORY - 256);
	size_t len = take(in, 1);
	const void *p = take_bytes(in, &len);

	if (len)
		memcpy(drv_at(&w->d, gpa, len), p, len);
}

static void step_start(struct world *w, struct input *in)
{
	static const uint64_t wanted[] = {
		DRV_ALL, ~(UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX),
		~(UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC), 0};
	uint32_t v = take(in, 1);

	drv_rewind(&w->d);
	(void)drv_start(&w->d, wanted[v & 3], (uint16_t)(1U << (v >> 2 & 7)));
}

static unsigned queue_of(struct world *w, uint32_t v)
{
	return v % w->d.dev->ops->queues;
}

/* Where a driver can reach its rings. */
static bool has_rings(const struct drv_queue *q)
{
	return q->size && q->desc && q->avail && q->used;
}

/* A chain that is good but for its content: a few bytes of the input in each buffer. */
static void step_request(struct world *w, struct input *in)
{
	uint32_t v = take(in, 1), lens;
	unsigned queue = queue_of(w, v), count = 1 + (v >> 4 & 7);
	struct drv_part parts[8];

	if (!has_rings(&w->d.queue[queue]))
		return;
	drv_rewind(&w->d);
	lens = take(in, 1);
	for (unsigned i = 0; i < count; i++) {
		size_t len = take(in, 1), all = lens >> i & 1 ? 4096 : len;
		const void *p = take_bytes(in, &len);

		parts[i] = (struct drv_part){drv_alloc(&w->d, 4096), (uint32_t)all,
					     i >= (lens >> 5)};
		if (len)
			memcpy(drv_at(&w->d, parts[i].gpa, len), p, len);
	}
	(void)(v & 8 ? drv_put_indirect : drv_put)(&w->d, queue, parts, count);
	drv_notify(&w->d, queue);
}

/* Descriptors as they come, with addresses that are mostly in memory. */
static void step_descriptors(struct world *w, struct input *in)
{
	uint32_t v = take(in, 1);
	unsigned queue = queue_of(w, v), count = 1 + (v >> 4);
	struct drv_queue *q = &w->d.queue[queue];

	if (!has_rings(q))
		return;
	for (unsigned i = 0; i < count; i++) {
		uint32_t at = take(in, 1), flags = take(in, 1);
		uint64_t gpa = take(in, 3);
		uint32_t len = take(in, 2);

		if (flags & 0x80)
			len <<= 16;
		if (flags & 0x40)
			gpa = ~gpa;
		drv_desc(&w->d, queue, (uint16_t)(at % q->size), gpa, len, flags & 7,
			 (uint16_t)(at + (flags >> 3 & 3)));
	}
	drv_publish(&w->d, queue, (uint16_t)take(in, 1));
}

static void step_publish(struct world *w, struct input *in)
{
	uint32_t v = take(in, 1);
	unsigned queue = queue_of(w, v);

	if (has_rings(&w->d.queue[queue]))
		drv_publish(&w->d, queue, (uint16_t)take(in, 2));
}

static void step_used(struct world *w, struct input *in)
{
	unsigned queue = queue_of(w, take(in, 1));
	uint16_t head;
	uint32_t len;

	if (has_rings(&w->d.queue[queue]))
		while (drv_used(&w->d, queue, &head, &len))
			;
}

static void step_attack(struct world *w, struct input *in)
{
	uint32_t v = take(in, 2);
	unsigned queue = queue_of(w, v >> 8);

	if (w->d.queue[queue].size < 8 || !has_rings(&w->d.queue[queue]))
		return;
	drv_rewind(&w->d);
	drv_attacks[v % drv_attacks_count].put(&w->d, queue);
	drv_notify(&w->d, queue);
}

static void step_set_queue(struct world *w, struct input *in)
{
	unsigned queue = take(in, 1) % VIRTIO_QUEUES_MAX;
	uint64_t desc = (uint64_t)take(in, 2) << 4, avail = (uint64_t)take(in, 2) << 4;

	(void)drv_negotiate(&w->d, DRV_ALL);
	(void)drv_set_queue_at(&w->d, queue, (uint16_t)(take(in, 2) % 2048), desc, avail,
			       (uint64_t)take(in, 2) << 4);
	drv_ok(&w->d);
}

static void step_notify(struct world *w, struct input *in)
{
	drv_notify(&w->d, take(in, 1));
}

/* Notifications that a device gives itself, for its turns, might never end. */
static void step_run(struct world *w, struct input *in)
{
	unsigned left = 64;

	(void)in;
	do {
		(void)worker_pool_poll(w->pool);
		if (w->poll)
			(void)w->poll(w->d.dev);
	} while (left-- && loop_once(w->d.loop, 0, ERR_IGNORE) > 0);
}

typedef void step_fn(struct world *w, struct input *in);

static step_fn *const steps[] = {
	step_write,     step_read,    step_access, step_memory, step_start,
	step_request,   step_publish, step_used,   step_attack, step_descriptors,
	step_set_queue, step_notify,  step_run,
};

static void step(struct world *w, const struct device *device, struct input *in)
{
	uint32_t op = take(in, 1) % (ARRAY_LEN(steps) + 2);
	const void *p;
	size_t len;

	if (op < ARRAY_LEN(steps)) {
		steps[op](w, in);
	} else if (op > ARRAY_LEN(steps)) {
		save_and_restore(w, device, in);
	} else if (device->host) {
		len = take(in, 1);
		p = take_bytes(in, &len);
		device->host(w->d.dev, p, len);
	}
}

/* What holds whatever a driver does. */
static void check(const struct virtio_dev *dev)
{
	uint32_t ok = VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK;

	if (dev->active &&
	    ((dev->status & ok) != ok || dev->status & VIRTIO_CONFIG_S_NEEDS_RESET ||
	     dev->features & ~dev->ops->features & 0xffffff ||
	     !virtio_has(dev, VIRTIO_F_VERSION_1)))
		abort();
	for (unsigned i = 0; i < dev->ops->queues; i++) {
		const struct queue *q = &dev->queue[i];

		if (q->ready &&
		    (!q->size || q->size > q->max ||
		     !memory_at(dev->mem, q->desc_gpa, 16 * (uint64_t)q->size)))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	const struct device *device =
		&virtqueue_devices[take(&in, 1) % virtqueue_devices_count];
	struct virtio_dev *dev = NULL;
	static int home = -1; /* where relative paths begin: a worker is elsewhere */
	static struct world w;
	struct err e = {0};

	if (home < 0)
		home = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	w = (struct world){.poll = device->poll};
	drv_init(&w.d, MEMORY);
	if (worker_pool_new(&w.pool, &e) < 0 || device->make(&w, &dev, &e) < 0)
		abort();
	drv_attach(&w.d, dev);
	for (unsigned i = 0; in.len && i < STEPS_MAX; i++)
		step(&w, device, &in);
	step_run(&w, &in);
	check(w.d.dev);
	drv_done(&w.d);
	worker_pool_free(w.pool);
	if (fchdir(home) < 0)
		abort();
	return 0;
}
