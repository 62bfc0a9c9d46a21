/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text in columns, aligned as Go's text/tabwriter does it for runc: a column is 12 wide,
 * or its widest cell and 3 blanks; the last one is as it comes.
 */
#ifndef SRC_TABLE_H
#define SRC_TABLE_H

#include <stddef.h>

#include "base/arena.h"
#include "base/str.h"

struct table {
	struct arena arena;
	size_t columns;
	struct table_row *first, *last;
	size_t widths[8];
	bool failed;
};

/* At most 8 columns. */
void table_init(struct table *t, size_t columns);

/* One row of as many cells; NULL is an empty one. The texts are copied. */
void table_add(struct table *t, const char *const *cells);

/* Adds all rows to the text, which is marked failed if memory has run out at any time. */
void table_print(const struct table *t, struct sbuf *out);

void table_done(struct table *t);

#endif
