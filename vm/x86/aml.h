/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes ACPI tables and AML, ACPI's byte code (ACPI 6.3, chapters 5.2, 6.4 and 20.2):
 * each function appends one term. What doesn't fit sets `failed`, so that callers check
 * once.
 */
#ifndef VM_X86_AML_H
#define VM_X86_AML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct aml {
	uint8_t *p; /* borrowed: guest memory that no guest has seen yet */
	size_t len, cap;
	bool failed;
};

void aml_bytes(struct aml *a, const void *p, size_t len);
void aml_u8(struct aml *a, uint8_t v);
void aml_u16(struct aml *a, uint16_t v);
void aml_u32(struct aml *a, uint32_t v);
void aml_u64(struct aml *a, uint64_t v);
void aml_zero(struct aml *a, size_t len);

/* A table: its header now, length and checksum at the end. Returns where it begins. */
size_t aml_table(struct aml *a, const char signature[4], uint8_t revision);
void aml_table_end(struct aml *a, size_t begin);

/* Makes the bytes [begin, begin + len) add up to 0 by the one at `at`. */
void aml_checksum(struct aml *a, size_t begin, size_t len, size_t at);

/* Data */
void aml_int(struct aml *a, uint64_t v);
void aml_eisa_id(struct aml *a, const char id[7]); /* "PNP0501" */

/* Name(SEG_, what is written next); a name has four characters. */
void aml_name(struct aml *a, const char seg[4]);
void aml_name_int(struct aml *a, const char seg[4], uint64_t v);
void aml_name_string(struct aml *a, const char seg[4], const char *s);

/* What encloses others, until aml_close() with what was returned. */
size_t aml_scope(struct aml *a, const char seg[4]);
size_t aml_device(struct aml *a, const char seg[4]);
size_t aml_method(struct aml *a, const char seg[4], unsigned args);
size_t aml_package(struct aml *a, unsigned count);
void aml_close(struct aml *a, size_t mark);

void aml_buffer(struct aml *a, const void *p, uint8_t len);
void aml_notify(struct aml *a, const char seg[4], uint8_t value);

/* Name(_CRS, ResourceTemplate of what is written until aml_crs_end()) */
size_t aml_crs(struct aml *a);
void aml_crs_memory(struct aml *a, uint32_t base, uint32_t len);
void aml_crs_io(struct aml *a, uint16_t base, uint8_t len);
void aml_crs_irq(struct aml *a, uint32_t gsi, bool shared); /* an edge, active high */
void aml_crs_end(struct aml *a, size_t mark);

#endif
