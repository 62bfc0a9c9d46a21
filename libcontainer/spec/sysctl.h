/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux.sysctl: which kernel parameters a container may set. /proc/sys is namespaced in
 * parts only; whatever belongs to a namespace that the container doesn't have of its own
 * would change the host.
 */
#ifndef LIBCONTAINER_SPEC_SYSCTL_H
#define LIBCONTAINER_SPEC_SYSCTL_H

#include <stddef.h>

#include "libcontainer/spec/spec.h"

/* The file of a sysctl, relative to /proc/sys, from either spelling (sysctl.d(5)):
 * "net.ipv4.conf.eth0/100.rp_filter" and "net/ipv4/conf/eth0.100/rp_filter". -EINVAL if
 * the name has an empty, "." or ".." step, -ENAMETOOLONG if it doesn't fit. */
int sysctl_path(const char *key, char *buf, size_t len);

/* NULL if the container may set it, else why not (a constant). */
const char *sysctl_refused(const struct spec *s, const char *key);

#endif
