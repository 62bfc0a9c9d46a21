/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See balloon.h. Queues: inflate, deflate, report. (The specification counts two more that
 * we don't offer before the last; Linux leaves those out, as does everybody since.)
 *
 * A turn is one request of one queue: to give back what a report of Linux names (32 ranges
 * of 4 MiB) takes milliseconds.
 */
#include "vm/virtio/balloon.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_balloon.h>
#include <linux/virtio_ids.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum balloon_queue {
	BALLOON_INFLATE,
	BALLOON_DEFLATE,
	BALLOON_REPORT,
	BALLOON_QUEUES,
};

#define QUEUE_SIZE 128
#define PAGE       (UINT64_C(1) << VIRTIO_BALLOON_PFN_SHIFT)
#define PFNS_MAX   1024 /* in a request: Linux and FreeBSD have 256, Windows 1,024 */
#define RANGES     3    /* two of boot memory, and what is plugged in */
#define BIT(n)     (UINT64_C(1) << (n))

_Static_assert(sizeof(struct virtio_balloon_config) == 16, "VIRTIO 1.2, 5.5.4");

struct balloon {
	struct virtio_dev dev;
	struct virtio_balloon_config config; /* as the driver reads and writes it */
	struct memory_range range[RANGES];   /* of guest memory, to find addresses back */
	unsigned ranges;
};

static struct balloon *balloon_of(struct virtio_dev *dev)
{
	return (struct balloon *)dev;
}

/* ---- inflating ---- */

/* Neighbours in descending order are as usual as in ascending. */
struct run {
	uint64_t first, count; /* pages */
};

static bool run_add(struct run *r, uint64_t pfn)
{
	if (r->count && pfn != r->first + r->count && pfn + 1 != r->first)
		return false;
	if (!r->count || pfn < r->first)
		r->first = pfn;
	r->count++;
	return true;
}

/* -EINVAL if any page of it isn't memory. That the host can't take one is no matter. */
static int run_discard(struct memory *m, struct run *r)
{
	uint64_t gpa = r->first * PAGE, len = r->count * PAGE;
	int ret = 0;

	r->count = 0;
	if (len == 0 || memory_discard(m, gpa, len) != -EINVAL)
		return 0;
	/* Pages of two ranges can be neighbours, too. */
	for (; len > 0 && ret != -EINVAL; gpa += PAGE, len -= PAGE)
		ret = memory_discard(m, gpa, PAGE);
	return ret == -EINVAL ? ret : 0;
}

static int inflate(struct balloon *b, const struct chain *c)
{
	__le32 pfns[PFNS_MAX];
	struct run run = {0};
	size_t n;
	int r = 0;

	if (c->in || c->out_len > sizeof(pfns) || c->out_len % sizeof(*pfns) != 0)
		return -EINVAL;
	n = iov_read(c->iov, c->out, 0, pfns, sizeof(pfns)) / sizeof(*pfns);
	for (size_t i = 0; i < n && r == 0; i++) {
		uint64_t pfn = le32toh(pfns[i]);

		if (run_add(&run, pfn))
			continue;
		r = run_discard(b->dev.mem, &run);
		(void)run_add(&run, pfn);
	}
	return r < 0 ? r : run_discard(b->dev.mem, &run);
}

/* ---- reports ---- */

/* The guest's address of what lies here; UINT64_MAX if there is none. */
static uint64_t address_of(const struct balloon *b, const void *host)
{
	for (unsigned i = 0; i < b->ranges; i++) {
		uint64_t off = (uintptr_t)host - (uintptr_t)b->range[i].host;

		if ((uintptr_t)host >= (uintptr_t)b->range[i].host &&
		    off < b->range[i].len)
			return b->range[i].gpa + off;
	}
	return UINT64_MAX;
}

/* The whole pages of a range. */
static void report_range(const struct balloon *b, const struct iovec *v)
{
	uint64_t gpa = address_of(b, v->iov_base), before = -gpa % PAGE, len;

	if (gpa == UINT64_MAX || v->iov_len < before)
		return;
	len = (v->iov_len - before) & -PAGE;
	if (len)
		(void)memory_discard(b->dev.mem, gpa + before, len);
}

static int report(struct balloon *b, const struct chain *c)
{
	if (c->out || !virtio_has(&b->dev, VIRTIO_BALLOON_F_REPORTING))
		return -EINVAL;
	/* VIRTIO 1.2, 5.5.6.7: what isn't zero can't be had from the host. */
	if (virtio_has(&b->dev, VIRTIO_BALLOON_F_PAGE_POISON) && b->config.poison_val)
		return 0;
	for (unsigned i = 0; i < c->in; i++)
		report_range(b, &c->iov[i]);
	return 0;
}

/* ---- the device ---- */

static int handle(struct balloon *b, unsigned queue, const struct chain *c)
{
	switch (queue) {
	case BALLOON_INFLATE:
		return inflate(b, c);
	case BALLOON_DEFLATE:
		return 0; /* the pages come when they are touched */
	default:
		return report(b, c);
	}
}

static void balloon_notify(struct virtio_dev *dev, unsigned queue)
{
	struct queue *q = &dev->queue[queue];
	struct iovec iov[QUEUE_SIZE];
	struct chain c;
	int r;

	queue_stop_notify(q);
	r = queue_pop(q, &c, iov, QUEUE_SIZE);
	if (r > 0) {
		r = handle(balloon_of(dev), queue, &c);
		if (r == 0)
			queue_push(q, c.head, 0);
	}
	if (r < 0) {
		virtio_break(dev, VIRTIO_BAD_REQUEST);
		return;
	}
	virtio_signal_queue(dev, queue);
	if (queue_want_notify(q))
		virtio_kick(dev, queue);
}

static void balloon_config_read(struct virtio_dev *dev, unsigned off, void *buf,
				unsigned len)
{
	memcpy(buf, (const char *)&balloon_of(dev)->config + off, len);
}

static void balloon_config_write(struct virtio_dev *dev, unsigned off, const void *buf,
				 unsigned len)
{
	static const unsigned ours = sizeof(__le32);
	const unsigned actual = offsetof(struct virtio_balloon_config, actual);
	const unsigned poison = offsetof(struct virtio_balloon_config, poison_val);

	/* The driver's fields, and those that are written whole. */
	if ((off == actual || off == poison) && len == ours)
		memcpy((char *)&balloon_of(dev)->config + off, buf, len);
}

static void balloon_reset(struct virtio_dev *dev)
{
	balloon_of(dev)->config.actual = 0;
	balloon_of(dev)->config.poison_val = 0;
}

static void balloon_save(struct virtio_dev *dev, struct state_writer *w)
{
	const struct balloon *b = balloon_of(dev);

	state_put_u32(w, le32toh(b->config.num_pages));
	state_put_u32(w, le32toh(b->config.actual));
	state_put_u32(w, le32toh(b->config.poison_val));
}

static int balloon_restore(struct virtio_dev *dev, struct state_reader *r, struct err *e)
{
	struct balloon *b = balloon_of(dev);

	b->config.num_pages = htole32(state_get_u32(r));
	b->config.actual = htole32(state_get_u32(r));
	b->config.poison_val = htole32(state_get_u32(r));
	return state_check(r, e);
}

static void balloon_free(struct virtio_dev *dev)
{
	free(balloon_of(dev));
}

static const struct virtio_ops balloon_ops = {
	.name = "balloon",
	.id = VIRTIO_ID_BALLOON,
	.queues = BALLOON_QUEUES,
	.queue_max = QUEUE_SIZE,
	.features = BIT(VIRTIO_BALLOON_F_DEFLATE_ON_OOM) |
		    BIT(VIRTIO_BALLOON_F_PAGE_POISON) | BIT(VIRTIO_BALLOON_F_REPORTING),
	.config_len = sizeof(struct virtio_balloon_config),
	.config_read = balloon_config_read,
	.config_write = balloon_config_write,
	.reset = balloon_reset,
	.notify = balloon_notify,
	.save = balloon_save,
	.restore = balloon_restore,
	.free = balloon_free,
};

int balloon_new(struct memory *mem, struct loop *loop, struct virtio_dev **ret,
		struct err *e)
{
	struct balloon *b = calloc(1, sizeof(*b));
	int r;

	if (!b)
		return err_set(e, ENOMEM, "balloon: no memory");
	r = virtio_init(&b->dev, &balloon_ops, mem, loop, e);
	if (r < 0) {
		free(b);
		return r;
	}
	b->ranges = memory_ranges(mem, b->range);
	b->range[b->ranges] = memory_hotplug_range(mem);
	b->ranges += b->range[b->ranges].len > 0;
	*ret = &b->dev;
	return 0;
}

int balloon_request(struct virtio_dev *dev, uint64_t bytes, struct err *e)
{
	if (bytes / PAGE > UINT32_MAX)
		return err_set(e, ERANGE, "a balloon of %llu bytes",
			       (unsigned long long)bytes);
	pthread_mutex_lock(&dev->lock);
	balloon_of(dev)->config.num_pages = htole32((uint32_t)(bytes / PAGE));
	virtio_signal_config(dev);
	pthread_mutex_unlock(&dev->lock);
	return 0;
}

uint64_t balloon_size(struct virtio_dev *dev)
{
	uint64_t pages;

	pthread_mutex_lock(&dev->lock);
	pages = le32toh(balloon_of(dev)->config.actual);
	pthread_mutex_unlock(&dev->lock);
	return pages * PAGE;
}
