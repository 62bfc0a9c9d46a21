/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locks: queue_lock is the workers' own, for the virtqueue; it is never held while a disk
 * is waited for. The disk, and whether workers run, change with dev.lock held and the
 * workers stopped: these never take dev.lock, so that a reset on a vCPU's thread can wait
 * for them.
 *
 * FLUSH needs no more than fdatasync: what was written before was given back after its
 * pwritev2 had returned.
 */
#include "vm/virtio/block.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "vm/virtio/disk.h"

#define QUEUE_SIZE 256
#define TURN       64 /* requests of one disk, while another may wait */

/* Bytes of a request, so that a pause, a reset or the end waits for no more: Linux has
 * 1.25 MiB, and what a user sets at most. */
#define REQUEST_MAX (UINT64_C(64) << 20)

/* Of DISCARD and WRITE_ZEROES; so that one takes no worker for long. */
#define SEGMENTS     16
#define DISCARD_MOST (UINT32_C(1) << 21) /* sectors: 1 GiB */
#define ZEROES_MOST  (UINT32_C(1) << 17) /* 64 MiB */

/* Up to write_zeroes: what comes after is of features that aren't offered. */
#define CONFIG_LEN (offsetof(struct virtio_blk_config, unused1) + 3)

#define BIT(n)     (UINT64_C(1) << (n))

struct block {
	struct virtio_dev dev;
	struct worker_source *source; /* owned */
	bool paused;
	struct disk disk;
	pthread_mutex_t queue_lock;
};

struct request {
	uint16_t head;
	uint32_t type;
	uint64_t sector;
	struct iovec *out, *in; /* without header and status */
	unsigned outs, ins;
	uint8_t *status;
	uint64_t len;     /* all of it */
	uint32_t written; /* without the status */
};

static struct block *block_of(struct virtio_dev *dev)
{
	return (struct block *)dev;
}

/* ---- requests ---- */

/* Takes the header off the front and the status off the end, wherever parts begin and end
 * (VIRTIO 1.2, 2.7.4: the framing means nothing). */
static int request_parse(const struct chain *c, struct request *ret)
{
	struct virtio_blk_outhdr h;
	struct iovec *last = &c->iov[c->out + c->in - 1];
	unsigned used;

	if (!c->in || iov_read(c->iov, c->out, 0, &h, sizeof(h)) < sizeof(h))
		return -EINVAL;
	used = iov_cut(c->iov, c->out, sizeof(h));
	last->iov_len--;
	*ret = (struct request){
		.head = c->head,
		.type = le32toh(h.type),
		.sector = le64toh(h.sector),
		.out = c->iov + used,
		.outs = c->out - used,
		.in = c->iov + c->out,
		.ins = c->in - (last->iov_len == 0),
		.status = (uint8_t *)last->iov_base + last->iov_len,
		.len = c->out_len + c->in_len,
	};
	return 0;
}

static int do_read(const struct disk *d, struct request *q)
{
	uint64_t done;
	int r = disk_read(d, q->sector, q->in, q->ins, &done);

	q->written = (uint32_t)done;
	return r;
}

static int do_get_id(const struct disk *d, struct request *q)
{
	q->written = (uint32_t)iov_write(q->in, q->ins, 0, d->id, sizeof(d->id));
	return 0;
}

static int do_segment(const struct disk *d, bool zero,
		      const struct virtio_blk_discard_write_zeroes *s)
{
	const uint32_t unmap = VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;
	uint32_t flags = le32toh(s->flags), sectors = le32toh(s->num_sectors);
	uint64_t sector = le64toh(s->sector);

	if (flags & ~(zero ? unmap : 0))
		return -EOPNOTSUPP;
	if (sectors > (zero ? ZEROES_MOST : DISCARD_MOST))
		return -EIO;
	return zero ? disk_zero(d, sector, sectors, flags & unmap)
		    : disk_discard(d, sector, sectors);
}

static int do_segments(const struct disk *d, struct request *q)
{
	struct virtio_blk_discard_write_zeroes s[SEGMENTS + 1];
	size_t len = iov_read(q->out, q->outs, 0, s, sizeof(s));
	int r = 0;

	if (len == 0 || len % sizeof(*s) || len == sizeof(s))
		return -EIO;
	for (size_t i = 0; i < len / sizeof(*s) && r == 0; i++)
		r = do_segment(d, q->type == VIRTIO_BLK_T_WRITE_ZEROES, &s[i]);
	return r;
}

static int request_do(const struct disk *d, struct request *q)
{
	if (d->fd < 0 || q->len > REQUEST_MAX)
		return -EIO;
	switch (q->type) {
	case VIRTIO_BLK_T_IN:
		return do_read(d, q);
	case VIRTIO_BLK_T_OUT:
		return disk_write(d, q->sector, q->out, q->outs);
	case VIRTIO_BLK_T_FLUSH:
		return disk_flush(d);
	case VIRTIO_BLK_T_GET_ID:
		return do_get_id(d, q);
	case VIRTIO_BLK_T_DISCARD:
	case VIRTIO_BLK_T_WRITE_ZEROES:
		return do_segments(d, q);
	default:
		return -EOPNOTSUPP;
	}
}

static uint8_t status_of(int r)
{
	if (r == 0)
		return VIRTIO_BLK_S_OK;
	return r == -EOPNOTSUPP ? VIRTIO_BLK_S_UNSUPP : VIRTIO_BLK_S_IOERR;
}

/* ---- workers ---- */

/* 1: a request, 0: there is none and a notification comes when there is, or -EINVAL. */
static int take(struct block *b, struct request *ret, struct iovec iov[QUEUE_SIZE])
{
	struct queue *q = &b->dev.queue[0];
	struct chain c;
	int r;

	do {
		queue_stop_notify(q);
		r = queue_pop(q, &c, iov, QUEUE_SIZE);
	} while (r == 0 && queue_want_notify(q));
	return r > 0 && request_parse(&c, ret) < 0 ? -EINVAL : r;
}

/* For the request, and for whoever can mend it. */
static uint8_t finish(struct block *b, int r)
{
	if (r == -ENOSPC || r == -EDQUOT)
		virtio_remark(&b->dev, "the host has no room for what the guest writes");
	return status_of(r);
}

/* One request, with queue_lock held at both ends. False if there is no more to do. */
static bool work_one(struct block *b)
{
	struct iovec iov[QUEUE_SIZE];
	struct request q;
	int r = take(b, &q, iov);

	if (r < 0)
		virtio_break(&b->dev, VIRTIO_BAD_REQUEST);
	if (r <= 0)
		return false;
	if (queue_pending(&b->dev.queue[0]))
		worker_share(b->source);
	pthread_mutex_unlock(&b->queue_lock);
	/* Atomic, as a driver can give two requests the same byte. */
	__atomic_store_n(q.status, finish(b, request_do(&b->disk, &q)), __ATOMIC_RELAXED);
	pthread_mutex_lock(&b->queue_lock);
	queue_push(&b->dev.queue[0], q.head, q.written + 1);
	virtio_signal_queue(&b->dev, 0);
	return true;
}

static void work(void *arg)
{
	struct block *b = arg;
	int left = TURN;

	pthread_mutex_lock(&b->queue_lock);
	while (left && b->dev.active && !worker_stopping(b->source) && work_one(b))
		left--;
	pthread_mutex_unlock(&b->queue_lock);
	if (!left)
		worker_again(b->source);
}

/* ---- the device ---- */

/* While no driver has the device: it is told what the disk is now. */
static void offer(struct block *b)
{
	b->dev.offered &= ~BIT(VIRTIO_BLK_F_RO);
	if (b->disk.read_only)
		b->dev.offered |= BIT(VIRTIO_BLK_F_RO);
}

static void start_if_wanted(struct block *b)
{
	if (b->dev.active && !b->paused)
		worker_start(b->source);
}

static int activate(struct virtio_dev *dev)
{
	start_if_wanted(block_of(dev));
	return 0;
}

static void reset(struct virtio_dev *dev)
{
	worker_stop(block_of(dev)->source);
	offer(block_of(dev));
}

static void pause_device(struct virtio_dev *dev)
{
	pthread_mutex_lock(&dev->lock);
	block_of(dev)->paused = true;
	worker_stop(block_of(dev)->source);
	pthread_mutex_unlock(&dev->lock);
}

static void resume(struct virtio_dev *dev)
{
	pthread_mutex_lock(&dev->lock);
	block_of(dev)->paused = false;
	start_if_wanted(block_of(dev));
	pthread_mutex_unlock(&dev->lock);
}

static void config_read(struct virtio_dev *dev, unsigned off, void *buf, unsigned len)
{
	struct virtio_blk_config c = {
		.capacity = htole64(block_of(dev)->disk.capacity),
		.seg_max = htole32(QUEUE_SIZE - 2), /* beside header and status */
		.blk_size = htole32(DISK_SECTOR),
		.max_discard_sectors = htole32(DISCARD_MOST),
		.max_discard_seg = htole32(SEGMENTS),
		.discard_sector_alignment = htole32(4096 / DISK_SECTOR),
		.max_write_zeroes_sectors = htole32(ZEROES_MOST),
		.max_write_zeroes_seg = htole32(SEGMENTS),
		.write_zeroes_may_unmap = 1,
	};

	memcpy(buf, (const char *)&c + off, len);
}

/* Puts another disk (or none) in place of the one that is there, which is closed. */
static void exchange(struct block *b, const struct disk *d)
{
	worker_stop(b->source);
	disk_close(&b->disk);
	b->disk = *d;
	if (b->dev.status == 0)
		offer(b);
	virtio_signal_config(&b->dev);
	start_if_wanted(b);
}

int block_connect(struct virtio_dev *dev, const struct vm_block_config *c, struct err *e)
{
	struct block *b = block_of(dev);
	struct disk d;
	int r;

	pthread_mutex_lock(&dev->lock);
	r = b->disk.fd < 0 ? disk_open(c, &d, e)
			   : err_set(e, EBUSY, "there is a disk already");
	if (r == 0)
		exchange(b, &d);
	pthread_mutex_unlock(&dev->lock);
	return r < 0 ? err_wrap(e, "virtio block: connect") : 0;
}

int block_disconnect(struct virtio_dev *dev, struct err *e)
{
	struct block *b = block_of(dev);
	int r = 0;

	pthread_mutex_lock(&dev->lock);
	if (b->disk.fd < 0)
		r = err_set(e, ENOENT, "virtio block: there is no disk");
	else
		exchange(b, &(struct disk){.fd = -1});
	pthread_mutex_unlock(&dev->lock);
	return r;
}

static void save(struct virtio_dev *dev, struct state_writer *w)
{
	state_put_u64(w, block_of(dev)->disk.capacity);
}

/* Disks are connected anew, before or after; the guest is told of another capacity. */
static int restore(struct virtio_dev *dev, struct state_reader *r, struct err *e)
{
	if (state_get_u64(r) != block_of(dev)->disk.capacity)
		virtio_signal_config(dev);
	return state_check(r, e);
}

static void block_free(struct virtio_dev *dev)
{
	struct block *b = block_of(dev);

	worker_source_free(b->source);
	disk_close(&b->disk);
	(void)pthread_mutex_destroy(&b->queue_lock);
	free(b);
}

static const struct virtio_ops ops = {
	.name = "block",
	.id = VIRTIO_ID_BLOCK,
	.queues = 1,
	.queue_max = QUEUE_SIZE,
	.features = BIT(VIRTIO_BLK_F_SEG_MAX) | BIT(VIRTIO_BLK_F_RO) |
		    BIT(VIRTIO_BLK_F_BLK_SIZE) | BIT(VIRTIO_BLK_F_FLUSH) |
		    BIT(VIRTIO_BLK_F_DISCARD) | BIT(VIRTIO_BLK_F_WRITE_ZEROES),
	.own_kicks = true,
	.config_len = CONFIG_LEN,
	.config_read = config_read,
	.activate = activate,
	.reset = reset,
	.save = save,
	.restore = restore,
	.pause = pause_device,
	.resume = resume,
	.free = block_free,
};

int block_new(struct memory *mem, struct loop *loop, struct worker_pool *pool,
	      struct virtio_dev **ret, struct err *e)
{
	struct block *b = calloc(1, sizeof(*b));
	int r;

	if (!b)
		return err_set(e, ENOMEM, "virtio block: no memory");
	b->disk.fd = -1;
	r = virtio_init(&b->dev, &ops, mem, loop, e);
	if (r < 0) {
		free(b);
		return r;
	}
	(void)pthread_mutex_init(&b->queue_lock, NULL);
	offer(b);
	r = worker_source_new(pool, b->dev.kick[0], work, b, &b->source, e);
	if (r < 0) {
		virtio_free(&b->dev);
		return err_wrap(e, "virtio block");
	}
	*ret = &b->dev;
	return 0;
}
