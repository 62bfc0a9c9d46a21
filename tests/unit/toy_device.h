/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtio device that gives each request back with what was sent reversed: the least
 * that has queues, a configuration, and shared memory. For tests of what all devices
 * stand on.
 */
#ifndef TESTS_UNIT_TOY_DEVICE_H
#define TESTS_UNIT_TOY_DEVICE_H

#include <errno.h>
#include <string.h>

#include "vm/virtio/virtio.h"

#define TOY_ID      0x7e57
#define TOY_FEATURE 3 /* a bit of its own */
#define TOY_QUEUES  2
#define TOY_MAX     256
#define TOY_LEN     4096 /* of a request, at most */

struct toy {
	struct virtio_dev dev;
	uint64_t config[2];
	unsigned activated, reset, notified, freed; /* calls */
	uint16_t order[8], taken;                   /* heads as they came */
	bool refuse;                                /* to be activated */
	bool keep;                                  /* requests, unanswered */
	uint8_t own;                                /* state */
};

static inline struct toy *toy_of(struct virtio_dev *dev)
{
	return (struct toy *)dev;
}

static inline void toy_config_read(struct virtio_dev *dev, unsigned off, void *buf,
				   unsigned len)
{
	memcpy(buf, (char *)toy_of(dev)->config + off, len);
}

static inline void toy_config_write(struct virtio_dev *dev, unsigned off, const void *buf,
				    unsigned len)
{
	memcpy((char *)toy_of(dev)->config + off, buf, len);
}

static inline int toy_activate(struct virtio_dev *dev)
{
	toy_of(dev)->activated++;
	return toy_of(dev)->refuse ? -EINVAL : 0;
}

static inline void toy_reset(struct virtio_dev *dev)
{
	toy_of(dev)->reset++;
}

static inline void toy_answer(struct virtio_dev *dev, unsigned queue, struct chain *c)
{
	char text[TOY_LEN], back[TOY_LEN];
	size_t n = iov_read(c->iov, c->out, 0, text, sizeof(text));

	for (size_t i = 0; i < n; i++)
		back[i] = text[n - 1 - i];
	n = iov_write(c->iov + c->out, c->in, 0, back, n);
	queue_push(&dev->queue[queue], c->head, (uint32_t)n);
}

static inline void toy_notify(struct virtio_dev *dev, unsigned queue)
{
	struct queue *q = &dev->queue[queue];
	struct toy *t = toy_of(dev);
	struct iovec iov[64];
	struct chain c;
	int r;

	t->notified++;
	do {
		queue_stop_notify(q);
		while ((r = queue_pop(q, &c, iov, 64)) > 0) {
			t->order[t->taken++ % 8] = c.head;
			if (!t->keep)
				toy_answer(dev, queue, &c);
		}
		if (r < 0) {
			virtio_break(dev, VIRTIO_BAD_REQUEST);
			return;
		}
	} while (queue_want_notify(q));
	virtio_signal_queue(dev, queue);
}

static inline void toy_save(struct virtio_dev *dev, struct state_writer *w)
{
	state_put_u8(w, toy_of(dev)->own);
}

static inline int toy_restore(struct virtio_dev *dev, struct state_reader *r,
			      struct err *e)
{
	(void)e;
	toy_of(dev)->own = state_get_u8(r);
	return 0;
}

static inline int toy_shm(struct virtio_dev *dev, unsigned id, uint64_t *ret_gpa,
			  uint64_t *ret_len)
{
	(void)dev;
	if (id != 1)
		return -ENOENT;
	*ret_gpa = UINT64_C(0x123456789000);
	*ret_len = UINT64_C(0x200001000);
	return 0;
}

/* The owner is the test's stack. */
static inline void toy_free(struct virtio_dev *dev)
{
	toy_of(dev)->freed++;
}

static const struct virtio_ops toy_ops = {
	.name = "toy",
	.id = TOY_ID,
	.queues = TOY_QUEUES,
	.queue_max = TOY_MAX,
	.features = UINT64_C(1) << TOY_FEATURE,
	.config_len = sizeof(((struct toy *)0)->config),
	.config_read = toy_config_read,
	.config_write = toy_config_write,
	.activate = toy_activate,
	.reset = toy_reset,
	.notify = toy_notify,
	.save = toy_save,
	.restore = toy_restore,
	.shm = toy_shm,
	.free = toy_free,
};

#endif
