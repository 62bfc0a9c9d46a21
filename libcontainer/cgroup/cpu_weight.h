/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIBCONTAINER_CGROUP_CPU_WEIGHT_H
#define LIBCONTAINER_CGROUP_CPU_WEIGHT_H

#include <stdint.h>

/* cpu.shares of cgroup v1 (2 ... 262144, default 1024) as cpu.weight of v2 (1 ... 10000,
 * default 100), by the formula that runc and crun use: the quadratic function of
 * log2(shares) through both ends and the default. 0 stays 0: not set. */
uint64_t cpu_weight_from_shares(uint64_t shares);

#endif
