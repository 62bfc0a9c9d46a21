/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two steps of spec.h's spec_decode: what a table can say, and what it can't.
 */
#ifndef LIBCONTAINER_SPEC_DECODE_H
#define LIBCONTAINER_SPEC_DECODE_H

#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "libcontainer/spec/spec.h"
#include "libcontainer/spec/tables.h"

/* Reads a JSON text into a struct (zeroed, in the arena) by its table. */
int spec_read(struct arena *a, const char *what, const char *text, size_t len,
	      const struct spec_table *t, void **ret, struct err *e);

/* Checks what was read and brings it into the form that spec.h promises (absolute
 * destinations). `what` is as in spec_decode. */
int spec_check(struct arena *a, const char *what, struct spec *s, struct err *e);

/* path: what goes before a property's name in errors: "process." or "". */
int spec_check_process(const char *what, const char *path, const struct spec_process *p,
		       struct err *e);
int spec_check_resources(const char *what, const char *path,
			 const struct spec_resources *r, struct err *e);

#endif
