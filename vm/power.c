/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/power.h"

#include "vm/plan.h"

/* ACPI 6.5, 4.8.3.7: the register's SLP_EN. The DSDT has one state, S5. */
#define SLEEP_CONTROL 0
#define SLEEP_ENABLE  0x20
#define RESET         2
#define RESET_VALUE   1
#define POWER_LEN     3

/* The keyboard controller's command that pulses the reset line. */
#define I8042_PORT  0x64
#define I8042_RESET 0xfe

/* QEMU docs/specs/pvpanic: reads say which events there are, writes report one. */
#define PVPANIC_PANICKED 1

static void acpi_access(void *arg, uint64_t off, void *data, unsigned len, bool write)
{
	const struct power *p = arg;
	uint8_t v = *(uint8_t *)data;

	(void)len;
	if (!write)
		return; /* zeros: never woken up */
	if (off == SLEEP_CONTROL && v & SLEEP_ENABLE)
		p->ended(p->arg, VM_END_SHUTDOWN, "the guest switched itself off");
	else if (off == RESET && v == RESET_VALUE)
		p->ended(p->arg, VM_END_RESET, "the guest asked for a reset");
}

static void i8042_access(void *arg, uint64_t off, void *data, unsigned len, bool write)
{
	const struct power *p = arg;

	(void)off;
	(void)len;
	/* Reads are zeros: its input buffer is empty, so that nobody waits for that. */
	if (write && *(uint8_t *)data == I8042_RESET)
		p->ended(p->arg, VM_END_RESET,
			 "the guest asked for a reset (keyboard controller)");
}

static void panic_access(void *arg, uint64_t off, void *data, unsigned len, bool write)
{
	const struct power *p = arg;
	uint8_t *v = data;

	(void)off;
	(void)len;
	if (!write)
		*v = PVPANIC_PANICKED;
	else if (*v & PVPANIC_PANICKED)
		p->ended(p->arg, VM_END_PANIC, "the guest's kernel panicked");
}

int power_add(struct power *p, struct bus *pio, struct err *e)
{
	int r = bus_add(pio, PLAN_POWER_PORT, POWER_LEN, acpi_access, p, e);

	if (r == 0)
		r = bus_add(pio, I8042_PORT, 1, i8042_access, p, e);
	if (r == 0)
		r = bus_add(pio, PLAN_PANIC_PORT, 1, panic_access, p, e);
	return r;
}
