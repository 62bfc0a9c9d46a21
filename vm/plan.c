/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/plan.h"

#define BASE(n) (UINT64_C(0xc0001000) + (n)*UINT64_C(0x1000))

const struct plan_row plan[PLAN_DEVICES] = {
	[PLAN_CONSOLE] = {"console", BASE(0), 5},
	[PLAN_VSOCK] = {"vsock", BASE(1), 6},
	[PLAN_FS_PRIVATE] = {"fs-private", BASE(2), 7},
	[PLAN_FS_SHARED] = {"fs-shared", BASE(3), 10},
	[PLAN_RNG] = {"rng", BASE(4), 22},
	[PLAN_BALLOON] = {"balloon", BASE(5), 22},
	[PLAN_MEM] = {"mem", BASE(6), 21},
	[PLAN_NET0] = {"net0", BASE(7), 11},
	[PLAN_NET0 + 1] = {"net1", BASE(8), 12},
	[PLAN_NET0 + 2] = {"net2", BASE(9), 13},
	[PLAN_NET0 + 3] = {"net3", BASE(10), 13},
	[PLAN_BLOCK0] = {"block0", BASE(11), 14},
	[PLAN_BLOCK0 + 1] = {"block1", BASE(12), 15},
	[PLAN_BLOCK0 + 2] = {"block2", BASE(13), 16},
	[PLAN_BLOCK0 + 3] = {"block3", BASE(14), 17},
	[PLAN_BLOCK0 + 4] = {"block4", BASE(15), 18},
	[PLAN_BLOCK0 + 5] = {"block5", BASE(16), 19},
	[PLAN_BLOCK0 + 6] = {"block6", BASE(17), 20},
	[PLAN_BLOCK0 + 7] = {"block7", BASE(18), 20},
};
