/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A saved machine's state, but for its memory: a header with version and checksum, then
 * sections, each with a name, a number and a length, holding little-endian numbers and
 * bytes in the order in which they were put.
 *
 * Errors stick: putting and getting return nothing to check, and the end tells whether
 * all went well. A reader never leaves the section it is in, so a damaged or hostile
 * file can only be refused.
 */
#ifndef VM_STATE_H
#define VM_STATE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define STATE_VERSION 1

struct state_writer;
struct state_reader;

struct state_writer *state_writer_new(void); /* NULL: no memory */
void state_writer_free(struct state_writer *w);
void state_begin(struct state_writer *w, const char name[4], uint32_t number);
void state_end(struct state_writer *w);
void state_put_u8(struct state_writer *w, uint8_t v);
void state_put_u16(struct state_writer *w, uint16_t v);
void state_put_u32(struct state_writer *w, uint32_t v);
void state_put_u64(struct state_writer *w, uint64_t v);
void state_put_bytes(struct state_writer *w, const void *p, uint32_t len);

/* What there is can't be saved now: sticks as an error (EBUSY) with this text. */
void state_cannot(struct state_writer *w, const char *why);

/* All of it, owned by the writer. */
int state_finish(struct state_writer *w, const void **ret, size_t *ret_len,
		 struct err *e);

/* Checks header, version, length and checksum; the text must outlive the reader. */
int state_reader_new(const void *data, size_t len, struct state_reader **ret,
		     struct err *e);
void state_reader_free(struct state_reader *r);

/* Enters the section of this name and number, wherever it is; a missing one sticks as an
 * error. state_leave() checks that all of it was read. */
void state_enter(struct state_reader *r, const char name[4], uint32_t number);
void state_leave(struct state_reader *r);
uint8_t state_get_u8(struct state_reader *r);
uint16_t state_get_u16(struct state_reader *r);
uint32_t state_get_u32(struct state_reader *r);
uint64_t state_get_u64(struct state_reader *r);

/* The bytes themselves, inside the text; NULL (and *ret_len 0) after an error. */
const void *state_get_bytes(struct state_reader *r, uint32_t *ret_len);

/* As state_get_bytes, copied; another length than len sticks as an error. */
void state_get_into(struct state_reader *r, void *buf, uint32_t len);

/* A value that makes no sense: sticks as an error with this text. */
void state_refuse(struct state_reader *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* 0, or the first error. */
int state_check(const struct state_reader *r, struct err *e);

#endif
