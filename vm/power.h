/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a guest ends, by I/O ports: what the FADT and DSDT name (ACPI's sleep control,
 * sleep status and reset registers at PLAN_POWER_PORT and after, pvpanic), and the i8042's
 * reset, which kernels without ACPI use. No state.
 */
#ifndef VM_POWER_H
#define VM_POWER_H

#include "base/err.h"
#include "vm/bus.h"
#include "vm/vm.h"

struct power {
	/* On a vCPU's thread. */
	void (*ended)(void *arg, enum vm_end why, const char *text);
	void *arg;
};

/* Puts the ports on the bus; p must live as long. */
int power_add(struct power *p, struct bus *pio, struct err *e);

#endif
