/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers for inodes and handles: an index and a generation, so that a number that the
 * guest kept for too long is never another thing's.
 */
#include <errno.h>
#include <stdlib.h>

#include "vm/virtio/fs/internal.h"

static struct slot *find(const struct slots *s, uint64_t id)
{
	uint32_t i = (uint32_t)id - 1;

	if (i >= s->count || s->slot[i].gen != id >> 32 || !s->slot[i].p)
		return NULL;
	return &s->slot[i];
}

int slots_add(struct slots *s, void *p, uint64_t *ret_id)
{
	uint32_t i;

	if (s->free > 0) {
		i = s->free - 1;
		s->free = s->slot[i].next_free;
	} else {
		if (s->count == s->cap) {
			uint32_t cap = s->cap ? s->cap * 2 : 64;
			struct slot *bigger;

			if (s->cap >= UINT32_MAX / 4)
				return -ENFILE;
			bigger = realloc(s->slot, cap * sizeof(*bigger));
			if (!bigger)
				return -ENOMEM;
			s->slot = bigger;
			s->cap = cap;
		}
		i = s->count++;
		s->slot[i].gen = 0;
	}
	s->slot[i].p = p;
	s->used++;
	*ret_id = (uint64_t)s->slot[i].gen << 32 | (i + 1);
	return 0;
}

void *slots_get(const struct slots *s, uint64_t id)
{
	const struct slot *slot = find(s, id);

	return slot ? slot->p : NULL;
}

void slots_del(struct slots *s, uint64_t id)
{
	struct slot *slot = find(s, id);

	if (!slot)
		return;
	slot->p = NULL;
	slot->gen++;
	slot->next_free = s->free;
	s->free = (uint32_t)id; /* index + 1; 0 ends the list */
	s->used--;
}

int slots_reserve(struct slots *s, uint32_t n)
{
	struct slot *bigger;

	s->free = 0;
	if (n <= s->count)
		return 0;
	bigger = realloc(s->slot, (size_t)n * sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	s->slot = bigger;
	s->cap = n;
	for (; s->count < n; s->count++)
		s->slot[s->count] = (struct slot){0};
	return 0;
}

int slots_place(struct slots *s, uint64_t id, void *p)
{
	uint32_t i = (uint32_t)id - 1;

	if (i >= s->count)
		return -EINVAL;
	if (s->slot[i].p)
		return -EEXIST;
	s->slot[i].p = p;
	s->slot[i].gen = (uint32_t)(id >> 32);
	s->used++;
	return 0;
}

void slots_settle(struct slots *s, uint32_t least_gen)
{
	s->free = 0;
	for (uint32_t i = s->count; i > 0; i--) {
		struct slot *slot = &s->slot[i - 1];

		if (slot->p)
			continue;
		if (slot->gen < least_gen)
			slot->gen = least_gen;
		slot->next_free = s->free;
		s->free = i;
	}
}
