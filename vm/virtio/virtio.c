/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all virtio devices have, whatever their transport.
 *
 * A queue's kick is an eventfd, written by KVM (ioeventfd), by the transport where a
 * vCPU's write did come to us, and by virtio_kick(): the device always works on the loop's
 * thread, or its workers, never on a vCPU's.
 */
#include "vm/virtio/virtio.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/fd.h"

#define TRANSPORT_FEATURES                                                               \
	(UINT64_C(1) << VIRTIO_F_VERSION_1 | UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX |    \
	 UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC)

/* Full is as good as written: whoever reads it will look. */
static void event_write(int fd)
{
	uint64_t one = 1;
	ssize_t n = write(fd, &one, sizeof(one));

	(void)n;
}

static void kicked(void *arg, uint32_t events)
{
	struct virtio_kick *k = arg;
	struct virtio_dev *dev = k->dev;
	unsigned queue = (unsigned)(k - dev->kick_source);
	uint64_t count;

	(void)events;
	if (read(dev->kick[queue], &count, sizeof(count)) < 0)
		return;
	pthread_mutex_lock(&dev->lock);
	if (dev->active && dev->queue[queue].ready)
		dev->ops->notify(dev, queue);
	pthread_mutex_unlock(&dev->lock);
}

/* The status is set before the line is pulsed: the driver's handler finds it. */
static void interrupt(struct virtio_dev *dev, uint32_t isr_bits)
{
	atomic_fetch_or(&dev->isr, isr_bits);
	event_write(dev->irq_fd);
}

static int event_new(int *ret, struct err *e)
{
	*ret = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return *ret < 0 ? err_sys(e, "eventfd") : 0;
}

static void close_all(struct virtio_dev *dev)
{
	for (unsigned i = 0; i < VIRTIO_QUEUES_MAX; i++) {
		loop_del(dev->kick_source[i].source);
		dev->kick_source[i].source = NULL;
		fd_close(&dev->kick[i]);
	}
	fd_close(&dev->irq_fd);
	pthread_mutex_destroy(&dev->lock);
}

static int open_queue(struct virtio_dev *dev, unsigned i, struct err *e)
{
	struct virtio_kick *k = &dev->kick_source[i];
	int r;

	dev->queue[i].mem = dev->mem;
	dev->queue[i].max = dev->ops->queue_max;
	k->dev = dev;
	r = event_new(&dev->kick[i], e);
	if (r < 0 || !dev->loop || dev->ops->own_kicks)
		return r;
	return loop_add(dev->loop, dev->kick[i], EPOLLIN, kicked, k, &k->source, e);
}

int virtio_init(struct virtio_dev *dev, const struct virtio_ops *ops, struct memory *mem,
		struct loop *loop, struct err *e)
{
	int r;

	*dev = (struct virtio_dev){
		.ops = ops,
		.mem = mem,
		.loop = loop,
		.offered = ops->features | TRANSPORT_FEATURES,
		.interrupt = interrupt,
		.irq_fd = -1,
	};
	for (unsigned i = 0; i < VIRTIO_QUEUES_MAX; i++)
		dev->kick[i] = -1;
	r = pthread_mutex_init(&dev->lock, NULL);
	if (r)
		return err_code(e, r, "virtio %s: mutex", ops->name);
	r = event_new(&dev->irq_fd, e);
	for (unsigned i = 0; r == 0 && i < ops->queues; i++)
		r = open_queue(dev, i, e);
	if (r < 0) {
		close_all(dev);
		return err_wrap(e, "virtio %s", ops->name);
	}
	return 0;
}

void virtio_reset(struct virtio_dev *dev)
{
	if (dev->ops->reset)
		dev->ops->reset(dev);
	dev->active = false;
	for (unsigned i = 0; i < dev->ops->queues; i++)
		queue_reset(&dev->queue[i]);
	dev->features = 0;
	dev->features_sel = dev->driver_features_sel = dev->queue_sel = dev->shm_sel = 0;
	dev->status = 0;
	atomic_store(&dev->isr, 0);
}

void virtio_free(struct virtio_dev *dev)
{
	if (!dev)
		return;
	pthread_mutex_lock(&dev->lock);
	virtio_reset(dev);
	pthread_mutex_unlock(&dev->lock);
	close_all(dev);
	if (dev->ops->free)
		dev->ops->free(dev);
}

void virtio_kick(struct virtio_dev *dev, unsigned queue)
{
	event_write(dev->kick[queue]);
}

void virtio_signal_queue(struct virtio_dev *dev, unsigned queue)
{
	if (queue_wants_interrupt(&dev->queue[queue]))
		dev->interrupt(dev, VIRTIO_MMIO_INT_VRING);
}

/* No interrupt before DRIVER_OK (VIRTIO 1.2, 2.1.2). But what changes while the driver
 * sets itself up would then be lost: the bit waits in isr, see set_driver_ok(). */
static void config_interrupt(struct virtio_dev *dev)
{
	atomic_fetch_or(&dev->isr, VIRTIO_MMIO_INT_CONFIG);
	if (dev->status & VIRTIO_CONFIG_S_DRIVER_OK)
		dev->interrupt(dev, VIRTIO_MMIO_INT_CONFIG);
}

void virtio_signal_config(struct virtio_dev *dev)
{
	atomic_fetch_add(&dev->generation, 1);
	config_interrupt(dev);
}

void virtio_remark(struct virtio_dev *dev, const char *what)
{
	if (dev->remark)
		dev->remark(dev->remark_arg, what);
}

void virtio_break_as(struct virtio_dev *dev, const char *why)
{
	dev->active = false;
	if (atomic_fetch_or(&dev->status, VIRTIO_CONFIG_S_NEEDS_RESET) &
	    VIRTIO_CONFIG_S_NEEDS_RESET)
		return;
	config_interrupt(dev);
	virtio_remark(dev, why);
}

void virtio_save(struct virtio_dev *dev, struct state_writer *w, uint32_t number)
{
	pthread_mutex_lock(&dev->lock);
	state_begin(w, "virt", number);
	state_put_u32(w, dev->ops->id);
	state_put_u32(w, dev->ops->queues);
	state_put_u64(w, dev->features);
	state_put_u32(w, dev->status);
	state_put_u32(w, atomic_load(&dev->isr));
	state_put_u32(w, atomic_load(&dev->generation));
	state_put_u32(w, dev->features_sel);
	state_put_u32(w, dev->driver_features_sel);
	state_put_u32(w, dev->queue_sel);
	state_put_u32(w, dev->shm_sel);
	state_put_u8(w, dev->absent);
	for (unsigned i = 0; i < dev->ops->queues; i++)
		queue_save(&dev->queue[i], w);
	if (dev->ops->save)
		dev->ops->save(dev, w);
	state_end(w);
	pthread_mutex_unlock(&dev->lock);
}

/* Whether a state is one that a driver can have brought about. */
static void check_state(struct virtio_dev *dev, struct state_reader *r)
{
	const uint64_t ever_offered = dev->ops->features | TRANSPORT_FEATURES;
	bool settled = dev->status & VIRTIO_CONFIG_S_FEATURES_OK;

	if (settled &&
	    (dev->features & ~ever_offered || !virtio_has(dev, VIRTIO_F_VERSION_1)))
		state_refuse(r, "features %#llx", (unsigned long long)dev->features);
	if ((!settled && dev->status & VIRTIO_CONFIG_S_DRIVER_OK) || dev->status > 0xff)
		state_refuse(r, "status %#x", dev->status);
}

/* Enabled as write_ready() of the transport would have. */
static bool queue_fits(const struct virtio_dev *dev, const struct queue *q)
{
	return !q->ready || (dev->status & VIRTIO_CONFIG_S_FEATURES_OK &&
			     q->event_idx == virtio_has(dev, VIRTIO_RING_F_EVENT_IDX) &&
			     q->indirect == virtio_has(dev, VIRTIO_RING_F_INDIRECT_DESC));
}

static void restore_common(struct virtio_dev *dev, struct state_reader *r)
{
	if (state_get_u32(r) != dev->ops->id || state_get_u32(r) != dev->ops->queues)
		state_refuse(r, "it was another device");
	dev->features = state_get_u64(r);
	dev->status = state_get_u32(r);
	atomic_store(&dev->isr, state_get_u32(r));
	atomic_store(&dev->generation, state_get_u32(r));
	dev->features_sel = state_get_u32(r);
	dev->driver_features_sel = state_get_u32(r);
	dev->queue_sel = state_get_u32(r);
	dev->shm_sel = state_get_u32(r);
	dev->absent = state_get_u8(r);
	check_state(dev, r);
	for (unsigned i = 0; i < dev->ops->queues; i++) {
		if (queue_restore(&dev->queue[i], r) < 0 ||
		    !queue_fits(dev, &dev->queue[i]))
			state_refuse(r, "queue %u", i);
	}
}

/* What was asked for and not yet seen when the machine stopped is asked for again. */
static void restore_events(struct virtio_dev *dev)
{
	for (unsigned i = 0; i < dev->ops->queues && dev->active; i++) {
		if (dev->queue[i].ready)
			virtio_kick(dev, i);
	}
	if (atomic_load(&dev->isr) && dev->status & VIRTIO_CONFIG_S_DRIVER_OK)
		dev->interrupt(dev, 0);
}

static int restore_locked(struct virtio_dev *dev, struct state_reader *r, uint32_t number,
			  struct err *e)
{
	const uint32_t mask = VIRTIO_CONFIG_S_DRIVER_OK | VIRTIO_CONFIG_S_NEEDS_RESET |
			      VIRTIO_CONFIG_S_FAILED;
	int ret;

	virtio_reset(dev);
	state_enter(r, "virt", number);
	restore_common(dev, r);
	ret = state_check(r, e);
	if (ret < 0)
		return ret;
	dev->active = (dev->status & mask) == VIRTIO_CONFIG_S_DRIVER_OK;
	if (dev->active && dev->ops->activate && dev->ops->activate(dev) < 0)
		return err_set(e, EINVAL, "these queues and features don't go together");
	if (dev->ops->restore) {
		ret = dev->ops->restore(dev, r, e);
		if (ret < 0)
			return ret;
	}
	state_leave(r);
	ret = state_check(r, e);
	if (ret == 0)
		restore_events(dev);
	return ret;
}

int virtio_restore(struct virtio_dev *dev, struct state_reader *r, uint32_t number,
		   struct err *e)
{
	int ret;

	pthread_mutex_lock(&dev->lock);
	ret = restore_locked(dev, r, number, e);
	/* It has a status that nobody gave it; and no queue that could be used. */
	if (ret < 0)
		virtio_reset(dev);
	pthread_mutex_unlock(&dev->lock);
	return ret < 0 ? err_wrap(e, "virtio %s", dev->ops->name) : 0;
}
