/* SPDX-License-Identifier: Apache-2.0 */
/* What vmrun is asked for on its command line. */
#ifndef TESTS_TOOLS_VMRUN_OPTIONS_H
#define TESTS_TOOLS_VMRUN_OPTIONS_H

#include <stdio.h>

#include "base/arena.h"
#include "libcontainer/spec/spec.h"
#include "vm/plan.h"
#include "vm/vm.h"

/* What is attached or connected once there is a machine: values as they were given. */
struct vmrun_devices {
	struct strings taps, disks;
	struct strings fs[2]; /* by enum vm_fs */
	struct strings vsock_listen, vsock_connect;
};

struct vmrun_options {
	struct vm_config config;
	struct vm_boot boot; /* its descriptors are owned */
	struct vmrun_devices devices;
	const char *console; /* stdio or none */
	uint64_t plug;
	const char *save, *restore; /* folders */
	const char *control;        /* a FIFO */
	bool serial, stats, check, jail;
};

/* 0, 1 if it was asked for help, or -errno. o is what holds without options; texts live
 * as long as the arena and argv. */
int vmrun_parse(struct vmrun_options *o, struct arena *a, int argc, char **argv,
		struct err *e);

/* The options, a line each. */
void vmrun_help(FILE *f);

#endif
