/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process.capabilities (config.md, Linux Process): names to masks in the runtime's
 * process, masks to the kernel in the child.
 */
#ifndef LIBCONTAINER_PROCESS_CAPS_H
#define LIBCONTAINER_PROCESS_CAPS_H

#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "libcontainer/spec/spec.h"

struct caps { /* bit n is capability number n (linux/capability.h) */
	uint64_t bounding, effective, inheritable, permitted, ambient;
};

/* The masks of a spec; s may be NULL: none at all, as with runc. Names that are unknown,
 * or that the running kernel lacks, are left out with one warning for all of them:
 * "ignoring unknown or unavailable capabilities: [CAP_A CAP_B]". */
void caps_make(const struct spec_capabilities *s, struct caps *ret,
	       const struct log *log);

/* "CAP_CHOWN" for 0; NULL for a number that has no name. */
const char *caps_name(unsigned number);

/* The number of a name as "CAP_CHOWN", or -EINVAL. */
int caps_number(const char *name);

/* The highest number that the running kernel knows. */
unsigned caps_last(void);

/*
 * The child's steps: caps_drop_bounding, prctl(PR_SET_KEEPCAPS, 1), the change of user,
 * caps_apply. Safe after clone.
 */

/* Takes all but c->bounding out of the bounding set. Needs CAP_SETPCAP. */
int caps_drop_bounding(const struct caps *c, struct err *e);

/* Sets the effective, permitted, inheritable and ambient sets. An ambient capability that
 * can't be raised (it is not inheritable, say) is a warning, as with runc: "can't raise
 * ambient capability CAP_X: EPERM". */
int caps_apply(const struct caps *c, const struct log *log, struct err *e);

#endif
