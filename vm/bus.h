/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which device an I/O port or a physical address belongs to. Filled before the vCPUs
 * run, and not changed afterwards, so that they look things up without a lock.
 */
#ifndef VM_BUS_H
#define VM_BUS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* A read fills data (zeroed before), a write takes it; off counts from the range's
 * base; off + len is within the range. len is 1, 2, 4 or 8. Called on vCPU threads. */
typedef void bus_fn(void *arg, uint64_t off, void *data, unsigned len, bool write);

#define BUS_RANGES 40

struct bus {
	unsigned count;
	struct bus_range {
		uint64_t base, len;
		bus_fn *fn;
		void *arg;
	} range[BUS_RANGES]; /* by base, none overlapping */
};

int bus_add(struct bus *b, uint64_t base, uint64_t len, bus_fn *fn, void *arg,
	    struct err *e);

/* False if nobody is there: the caller then reads all ones, and drops writes, as a PC
 * does. */
bool bus_access(const struct bus *b, uint64_t addr, void *data, unsigned len, bool write);

#endif
