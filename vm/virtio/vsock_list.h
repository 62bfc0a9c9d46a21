/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists that streams are in, first in, first out: the link is embedded, and knows whether
 * it is in one.
 */
#ifndef VM_VIRTIO_VSOCK_LIST_H
#define VM_VIRTIO_VSOCK_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct vsock_link {
	struct vsock_link *prev, *next; /* NULL: in no list */
};

struct vsock_list {
	struct vsock_link head; /* a circle with the links */
};

static inline void list_init(struct vsock_list *l)
{
	l->head.prev = l->head.next = &l->head;
}

static inline bool list_is_empty(const struct vsock_list *l)
{
	return l->head.next == &l->head;
}

/* Does nothing if it is in one already. */
static inline void list_append(struct vsock_list *l, struct vsock_link *n)
{
	if (n->next)
		return;
	n->prev = l->head.prev;
	n->next = &l->head;
	n->prev->next = n;
	l->head.prev = n;
}

static inline void list_remove(struct vsock_link *n)
{
	if (!n->next)
		return;
	n->prev->next = n->next;
	n->next->prev = n->prev;
	n->prev = n->next = NULL;
}

/* The first one's container, or NULL. */
#define LIST_FIRST(list, type, member)                                                   \
	(list_is_empty(list)                                                             \
		 ? NULL                                                                  \
		 : (type *)(void *)((char *)(list)->head.next - offsetof(type, member)))

#endif
