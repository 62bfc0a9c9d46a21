/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sizes as people write them.
 */
#ifndef SRC_SIZE_H
#define SRC_SIZE_H

#include <stdint.h>

/* "1073741824", "512m", "1.5 GiB": a number and, after a blank at most, a letter of
 * "bkmgtp" in powers of 1024, with "b" or "ib" behind it; capital or not. What runc
 * takes for --memory. 0, -EINVAL or -ERANGE. */
int size_parse(const char *text, int64_t *ret);

#endif
