/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The container's state as hooks get it on stdin (runtime-spec runtime.md, State).
 */
#ifndef LIBCONTAINER_HOOK_STATE_H
#define LIBCONTAINER_HOOK_STATE_H

#include <sys/types.h>

#include "libcontainer/container.h"

/* A state whose pid is filled in later, without allocating: a child that runs hooks
 * doesn't know its pid before it exists. */
struct hook_state {
	char *text; /* owned; what comes before the pid is text[0 ... head) */
	size_t head, tail;
	char *full; /* owned: room for the whole */
};

/* The state of a container that is "creating", "created", ... */
int hook_state_init(struct hook_state *s, const struct container *c, const char *status,
		    struct err *e);

/* The text with this pid; good until the next call. Safe after clone. */
const char *hook_state_text(struct hook_state *s, pid_t pid, size_t *ret_len);

void hook_state_done(struct hook_state *s);

#endif
