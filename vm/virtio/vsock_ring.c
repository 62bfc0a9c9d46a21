/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/virtio/vsock_ring.h"

#include <stdlib.h>
#include <string.h>

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

static uint8_t *take(struct vsock_spares *s)
{
	uint8_t *data;

	if (s->taken == VSOCK_RINGS)
		return NULL;
	data = s->count ? s->data[--s->count] : malloc(VSOCK_RING_SIZE);
	s->taken += data != NULL;
	return data;
}

static void give(struct vsock_spares *s, uint8_t *data)
{
	s->taken -= data != NULL;
	if (data && s->count < VSOCK_SPARES)
		s->data[s->count++] = data;
	else
		free(data);
}

size_t vsock_ring_put(struct vsock_ring *r, struct vsock_spares *s, const void *buf,
		      size_t len)
{
	uint32_t tail = (r->head + r->used) % VSOCK_RING_SIZE;
	size_t first;

	len = min_size(len, VSOCK_RING_SIZE - r->used);
	if (!len)
		return 0;
	if (!r->data) {
		r->data = take(s);
		if (!r->data)
			return 0;
	}
	first = min_size(len, VSOCK_RING_SIZE - tail);
	memcpy(r->data + tail, buf, first);
	memcpy(r->data, (const uint8_t *)buf + first, len - first);
	r->used += (uint32_t)len;
	return len;
}

unsigned vsock_ring_peek(const struct vsock_ring *r, size_t max,
			 struct vsock_bytes ret[2])
{
	size_t len = min_size(max, r->used);
	size_t first = min_size(len, VSOCK_RING_SIZE - r->head);

	if (!len)
		return 0;
	ret[0] = (struct vsock_bytes){.p = r->data + r->head, .len = first};
	ret[1] = (struct vsock_bytes){.p = r->data, .len = len - first};
	return len > first ? 2 : 1;
}

void vsock_ring_drop(struct vsock_ring *r, struct vsock_spares *s, size_t len)
{
	r->used -= (uint32_t)len;
	r->head = (r->head + (uint32_t)len) % VSOCK_RING_SIZE;
	if (!r->used)
		vsock_ring_clear(r, s);
}

void vsock_ring_clear(struct vsock_ring *r, struct vsock_spares *s)
{
	give(s, r->data);
	*r = (struct vsock_ring){0};
}

void vsock_spares_done(struct vsock_spares *s)
{
	while (s->count)
		free(s->data[--s->count]);
}
