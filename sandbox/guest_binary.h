/* SPDX-License-Identifier: Apache-2.0 */
/* hull-guest as it was built with this hull, which carries it: there is no second file on
 * the host. */
#ifndef SANDBOX_GUEST_BINARY_H
#define SANDBOX_GUEST_BINARY_H

#include <stddef.h>

extern const unsigned char guest_binary[];

/* 0: this hull was built without it, as with sanitizers. */
size_t guest_binary_len(void);

#endif
