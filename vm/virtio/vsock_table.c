/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/virtio/vsock_table.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/random.h>

int vsock_table_init(struct vsock_table *t, unsigned bits)
{
	t->bits = bits;
	t->bucket = calloc((size_t)1 << bits, sizeof(struct vsock_entry *));
	if (!t->bucket)
		return -ENOMEM;
	/* Without randomness the guest could make its own device slow, no more. */
	if (getrandom(&t->key, sizeof(t->key), GRND_NONBLOCK) != sizeof(t->key))
		t->key = UINT64_C(0x9e3779b97f4a7c15);
	return 0;
}

void vsock_table_done(struct vsock_table *t)
{
	free(t->bucket);
	t->bucket = NULL;
}

static struct vsock_entry **bucket_of(const struct vsock_table *t, uint32_t host_port,
				      uint32_t guest_port)
{
	uint64_t h = ((uint64_t)host_port << 32 | guest_port) ^ t->key;

	/* Two multiplications, as one leaves the upper port's low bits out of the top. */
	h = (h ^ h >> 32) * UINT64_C(0xd6e8feb86659fd93);
	h = (h ^ h >> 32) * (t->key | 1);
	return &t->bucket[h >> (64 - t->bits)];
}

struct vsock_entry *vsock_table_find(const struct vsock_table *t, uint32_t host_port,
				     uint32_t guest_port)
{
	struct vsock_entry *n = *bucket_of(t, host_port, guest_port);

	while (n && (n->host_port != host_port || n->guest_port != guest_port))
		n = n->next;
	return n;
}

void vsock_table_add(struct vsock_table *t, struct vsock_entry *n)
{
	struct vsock_entry **b = bucket_of(t, n->host_port, n->guest_port);

	n->next = *b;
	*b = n;
}

void vsock_table_remove(struct vsock_table *t, struct vsock_entry *n)
{
	struct vsock_entry **p = bucket_of(t, n->host_port, n->guest_port);

	while (*p && *p != n)
		p = &(*p)->next;
	if (*p)
		*p = n->next;
}
