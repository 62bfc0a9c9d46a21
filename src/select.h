/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which engine a container gets, and what machine. The name that hull was called by and the
 * configuration set the floor: annotations, which may be a tenant's (CRI-O copies a pod's
 * into the spec), raise the isolation and never lower it; what else they ask for is done
 * only where the configuration allows it, and else an error.
 */
#ifndef SRC_SELECT_H
#define SRC_SELECT_H

#include "src/config.h"

/* The name by which hull has no other engine than a virtual machine. */
#define SELECT_SANDBOXED_NAME "hull-vm"

struct selection {
	bool microvm;
	struct config_vm vm; /* the configuration's, with what annotations may change */
};

/* Texts belong to the configuration and the annotations. */
int select_engine(const char *name, const struct config *c,
		  const struct spec_map *annotations, struct selection *ret,
		  struct err *e);

#endif
