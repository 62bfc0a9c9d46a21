/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this build is.
 */
#ifndef SRC_VERSION_H
#define SRC_VERSION_H

#include "base/str.h"

/* The text of --version: runc's lines, and crun's with a word for each part built in. */
void version_add(struct sbuf *out);

#endif
