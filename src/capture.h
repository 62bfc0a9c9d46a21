/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program of the host, run for what it prints.
 */
#ifndef SRC_CAPTURE_H
#define SRC_CAPTURE_H

#include "base/err.h"
#include "base/str.h"

/* Runs argv[0], looked up in $PATH, without input; all that it says on stdout and stderr
 * is added to out, up to 16 MiB. Returns its exit status (128 and the number of the
 * signal that killed it), or -errno. */
int capture_run(char *const argv[], struct sbuf *out, struct err *e);

#endif
