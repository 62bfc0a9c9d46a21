/* SPDX-License-Identifier: Apache-2.0 */
#include "src/table.h"

#include <assert.h>

#define MIN_WIDTH 12
#define PADDING   3

struct table_row {
	struct table_row *next;
	const char *cells[8];
};

/* In characters: UTF-8's continuation bytes don't count. */
static size_t width(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

void table_init(struct table *t, size_t columns)
{
	assert(columns >= 1 && columns <= ARRAY_LEN(t->widths));
	*t = (struct table){.columns = columns};
	for (size_t i = 0; i < columns; i++)
		t->widths[i] = MIN_WIDTH;
}

void table_add(struct table *t, const char *const *cells)
{
	struct table_row *row = arena_alloc(&t->arena, sizeof(*row));

	if (!row) {
		t->failed = true;
		return;
	}
	for (size_t i = 0; i < t->columns; i++) {
		row->cells[i] = arena_strdup(&t->arena, cells[i] ? cells[i] : "");
		if (!row->cells[i]) {
			t->failed = true;
			return;
		}
		if (width(row->cells[i]) + PADDING > t->widths[i])
			t->widths[i] = width(row->cells[i]) + PADDING;
	}
	if (t->last)
		t->last->next = row;
	else
		t->first = row;
	t->last = row;
}

void table_print(const struct table *t, struct sbuf *out)
{
	for (const struct table_row *row = t->first; row; row = row->next) {
		for (size_t i = 0; i < t->columns; i++) {
			const char *cell = row->cells[i];
			bool is_last = i + 1 == t->columns;
			size_t pad = is_last ? 0 : t->widths[i] - width(cell);

			sbuf_addf(out, "%s%*s%s", cell, (int)pad, "",
				  is_last ? "\n" : "");
		}
	}
	if (t->failed) {
		sbuf_done(out);
		out->failed = true;
	}
}

void table_done(struct table *t)
{
	arena_done(&t->arena);
	*t = (struct table){0};
}
