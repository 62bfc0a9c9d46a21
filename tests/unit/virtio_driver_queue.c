/* SPDX-License-Identifier: Apache-2.0 */
/* The driver's requests: put, kicked, waited for. */
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/virtio_driver_parts.h"

void drv_put_desc(struct vring_desc *p, struct vring_desc v)
{
	__atomic_store_n(&p->addr, v.addr, __ATOMIC_RELAXED);
	__atomic_store_n(&p->len, v.len, __ATOMIC_RELAXED);
	__atomic_store_n(&p->flags, v.flags, __ATOMIC_RELAXED);
	__atomic_store_n(&p->next, v.next, __ATOMIC_RELAXED);
}

void drv_desc(struct drv *d, unsigned queue, uint16_t i, uint64_t gpa, uint32_t len,
	      uint16_t flags, uint16_t next)
{
	drv_put_desc(&d->queue[queue].desc[i],
		     (struct vring_desc){
			     .addr = gpa, .len = len, .flags = flags, .next = next});
}

void drv_publish_index(struct drv_queue *q, uint16_t index)
{
	q->next_avail = index;
	__atomic_store_n(&q->avail->idx, index, __ATOMIC_RELEASE);
}

void drv_publish(struct drv *d, unsigned queue, uint16_t head)
{
	struct drv_queue *q = &d->queue[queue];

	if (!q->size)
		drv_die("drv_publish", "no queue");
	__atomic_store_n(&q->avail->ring[q->next_avail % q->size], head,
			 __ATOMIC_RELAXED);
	drv_publish_index(q, (uint16_t)(q->next_avail + 1));
}

static uint16_t part_flags(const struct drv_part *p, bool last)
{
	return (uint16_t)((p->write ? VRING_DESC_F_WRITE : 0) |
			  (last ? 0 : VRING_DESC_F_NEXT));
}

uint16_t drv_put(struct drv *d, unsigned queue, const struct drv_part *parts,
		 unsigned count)
{
	struct drv_queue *q = &d->queue[queue];
	uint16_t head = q->next_free;

	for (unsigned i = 0; i < count; i++) {
		uint16_t at = q->next_free;

		q->next_free = (uint16_t)((at + 1) % q->size);
		drv_desc(d, queue, at, parts[i].gpa, parts[i].len,
			 part_flags(&parts[i], i + 1 == count), q->next_free);
	}
	drv_publish(d, queue, head);
	return head;
}

uint16_t drv_put_indirect(struct drv *d, unsigned queue, const struct drv_part *parts,
			  unsigned count)
{
	struct drv_queue *q = &d->queue[queue];
	uint64_t gpa = drv_alloc(d, sizeof(struct vring_desc) * (uint64_t)count);
	struct vring_desc *table = drv_at(d, gpa, sizeof(*table) * (uint64_t)count);
	uint16_t head = q->next_free;

	for (unsigned i = 0; i < count; i++)
		table[i] = (struct vring_desc){
			.addr = parts[i].gpa,
			.len = parts[i].len,
			.flags = part_flags(&parts[i], i + 1 == count),
			.next = (uint16_t)(i + 1),
		};
	q->next_free = (uint16_t)((head + 1) % q->size);
	drv_desc(d, queue, head, gpa, (uint32_t)(sizeof(*table) * count),
		 VRING_DESC_F_INDIRECT, 0);
	drv_publish(d, queue, head);
	return head;
}

void drv_notify(struct drv *d, unsigned queue)
{
	drv_write(d, VIRTIO_MMIO_QUEUE_NOTIFY, queue);
}

/* As vring_need_event() and Linux's virtqueue_kick_prepare() have it. */
bool drv_needs_kick(struct drv *d, unsigned queue)
{
	struct drv_queue *q = &d->queue[queue];
	uint16_t old = q->kicked, event;
	bool want;

	q->kicked = q->next_avail;
	__sync_synchronize();
	if (d->features & UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX) {
		event = __atomic_load_n((__virtio16 *)&q->used->ring[q->size],
					__ATOMIC_RELAXED);
		want = vring_need_event(event, q->next_avail, old);
	} else {
		want = !(__atomic_load_n(&q->used->flags, __ATOMIC_RELAXED) &
			 VRING_USED_F_NO_NOTIFY);
	}
	return want;
}

bool drv_kick(struct drv *d, unsigned queue)
{
	bool want = drv_needs_kick(d, queue);

	if (want)
		drv_notify(d, queue);
	return want;
}

/* Where nothing is, an interrupt is asked for, and then looked again. */
static bool nothing_used(struct drv *d, struct drv_queue *q)
{
	if (__atomic_load_n(&q->used->idx, __ATOMIC_ACQUIRE) != q->next_used)
		return false;
	if (q->no_irqs || !(d->features & UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX))
		return true;
	__atomic_store_n(&q->avail->ring[q->size], q->next_used, __ATOMIC_RELAXED);
	__sync_synchronize();
	return __atomic_load_n(&q->used->idx, __ATOMIC_ACQUIRE) == q->next_used;
}

bool drv_used(struct drv *d, unsigned queue, uint16_t *ret_head, uint32_t *ret_len)
{
	struct drv_queue *q = &d->queue[queue];
	struct vring_used_elem *u;

	if (nothing_used(d, q))
		return false;
	u = &q->used->ring[q->next_used % q->size];
	*ret_head = (uint16_t)__atomic_load_n(&u->id, __ATOMIC_RELAXED);
	*ret_len = __atomic_load_n(&u->len, __ATOMIC_RELAXED);
	q->next_used++;
	return true;
}

static void collect_irqs(struct drv *d)
{
	uint64_t n;

	if (read(d->dev->irq_fd, &n, sizeof(n)) == (ssize_t)sizeof(n))
		d->irqs += (unsigned)n;
}

unsigned drv_irqs(struct drv *d)
{
	unsigned n;

	collect_irqs(d);
	n = d->irqs;
	d->irqs = 0;
	return n;
}

uint32_t drv_isr(struct drv *d)
{
	uint32_t v = drv_read(d, VIRTIO_MMIO_INTERRUPT_STATUS);

	drv_write(d, VIRTIO_MMIO_INTERRUPT_ACK, v);
	return v;
}

void drv_want_irqs(struct drv *d, unsigned queue, bool want)
{
	struct drv_queue *q = &d->queue[queue];

	q->no_irqs = !want;
	if (d->features & UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX)
		__atomic_store_n(&q->avail->ring[q->size],
				 (uint16_t)(want ? q->next_used : q->next_used - 1),
				 __ATOMIC_SEQ_CST);
	else
		__atomic_store_n(&q->avail->flags,
				 (uint16_t)(want ? 0 : VRING_AVAIL_F_NO_INTERRUPT),
				 __ATOMIC_SEQ_CST);
}

static int64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000) + t.tv_nsec / 1000000;
}

void drv_run(struct drv *d)
{
	struct err e = {0};

	if (d->elsewhere)
		return;
	while (loop_once(d->loop, 0, &e) > 0)
		;
}

bool drv_until(struct drv *d, bool (*cond)(void *arg), void *arg)
{
	int64_t end = now_ms() + DRV_WAIT_MS;
	struct pollfd p[2] = {
		{.fd = d->dev->irq_fd, .events = POLLIN},
		{.fd = d->elsewhere ? -1 : loop_fd(d->loop), .events = POLLIN}};
	int r;

	for (;;) {
		drv_run(d);
		if (cond(arg))
			return true;
		if (now_ms() > end)
			return false;
		/* What comes without an interrupt is seen a little later, elsewhere
		 * never. */
		r = poll(p, 2, d->elsewhere ? DRV_WAIT_MS : 2);
		if (r == 0 && d->elsewhere)
			return false;
		if (r > 0 && p[0].revents)
			collect_irqs(d);
	}
}

struct waiting {
	struct drv *d;
	unsigned queue;
	uint16_t *head;
	uint32_t *len;
};

static bool is_used(void *arg)
{
	struct waiting *w = arg;

	return drv_used(w->d, w->queue, w->head, w->len);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): they are written by is_used() */
bool drv_wait(struct drv *d, unsigned queue, uint16_t *ret_head, uint32_t *ret_len)
{
	struct waiting w = {d, queue, ret_head, ret_len};

	return drv_until(d, is_used, &w);
}

int64_t drv_call(struct drv *d, unsigned queue, const void *out, uint32_t out_len,
		 void *in, uint32_t in_len)
{
	uint64_t mark = d->free_gpa;
	struct drv_part parts[2];
	unsigned n = 0;
	uint16_t head, got;
	uint32_t len;

	if (out_len)
		parts[n++] = (struct drv_part){drv_buffer(d, out, out_len), out_len,
					       false};
	if (in_len)
		parts[n++] = (struct drv_part){drv_alloc(d, in_len), in_len, true};
	head = drv_put(d, queue, parts, n);
	drv_kick(d, queue);
	if (!drv_wait(d, queue, &got, &len) || got != head)
		return -1;
	if (in_len)
		memcpy(in, drv_at(d, parts[n - 1].gpa, in_len), in_len);
	d->free_gpa = mark;
	return len;
}
