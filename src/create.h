/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making a container, for create and run.
 */
#ifndef SRC_CREATE_H
#define SRC_CREATE_H

#include "libcontainer/container.h"
#include "src/launch.h"

struct create {
	struct launch launch; /* first: its options are shared with exec */
	const char *bundle, *config;
	bool no_pivot, no_new_keyring, no_subreaper;
	bool keep; /* run's alone */
};

extern const struct option create_options[];

/* Does all of `create`: p is filled in (and undone by the caller, also on failure).
 * p->detach is to be set. start: the caller starts the container itself. */
int create_container(struct cli *cli, const struct create *o, const char *id, bool start,
		     struct launch_plan *p, struct container **ret, struct err *e);

#endif
