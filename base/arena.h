/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that is freed all at once: a decoded spec, a prepared plan. Blocks are chained
 * and never moved, so pointers into an arena stay good until arena_done().
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena {
	struct arena_block *last; /* owned */
};

/* Zeroed memory, aligned for any type; NULL if there is none. */
void *arena_alloc(struct arena *a, size_t size);

/* As arena_alloc for count elements; NULL as well if the product overflows. */
void *arena_array(struct arena *a, size_t count, size_t size);

char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t len);
char *arena_fmt(struct arena *a, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

void arena_done(struct arena *a);

#define AUTO_ARENA __attribute__((cleanup(arena_done))) struct arena

#endif
