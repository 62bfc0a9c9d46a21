/* SPDX-License-Identifier: Apache-2.0 */
/* The reader: yajl's events become a tree in an arena. The writer is json_write.c. */
#include "base/json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <yajl/yajl_parse.h>

/* Deeper than any OCI document; bounds the recursion of whoever walks the tree. */
#define DEPTH_MAX 64

struct parser {
	struct arena *arena;
	struct json *open[DEPTH_MAX]; /* containers not closed yet */
	struct json *tail[DEPTH_MAX]; /* the last child of each */
	size_t depth;
	const char *key; /* of the member that comes next */
	struct json *root;
	char why[200]; /* why we gave up, if it was us */
};

static int give_up(struct parser *p, const char *why, const char *what)
{
	(void)snprintf(p->why, sizeof(p->why), "%s%.100s", why, what);
	return 0; /* yajl: cancel */
}

static bool has_key(const struct json *obj, const char *key)
{
	for (const struct json *m = obj->first; m; m = m->next) {
		if (str_eq(m->key, key))
			return true;
	}
	return false;
}

/* Adds a value where the parser is; NULL (and give_up was called) if it can't. */
static struct json *add(struct parser *p, enum json_type type)
{
	struct json *v = arena_alloc(p->arena, sizeof(*v)), *parent;

	if (!v) {
		(void)give_up(p, "ENOMEM", "");
		return NULL;
	}
	v->type = type;
	if (p->depth == 0) {
		p->root = v;
		return v;
	}
	parent = p->open[p->depth - 1];
	v->key = p->key;
	p->key = NULL;
	if (p->tail[p->depth - 1])
		p->tail[p->depth - 1]->next = v;
	else
		parent->first = v;
	p->tail[p->depth - 1] = v;
	parent->count++;
	return v;
}

static const char *copy_text(struct parser *p, const void *s, size_t len)
{
	const char *copy;

	if (memchr(s, '\0', len)) {
		(void)give_up(p, "a string holds a NUL character", "");
		return NULL;
	}
	copy = arena_strndup(p->arena, s, len);
	if (!copy)
		(void)give_up(p, "ENOMEM", "");
	return copy;
}

static int on_null(void *ctx)
{
	return add(ctx, JSON_NULL) != NULL;
}

static int on_bool(void *ctx, int boolean)
{
	struct json *v = add(ctx, JSON_BOOL);

	if (v)
		v->boolean = boolean;
	return v != NULL;
}

static int on_text(struct parser *p, enum json_type type, const void *s, size_t len)
{
	struct json *v = add(p, type);

	if (v)
		v->text = copy_text(p, s, len);
	return v && v->text;
}

static int on_number(void *ctx, const char *s, size_t len)
{
	return on_text(ctx, JSON_NUMBER, s, len);
}

static int on_string(void *ctx, const unsigned char *s, size_t len)
{
	return on_text(ctx, JSON_STRING, s, len);
}

static int on_key(void *ctx, const unsigned char *s, size_t len)
{
	struct parser *p = ctx;

	p->key = copy_text(p, s, len);
	if (!p->key)
		return 0;
	if (has_key(p->open[p->depth - 1], p->key))
		return give_up(p, "an object has a member twice: ", p->key);
	return 1;
}

static int on_open(struct parser *p, enum json_type type)
{
	struct json *v = add(p, type);

	if (!v)
		return 0;
	if (p->depth == DEPTH_MAX)
		return give_up(p, "nested too deeply", "");
	p->open[p->depth] = v;
	p->tail[p->depth++] = NULL;
	return 1;
}

static int on_object(void *ctx)
{
	return on_open(ctx, JSON_OBJECT);
}

static int on_array(void *ctx)
{
	return on_open(ctx, JSON_ARRAY);
}

static int on_close(void *ctx)
{
	((struct parser *)ctx)->depth--;
	return 1;
}

static const yajl_callbacks callbacks = {
	.yajl_null = on_null,
	.yajl_boolean = on_bool,
	.yajl_number = on_number,
	.yajl_string = on_string,
	.yajl_start_map = on_object,
	.yajl_map_key = on_key,
	.yajl_end_map = on_close,
	.yajl_start_array = on_array,
	.yajl_end_array = on_close,
};

static size_t line_of(const char *text, size_t offset)
{
	size_t line = 1;

	for (size_t i = 0; i < offset; i++)
		line += text[i] == '\n';
	return line;
}

/* yajl's message is "lexical error: ...\n" or "parse error: ...\n". */
static int report(struct parser *p, yajl_handle y, const char *what, const char *text,
		  size_t len, struct err *e)
{
	unsigned char *msg = NULL;
	size_t used = yajl_get_bytes_consumed(y), line, n;
	int r;

	line = line_of(text, used < len ? used : len);
	if (p->why[0])
		return err_set(e, EINVAL, "%s: line %zu: %s", what, line, p->why);
	msg = yajl_get_error(y, 0, (const unsigned char *)text, len);
	n = msg ? strcspn((const char *)msg, "\n") : 0;
	r = err_set(e, EINVAL, "%s: line %zu: not valid JSON: %.*s", what, line, (int)n,
		    msg ? (const char *)msg : "");
	if (msg)
		yajl_free_error(y, msg);
	return r;
}

int json_parse(struct arena *a, const char *what, const char *text, size_t len,
	       const struct json **ret, struct err *e)
{
	struct parser p = {.arena = a};
	yajl_status status;
	yajl_handle y;
	int r = 0;

	y = yajl_alloc(&callbacks, NULL, &p);
	if (!y)
		return err_code(e, ENOMEM, "%s", what);
	status = yajl_parse(y, (const unsigned char *)text, len);
	if (status == yajl_status_ok)
		status = yajl_complete_parse(y);
	if (status != yajl_status_ok)
		r = report(&p, y, what, text, len, e);
	else if (!p.root)
		r = err_set(e, EINVAL, "%s: empty, not JSON", what);
	else
		*ret = p.root;
	yajl_free(y);
	return r;
}

const struct json *json_get(const struct json *obj, const char *key)
{
	if (!obj || obj->type != JSON_OBJECT)
		return NULL;
	for (const struct json *m = obj->first; m; m = m->next) {
		if (str_eq(m->key, key))
			return m;
	}
	return NULL;
}

const char *json_get_string(const struct json *obj, const char *key)
{
	const struct json *v = json_get(obj, key);

	return v && v->type == JSON_STRING ? v->text : NULL;
}

int json_i64(const struct json *v, int64_t *ret)
{
	return v && v->type == JSON_NUMBER ? str_to_i64(v->text, ret) : -EINVAL;
}

int json_u64(const struct json *v, uint64_t *ret)
{
	return v && v->type == JSON_NUMBER ? str_to_u64(v->text, ret) : -EINVAL;
}

const char *json_type_name(enum json_type t)
{
	static const char *const names[] = {
		[JSON_NULL] = "null",     [JSON_BOOL] = "boolean",
		[JSON_NUMBER] = "number", [JSON_STRING] = "string",
		[JSON_ARRAY] = "array",   [JSON_OBJECT] = "object",
	};

	return names[t];
}
