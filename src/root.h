/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state root: the folder that has a folder for each container.
 */
#ifndef SRC_ROOT_H
#define SRC_ROOT_H

#include <stdbool.h>

#include "src/command.h"

/* What the program is called, from argv[0]: its last component, or "hull". */
const char *root_program_name(const char *argv0);

/* The root of a privileged process: uid 0 of the initial user namespace. */
bool root_is_real(void);

/* Makes cli->root an absolute path: what --root said, or the default (runc's rule):
 * /run/NAME, without privileges $XDG_RUNTIME_DIR/NAME. "/" is refused. */
int root_resolve(struct cli *cli, struct err *e);

/* Before a container is made: makes a default root below $XDG_RUNTIME_DIR, with the
 * sticky bit, which keeps it from being tidied away (XDG Base Directory Specification).
 */
int root_prepare(const struct cli *cli, struct err *e);

#endif
