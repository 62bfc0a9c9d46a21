/* SPDX-License-Identifier: Apache-2.0 */
/* A saved machine in a folder: the files `state` and `memory`. */
#ifndef TESTS_TOOLS_VMRUN_STATE_H
#define TESTS_TOOLS_VMRUN_STATE_H

#include "vm/vm.h"

struct state_files {
	int state, memory; /* owned */
};

/* New files for a machine that may be saved, in place of what was there. */
int state_files_new(const char *path, struct state_files *ret, struct err *e);
void state_files_done(struct state_files *f);

/* Pauses the machine and saves it into them. */
int state_save(struct vm *vm, const struct state_files *f, struct err *e);

/* The file to be the boot memory of a machine that is restored: a descriptor. */
int state_memory(const char *dir, struct err *e);
int state_restore(struct vm *vm, const char *dir, struct err *e);

#endif
