/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strings: growable buffers, strict numbers, scope cleanup of heap memory.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void str_free(void *p); /* frees *(void **)p; for AUTO_FREE */

#define AUTO_FREE __attribute__((cleanup(str_free)))

/* Moves a pointer out of a variable: `return TAKE(p);` */
#define TAKE(p)                                                                          \
	({                                                                               \
		__typeof__(p) *take_p_ = &(p);                                           \
		__typeof__(p) take_v_ = *take_p_;                                        \
		*take_p_ = NULL;                                                         \
		take_v_;                                                                 \
	})

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static inline bool str_eq(const char *a, const char *b)
{
	return __builtin_strcmp(a, b) == 0;
}

/* If s begins with prefix, what follows it, else NULL. */
const char *str_after(const char *s, const char *prefix);
bool str_ends_with(const char *s, const char *suffix);

/* The whole of s as a decimal number without blanks, or -EINVAL / -ERANGE. A sign is
 * accepted by the signed one only. */
int str_to_u64(const char *s, uint64_t *ret);
int str_to_i64(const char *s, int64_t *ret);
int str_to_u32(const char *s, uint32_t *ret);

/* A growable text. It is always terminated once something was added; after a failed
 * allocation it stays empty and `failed` is set, so that callers check once. */
struct sbuf {
	char *data; /* owned */
	size_t len, cap;
	bool failed;
};

void sbuf_done(struct sbuf *b);
void sbuf_add(struct sbuf *b, const void *data, size_t len);
void sbuf_adds(struct sbuf *b, const char *s);
void sbuf_addf(struct sbuf *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#define AUTO_SBUF __attribute__((cleanup(sbuf_done))) struct sbuf

/* Formats into a heap string; NULL if there is no memory. */
char *str_fmt(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
