/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pressure stall information (Documentation/accounting/psi.rst): how long tasks of a
 * cgroup have waited for a resource.
 */
#ifndef LIBCONTAINER_CGROUP_PSI_H
#define LIBCONTAINER_CGROUP_PSI_H

#include <stdbool.h>
#include <stdint.h>

struct psi_line {
	/* Shares of the last 10, 60 and 300 seconds, in hundredths of a percent. */
	uint32_t avg10, avg60, avg300;
	uint64_t total; /* microseconds */
};

struct psi {
	bool set;                   /* false: this kernel or cgroup doesn't tell */
	struct psi_line some, full; /* some of the tasks waited; all of them did */
};

/* Reads the file name ("cpu.pressure") of a cgroup's folder. What isn't there, is off
 * (EOPNOTSUPP) or can't be read leaves set false. */
void psi_read(int dir, const char *name, struct psi *ret);

#endif
