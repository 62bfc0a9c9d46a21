/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What memory.c and memory_*.c share: nobody else includes this.
 */
#ifndef VM_MEMORY_PARTS_H
#define VM_MEMORY_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "vm/memory.h"

#define MEMORY_HUGE    UINT64_C(0x200000)   /* a huge page: what boot memory is made of */
#define MEMORY_ALIGN   UINT64_C(0x40000000) /* of what lies above boot memory */
#define MEMORY_BLOCKS  1024
#define MEMORY_WINDOWS 8

/* KVM's slots. */
#define MEMORY_SLOT_BOOT    0
#define MEMORY_SLOT_WINDOW  2
#define MEMORY_SLOT_HOTPLUG (MEMORY_SLOT_WINDOW + MEMORY_WINDOWS)

struct memory {
	int vm_fd; /* borrowed, -1: slots aren't registered */
	uint64_t page;
	bool shared, small_pages, mergeable;

	struct memory_range boot[2];
	unsigned boots;
	void *boot_host; /* of boot memory, which is contiguous here */
	uint64_t boot_size;

	/* A bit for each huge page of boot memory: some of it is a private mapping of a
	 * file, whose content would come back if the page were just dropped. */
	_Atomic uint64_t *file_backed;
	_Atomic unsigned splits; /* mappings that partial discards may have made */

	pthread_mutex_t lock; /* plugging, windows */
	struct memory_range hotplug;
	uint64_t block;
	_Atomic uint64_t plugged[MEMORY_BLOCKS / 64];

	unsigned windows;
	uint64_t top; /* gpa above everything, aligned */
};

static inline bool memory_bit(const _Atomic uint64_t *map, uint64_t n)
{
	return atomic_load_explicit(&map[n / 64], memory_order_acquire) >> (n % 64) & 1;
}

static inline void memory_set_bit(_Atomic uint64_t *map, uint64_t n, bool to)
{
	if (to)
		(void)atomic_fetch_or(&map[n / 64], UINT64_C(1) << (n % 64));
	else
		(void)atomic_fetch_and(&map[n / 64], ~(UINT64_C(1) << (n % 64)));
}

/* Whether [gpa, gpa + len), len > 0, is in the range. */
static inline bool memory_in(const struct memory_range *r, uint64_t gpa, uint64_t len)
{
	return len > 0 && len <= r->len && gpa >= r->gpa && gpa - r->gpa <= r->len - len;
}

/* Fresh anonymous memory at this place, with the advice of the configuration. 0 or
 * -errno. */
int memory_map_anonymous(const struct memory *m, void *host, uint64_t len);

int memory_slot(const struct memory *m, uint32_t slot, uint64_t gpa, uint64_t len,
		void *host);

#endif
