/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BPF programs of a cgroup, by bpf(2) itself.
 */
#ifndef LIBCONTAINER_CGROUP_BPF_H
#define LIBCONTAINER_CGROUP_BPF_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* Loads a program of type cgroup/device; returns its descriptor. Before Linux 5.11 the
 * locked memory limit may be in the way: it is raised for the moment if the kernel
 * refuses. What the verifier says is in the error. */
int bpf_load_device(const struct bpf_insn *insns, size_t count, struct err *e);

/* Attaches it to a cgroup, in which others may be too (all must allow). In a cgroup that
 * isn't new, replace says to put it in place of those that are attached there, at no
 * moment without a filter. */
int bpf_attach_device(int cgroup, int prog, bool replace, struct err *e);

#endif
