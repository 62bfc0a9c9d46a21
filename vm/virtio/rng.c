/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request gets at least one byte and at most PIECE, and a notification is worth BATCH
 * requests: a guest that asks for more asks again, after the others on the loop.
 */
#include "vm/virtio/rng.h"

#include <errno.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <sys/random.h>

#define PARTS 16
#define PIECE 4096
#define BATCH 16

struct rng {
	struct virtio_dev dev;
};

/* How much went into the first part, or -errno. */
static ssize_t fill(const struct chain *c)
{
	size_t len = c->iov[c->out].iov_len;
	ssize_t n;

	do {
		n = getrandom(c->iov[c->out].iov_base, len < PIECE ? len : PIECE, 0);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* 1: answered, 0: nothing there, -errno: the driver broke the rules. */
static int answer_one(struct queue *q)
{
	struct iovec iov[PARTS];
	struct chain c;
	ssize_t n;
	int r = queue_pop(q, &c, iov, PARTS);

	if (r <= 0)
		return r;
	if (!c.in)
		return -EINVAL;
	n = fill(&c);
	if (n < 0)
		return (int)n;
	queue_push(q, c.head, (uint32_t)n);
	return 1;
}

static void notify(struct virtio_dev *dev, unsigned queue)
{
	struct queue *q = &dev->queue[queue];
	int left = BATCH, r;

	do {
		queue_stop_notify(q);
		while ((r = answer_one(q)) > 0 && --left > 0)
			;
	} while (r == 0 && queue_want_notify(q));
	if (r < 0) {
		virtio_break(dev, VIRTIO_BAD_REQUEST);
		return;
	}
	virtio_signal_queue(dev, queue);
	if (r > 0)
		virtio_kick(dev, queue);
}

static void rng_free(struct virtio_dev *dev)
{
	free(dev);
}

static const struct virtio_ops ops = {
	.name = "rng",
	.id = VIRTIO_ID_RNG,
	.queues = 1,
	.queue_max = 64,
	.notify = notify,
	.free = rng_free,
};

int rng_new(struct memory *mem, struct loop *loop, struct virtio_dev **ret, struct err *e)
{
	struct rng *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return err_set(e, ENOMEM, "virtio rng: no memory");
	err = virtio_init(&r->dev, &ops, mem, loop, e);
	if (err < 0) {
		free(r);
		return err;
	}
	*ret = &r->dev;
	return 0;
}
