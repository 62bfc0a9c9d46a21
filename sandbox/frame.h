/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages in a stream of bytes, between the host and the guest's first process: the
 * length of what follows (32 bits, little-endian), then as many bytes of JSON. Either
 * side takes the other for hostile: a message has a limit, and a reader holds one at a
 * time.
 */
#ifndef SANDBOX_FRAME_H
#define SANDBOX_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define FRAME_HEAD 4

struct frame_reader {
	size_t max; /* of a message, bytes; what is longer ends the conversation */
	uint8_t head[FRAME_HEAD];
	size_t have; /* bytes of the head and the message that are there */
	char *text;  /* owned: the message, terminated; NULL while there is none */
	size_t len;
};

/* Takes bytes of the stream up to the end of a message: how many is left in *taken. 1 if a
 * message is complete (r->text, r->len, until the next call), 0 if more bytes are wanted;
 * -EMSGSIZE for one that is too long or empty, -ENOMEM. After an error there is no next. */
int frame_read(struct frame_reader *r, const void *data, size_t len, size_t *taken,
	       struct err *e);

void frame_reader_done(struct frame_reader *r);

/* Adds a message to what is to be sent. */
void frame_add(struct sbuf *out, const char *text, size_t len);

#endif
