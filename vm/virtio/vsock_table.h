/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which stream, or listener, a pair of ports belongs to: a hash table whose entries are
 * embedded in what they stand for. Its hash is keyed, as the guest chooses its ports.
 */
#ifndef VM_VIRTIO_VSOCK_TABLE_H
#define VM_VIRTIO_VSOCK_TABLE_H

#include <stdint.h>

struct vsock_entry {
	struct vsock_entry *next;
	uint32_t host_port, guest_port; /* a listener's guest_port is 0 */
};

struct vsock_table {
	struct vsock_entry **bucket;
	unsigned bits;
	uint64_t key;
};

/* 2^bits buckets, 1 to 31: 0 or -ENOMEM. */
int vsock_table_init(struct vsock_table *t, unsigned bits);

/* Frees the table, not what is in it. */
void vsock_table_done(struct vsock_table *t);

struct vsock_entry *vsock_table_find(const struct vsock_table *t, uint32_t host_port,
				     uint32_t guest_port);
void vsock_table_add(struct vsock_table *t, struct vsock_entry *n);
void vsock_table_remove(struct vsock_table *t, struct vsock_entry *n);

#endif
