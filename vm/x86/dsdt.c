/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The DSDT: which devices there are, for kernels that don't take them from their command
 * line. The names and resources are those that Linux' drivers look for.
 */
#include <stdio.h>

#include "vm/plan.h"
#include "vm/x86/acpi.h"
#include "vm/x86/x86.h"

#define MMIO_LEN 0x1000

/* The device's name from a letter or two and a number: "VR07". */
static void name_of(char name[5], const char *prefix, unsigned n)
{
	(void)snprintf(name, 5, "%s%02X", prefix, n & 0xff);
}

static bool is_shared(unsigned device)
{
	for (unsigned i = 0; i < PLAN_DEVICES; i++) {
		if (i != device && plan[i].gsi == plan[device].gsi)
			return true;
	}
	return false;
}

/* Linux: drivers/virtio/virtio_mmio.c */
static void add_virtio(struct aml *a, unsigned i)
{
	size_t device, crs;
	char name[5];

	name_of(name, "VR", i);
	device = aml_device(a, name);
	aml_name_string(a, "_HID", "LNRO0005");
	aml_name_int(a, "_UID", i);
	aml_name_int(a, "_CCA", 1);
	crs = aml_crs(a);
	aml_crs_memory(a, (uint32_t)plan[i].base, MMIO_LEN);
	aml_crs_irq(a, plan[i].gsi, is_shared(i));
	aml_crs_end(a, crs);
	aml_close(a, device);
}

static void add_serial(struct aml *a)
{
	size_t device = aml_device(a, "COM1"), crs;

	aml_name(a, "_HID");
	aml_eisa_id(a, "PNP0501");
	aml_name_int(a, "_UID", 0);
	crs = aml_crs(a);
	aml_crs_io(a, PLAN_SERIAL_PORT, 8);
	aml_crs_irq(a, PLAN_SERIAL_GSI, false);
	aml_crs_end(a, crs);
	aml_close(a, device);
}

/* Linux: drivers/misc/pvpanic/pvpanic-mmio.c */
static void add_panic(struct aml *a)
{
	size_t device = aml_device(a, "PEVT"), crs;

	aml_name_string(a, "_HID", "QEMU0001");
	crs = aml_crs(a);
	aml_crs_io(a, PLAN_PANIC_PORT, 1);
	aml_crs_end(a, crs);
	aml_close(a, device);
}

/* A number that changes whenever the machine is resumed from the past: Microsoft,
 * "Virtual Machine Generation ID"; Linux: drivers/virt/vmgenid.c. Told by the event
 * device, as a machine without ACPI hardware has no other event. */
static void add_generation(struct aml *a)
{
	size_t device, package, method, crs;

	device = aml_device(a, "VGEN");
	aml_name_string(a, "_HID", "HULL0001");
	aml_name_string(a, "_CID", "VM_Gen_Counter");
	aml_name_string(a, "_DDN", "VM_Gen_Counter");
	aml_name(a, "ADDR");
	package = aml_package(a, 2);
	aml_int(a, X86_GENERATION);
	aml_int(a, 0);
	aml_close(a, package);
	aml_close(a, device);

	device = aml_device(a, "GED_");
	aml_name_string(a, "_HID", "ACPI0013");
	aml_name_int(a, "_UID", 0);
	crs = aml_crs(a);
	aml_crs_irq(a, PLAN_GED_GSI, false);
	aml_crs_end(a, crs);
	method = aml_method(a, "_EVT", 1);
	aml_notify(a, "VGEN", 0x80);
	aml_close(a, method);
	aml_close(a, device);
}

/* A processor that is there, but doesn't run: Linux makes those of the MADT that are
 * only "online capable" possible, and present (as cpuN/online) with a device that has an
 * enabled entry of its own: drivers/acpi/acpi_processor.c. */
static void add_processor(struct aml *a, unsigned i)
{
	const uint8_t entry[8] = {0, 8, (uint8_t)i, (uint8_t)i, 1};
	size_t device;
	char name[5];

	name_of(name, "CP", i);
	device = aml_device(a, name);
	aml_name_string(a, "_HID", "ACPI0007");
	aml_name_int(a, "_UID", i);
	aml_name_int(a, "_STA", 0x0f); /* there and working; must be said, for once */
	aml_name(a, "_MAT");
	aml_buffer(a, entry, sizeof(entry));
	aml_close(a, device);
}

size_t dsdt_write(struct aml *a, const struct acpi_config *c)
{
	size_t begin = aml_table(a, "DSDT", 2), scope, package;

	/* Sleep type 5 is off; it goes to the sleep control register of the FADT. */
	aml_name(a, "_S5_");
	package = aml_package(a, 4);
	aml_int(a, ACPI_SLEEP_OFF);
	aml_int(a, ACPI_SLEEP_OFF);
	aml_int(a, 0);
	aml_int(a, 0);
	aml_close(a, package);

	scope = aml_scope(a, "_SB_");
	for (unsigned i = 0; i < PLAN_DEVICES; i++)
		add_virtio(a, i);
	if (c->serial)
		add_serial(a);
	add_panic(a);
	add_generation(a);
	for (unsigned i = c->vcpus; i < c->vcpus_max; i++)
		add_processor(a, i);
	aml_close(a, scope);
	aml_table_end(a, begin);
	return begin;
}
