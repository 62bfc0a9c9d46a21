/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux.sysctl: kernel parameters of the container's namespaces.
 */
#ifndef LIBCONTAINER_SYSCTL_H
#define LIBCONTAINER_SYSCTL_H

#include "base/arena.h"
#include "libcontainer/spec/spec.h"

struct sysctl_plan {
	struct spec_pair *v; /* file below procfs -> value */
	size_t count;
};

/* Turns names into files: "net.ipv4.ip_forward" and "net/ipv4/conf/eth0.1/x" (sysctl(8):
 * the first separator decides). Which names are allowed is the validation's business; but
 * that a network namespace by path isn't the host's own is seen here. */
int sysctl_plan_make(struct arena *a, const struct spec *s, struct sysctl_plan *ret,
		     struct err *e);

/* In the child, in its namespaces. proc_fd: base/procfs.h. */
int sysctl_write(const struct sysctl_plan *p, int proc_fd, struct err *e);

#endif
