/* SPDX-License-Identifier: Apache-2.0 */
/* A saved machine in a folder: the files `state` and `memory`. */
#ifndef TESTS_TOOLS_VMRUN_STATE_H
#define TESTS_TOOLS_VMRUN_STATE_H

#include "vm/vm.h"

/* Pauses the machine and saves it into the folder, over what was there. */
int state_save(struct vm *vm, const char *path, struct err *e);

/* The file to be the boot memory of a machine that is restored: a descriptor. */
int state_memory(const char *dir, struct err *e);
int state_restore(struct vm *vm, const char *dir, struct err *e);

#endif
