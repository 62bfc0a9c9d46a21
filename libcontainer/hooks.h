/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OCI hooks (runtime-spec config.md, POSIX-platform Hooks).
 */
#ifndef LIBCONTAINER_HOOKS_H
#define LIBCONTAINER_HOOKS_H

#include <stddef.h>

#include "base/log.h"
#include "libcontainer/spec/spec.h"

/* Runs the hooks of one list in order, where the caller is: each gets `state` on stdin
 * (the container's state as JSON), and its own args and env only. What it writes to stdout
 * and stderr is heard, and told if it fails: neither the caller's descriptors nor the
 * container's are its to keep. The first that exits with another status than 0, is killed
 * or overstays its timeout (then it and its process group are killed) ends the list with
 * an error in runc's words: "error running createRuntime hook #1: exit status 1, stdout:
 * , stderr: no such card". Safe after clone; leaves no child behind, and doesn't touch
 * other children of the caller. */
int hooks_run(const struct spec_hook_list *list, const char *name, const char *state,
	      size_t state_len, struct err *e);

/* The same for hooks that are files of the container, and so may be anybody's: fn(ctx,
 * fd) is the last that each hook's process does before its execve, and takes away the
 * rights that the hook must not have. It may close all descriptors but stdio and fd,
 * which is close-on-exec. */
typedef int hooks_confine(void *ctx, int fd, struct err *e);

int hooks_run_confined(const struct spec_hook_list *list, const char *name,
		       const char *state, size_t state_len, hooks_confine *fn, void *ctx,
		       struct err *e);

/* The same for hooks whose failure is a warning, and keeps no other from its turn. */
void hooks_run_all(const struct spec_hook_list *list, const char *name, const char *state,
		   size_t state_len, const struct log *log);

#endif
