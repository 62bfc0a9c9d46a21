/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux.resources.devices as a BPF program of type cgroup/device
 * (linux/bpf.h, struct bpf_cgroup_dev_ctx).
 *
 * The rules are first applied, in their order, to a set of rules as the devices
 * controller of cgroup v1 did it, and as runc does: all is denied at first; "a" sets the
 * default and forgets what was before; a rule unlike the default is an exception, one
 * like it takes an exception back. After the spec's rules come the devices that every
 * container has. The program then has one block for each exception.
 */
#ifndef LIBCONTAINER_CGROUP_DEVICES_H
#define LIBCONTAINER_CGROUP_DEVICES_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "libcontainer/spec/spec.h"

struct device_filter {
	struct bpf_insn *insns; /* owned */
	size_t count;
};

/* Exceptions that a filter can have; the program is then below 58,000 instructions. */
#define DEVICE_RULES_MAX 4096

/* Compiles rules (count may be 0). -EINVAL for an unknown type or access, a number that
 * no device can have, and a rule that would punch a hole into an exception with a
 * wildcard, which runc refuses too. */
int device_filter_make(const struct spec_device_rule *rules, size_t count,
		       struct device_filter *ret, struct err *e);

void device_filter_done(struct device_filter *f);

#endif
