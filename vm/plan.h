/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The devices that every machine has, in one table: virtio-mmio knows no hotplug, and the
 * in-kernel IOAPIC has 24 pins, so all that may be needed has its place from the start. A
 * restored machine has the same.
 *
 * A device that isn't in use says that it isn't there (device id 0), so that a boot spends
 * three accesses on it and not a hundred. It appears when it is connected; a driver that
 * has looked before finds it when it is told to look again, in Linux
 *	echo LNRO0005:07 >/sys/bus/platform/drivers/virtio-mmio/bind
 * with its number in the plan. Once found it stays, with its link down or without capacity
 * when it is disconnected.
 *
 * Interrupts are edges; those that share a line are seldom used together. A device's
 * interrupt status is set before the line is pulsed, so a shared edge is never lost.
 */
#ifndef VM_PLAN_H
#define VM_PLAN_H

#include <stdint.h>

#define PLAN_NETS   4
#define PLAN_BLOCKS 8

/* The order is part of saved states and of what guests see as virtio0, virtio1, ... */
enum plan_device {
	PLAN_CONSOLE,
	PLAN_VSOCK,
	PLAN_FS_PRIVATE,
	PLAN_FS_SHARED,
	PLAN_RNG,
	PLAN_BALLOON,
	PLAN_MEM,
	PLAN_NET0,
	PLAN_BLOCK0 = PLAN_NET0 + PLAN_NETS,
	PLAN_DEVICES = PLAN_BLOCK0 + PLAN_BLOCKS,
};

struct plan_row {
	const char *name; /* "net0": for errors, and the instance's name */
	uint64_t base;    /* of its register block */
	uint32_t gsi;
};

extern const struct plan_row plan[PLAN_DEVICES];

/* What isn't virtio. */
#define PLAN_SERIAL_PORT 0x3f8
#define PLAN_SERIAL_GSI  4
#define PLAN_POWER_PORT  0x600 /* ACPI sleep control and status, reset: power.c */
#define PLAN_PANIC_PORT  0x505 /* pvpanic */
#define PLAN_GED_GSI     23    /* ACPI events: a new VM generation */
#define PLAN_IOAPIC      0xfec00000
#define PLAN_LAPIC       0xfee00000

#endif
