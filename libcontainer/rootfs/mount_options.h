/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of one entry of the spec's `mounts` (runtime-spec config.md, Linux mount
 * options), sorted by what the kernel wants them as. What isn't in the table is the
 * filesystem's own.
 */
#ifndef LIBCONTAINER_ROOTFS_MOUNT_OPTIONS_H
#define LIBCONTAINER_ROOTFS_MOUNT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "libcontainer/spec/spec.h"

struct mount_param { /* value NULL: a word alone */
	const char *key, *value;
};

struct mount_options {
	bool bind, recursive; /* bind, rbind */
	bool flags_given;     /* any word about flags, "rw" and "dev" included */
	bool copy_up;         /* tmpcopyup */
	bool remount;
	uint64_t set, clear;         /* MOUNT_ATTR_* of the mount */
	uint64_t rec_set, rec_clear; /* the same for it and all mounts below */
	unsigned long super;         /* MS_* of the filesystem: MS_SYNCHRONOUS, ... */
	struct {
		uint64_t type; /* MS_PRIVATE, MS_SLAVE, MS_SHARED, MS_UNBINDABLE */
		bool recursive;
	} * propagation; /* to be applied in this order */
	size_t propagation_count;
	struct mount_param *params;
	size_t params_count;
};

/* Parses into the arena. Words that are known but not supported are refused by name. */
int mount_options_parse(struct arena *a, const struct strings *words,
			struct mount_options *ret, struct err *e);

/* A propagation word; false if it isn't one. */
bool mount_propagation_parse(const char *word, uint64_t *ret_type, bool *ret_recursive);

/* All names that are understood, sorted, NULL at the end (for `features`). */
const char *const *mount_options_names(void);

#endif
