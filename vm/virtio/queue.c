/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Split virtqueues (VIRTIO 1.2, 2.7). The driver writes the rings while we read them, so
 * each of their fields is loaded and stored atomically, and once:
 *
 *	its index is loaded (acquire) before the ring's entries and descriptors are;
 *	ours is stored (release) after the used entry was written;
 *	between "I look no more" and the last look is a full fence, on both sides.
 */
#include "vm/virtio/queue.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_ring.h>
#include <stddef.h>
#include <string.h>

_Static_assert(sizeof(struct vring_desc) == 16, "VIRTIO 1.2, 2.7.5");
_Static_assert(sizeof(struct vring_used_elem) == 8, "VIRTIO 1.2, 2.7.8");

static uint16_t load16(const __virtio16 *p)
{
	return le16toh(__atomic_load_n(p, __ATOMIC_RELAXED));
}

/* NOLINTNEXTLINE(readability-non-const-parameter): it is stored to */
static void store16(__virtio16 *p, uint16_t v)
{
	__atomic_store_n(p, htole16(v), __ATOMIC_RELAXED);
}

/* ThreadSanitizer, which knows no fences, takes it by this name. */
static void fence(void)
{
	__sync_synchronize();
}

/* The event fields are where the rings end: 2.7.7.1 and 2.7.10. */
static __virtio16 *used_event(const struct queue *q)
{
	return &q->avail->ring[q->size];
}

static __virtio16 *avail_event(const struct queue *q)
{
	return (__virtio16 *)&q->used->ring[q->size];
}

static void *ring_at(const struct queue *q, uint64_t gpa, uint64_t align, uint64_t len)
{
	return gpa % align == 0 ? memory_at(q->mem, gpa, len) : NULL;
}

int queue_enable(struct queue *q, bool event_idx, bool indirect)
{
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;

	if (!q->size || q->size > q->max || (q->size & (q->size - 1)))
		return -EINVAL;
	desc = ring_at(q, q->desc_gpa, 16, sizeof(*desc) * q->size);
	avail = ring_at(q, q->avail_gpa, 2, 6 + 2 * (uint64_t)q->size);
	used = ring_at(q, q->used_gpa, 4, 6 + 8 * (uint64_t)q->size);
	if (!desc || !avail || !used)
		return -EINVAL;
	q->desc = desc;
	q->avail = avail;
	q->used = used;
	q->event_idx = event_idx;
	q->indirect = indirect;
	q->next_avail = q->next_used = q->signalled = 0;
	q->signalled_valid = true;
	q->ready = true;
	return 0;
}

void queue_reset(struct queue *q)
{
	*q = (struct queue){.mem = q->mem, .max = q->max};
}

static struct vring_desc desc_read(const struct vring_desc *p)
{
	return (struct vring_desc){
		.addr = le64toh(__atomic_load_n(&p->addr, __ATOMIC_RELAXED)),
		.len = le32toh(__atomic_load_n(&p->len, __ATOMIC_RELAXED)),
		.flags = load16(&p->flags),
		.next = load16(&p->next),
	};
}

/* An indirect table and its number of descriptors. Its alignment isn't ruled, but no
 * driver has less than that of the descriptor's largest field. */
static const struct vring_desc *table_at(const struct queue *q,
					 const struct vring_desc *d, uint32_t *ret_count)
{
	if (!q->indirect || d->flags & VRING_DESC_F_NEXT || d->len % sizeof(*d) != 0)
		return NULL;
	*ret_count = d->len / sizeof(*d);
	return ring_at(q, d->addr, 8, d->len);
}

static int chain_add(const struct queue *q, struct chain *c, unsigned iov_max,
		     const struct vring_desc *d)
{
	bool in = d->flags & VRING_DESC_F_WRITE;
	void *p;

	if (d->len == 0)
		return 0;
	if (c->out + c->in == iov_max || (c->in && !in))
		return -EINVAL;
	p = memory_at(q->mem, d->addr, d->len);
	if (!p)
		return -EINVAL;
	c->iov[c->out + c->in] = (struct iovec){.iov_base = p, .iov_len = d->len};
	if (in) {
		c->in++;
		c->in_len += d->len;
	} else {
		c->out++;
		c->out_len += d->len;
	}
	return 0;
}

/* Follows a chain from its head, through at most one indirect table, which ends it. No
 * chain is longer than the queue, so a loop is one that has too many. */
static int chain_walk(const struct queue *q, struct chain *c, unsigned iov_max)
{
	const struct vring_desc *table = q->desc;
	uint32_t count = q->size, i = c->head, parts = 0;
	bool nested = false;
	struct vring_desc d;

	for (;;) {
		if (i >= count || parts == q->size)
			return -EINVAL;
		d = desc_read(&table[i]);
		if (d.flags & VRING_DESC_F_INDIRECT) {
			table = nested ? NULL : table_at(q, &d, &count);
			if (!table)
				return -EINVAL;
			nested = true;
			i = 0;
			continue;
		}
		if (chain_add(q, c, iov_max, &d) < 0)
			return -EINVAL;
		if (!(d.flags & VRING_DESC_F_NEXT))
			break;
		parts++;
		i = d.next;
	}
	/* 2.7.5.2: at most 2^32 bytes; so that what was written always is a number. */
	if (c->out + c->in == 0 || c->out_len + c->in_len > UINT32_MAX)
		return -EINVAL;
	return 1;
}

static uint16_t avail_index(const struct queue *q)
{
	return le16toh(__atomic_load_n(&q->avail->idx, __ATOMIC_ACQUIRE));
}

int queue_pop(struct queue *q, struct chain *c, struct iovec *iov, unsigned iov_max)
{
	uint16_t count;

	if (!q->ready)
		return 0;
	count = avail_index(q) - q->next_avail;
	if (count == 0)
		return 0;
	if (count > q->size)
		return -EINVAL;
	*c = (struct chain){
		.head = load16(&q->avail->ring[q->next_avail & (q->size - 1)]),
		.iov = iov,
	};
	q->next_avail++;
	return chain_walk(q, c, iov_max);
}

void queue_unpop(struct queue *q)
{
	q->next_avail--;
}

bool queue_pending(const struct queue *q)
{
	return q->ready && avail_index(q) != q->next_avail;
}

void queue_fill(struct queue *q, uint16_t ahead, uint16_t head, uint32_t written)
{
	struct vring_used_elem *e;

	if (!q->ready)
		return;
	e = &q->used->ring[(q->next_used + ahead) & (q->size - 1)];
	__atomic_store_n(&e->id, htole32(head), __ATOMIC_RELAXED);
	__atomic_store_n(&e->len, htole32(written), __ATOMIC_RELAXED);
}

void queue_publish(struct queue *q, uint16_t count)
{
	uint16_t left = q->signalled - q->next_used; /* until we come round to it */

	if (!q->ready)
		return;
	q->next_used += count;
	__atomic_store_n(&q->used->idx, htole16(q->next_used), __ATOMIC_RELEASE);
	/* All the way round since the last question: nothing follows from it. */
	if (left && count >= left)
		q->signalled_valid = false;
}

void queue_push(struct queue *q, uint16_t head, uint32_t written)
{
	queue_fill(q, 0, head, written);
	queue_publish(q, 1);
}

bool queue_wants_interrupt(struct queue *q)
{
	uint16_t old = q->signalled;
	bool valid = q->signalled_valid;

	if (!q->ready || (valid && q->next_used == old))
		return false;
	q->signalled = q->next_used;
	q->signalled_valid = true;
	/* Our index first, then what the driver thinks of it: it does the reverse. */
	fence();
	if (!q->event_idx)
		return !(load16(&q->avail->flags) & VRING_AVAIL_F_NO_INTERRUPT);
	return !valid || vring_need_event(load16(used_event(q)), q->next_used, old);
}

void queue_stop_notify(struct queue *q)
{
	/* An event index that stays behind is as good, and costs nothing. */
	if (q->ready && !q->event_idx)
		store16(&q->used->flags, VRING_USED_F_NO_NOTIFY);
}

bool queue_want_notify(struct queue *q)
{
	if (!q->ready)
		return false;
	if (q->event_idx)
		store16(avail_event(q), q->next_avail);
	else
		store16(&q->used->flags, 0);
	fence();
	return avail_index(q) != q->next_avail;
}

/* The next piece of at most max bytes from off on; false at the end. */
static bool iov_next(const struct iovec **iov, unsigned *count, size_t *off, size_t max,
		     struct iovec *ret)
{
	for (; *count && *off >= (*iov)->iov_len; (*count)--, (*iov)++)
		*off -= (*iov)->iov_len;
	if (!*count || !max)
		return false;
	ret->iov_base = (char *)(*iov)->iov_base + *off;
	ret->iov_len = (*iov)->iov_len - *off;
	if (ret->iov_len > max)
		ret->iov_len = max;
	*off += ret->iov_len;
	return true;
}

size_t iov_read(const struct iovec *iov, unsigned count, size_t off, void *buf,
		size_t len)
{
	struct iovec piece;
	size_t done = 0;

	for (; iov_next(&iov, &count, &off, len - done, &piece); done += piece.iov_len)
		memcpy((char *)buf + done, piece.iov_base, piece.iov_len);
	return done;
}

size_t iov_write(const struct iovec *iov, unsigned count, size_t off, const void *buf,
		 size_t len)
{
	struct iovec piece;
	size_t done = 0;

	for (; iov_next(&iov, &count, &off, len - done, &piece); done += piece.iov_len)
		memcpy(piece.iov_base, (const char *)buf + done, piece.iov_len);
	return done;
}

unsigned iov_cut(struct iovec *iov, unsigned count, size_t n)
{
	unsigned used = 0;

	for (; used < count && n >= iov[used].iov_len; used++)
		n -= iov[used].iov_len;
	if (used < count && n) {
		iov[used].iov_base = (char *)iov[used].iov_base + n;
		iov[used].iov_len -= n;
	}
	return used;
}

void queue_save(const struct queue *q, struct state_writer *w)
{
	state_put_u16(w, q->size);
	state_put_u64(w, q->desc_gpa);
	state_put_u64(w, q->avail_gpa);
	state_put_u64(w, q->used_gpa);
	state_put_u8(w, q->ready);
	state_put_u8(w, q->event_idx);
	state_put_u8(w, q->indirect);
	state_put_u8(w, q->signalled_valid);
	state_put_u16(w, q->next_avail);
	state_put_u16(w, q->next_used);
	state_put_u16(w, q->signalled);
}

int queue_restore(struct queue *q, struct state_reader *r)
{
	bool ready, event_idx, indirect;

	queue_reset(q);
	q->size = state_get_u16(r);
	q->desc_gpa = state_get_u64(r);
	q->avail_gpa = state_get_u64(r);
	q->used_gpa = state_get_u64(r);
	ready = state_get_u8(r);
	event_idx = state_get_u8(r);
	indirect = state_get_u8(r);
	if (ready && queue_enable(q, event_idx, indirect) < 0) {
		q->size = 0;
		return -EINVAL;
	}
	q->signalled_valid = state_get_u8(r);
	q->next_avail = state_get_u16(r);
	q->next_used = state_get_u16(r);
	q->signalled = state_get_u16(r);
	return 0;
}
