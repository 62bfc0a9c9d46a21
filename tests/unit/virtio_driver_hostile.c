/* SPDX-License-Identifier: Apache-2.0 */
/* The hostile driver: chains that break the rules, and those that change. */
#include <linux/virtio_mmio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/virtio_driver_parts.h"

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

	drv_publish_index(q, (uint16_t)(q->next_avail + q->size + 1));
}

static void index_backwards(struct drv *d, unsigned queue)
{
	struct drv_queue *q = &d->queue[queue];

	drv_desc(d, queue, 0, drv_alloc(d, 64), 64, 0, 0);

	drv_publish_index(q, (uint16_t)(q->next_avail - 1));
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
			drv_put_desc(&q->desc[i], nonsense(r, &f->good[i]));
		}
		for (uint16_t i = 0; i < q->size; i++)
			drv_put_desc(&q->desc[i], f->good[i]);
	}
	return NULL;
}

void drv_flip_start(struct drv_flip *f, struct drv *d, unsigned queue)
{
	struct drv_queue *q = &d->queue[queue];

	*f = (struct drv_flip){.d = d, .queue = queue};
	f->good = malloc(sizeof(*f->good) * q->size);
	if (!f->good)
		drv_die("drv_flip_start", "no memory");
	memcpy(f->good, q->desc, sizeof(*f->good) * q->size);
	if (pthread_create(&f->thread, NULL, flip, f))
		drv_die("drv_flip_start", "no thread");
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
			drv_die("drv_race", "the device doesn't start");
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
