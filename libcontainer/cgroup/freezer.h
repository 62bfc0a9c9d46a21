/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIBCONTAINER_CGROUP_FREEZER_H
#define LIBCONTAINER_CGROUP_FREEZER_H

#include <stdbool.h>

/* Whether a freeze of this cgroup was asked for: 1, 0 or -errno. A kernel without
 * cgroup.freeze (before 5.2) has nothing frozen. */
int freezer_get(int dir);

/* Freezes or thaws and waits 2 s at most; a freeze that doesn't come about (a process in
 * an uninterruptible wait) is taken back. 0, -ETIMEDOUT or another -errno. */
int freezer_set(int dir, bool freeze);

#endif
