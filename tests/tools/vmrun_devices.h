/* SPDX-License-Identifier: Apache-2.0 */
/* Taps, disks, trees and sockets of a machine, by vmrun's options. */
#ifndef TESTS_TOOLS_VMRUN_DEVICES_H
#define TESTS_TOOLS_VMRUN_DEVICES_H

#include "tests/tools/vmrun_options.h"
#include "tests/tools/vsock_relay.h"

/* *relay is made if sockets are asked for, to be freed before the machine. */
int vmrun_connect(const struct vmrun_options *o, struct vm *vm, struct arena *a,
		  struct vsock_relay **relay, struct err *e);

#endif
