/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shape of config.json, declared: an object is a table, a property a row that says
 * which member of the struct it goes to. decode.c reads any table; a new property is a
 * new row (and one that is implemented at last is a row changed).
 */
#ifndef LIBCONTAINER_SPEC_TABLES_H
#define LIBCONTAINER_SPEC_TABLES_H

#include <stdbool.h>
#include <stddef.h>

enum spec_kind {
	SPEC_STRING,     /* const char *; an empty one is as absent, as Go writes them */
	SPEC_BOOL,       /* bool */
	SPEC_U32,        /* uint32_t */
	SPEC_U64,        /* uint64_t */
	SPEC_I64,        /* int64_t */
	SPEC_OPT_BOOL,   /* struct opt_bool */
	SPEC_OPT_U32,    /* struct opt_u32 */
	SPEC_OPT_U64,    /* struct opt_u64 */
	SPEC_OPT_I64,    /* struct opt_i64 */
	SPEC_WORD,       /* an enum, the index of the word in `words` */
	SPEC_STRINGS,    /* struct strings */
	SPEC_U32S,       /* uint32_t * and its count */
	SPEC_MAP,        /* struct spec_map */
	SPEC_OBJECT,     /* a struct in place */
	SPEC_OBJECT_PTR, /* a pointer to a struct */
	SPEC_LIST,       /* a pointer to the first of an array of structs and its count */
	SPEC_PRESENT,    /* bool: whether the property is there at all */
	SPEC_REFUSED,    /* not supported yet: an error if it is there */
	SPEC_REFUSED_SET, /* the same, but what sets nothing passes: {}, [], "", 0, and
			   * an object of these ("blockIO": {"weight": 0}) */
	SPEC_KIND_COUNT,
};

struct spec_field {
	const char *name;
	enum spec_kind kind;
	bool required;
	size_t offset, count_offset;    /* in the struct */
	const struct spec_table *table; /* of an object or a list's elements */
	const char *const *words;       /* SPEC_WORD: all, NULL after the last */
};

struct spec_table {
	size_t size; /* of the struct */
	const struct spec_field *fields;
	size_t count;
};

extern const struct spec_table spec_table;           /* struct spec */
extern const struct spec_table spec_process_table;   /* struct spec_process */
extern const struct spec_table spec_resources_table; /* struct spec_resources */

extern const char *const spec_ns_words[]; /* by enum spec_ns, then NULL */

#endif
