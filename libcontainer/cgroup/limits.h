/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux.resources (config-linux.md, Control groups) as writes to the files of one cgroup;
 * all but the devices, which are a BPF program (devices.h).
 */
#ifndef LIBCONTAINER_CGROUP_LIMITS_H
#define LIBCONTAINER_CGROUP_LIMITS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/log.h"
#include "libcontainer/spec/spec.h"

/* What files said before limits_apply wrote to them, newest first. */
struct limits_old;
struct limits_undo {
	struct arena arena;
	struct limits_old *last;
};

/* Writes what is set, through the cgroup's descriptor; path names it in errors. A value
 * that cgroup v2 has no file for is left out as runc does, with a warning where somebody
 * could miss its effect. undo: remembers how it was, or NULL. */
int limits_apply(int dir, const char *path, const struct spec_resources *res,
		 struct limits_undo *undo, const struct log *log, struct err *e);

/* Writes back what limits_apply has changed. What can't be is a warning. */
void limits_take_back(int dir, const struct limits_undo *undo, const struct log *log);

void limits_undo_done(struct limits_undo *undo);

/* Whether there is anything to write. */
bool limits_any(const struct spec_resources *res);

/* The value for memory.swap.max: the spec's swap is the sum of memory and swap, v2's is
 * swap alone. limit and swap as in the spec (bytes, -1: no limit, 0: not set). Returns
 * 0 with *ret set: bytes, -1 for "max", or -2 for nothing to write. */
int limits_swap(int64_t limit, int64_t swap, int64_t *ret, struct err *e);

#endif
