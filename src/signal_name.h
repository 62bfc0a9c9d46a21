/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals by name, as runc's kill takes them.
 */
#ifndef SRC_SIGNAL_NAME_H
#define SRC_SIGNAL_NAME_H

#include "base/err.h"

/* "TERM", "SIGTERM", "sigterm", "15", "RTMIN+3", "RTMAX-1": the number, or -EINVAL. 0 is
 * a number too (kill(2): a look whether the process is there). */
int signal_from_name(const char *name, struct err *e);

#endif
