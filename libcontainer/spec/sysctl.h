/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux.sysctl: which kernel parameters a container may set. /proc/sys is namespaced in
 * parts only; whatever belongs to a namespace that the container doesn't have of its own
 * would change the host.
 */
#ifndef LIBCONTAINER_SPEC_SYSCTL_H
#define LIBCONTAINER_SPEC_SYSCTL_H

#include <stdbool.h>
#include <stddef.h>

#include "libcontainer/spec/spec.h"

/* The file of a sysctl, relative to /proc/sys, from either spelling (sysctl.d(5)):
 * "net.ipv4.conf.eth0/100.rp_filter" and "net/ipv4/conf/eth0.100/rp_filter". -EINVAL if
 * the name has an empty, "." or ".." step, -ENAMETOOLONG if it doesn't fit. */
int sysctl_path(const char *key, char *buf, size_t len);

/* NULL if the container may set it, else why not (a constant). By the spec alone: whether a
 * network namespace that it has by path is the host's own is asked where the container is
 * made (spec_network_is_callers). */
const char *sysctl_refused(const struct spec *s, const char *key);

bool sysctl_is_network(const char *key);

#endif
