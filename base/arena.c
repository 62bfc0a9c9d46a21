/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One block serves a usual config.json and the plan made from it; what is larger gets
 * a block of its own size. calloc leaves untouched pages untouched. */
#define BLOCK_SIZE ((size_t)32 * 1024)
#define ALIGN      _Alignof(max_align_t)

struct arena_block {
	struct arena_block *prev;
	size_t used, size;
	_Alignas(max_align_t) char data[];
};

static struct arena_block *add_block(struct arena *a, size_t size)
{
	size_t want = size > BLOCK_SIZE ? size : BLOCK_SIZE;
	struct arena_block *b;

	if (want > SIZE_MAX - sizeof(*b))
		return NULL;
	b = calloc(1, sizeof(*b) + want);
	if (!b)
		return NULL;
	b->size = want;
	b->prev = a->last;
	a->last = b;
	return b;
}

void *arena_alloc(struct arena *a, size_t size)
{
	struct arena_block *b = a->last;
	void *p;

	if (size > SIZE_MAX - ALIGN)
		return NULL;
	size = (size + ALIGN - 1) & ~(ALIGN - 1);
	if (!b || size > b->size - b->used)
		b = add_block(a, size);
	if (!b)
		return NULL;
	p = b->data + b->used;
	b->used += size;
	return p;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes))
		return NULL;
	return arena_alloc(a, bytes);
}

char *arena_strndup(struct arena *a, const char *s, size_t len)
{
	char *copy = len < SIZE_MAX ? arena_alloc(a, len + 1) : NULL;

	if (copy)
		memcpy(copy, s, len);
	return copy;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

char *arena_fmt(struct arena *a, const char *fmt, ...)
{
	va_list ap, again;
	char *s = NULL;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n >= 0)
		s = arena_alloc(a, (size_t)n + 1);
	if (s)
		(void)vsnprintf(s, (size_t)n + 1, fmt, again);
	va_end(again);
	return s;
}

void arena_done(struct arena *a)
{
	struct arena_block *prev;

	for (struct arena_block *b = a->last; b; b = prev) {
		prev = b->prev;
		free(b);
	}
	a->last = NULL;
}
