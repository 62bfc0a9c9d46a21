/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel modules that a guest's first process has to load, found in the folder
 * lib/modules/VERSION of a kernel by its modules.dep and modules.builtin (depmod(8),
 * kbuild.rst).
 */
#ifndef SANDBOX_MODULES_H
#define SANDBOX_MODULES_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "libcontainer/spec/spec.h"

struct module_need {
	const char *name;   /* with '_', as lsmod prints it */
	const char *option; /* what the kernel's configuration calls it, for people */
	bool required;      /* false: a kernel without it will do */
};

/* What a sandbox's guest needs; NULL names the end. */
extern const struct module_need guest_modules[];

/* The files to load, in the order of loading, as modules.dep names them; in the arena.
 * What is built in needs none. dir: the folder, borrowed. All that is missing is named in
 * one error. */
int modules_find(struct arena *a, int dir, const struct module_need *needs,
		 struct strings *ret, struct err *e);

#endif
