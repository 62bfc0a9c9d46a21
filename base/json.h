/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON: a tree to read, on yajl's parser; a writer on yajl's generator.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum json_type {
	JSON_NULL,
	JSON_BOOL,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT,
};

/* A value; all of it lives in the arena that it was parsed into. Children and members
 * are a list in the order of the text. */
struct json {
	enum json_type type;
	bool boolean;
	const char *key;  /* the name, if this is an object's member, else NULL */
	const char *text; /* a string's bytes (no NUL inside), a number's digits */
	size_t count;     /* of children */
	const struct json *first, *next;
};

/* Parses one value that takes up the whole text (JSON, no comments). Errors name `what`
 * and the line. Strings with a NUL in them, invalid UTF-8, nesting deeper than 64 and
 * an object that has a name twice are errors. */
int json_parse(struct arena *a, const char *what, const char *text, size_t len,
	       const struct json **ret, struct err *e);

/* A member of an object by its exact name, or NULL (also if obj is NULL or no object). */
const struct json *json_get(const struct json *obj, const char *key);

/* The member's text if it is a string, else NULL. */
const char *json_get_string(const struct json *obj, const char *key);

/* The number as an integer: 0; -EINVAL if it has a fraction or is no number; -ERANGE. */
int json_i64(const struct json *v, int64_t *ret);
int json_u64(const struct json *v, uint64_t *ret);

/* What to print in an error: "string", "number", ... */
const char *json_type_name(enum json_type t);

/*
 * The writer. indent is "" for one line, or the text of one step ("  ", "\t"). Errors
 * stick: they are reported by json_finish alone.
 */
struct json_writer;

struct json_writer *json_writer_new(const char *indent);
void json_writer_free(struct json_writer *w);
void json_writer_freep(struct json_writer **w);
#define AUTO_JSON __attribute__((cleanup(json_writer_freep))) struct json_writer

void json_open_object(struct json_writer *w);
void json_close_object(struct json_writer *w);
void json_open_array(struct json_writer *w);
void json_close_array(struct json_writer *w);
void json_key(struct json_writer *w, const char *key);
void json_string(struct json_writer *w, const char *s);
void json_int(struct json_writer *w, int64_t v);
void json_uint(struct json_writer *w, uint64_t v);
void json_number(struct json_writer *w, const char *text); /* "0.25": as it is */
void json_bool(struct json_writer *w, bool v);
void json_null(struct json_writer *w);

/* "key": value in one call. */
void json_put_string(struct json_writer *w, const char *key, const char *s);
void json_put_int(struct json_writer *w, const char *key, int64_t v);
void json_put_uint(struct json_writer *w, const char *key, uint64_t v);
void json_put_bool(struct json_writer *w, const char *key, bool v);

/* The text, terminated and owned by the writer, and its length. */
int json_finish(struct json_writer *w, const char **ret, size_t *ret_len, struct err *e);

#endif
