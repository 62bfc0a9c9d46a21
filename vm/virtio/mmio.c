/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registers of a virtio-mmio device (VIRTIO 1.2, 4.2.2 and 4.2.3).
 *
 * A driver walks ACKNOWLEDGE, DRIVER, features, FEATURES_OK, queues, DRIVER_OK. What it
 * writes out of that order is ignored, as is what isn't 32 bits wide and aligned. Queues
 * are set up between FEATURES_OK and DRIVER_OK, so that no device need expect that they
 * change while it uses them; one that is stopped later leaves the device needing a reset.
 *
 * A driver handles an interrupt by two accesses to InterruptStatus and InterruptACK: those,
 * and QueueNotify, take no lock.
 */
#include "vm/virtio/mmio.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <stddef.h>
#include <string.h>

#include "vm/virtio/virtio.h"

#define MAGIC  0x74726976 /* "virt" */
#define VENDOR 0x6c6c7568 /* "hull" */

#define STATUS_DRIVER                                                                    \
	(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |                          \
	 VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK |                       \
	 VIRTIO_CONFIG_S_FAILED)

/* A bit that no device offers, for those that lie beyond our 64. */
#define FEATURE_UNKNOWN (UINT64_C(1) << 63)

static struct queue *selected(struct virtio_dev *dev)
{
	return dev->queue_sel < dev->ops->queues ? &dev->queue[dev->queue_sel] : NULL;
}

static uint32_t half(uint64_t v, uint32_t which)
{
	return which < 2 ? (uint32_t)(v >> 32 * which) : 0;
}

static void set_half(uint64_t *v, uint32_t which, uint32_t to)
{
	*v = which ? (*v & UINT32_MAX) | (uint64_t)to << 32
		   : (*v & ~(uint64_t)UINT32_MAX) | to;
}

/* ---- status and features ---- */

static bool in_status(const struct virtio_dev *dev, uint32_t have, uint32_t have_not)
{
	return (dev->status & (have | have_not | VIRTIO_CONFIG_S_FAILED)) == have;
}

static void write_features(struct virtio_dev *dev, uint32_t v)
{
	if (!in_status(dev, VIRTIO_CONFIG_S_DRIVER, VIRTIO_CONFIG_S_FEATURES_OK))
		return;
	if (dev->driver_features_sel < 2)
		set_half(&dev->features, dev->driver_features_sel, v);
	else if (v)
		dev->features |= FEATURE_UNKNOWN;
}

static bool features_good(const struct virtio_dev *dev)
{
	return !(dev->features & ~dev->offered) && virtio_has(dev, VIRTIO_F_VERSION_1);
}

static void set_driver_ok(struct virtio_dev *dev)
{
	uint32_t old = atomic_fetch_or(&dev->status, VIRTIO_CONFIG_S_DRIVER_OK);

	if (!(old & (VIRTIO_CONFIG_S_NEEDS_RESET | VIRTIO_CONFIG_S_FAILED))) {
		dev->active = true;
		if (dev->ops->activate && dev->ops->activate(dev) < 0)
			virtio_break(dev, "chose features that don't do");
	}
	/* The configuration has changed, or it broke, since the driver looked. */
	if (atomic_load(&dev->isr))
		dev->interrupt(dev, 0);
}

/* A driver only adds bits. FEATURES_OK stays away if we don't like its choice: it reads
 * the status back to see. */
static void write_status(struct virtio_dev *dev, uint32_t v)
{
	uint32_t old = dev->status & STATUS_DRIVER, fresh = v & STATUS_DRIVER & ~old;

	if (v == 0) {
		virtio_reset(dev);
		return;
	}
	if ((v & old) != old)
		return;
	atomic_fetch_or(&dev->status,
			fresh & (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
				 VIRTIO_CONFIG_S_FAILED));
	if (fresh & VIRTIO_CONFIG_S_FAILED)
		dev->active = false;
	if (fresh & VIRTIO_CONFIG_S_FEATURES_OK && features_good(dev) &&
	    in_status(dev, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER, 0))
		atomic_fetch_or(&dev->status, VIRTIO_CONFIG_S_FEATURES_OK);
	if (fresh & VIRTIO_CONFIG_S_DRIVER_OK &&
	    in_status(dev, VIRTIO_CONFIG_S_FEATURES_OK, 0))
		set_driver_ok(dev);
}

/* ---- queues ---- */

/* The selected queue, if it may be set up now. */
static struct queue *settable(struct virtio_dev *dev)
{
	struct queue *q = selected(dev);

	return q && !q->ready &&
			       in_status(dev, VIRTIO_CONFIG_S_FEATURES_OK,
					 VIRTIO_CONFIG_S_DRIVER_OK)
		       ? q
		       : NULL;
}

static void write_ready(struct virtio_dev *dev, uint32_t v)
{
	struct queue *q = selected(dev);

	if (v == 1 && settable(dev)) {
		if (queue_enable(q, virtio_has(dev, VIRTIO_RING_F_EVENT_IDX),
				 virtio_has(dev, VIRTIO_RING_F_INDIRECT_DESC)) < 0)
			virtio_break(dev, "set up a queue that can't be");
	} else if (v == 0 && q && q->ready) {
		if (dev->status & VIRTIO_CONFIG_S_DRIVER_OK)
			virtio_break(dev, "stopped a queue in use");
		else
			q->ready = false;
	}
}

static void write_queue(struct virtio_dev *dev, uint64_t off, uint32_t v)
{
	struct queue *q = settable(dev);

	if (!q)
		return;
	switch (off) {
	case VIRTIO_MMIO_QUEUE_NUM:
		q->size = v <= q->max ? (uint16_t)v : 0;
		break;
	case VIRTIO_MMIO_QUEUE_DESC_LOW:
	case VIRTIO_MMIO_QUEUE_DESC_HIGH:
		set_half(&q->desc_gpa, off == VIRTIO_MMIO_QUEUE_DESC_HIGH, v);
		break;
	case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
	case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
		set_half(&q->avail_gpa, off == VIRTIO_MMIO_QUEUE_AVAIL_HIGH, v);
		break;
	case VIRTIO_MMIO_QUEUE_USED_LOW:
	case VIRTIO_MMIO_QUEUE_USED_HIGH:
		set_half(&q->used_gpa, off == VIRTIO_MMIO_QUEUE_USED_HIGH, v);
		break;
	default:
		break;
	}
}

/* KVM takes those that are written as the specification says; what comes here is another
 * width or value, or a machine without KVM. */
static void notify(struct virtio_dev *dev, uint32_t queue)
{
	if (queue >= dev->ops->queues)
		return;
	if (dev->loop || dev->ops->own_kicks) {
		virtio_kick(dev, queue);
		return;
	}
	pthread_mutex_lock(&dev->lock);
	if (dev->active && dev->queue[queue].ready)
		dev->ops->notify(dev, queue);
	pthread_mutex_unlock(&dev->lock);
}

/* ---- shared memory ---- */

/* A region that isn't there has a length, and a base, of all ones. */
static uint32_t read_shm(struct virtio_dev *dev, uint64_t off)
{
	uint64_t gpa = UINT64_MAX, len = UINT64_MAX;

	if (dev->ops->shm && dev->ops->shm(dev, dev->shm_sel, &gpa, &len) < 0)
		gpa = len = UINT64_MAX;
	return half(off < VIRTIO_MMIO_SHM_BASE_LOW ? len : gpa,
		    off == VIRTIO_MMIO_SHM_LEN_HIGH || off == VIRTIO_MMIO_SHM_BASE_HIGH);
}

/* ---- registers ---- */

/* Those that need no lock: constants, and what is atomic. */
static bool read_unlocked(struct virtio_dev *dev, uint64_t off, uint32_t *ret)
{
	switch (off) {
	case VIRTIO_MMIO_MAGIC_VALUE:
		*ret = MAGIC;
		return true;
	case VIRTIO_MMIO_VERSION:
		*ret = 2;
		return true;
	case VIRTIO_MMIO_DEVICE_ID:
		*ret = dev->absent ? 0 : dev->ops->id;
		return true;
	case VIRTIO_MMIO_VENDOR_ID:
		*ret = VENDOR;
		return true;
	case VIRTIO_MMIO_INTERRUPT_STATUS:
		*ret = atomic_load(&dev->isr);
		return true;
	case VIRTIO_MMIO_STATUS:
		*ret = dev->status;
		return true;
	default:
		return false;
	}
}

static uint32_t read_locked(struct virtio_dev *dev, uint64_t off)
{
	const struct queue *q = selected(dev);

	switch (off) {
	case VIRTIO_MMIO_DEVICE_FEATURES:
		return half(dev->offered, dev->features_sel);
	case VIRTIO_MMIO_QUEUE_NUM_MAX:
		return q ? q->max : 0;
	case VIRTIO_MMIO_QUEUE_READY:
		return q ? q->ready : 0;
	case VIRTIO_MMIO_SHM_LEN_LOW:
	case VIRTIO_MMIO_SHM_LEN_HIGH:
	case VIRTIO_MMIO_SHM_BASE_LOW:
	case VIRTIO_MMIO_SHM_BASE_HIGH:
		return read_shm(dev, off);
	case VIRTIO_MMIO_CONFIG_GENERATION:
		return atomic_load(&dev->generation);
	default:
		return 0;
	}
}

static bool write_unlocked(struct virtio_dev *dev, uint64_t off, uint32_t v)
{
	switch (off) {
	case VIRTIO_MMIO_QUEUE_NOTIFY:
		notify(dev, v);
		return true;
	case VIRTIO_MMIO_INTERRUPT_ACK:
		atomic_fetch_and(&dev->isr, ~v);
		return true;
	default:
		return false;
	}
}

static void write_locked(struct virtio_dev *dev, uint64_t off, uint32_t v)
{
	switch (off) {
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
		dev->features_sel = v;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
		dev->driver_features_sel = v;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES:
		write_features(dev, v);
		break;
	case VIRTIO_MMIO_QUEUE_SEL:
		dev->queue_sel = v;
		break;
	case VIRTIO_MMIO_QUEUE_READY:
		write_ready(dev, v);
		break;
	case VIRTIO_MMIO_STATUS:
		write_status(dev, v);
		break;
	case VIRTIO_MMIO_SHM_SEL:
		dev->shm_sel = v;
		break;
	default:
		write_queue(dev, off, v);
		break;
	}
}

static void access_register(struct virtio_dev *dev, uint64_t off, void *data, bool write)
{
	uint32_t v = 0;

	if (write) {
		memcpy(&v, data, sizeof(v));
		v = le32toh(v);
		if (write_unlocked(dev, off, v))
			return;
		pthread_mutex_lock(&dev->lock);
		write_locked(dev, off, v);
		pthread_mutex_unlock(&dev->lock);
		return;
	}
	if (!read_unlocked(dev, off, &v)) {
		pthread_mutex_lock(&dev->lock);
		v = read_locked(dev, off);
		pthread_mutex_unlock(&dev->lock);
	}
	v = htole32(v);
	memcpy(data, &v, sizeof(v));
}

/* A read past the end gets the part that is there; data has been zeroed. */
static void access_config(struct virtio_dev *dev, uint64_t off, void *data, unsigned len,
			  bool write)
{
	const struct virtio_ops *ops = dev->ops;

	if (off >= ops->config_len)
		return;
	if (len > ops->config_len - off) {
		if (write)
			return;
		len = ops->config_len - (unsigned)off;
	}
	pthread_mutex_lock(&dev->lock);
	if (!write && ops->config_read)
		ops->config_read(dev, (unsigned)off, data, len);
	else if (write && ops->config_write && in_status(dev, VIRTIO_CONFIG_S_DRIVER, 0))
		ops->config_write(dev, (unsigned)off, data, len);
	pthread_mutex_unlock(&dev->lock);
}

void mmio_access(void *virtio_dev, uint64_t off, void *data, unsigned len, bool write)
{
	struct virtio_dev *dev = virtio_dev;

	if (off >= VIRTIO_MMIO_CONFIG)
		access_config(dev, off - VIRTIO_MMIO_CONFIG, data, len, write);
	else if (len == sizeof(uint32_t) && off % sizeof(uint32_t) == 0)
		access_register(dev, off, data, write);
}
