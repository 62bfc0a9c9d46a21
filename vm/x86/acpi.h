/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of ACPI share among themselves.
 */
#ifndef VM_X86_ACPI_H
#define VM_X86_ACPI_H

#include <stddef.h>

#include "vm/x86/aml.h"
#include "vm/x86/x86.h"

/* Appends the DSDT; returns where it begins. */
size_t dsdt_write(struct aml *a, const struct acpi_config *c);

#endif
