/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program's own binary, out of reach of containers.
 *
 * A process that enters a container can be looked at from inside before it has executed
 * the user's program: /proc/PID/exe leads to hull's binary on the host, and a root in
 * there could open it for writing (CVE-2019-5736). So hull first executes itself again
 * from a place that can't be written to: a detached, read-only mount of the binary or,
 * where it has no right to mount, a sealed copy in memory.
 */
#ifndef SRC_SELF_EXE_H
#define SRC_SELF_EXE_H

#include "base/err.h"

/* Returns 0 if this process runs from such a place, which is looked at and not believed
 * (nothing in the environment or the arguments says so, so nobody can pretend); executes
 * argv again if not. An error if neither is possible. */
int self_exe_protect(char **argv, struct err *e);

#endif
