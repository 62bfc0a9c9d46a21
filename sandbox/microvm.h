/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The microvm engine: the container's processes are another kernel's, in a machine of
 * hull's own.
 */
#ifndef SANDBOX_MICROVM_H
#define SANDBOX_MICROVM_H

#include <stdint.h>

#include "libcontainer/engine.h"

/* container_options.engine_config */
struct sandbox_config {
	const char *kernel;  /* its path; NULL: found (kernel.h) */
	uint64_t memory;     /* bytes that a machine has at least; 0: the default */
	uint64_t memory_max; /* bytes that it has at most; 0: no such limit */
	unsigned vcpus;      /* 0: the default */
};

extern const struct engine microvm_engine;

/* In the container's folder: connections to its guest. */
#define SANDBOX_SOCKET "vm"

#endif
