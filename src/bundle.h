/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bundle: the folder, its config.json as text and decoded.
 */
#ifndef SRC_BUNDLE_H
#define SRC_BUNDLE_H

#include "libcontainer/spec/spec.h"

struct bundle {           /* all of it lives in the arena */
	const char *path; /* absolute, without symlinks */
	const char *text; /* config.json as it was read */
	size_t len;
	struct spec *spec;
};

/* Reads the bundle at path (NULL: the current folder); config: another file in place of
 * its config.json, relative to the current folder (crun's --config), or NULL. */
int bundle_read(struct arena *a, const char *path, const char *config, struct bundle *ret,
		struct err *e);

/* Reads the file `name`, at most 16 MiB, into the arena. */
int bundle_read_file(struct arena *a, const char *name, const char **ret, size_t *ret_len,
		     struct err *e);

#endif
