/* SPDX-License-Identifier: Apache-2.0 */
/* What a running machine is asked for, by lines that are written into a FIFO. The answers
 * go to stderr. */
#ifndef TESTS_TOOLS_VMRUN_CONTROL_H
#define TESTS_TOOLS_VMRUN_CONTROL_H

#include "vm/vm.h"

struct control;

/* Listens at the FIFO of this path. Both are borrowed, and outlive it. */
int control_new(struct vm *vm, struct loop *loop, const char *path, struct control **ret,
		struct err *e);
void control_free(struct control *c);

#endif
