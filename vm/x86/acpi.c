/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACPI tables of a "hardware-reduced" machine (ACPI 6.3, chapters 4.1 and 5.2): there is
 * none of the fixed hardware of a PC but two registers to sleep and one to reset, so a
 * kernel looks for no PIT, PIC, power button or SCI.
 */
#include "vm/x86/acpi.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "vm/plan.h"
#include "vm/x86/x86.h"

/* Boot architecture flags: what there is not. No bit for legacy devices nor for an 8042:
 * a kernel then doesn't probe for them. */
#define FADT_NO_VGA      (1 << 2)
#define FADT_NO_RTC      (1 << 5) /* the time is kvmclock's */

#define FADT_WBINVD      (1 << 0)
#define FADT_PWR_BUTTON  (1 << 4) /* not a fixed one */
#define FADT_SLP_BUTTON  (1 << 5)
#define FADT_RESET_REG   (1 << 10)
#define FADT_HW_REDUCED  (1 << 20)
#define FADT_FIXED_FLAGS (FADT_WBINVD | FADT_PWR_BUTTON | FADT_SLP_BUTTON)

/* An I/O port of one byte as a "generic address". */
static void add_port(struct aml *a, uint16_t port)
{
	aml_u8(a, 1); /* I/O */
	aml_u8(a, 8); /* bits, */
	aml_u8(a, 0); /* from the lowest */
	aml_u8(a, 1); /* accessed as bytes */
	aml_u64(a, port);
}

static size_t fadt_write(struct aml *a, uint64_t dsdt_gpa)
{
	size_t begin = aml_table(a, "FACP", 6);

	aml_zero(a, 109 - 36); /* the 32-bit DSDT and the fixed hardware */
	aml_u16(a, FADT_NO_VGA | FADT_NO_RTC);
	aml_u8(a, 0);
	aml_u32(a, FADT_FIXED_FLAGS | FADT_RESET_REG | FADT_HW_REDUCED);
	add_port(a, PLAN_POWER_PORT + 2);
	aml_u8(a, ACPI_RESET_VALUE);
	aml_u16(a, 0); /* of arm */
	aml_u8(a, 3);  /* ACPI 6.3 */
	aml_u64(a, 0); /* no FACS */
	aml_u64(a, dsdt_gpa);
	aml_zero(a, 244 - 148);           /* the fixed hardware again */
	add_port(a, PLAN_POWER_PORT);     /* sleep control */
	add_port(a, PLAN_POWER_PORT + 1); /* sleep status */
	aml_bytes(a, "HULL\0\0\0", 8);    /* the hypervisor */
	aml_table_end(a, begin);
	return begin;
}

static size_t madt_write(struct aml *a, const struct acpi_config *c)
{
	size_t begin = aml_table(a, "APIC", 5);

	aml_u32(a, PLAN_LAPIC);
	aml_u32(a, 0); /* no 8259 to be masked */
	for (unsigned i = 0; i < c->vcpus_max; i++) {
		aml_u8(a, 0); /* a processor with its local APIC */
		aml_u8(a, 8);
		aml_u8(a, (uint8_t)i);
		aml_u8(a, (uint8_t)i);
		aml_u32(a, i < c->vcpus ? 1 : 2); /* enabled, online capable */
	}
	/* All interrupts are wired as the numbers say: no overrides. */
	aml_u8(a, 1); /* IOAPIC */
	aml_u8(a, 12);
	aml_u8(a, 0);
	aml_u8(a, 0);
	aml_u32(a, PLAN_IOAPIC);
	aml_u32(a, 0); /* its first interrupt */
	aml_table_end(a, begin);
	return begin;
}

static size_t xsdt_write(struct aml *a, const uint64_t gpa[], size_t count)
{
	size_t begin = aml_table(a, "XSDT", 1);

	for (size_t i = 0; i < count; i++)
		aml_u64(a, gpa[i]);
	aml_table_end(a, begin);
	return begin;
}

#define RSDP_LEN 36

static void rsdp_write(struct aml *a, uint64_t xsdt_gpa)
{
	aml_bytes(a, "RSD PTR ", 8);
	aml_u8(a, 0);
	aml_bytes(a, "HULL  ", 6);
	aml_u8(a, 2);
	aml_u32(a, 0);
	aml_u32(a, RSDP_LEN);
	aml_u64(a, xsdt_gpa);
	aml_u32(a, 0);
	aml_checksum(a, 0, 20, 8);
	aml_checksum(a, 0, RSDP_LEN, 32);
}

int arch_generation_renew(struct memory *m, struct err *e)
{
	uint8_t id[X86_GENERATION_LEN];

	if (getrandom(id, sizeof(id), 0) != (ssize_t)sizeof(id))
		return err_sys(e, "random numbers");
	if (memory_write(m, X86_GENERATION, id, sizeof(id)) < 0)
		return err_set(e, EFAULT, "no guest memory for ACPI tables");
	return 0;
}

int acpi_write(struct memory *m, const struct acpi_config *c, struct err *e)
{
	struct aml a = {.cap = X86_GENERATION - X86_ACPI}, rsdp;
	uint64_t tables[2], dsdt;

	a.p = memory_at(m, X86_ACPI, a.cap);
	if (!a.p)
		return err_set(e, EFAULT, "no guest memory for ACPI tables");
	rsdp = a;
	aml_zero(&a, 64); /* the RSDP, written last */
	dsdt = X86_ACPI + dsdt_write(&a, c);
	aml_zero(&a, -a.len & 7);
	tables[0] = X86_ACPI + fadt_write(&a, dsdt);
	aml_zero(&a, -a.len & 7);
	tables[1] = X86_ACPI + madt_write(&a, c);
	aml_zero(&a, -a.len & 7);
	rsdp_write(&rsdp, X86_ACPI + xsdt_write(&a, tables, 2));
	if (a.failed || rsdp.failed)
		return err_set(e, ENOSPC, "the ACPI tables do not fit");
	return arch_generation_renew(m, e);
}
