/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection to hull-guest (protocol.h), from a process that may wait: a command's or a
 * proxy's. What comes is hostile: it has limits, a deadline, and is looked at for what is
 * expected alone.
 */
#ifndef SANDBOX_CHANNEL_H
#define SANDBOX_CHANNEL_H

#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "sandbox/frame.h"

struct channel {
	int fd; /* owned: a stream socket */
	struct frame_reader reader;
	size_t start, end; /* of what was read and is no message yet */
	char buf[4096];
};

#define CHANNEL_INIT                                                                     \
	{                                                                                \
		.fd = -1                                                                 \
	}

/* Takes *fd over. */
void channel_open(struct channel *c, int *fd);
void channel_close(struct channel *c);

/* Sends what a writer has written. -ETIMEDOUT if the guest takes nothing for timeout_ms. */
int channel_send(struct channel *c, struct json_writer *w, int timeout_ms, struct err *e);

/* The same for what has been written before: a JSON object. */
int channel_send_text(struct channel *c, const char *text, size_t len, int timeout_ms,
		      struct err *e);

/* Waits for a message, an object in the arena: 1; 0 if the other side is gone;
 * -ETIMEDOUT. timeout_ms -1: as long as it takes; 0 takes what is there. */
int channel_receive(struct channel *c, int timeout_ms, struct arena *a,
		    const struct json **ret, struct err *e);

/* The answer to a question; one that is an error is returned as one. */
int channel_answer(struct channel *c, int timeout_ms, struct arena *a,
		   const struct json **ret, struct err *e);

/* A question and its answer, both within timeout_ms. */
int channel_ask(struct channel *c, struct json_writer *w, int timeout_ms, struct arena *a,
		const struct json **ret, struct err *e);

#endif
