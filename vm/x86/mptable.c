/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The MP table (Intel, MultiProcessor Specification 1.4, chapter 4): processors, the
 * IOAPIC and its lines, for kernels without ACPI. Linux looks for the pointer to it at
 * the end of the first 640 KiB: arch/x86/kernel/mpparse.c.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "vm/plan.h"
#include "vm/x86/x86.h"

struct mp_pointer {
	char signature[4];
	uint32_t table;
	uint8_t length, revision, checksum, features[5];
};

struct mp_table {
	char signature[4];
	uint16_t length;
	uint8_t revision, checksum;
	char oem[8], product[12];
	uint32_t oem_table;
	uint16_t oem_size, count;
	uint32_t lapic, reserved;
};

struct mp_processor {
	uint8_t type, apic_id, apic_version, flags;
	uint32_t signature, features, reserved[2];
};

struct mp_bus {
	uint8_t type, id;
	char name[6];
};

struct mp_ioapic {
	uint8_t type, id, version, flags;
	uint32_t address;
};

struct mp_interrupt {
	uint8_t type, kind;
	uint16_t flags; /* 0: as the bus has it, for ISA edges that are active high */
	uint8_t bus, bus_irq, apic, pin;
};

_Static_assert(sizeof(struct mp_pointer) == 16, "MP 1.4, 4.1");
_Static_assert(sizeof(struct mp_table) == 44, "MP 1.4, 4.2");
_Static_assert(sizeof(struct mp_processor) == 20, "MP 1.4, 4.3.1");
_Static_assert(sizeof(struct mp_bus) == 8, "MP 1.4, 4.3.2");
_Static_assert(sizeof(struct mp_ioapic) == 8, "MP 1.4, 4.3.3");
_Static_assert(sizeof(struct mp_interrupt) == 8, "MP 1.4, 4.3.4");

enum {
	MP_PROCESSOR,
	MP_BUS,
	MP_IOAPIC,
	MP_INTERRUPT,
	MP_LOCAL_INTERRUPT,
};

enum {
	MP_INT,
	MP_NMI,
	MP_SMI,
	MP_EXTINT,
};

#define APIC_VERSION  0x14
#define CPU_ENABLED   1
#define CPU_BOOT      2
#define CPU_SIGNATURE 0x600
#define CPU_FEATURES  0x201 /* APIC, FPU */
#define ALL_APICS     0xff

#define AREA_LEN      (X86_ACPI - X86_EBDA)

/* A table that grows. Its entries come in the order of their types. */
struct mp {
	uint8_t *p;
	size_t len;
	uint16_t count;
};

static void add(struct mp *mp, const void *entry, size_t len)
{
	memcpy(mp->p + mp->len, entry, len);
	mp->len += len;
	mp->count++;
}

static void add_processors(struct mp *mp, unsigned vcpus)
{
	for (unsigned i = 0; i < vcpus; i++) {
		const struct mp_processor cpu = {
			.type = MP_PROCESSOR,
			.apic_id = (uint8_t)i,
			.apic_version = APIC_VERSION,
			.flags = CPU_ENABLED | (i == 0 ? CPU_BOOT : 0),
			.signature = CPU_SIGNATURE,
			.features = CPU_FEATURES,
		};

		add(mp, &cpu, sizeof(cpu));
	}
}

static uint32_t used_lines(void)
{
	uint32_t lines = 1 << 0 /* the timer */ | 1 << PLAN_SERIAL_GSI;

	for (unsigned i = 0; i < PLAN_DEVICES; i++)
		lines |= UINT32_C(1) << plan[i].gsi;
	return lines;
}

static void add_interrupts(struct mp *mp, uint8_t ioapic)
{
	uint32_t lines = used_lines();

	for (uint8_t i = 0; i < 24; i++) {
		const struct mp_interrupt line = {
			.type = MP_INTERRUPT,
			.kind = MP_INT,
			.bus_irq = i,
			.apic = ioapic,
			.pin = i,
		};

		if (lines & UINT32_C(1) << i)
			add(mp, &line, sizeof(line));
	}
}

static void add_local_interrupts(struct mp *mp)
{
	const struct mp_interrupt extint = {
		.type = MP_LOCAL_INTERRUPT, .kind = MP_EXTINT, .apic = 0, .pin = 0};
	const struct mp_interrupt nmi = {
		.type = MP_LOCAL_INTERRUPT, .kind = MP_NMI, .apic = ALL_APICS, .pin = 1};

	add(mp, &extint, sizeof(extint));
	add(mp, &nmi, sizeof(nmi));
}

static uint8_t checksum(const void *p, size_t len)
{
	const uint8_t *b = p;
	uint8_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + b[i]);
	return (uint8_t)-sum;
}

int mptable_write(struct memory *m, unsigned vcpus, struct err *e)
{
	const struct mp_bus bus = {.type = MP_BUS, .id = 0, .name = "ISA   "};
	const struct mp_ioapic ioapic = {
		.type = MP_IOAPIC,
		.id = (uint8_t)vcpus, /* no processor's */
		.version = 0x11,
		.flags = CPU_ENABLED,
		.address = PLAN_IOAPIC,
	};
	struct mp_pointer pointer = {
		.signature = "_MP_",
		.table = X86_EBDA + sizeof(pointer),
		.length = 1,
		.revision = 4,
	};
	struct mp_table table = {
		.signature = "PCMP",
		.revision = 4,
		.oem = "HULL    ",
		.product = "HULLVM      ",
		.lapic = PLAN_LAPIC,
	};
	struct mp mp = {.len = sizeof(pointer) + sizeof(table)};

	mp.p = memory_at(m, X86_EBDA, AREA_LEN);
	if (!mp.p)
		return err_set(e, EFAULT, "no guest memory for the MP table");
	add_processors(&mp, vcpus);
	add(&mp, &bus, sizeof(bus));
	add(&mp, &ioapic, sizeof(ioapic));
	add_interrupts(&mp, ioapic.id);
	add_local_interrupts(&mp);
	pointer.checksum = checksum(&pointer, sizeof(pointer));
	memcpy(mp.p, &pointer, sizeof(pointer));
	table.length = (uint16_t)(mp.len - sizeof(pointer));
	table.count = mp.count;
	memcpy(mp.p + sizeof(pointer), &table, sizeof(table));
	table.checksum = checksum(mp.p + sizeof(pointer), table.length);
	memcpy(mp.p + sizeof(pointer), &table, sizeof(table));
	return 0;
}
