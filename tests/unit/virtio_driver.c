/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/virtio_driver.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "vm/virtio/mmio.h"

#define PAGE UINT64_C(4096)

/* Each queue's rings have a place of their own, whatever is allocated. */
#define HOME_DESC  (QUEUE_SIZE_MAX * UINT64_C(16))
#define HOME_AVAIL PAGE
#define HOME_LEN   (HOME_DESC + HOME_AVAIL + 3 * PAGE)
#define HOME(n)    (PAGE + HOME_LEN * (n))
#define HOMES_END  HOME(VIRTIO_QUEUES_MAX)

static void die(const char *what, const char *why)
{
	printf("Bail out! %s: %s\n", what, why);
	exit(1);
}

/* ---- a world ---- */

void drv_init(struct drv *d, uint64_t memory_size)
{
	struct memory_config c = {.size = memory_size, .fd = -1};
	struct err e = {0};

	*d = (struct drv){.memory_size = memory_size, .free_gpa = HOMES_END};
	if (memory_new(-1, &c, &d->mem, &e) < 0 || loop_new(&d->loop, &e) < 0)
		die("drv_init", e.text);
}

void drv_attach(struct drv *d, struct virtio_dev *dev)
{
	if (!dev)
		die("drv_attach", "no device");
	d->dev = dev;
}

void drv_done(struct drv *d)
{
	virtio_free(d->dev);
	loop_free(d->loop);
	memory_free(d->mem);
	*d = (struct drv){0};
}

/* ---- memory ---- */

void *drv_at(struct drv *d, uint64_t gpa, uint64_t len)
{
	void *p = memory_at(d->mem, gpa, len);

	if (!p)
		die("drv_at", "not in memory");
	return p;
}

uint64_t drv_alloc(struct drv *d, uint64_t len)
{
	uint64_t gpa = d->free_gpa;

	d->free_gpa += (len + PAGE - 1) / PAGE * PAGE;
	if (len)
		memset(drv_at(d, gpa, len), 0, len);
	return gpa;
}

uint64_t drv_buffer(struct drv *d, const void *data, uint64_t len)
{
	uint64_t gpa = drv_alloc(d, len);

	if (data && len)
		memcpy(drv_at(d, gpa, len), data, len);
	return gpa;
}

void drv_rewind(struct drv *d)
{
	d->free_gpa = HOMES_END;
}

/* ---- registers ---- */

uint32_t drv_read(struct drv *d, uint64_t off)
{
	uint32_t v = 0;

	mmio_access(d->dev, off, &v, sizeof(v), false);
	return v;
}

void drv_write(struct drv *d, uint64_t off, uint32_t v)
{
	mmio_access(d->dev, off, &v, sizeof(v), true);
}

static unsigned config_step(unsigned off, unsigned len)
{
	return off % 4 == 0 && len >= 4 ? 4 : 1;
}

void drv_config_read(struct drv *d, unsigned off, void *buf, unsigned len)
{
	char *p = buf;

	memset(buf, 0, len);
	for (unsigned n; len; len -= n, off += n, p += n) {
		n = config_step(off, len);
		mmio_access(d->dev, VIRTIO_MMIO_CONFIG + (uint64_t)off, p, n, false);
	}
}

uint32_t drv_config32(struct drv *d, unsigned off)
{
	uint32_t v;

	drv_config_read(d, off, &v, sizeof(v));
	return v;
}

void drv_config_write(struct drv *d, unsigned off, const void *buf, unsigned len)
{
	const char *p = buf;
	char word[4];

	for (unsigned n; len; len -= n, off += n, p += n) {
		n = config_step(off, len);
		memcpy(word, p, n);
		mmio_access(d->dev, VIRTIO_MMIO_CONFIG + (uint64_t)off, word, n, true);
	}
}

bool drv_find(struct drv *d, uint32_t id)
{
	return drv_read(d, VIRTIO_MMIO_MAGIC_VALUE) == 0x74726976 &&
	       drv_read(d, VIRTIO_MMIO_VERSION) == 2 &&
	       drv_read(d, VIRTIO_MMIO_DEVICE_ID) == id;
}

uint64_t drv_offered(struct drv *d)
{
	uint64_t v;

	drv_write(d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	v = (uint64_t)drv_read(d, VIRTIO_MMIO_DEVICE_FEATURES) << 32;
	drv_write(d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	return v | drv_read(d, VIRTIO_MMIO_DEVICE_FEATURES);
}

static void add_status(struct drv *d, uint32_t bit)
{
	drv_write(d, VIRTIO_MMIO_STATUS, drv_read(d, VIRTIO_MMIO_STATUS) | bit);
}

bool drv_negotiate(struct drv *d, uint64_t want)
{
	drv_reset(d);
	add_status(d, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	add_status(d, VIRTIO_CONFIG_S_DRIVER);
	d->features = drv_offered(d) & (want | UINT64_C(1) << VIRTIO_F_VERSION_1);
	drv_write(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	drv_write(d, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(d->features >> 32));
	drv_write(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	drv_write(d, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)d->features);
	add_status(d, VIRTIO_CONFIG_S_FEATURES_OK);
	return drv_read(d, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_FEATURES_OK;
}

static void write64(struct drv *d, uint64_t off, uint64_t v)
{
	drv_write(d, off, (uint32_t)v);
	drv_write(d, off + 4, (uint32_t)(v >> 32));
}

bool drv_set_queue_at(struct drv *d, unsigned queue, uint16_t size, uint64_t desc_gpa,
		      uint64_t avail_gpa, uint64_t used_gpa)
{
	d->queue[queue] = (struct drv_queue){
		.size = size,
		.desc_gpa = desc_gpa,
		.avail_gpa = avail_gpa,
		.used_gpa = used_gpa,
		.desc = memory_at(d->mem, desc_gpa, 16 * (uint64_t)size),
		.avail = memory_at(d->mem, avail_gpa, 6 + 2 * (uint64_t)size),
		.used = memory_at(d->mem, used_gpa, 6 + 8 * (uint64_t)size),
	};
	drv_write(d, VIRTIO_MMIO_QUEUE_SEL, queue);
	drv_write(d, VIRTIO_MMIO_QUEUE_NUM, size);
	write64(d, VIRTIO_MMIO_QUEUE_DESC_LOW, desc_gpa);
	write64(d, VIRTIO_MMIO_QUEUE_AVAIL_LOW, avail_gpa);
	write64(d, VIRTIO_MMIO_QUEUE_USED_LOW, used_gpa);
	drv_write(d, VIRTIO_MMIO_QUEUE_READY, 1);
	return drv_read(d, VIRTIO_MMIO_QUEUE_READY) == 1;
}

bool drv_set_queue(struct drv *d, unsigned queue, uint16_t size)
{
	uint64_t home = HOME((uint64_t)queue);

	memset(drv_at(d, home, HOME_LEN), 0, HOME_LEN);
	return drv_set_queue_at(d, queue, size, home, home + HOME_DESC,
				home + HOME_DESC + HOME_AVAIL);
}

void drv_ok(struct drv *d)
{
	add_status(d, VIRTIO_CONFIG_S_DRIVER_OK);
}

void drv_reset(struct drv *d)
{
	drv_write(d, VIRTIO_MMIO_STATUS, 0);
	(void)drv_irqs(d);
}

bool drv_start(struct drv *d, uint64_t want, uint16_t size)
{
	if (!drv_negotiate(d, want))
		return false;
	for (unsigned i = 0; i < d->dev->ops->queues; i++) {
		if (!drv_set_queue(d, i, size))
			return false;
	}
	drv_ok(d);
	return !drv_broken(d);
}

bool drv_broken(struct drv *d)
{
	return drv_read(d, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET;
}

/* ---- requests ---- */

static void put_desc(struct vring_desc *p, struct vring_desc v)
{
	__atomic_store_n(&p->addr, v.addr, __ATOMIC_RELAXED);
	__atomic_store_n(&p->len, v.len, __ATOMIC_RELAXED);
	__atomic_store_n(&p->flags, v.flags, __ATOMIC_RELAXED);
	__atomic_store_n(&p->next, v.next, __ATOMIC_RELAXED);
}

void drv_desc(struct drv *d, unsigned queue, uint16_t i, uint64_t gpa, uint32_t len,
	      uint16_t flags, uint16_t next)
{
	put_desc(&d->queue[queue].desc[i],
		 (struct vring_desc){
			 .addr = gpa, .len = len, .flags = flags, .next = next});
}

static void publish_index(struct drv_queue *q, uint16_t index)
{
	q->next_avail = index;
	__atomic_store_n(&q->avail->idx, index, __ATOMIC_RELEASE);
}

void drv_publish(struct drv *d, unsigned queue, uint16_t head)
{
	struct drv_queue *q = &d->queue[queue];

	if (!q->size)
		die("drv_publish", "no queue");
	__atomic_store_n(&q->avail->ring[q->next_avail % q->size], head,
			 __ATOMIC_RELAXED);
	publish_index(q, (uint16_t)(q->next_avail + 1));
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

/* ---- the hostile driver ---- */

static void loop_of_one(struct drv *d, unsigned queue)
{
	drv_desc(d, queue, 0, drv_alloc(d, 64), 64, VRING_DESC_F_NEXT, 0);
	drv_publish(d, queue, 0);
}

static void loop_of_all(struct drv *d, unsigned queue)
{
	uint64_t gpa = drv_alloc(d, 64);
	uint16_t size = d->queue[queue].size;

	for (uint16_t i = 0; i < size; i++)
		drv_desc(d, queue, i, gpa, 64, VRING_DESC_F_NEXT,
			 (uint16_t)((i + 1) % size));
	drv_publish(d, queue, 0);
}

static void loop_of_nothing(struct drv *d, unsigned queue)
{
	drv_desc(d, queue, 0, 0, 0, VRING_DESC_F_NEXT, 1);
	drv_desc(d, queue, 1, 0, 0, VRING_DESC_F_NEXT, 0);
	drv_publish(d, queue, 0);
}

static void head_out_of_range(struct drv *d, unsigned queue)
{
	drv_publish(d, queue, d->queue[queue].size);
}

static void next_out_of_range(struct drv *d, unsigned queue)
{
	drv_desc(d, queue, 0, drv_alloc(d, 64), 64, VRING_DESC_F_NEXT, UINT16_MAX);
	drv_publish(d, queue, 0);
}

static void address_out_of_memory(struct drv *d, unsigned queue)
{
	drv_desc(d, queue, 0, UINT64_C(1) << 60, 64, 0, 0);
	drv_publish(d, queue, 0);
}

static void overflowing_sum(struct drv *d, unsigned queue)
{
	drv_desc(d, queue, 0, UINT64_MAX - 8, 64, 0, 0);
	drv_publish(d, queue, 0);
}

static void past_the_end(struct drv *d, unsigned queue)
{
	drv_desc(d, queue, 0, d->memory_size - 64, 65, VRING_DESC_F_WRITE, 0);
	drv_publish(d, queue, 0);
}

static void longest_length(struct drv *d, unsigned queue)
{
	drv_desc(d, queue, 0, drv_alloc(d, 64), UINT32_MAX, 0, 0);
	drv_publish(d, queue, 0);
}

static void zero_lengths(struct drv *d, unsigned queue)
{
	drv_desc(d, queue, 0, drv_alloc(d, 64), 0, VRING_DESC_F_NEXT, 1);
	drv_desc(d, queue, 1, drv_alloc(d, 64), 0, VRING_DESC_F_WRITE, 0);
	drv_publish(d, queue, 0);
}

static void writable_first(struct drv *d, unsigned queue)
{
	drv_desc(d, queue, 0, drv_alloc(d, 64), 64,
		 VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 1);
	drv_desc(d, queue, 1, drv_alloc(d, 64), 64, 0, 0);
	drv_publish(d, queue, 0);
}

/* All of the ring is a good request, but so many there can't be. */
static void index_jump(struct drv *d, unsigned queue)
{
	struct drv_queue *q = &d->queue[queue];

	drv_desc(d, queue, 0, drv_alloc(d, 64), 64, 0, 0);

	publish_index(q, (uint16_t)(q->next_avail + q->size + 1));
}

static void index_backwards(struct drv *d, unsigned queue)
{
	struct drv_queue *q = &d->queue[queue];

	drv_desc(d, queue, 0, drv_alloc(d, 64), 64, 0, 0);

	publish_index(q, (uint16_t)(q->next_avail - 1));
}

/* An indirect table of count descriptors of one readable buffer of len bytes each. */
static struct vring_desc *make_table(struct drv *d, uint16_t count, uint64_t buffer,
				     uint32_t len, uint64_t *ret_gpa)
{
	struct vring_desc *t;

	*ret_gpa = drv_alloc(d, sizeof(*t) * (uint64_t)count);
	t = drv_at(d, *ret_gpa, sizeof(*t) * (uint64_t)count);
	for (uint16_t i = 0; i < count; i++)
		t[i] = (struct vring_desc){
			.addr = buffer,
			.len = len,
			.flags = i + 1 < count ? VRING_DESC_F_NEXT : 0,
			.next = (uint16_t)(i + 1),
		};
	return t;
}

static void put_table(struct drv *d, unsigned queue, uint64_t gpa, uint32_t len,
		      uint16_t flags)
{
	drv_desc(d, queue, 0, gpa, len, (uint16_t)(VRING_DESC_F_INDIRECT | flags), 1);
	drv_desc(d, queue, 1, drv_alloc(d, 64), 64, 0, 0);
	drv_publish(d, queue, 0);
}

static void indirect_too_many(struct drv *d, unsigned queue)
{
	uint16_t n = (uint16_t)(d->queue[queue].size + 1);
	uint64_t gpa;

	(void)make_table(d, n, drv_alloc(d, 64), 64, &gpa);
	put_table(d, queue, gpa, 16 * (uint32_t)n, 0);
}

static void indirect_loop(struct drv *d, unsigned queue)
{
	uint64_t gpa;
	struct vring_desc *t = make_table(d, 2, drv_alloc(d, 64), 64, &gpa);

	t[1].flags = VRING_DESC_F_NEXT;
	t[1].next = 0;
	put_table(d, queue, gpa, 32, 0);
}

static void indirect_next_out_of_range(struct drv *d, unsigned queue)
{
	uint64_t gpa;
	struct vring_desc *t = make_table(d, 4, drv_alloc(d, 64), 64, &gpa);

	t[0].next = 2;
	put_table(d, queue, gpa, 32, 0);
}

static void indirect_in_indirect(struct drv *d, unsigned queue)
{
	uint64_t inner, outer;
	struct vring_desc *t;

	(void)make_table(d, 1, drv_alloc(d, 64), 64, &inner);
	t = make_table(d, 1, inner, 16, &outer);
	t[0].flags = VRING_DESC_F_INDIRECT;
	put_table(d, queue, outer, 16, 0);
}

static void indirect_of_itself(struct drv *d, unsigned queue)
{
	uint64_t gpa;
	struct vring_desc *t = make_table(d, 1, 0, 16, &gpa);

	t[0].addr = gpa;
	t[0].flags = VRING_DESC_F_INDIRECT;
	put_table(d, queue, gpa, 16, 0);
}

static void indirect_with_next(struct drv *d, unsigned queue)
{
	uint64_t gpa;

	(void)make_table(d, 1, drv_alloc(d, 64), 64, &gpa);
	put_table(d, queue, gpa, 16, VRING_DESC_F_NEXT);
}

static void indirect_empty(struct drv *d, unsigned queue)
{
	put_table(d, queue, drv_alloc(d, 64), 0, 0);
}

static void indirect_odd_length(struct drv *d, unsigned queue)
{
	uint64_t gpa;

	(void)make_table(d, 2, drv_alloc(d, 64), 64, &gpa);
	put_table(d, queue, gpa, 24, 0);
}

static void indirect_misaligned(struct drv *d, unsigned queue)
{
	uint64_t gpa;

	(void)make_table(d, 2, drv_alloc(d, 64), 64, &gpa);
	put_table(d, queue, gpa + 1, 16, 0);
}

static void indirect_out_of_memory(struct drv *d, unsigned queue)
{
	put_table(d, queue, d->memory_size - 16, 32, 0);
}

static void indirect_huge(struct drv *d, unsigned queue)
{
	uint64_t gpa;

	(void)make_table(d, 2, drv_alloc(d, 64), 64, &gpa);
	put_table(d, queue, gpa, UINT32_MAX - 15, 0);
}

/* Every part is in memory, and the sum is more than a request may have. */
static void four_gigabytes(struct drv *d, unsigned queue)
{
	uint16_t size = d->queue[queue].size;
	uint64_t each = UINT32_MAX / size + UINT64_C(1), gpa = drv_alloc(d, 64);

	if (each > d->memory_size - gpa) { /* too small a memory: leave it */
		overflowing_sum(d, queue);
		return;
	}
	for (uint16_t i = 0; i < size; i++)
		drv_desc(d, queue, i, gpa, (uint32_t)each,
			 i + 1 < size ? VRING_DESC_F_NEXT : 0, (uint16_t)(i + 1));
	drv_publish(d, queue, 0);
}

const struct drv_attack drv_attacks[] = {
	{"a descriptor that is its own next", loop_of_one},
	{"a loop of the whole table", loop_of_all},
	{"a loop without a byte", loop_of_nothing},
	{"a head beyond the table", head_out_of_range},
	{"a next beyond the table", next_out_of_range},
	{"an address out of memory", address_out_of_memory},
	{"a sum that overflows", overflowing_sum},
	{"a buffer past the end of memory", past_the_end},
	{"the longest length", longest_length},
	{"only zero lengths", zero_lengths},
	{"a writable part before a readable one", writable_first},
	{"an index too far ahead", index_jump},
	{"an index that goes back", index_backwards},
	{"a chain longer than the queue", indirect_too_many},
	{"a loop in an indirect table", indirect_loop},
	{"a next beyond its indirect table", indirect_next_out_of_range},
	{"an indirect table in another", indirect_in_indirect},
	{"an indirect table in itself", indirect_of_itself},
	{"an indirect table with a next", indirect_with_next},
	{"an empty indirect table", indirect_empty},
	{"an indirect table of one and a half", indirect_odd_length},
	{"a misaligned indirect table", indirect_misaligned},
	{"an indirect table past the end of memory", indirect_out_of_memory},
	{"an indirect table of 4 GiB", indirect_huge},
	{"a request of 4 GiB", four_gigabytes},
};
const unsigned drv_attacks_count = sizeof(drv_attacks) / sizeof(drv_attacks[0]);

static bool broke(void *arg)
{
	return drv_broken(arg);
}

/* A worker tells of it after the status says it. */
static bool interrupted(void *arg)
{
	return drv_irqs(arg) > 0;
}

bool drv_attack_all(struct drv *d, unsigned queue, void (*poke)(struct drv *d, void *arg),
		    void *arg)
{
	uint64_t mark = d->free_gpa;
	bool good = true;

	for (unsigned i = 0; i < drv_attacks_count; i++, d->free_gpa = mark) {
		bool ok = drv_start(d, DRV_ALL, 64);

		drv_run(d);
		(void)drv_isr(d);
		(void)drv_irqs(d);
		drv_attacks[i].put(d, queue);
		drv_notify(d, queue);
		if (poke)
			poke(d, arg);
		ok = ok && drv_until(d, broke, d) && drv_until(d, interrupted, d) &&
		     (drv_isr(d) & VIRTIO_MMIO_INT_CONFIG);
		if (!ok)
			printf("# not refused: %s\n", drv_attacks[i].name);
		good = good && ok;
	}
	drv_reset(d);
	return good;
}

static struct vring_desc nonsense(uint64_t r, const struct vring_desc *good)
{
	struct vring_desc v = *good;

	switch (r & 7) {
	case 0:
		v.addr = UINT64_MAX - (r >> 8 & 0xff);
		break;
	case 1:
		v.len = (uint32_t)(r >> 8);
		break;
	case 2:
		v.flags = (uint16_t)(r >> 8);
		break;
	case 3:
		v.next = (uint16_t)(r >> 8);
		break;
	case 4:
		v.len = 0;
		break;
	case 5:
		v.flags = VRING_DESC_F_INDIRECT;
		break;
	default:
		break;
	}
	return v;
}

static void *flip(void *arg)
{
	struct drv_flip *f = arg;
	struct drv_queue *q = &f->d->queue[f->queue];
	uint64_t r = UINT64_C(88172645463325252);

	while (!f->stop) {
		for (uint16_t i = 0; i < q->size; i++) {
			r ^= r << 13; /* xorshift: any numbers will do */
			r ^= r >> 7;
			r ^= r << 17;
			put_desc(&q->desc[i], nonsense(r, &f->good[i]));
		}
		for (uint16_t i = 0; i < q->size; i++)
			put_desc(&q->desc[i], f->good[i]);
	}
	return NULL;
}

void drv_flip_start(struct drv_flip *f, struct drv *d, unsigned queue)
{
	struct drv_queue *q = &d->queue[queue];

	*f = (struct drv_flip){.d = d, .queue = queue};
	f->good = malloc(sizeof(*f->good) * q->size);
	if (!f->good)
		die("drv_flip_start", "no memory");
	memcpy(f->good, q->desc, sizeof(*f->good) * q->size);
	if (pthread_create(&f->thread, NULL, flip, f))
		die("drv_flip_start", "no thread");
}

void drv_flip_stop(struct drv_flip *f)
{
	f->stop = true;
	(void)pthread_join(f->thread, NULL);
	free(f->good);
}

void drv_race(struct drv *d, unsigned queue, const struct drv_part *parts, unsigned count,
	      unsigned rounds)
{
	struct drv_flip f;
	uint16_t head;
	uint32_t len;

	for (unsigned i = 0; i < rounds; i++) {
		if (!drv_start(d, DRV_ALL, 64))
			die("drv_race", "the device doesn't start");
		/* The same chain in each descriptor, so that any head is one. */
		for (unsigned n = 0; n + count <= 64; n += count)
			(void)drv_put(d, queue, parts, count);
		drv_flip_start(&f, d, queue);
		drv_notify(d, queue);
		for (unsigned n = 0; n < 50 && !drv_broken(d); n++) {
			drv_run(d);
			while (drv_used(d, queue, &head, &len))
				drv_publish(d, queue, (uint16_t)(head % 64));
			drv_notify(d, queue);
		}
		drv_flip_stop(&f);
	}
	drv_reset(d);
}
