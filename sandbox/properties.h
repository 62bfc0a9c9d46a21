/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each property of a config.json means for a sandboxed container: who carries it out,
 * or why nobody can. One row for each property of the runtime-spec (those of a row of
 * libcontainer/spec/tables.c; PROPERTIES.md has the same table).
 */
#ifndef SANDBOX_PROPERTIES_H
#define SANDBOX_PROPERTIES_H

#include <stddef.h>

#include "base/err.h"
#include "base/log.h"
#include "libcontainer/spec/spec.h"

enum property_where {
	PROPERTY_GUEST,   /* the guest's kernel, by the libcontainer in it */
	PROPERTY_HOST,    /* the host, on the process that the sandbox is there */
	PROPERTY_BOTH,    /* each its own part */
	PROPERTY_REFUSED, /* an error at create where it is set */
	PROPERTY_WHERE_COUNT,
};

struct property {
	const char *name; /* as "linux.devices[].path" */
	enum property_where where;
	const char *why; /* one line */
};

extern const struct property properties[];
extern const size_t properties_count;

const char *property_where_name(enum property_where where);

/* On the host, at create: -ENOTSUP for what can't be in a sandbox, naming the property and
 * the reason. What is left out because a privileged container has no use for it is
 * logged. */
int properties_check(const struct spec *s, const struct log *log, struct err *e);

/* Its part about mounts (properties_mounts.c). */
int properties_check_mounts(const struct spec *s, const struct log *log, struct err *e);

#endif
