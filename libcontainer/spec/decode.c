/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks a JSON tree by the tables. A place is a list of steps on the stack, from the
 * value back to the root; it becomes text only when something is wrong there.
 */
#include "libcontainer/spec/decode.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/str.h"

struct place {
	const struct place *up; /* NULL: this is the root */
	const char *name;       /* of a property; NULL: an element of an array */
	size_t index;
	bool map; /* the name is a map's key, and may hold anything */
};

struct decoder {
	struct arena *arena;
	const char *what;
	struct err *e;
};

/* How a kind is read from a value (never JSON null) to a struct's member. */
typedef int decode_fn(const struct decoder *d, const struct place *at,
		      const struct json *v, const struct spec_field *f, char *base);

static int decode_object(const struct decoder *d, const struct place *at,
			 const struct json *v, const struct spec_table *t, char *base);

/* "process.rlimits[2].soft", written from its end; what doesn't fit is left out. */
static const char *place_text(const struct place *at, char *buf, size_t len)
{
	char *p = buf + len - 1;
	char step[100];

	*p = '\0';
	for (; at->up; at = at->up) {
		int n;

		if (at->map)
			n = snprintf(step, sizeof(step), "[\"%.80s\"]", at->name);
		else if (at->name)
			n = snprintf(step, sizeof(step), "%s%s", at->up->up ? "." : "",
				     at->name);
		else
			n = snprintf(step, sizeof(step), "[%zu]", at->index);
		if (n < 0 || n >= (int)sizeof(step) || n > p - buf)
			break;
		p -= n;
		memcpy(p, step, (size_t)n);
	}
	return p;
}

static int bad(const struct decoder *d, const struct place *at, int code, const char *fmt,
	       ...) __attribute__((format(printf, 4, 5)));

static int bad(const struct decoder *d, const struct place *at, int code, const char *fmt,
	       ...)
{
	char buf[200], why[200];
	const char *where = place_text(at, buf, sizeof(buf));
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return err_set(d->e, code, "%s: %s%s%s", d->what, where, *where ? ": " : "", why);
}

static const char *type_text(enum json_type t)
{
	static const char *const texts[] = {
		[JSON_NULL] = "null",       [JSON_BOOL] = "a boolean",
		[JSON_NUMBER] = "a number", [JSON_STRING] = "a string",
		[JSON_ARRAY] = "an array",  [JSON_OBJECT] = "an object",
	};

	return texts[t];
}

static int want(const struct decoder *d, const struct place *at, const struct json *v,
		enum json_type type)
{
	if (v->type == type)
		return 0;
	return bad(d, at, EINVAL, "%s, not %s", type_text(v->type), type_text(type));
}

static int no_memory(const struct decoder *d)
{
	return err_code(d->e, ENOMEM, "%s", d->what);
}

/* ---- numbers ---- */

static bool is_integer(const char *s)
{
	if (*s == '-')
		s++;
	return *s && !s[strspn(s, "0123456789")];
}

static int want_number(const struct decoder *d, const struct place *at,
		       const struct json *v)
{
	int r = want(d, at, v, JSON_NUMBER);

	if (r == 0 && !is_integer(v->text))
		r = bad(d, at, EINVAL, "%.40s is not an integer", v->text);
	return r;
}

static int read_unsigned(const struct decoder *d, const struct place *at,
			 const struct json *v, uint64_t max, uint64_t *ret)
{
	uint64_t num = 0;
	int r = want_number(d, at, v);

	if (r < 0)
		return r;
	if (json_u64(v, &num) < 0 || num > max)
		return bad(d, at, ERANGE, "%.40s is not between 0 and %" PRIu64, v->text,
			   max);
	*ret = num;
	return 0;
}

static int read_signed(const struct decoder *d, const struct place *at,
		       const struct json *v, int64_t *ret)
{
	int r = want_number(d, at, v);

	if (r < 0)
		return r;
	if (json_i64(v, ret) < 0)
		return bad(d, at, ERANGE, "%.40s is not between %" PRId64 " and %" PRId64,
			   v->text, INT64_MIN, INT64_MAX);
	return 0;
}

static int read_u32(const struct decoder *d, const struct place *at, const struct json *v,
		    uint32_t *ret)
{
	uint64_t num = 0;
	int r = read_unsigned(d, at, v, UINT32_MAX, &num);

	if (r == 0)
		*ret = (uint32_t)num;
	return r;
}

static int decode_u32(const struct decoder *d, const struct place *at,
		      const struct json *v, const struct spec_field *f, char *base)
{
	return read_u32(d, at, v, (uint32_t *)(base + f->offset));
}

static int decode_u64(const struct decoder *d, const struct place *at,
		      const struct json *v, const struct spec_field *f, char *base)
{
	return read_unsigned(d, at, v, UINT64_MAX, (uint64_t *)(base + f->offset));
}

static int decode_i64(const struct decoder *d, const struct place *at,
		      const struct json *v, const struct spec_field *f, char *base)
{
	return read_signed(d, at, v, (int64_t *)(base + f->offset));
}

static int decode_opt_u32(const struct decoder *d, const struct place *at,
			  const struct json *v, const struct spec_field *f, char *base)
{
	struct opt_u32 *o = (struct opt_u32 *)(base + f->offset);

	o->set = true;
	return read_u32(d, at, v, &o->v);
}

static int decode_opt_u64(const struct decoder *d, const struct place *at,
			  const struct json *v, const struct spec_field *f, char *base)
{
	struct opt_u64 *o = (struct opt_u64 *)(base + f->offset);

	o->set = true;
	return read_unsigned(d, at, v, UINT64_MAX, &o->v);
}

static int decode_opt_i64(const struct decoder *d, const struct place *at,
			  const struct json *v, const struct spec_field *f, char *base)
{
	struct opt_i64 *o = (struct opt_i64 *)(base + f->offset);

	o->set = true;
	return read_signed(d, at, v, &o->v);
}

static int decode_u32s(const struct decoder *d, const struct place *at,
		       const struct json *v, const struct spec_field *f, char *base)
{
	int r = want(d, at, v, JSON_ARRAY);
	uint32_t *all;
	size_t n = 0;

	if (r < 0 || v->count == 0)
		return r;
	all = arena_array(d->arena, v->count, sizeof(*all));
	if (!all)
		return no_memory(d);
	for (const struct json *c = v->first; c; c = c->next, n++) {
		r = read_u32(d, &(struct place){.up = at, .index = n}, c, &all[n]);
		if (r < 0)
			return r;
	}
	*(uint32_t **)(base + f->offset) = all;
	*(size_t *)(base + f->count_offset) = n;
	return 0;
}

/* ---- booleans, strings, maps ---- */

static int decode_bool(const struct decoder *d, const struct place *at,
		       const struct json *v, const struct spec_field *f, char *base)
{
	*(bool *)(base + f->offset) = v->boolean;
	return want(d, at, v, JSON_BOOL);
}

static int decode_opt_bool(const struct decoder *d, const struct place *at,
			   const struct json *v, const struct spec_field *f, char *base)
{
	*(struct opt_bool *)(base + f->offset) = (struct opt_bool){true, v->boolean};
	return want(d, at, v, JSON_BOOL);
}

static int decode_present(const struct decoder *d, const struct place *at,
			  const struct json *v, const struct spec_field *f, char *base)
{
	(void)d;
	(void)at;
	(void)v;
	*(bool *)(base + f->offset) = true;
	return 0;
}

static int decode_string(const struct decoder *d, const struct place *at,
			 const struct json *v, const struct spec_field *f, char *base)
{
	int r = want(d, at, v, JSON_STRING);

	if (r < 0)
		return r;
	if (v->text[0])
		*(const char **)(base + f->offset) = v->text;
	else if (f->required)
		return bad(d, at, EINVAL, "empty");
	return 0;
}

static int decode_word(const struct decoder *d, const struct place *at,
		       const struct json *v, const struct spec_field *f, char *base)
{
	int r = want(d, at, v, JSON_STRING);

	if (r < 0)
		return r;
	for (unsigned i = 0; f->words[i]; i++) {
		if (str_eq(f->words[i], v->text)) {
			memcpy(base + f->offset, &i, sizeof(i));
			return 0;
		}
	}
	return bad(d, at, EINVAL, "unknown: %.100s", v->text);
}
_Static_assert(sizeof(enum spec_ns) == sizeof(unsigned),
	       "decode_word writes an unsigned");

static int decode_strings(const struct decoder *d, const struct place *at,
			  const struct json *v, const struct spec_field *f, char *base)
{
	struct strings *list = (struct strings *)(base + f->offset);
	int r = want(d, at, v, JSON_ARRAY);

	if (r < 0)
		return r;
	if (f->required && v->count == 0)
		return bad(d, at, EINVAL, "empty");
	if (v->count == 0)
		return 0;
	list->v = arena_array(d->arena, v->count + 1, sizeof(*list->v));
	if (!list->v)
		return no_memory(d);
	for (const struct json *c = v->first; c; c = c->next) {
		r = want(d, &(struct place){.up = at, .index = list->count}, c,
			 JSON_STRING);
		if (r < 0)
			return r;
		list->v[list->count++] = c->text;
	}
	return 0;
}

static int decode_map(const struct decoder *d, const struct place *at,
		      const struct json *v, const struct spec_field *f, char *base)
{
	struct spec_map *map = (struct spec_map *)(base + f->offset);
	int r = want(d, at, v, JSON_OBJECT);

	if (r < 0 || v->count == 0)
		return r;
	map->v = arena_array(d->arena, v->count, sizeof(*map->v));
	if (!map->v)
		return no_memory(d);
	for (const struct json *m = v->first; m; m = m->next) {
		struct place here = {.up = at, .name = m->key, .map = true};

		if (!m->key[0])
			return bad(d, at, EINVAL, "a name is empty");
		r = want(d, &here, m, JSON_STRING);
		if (r < 0)
			return r;
		map->v[map->count++] = (struct spec_pair){m->key, m->text};
	}
	return 0;
}

/* ---- objects and arrays of them ---- */

static int decode_in_place(const struct decoder *d, const struct place *at,
			   const struct json *v, const struct spec_field *f, char *base)
{
	return decode_object(d, at, v, f->table, base + f->offset);
}

static int decode_pointer(const struct decoder *d, const struct place *at,
			  const struct json *v, const struct spec_field *f, char *base)
{
	void *obj = arena_alloc(d->arena, f->table->size);

	if (!obj)
		return no_memory(d);
	*(void **)(base + f->offset) = obj;
	return decode_object(d, at, v, f->table, obj);
}

static int decode_list(const struct decoder *d, const struct place *at,
		       const struct json *v, const struct spec_field *f, char *base)
{
	int r = want(d, at, v, JSON_ARRAY);
	size_t n = 0;
	char *all;

	if (r < 0 || v->count == 0)
		return r;
	all = arena_array(d->arena, v->count, f->table->size);
	if (!all)
		return no_memory(d);
	for (const struct json *c = v->first; c; c = c->next, n++) {
		r = decode_object(d, &(struct place){.up = at, .index = n}, c, f->table,
				  all + n * f->table->size);
		if (r < 0)
			return r;
	}
	*(void **)(base + f->offset) = all;
	*(size_t *)(base + f->count_offset) = n;
	return 0;
}

/* ---- what isn't supported ---- */

/* Whether a value asks for anything. */
static bool is_set(const struct json *v)
{
	switch (v->type) {
	case JSON_NULL:
		break;
	case JSON_BOOL:
		return v->boolean;
	case JSON_NUMBER:
		return !str_eq(v->text, "0");
	case JSON_STRING:
		return v->text[0] != '\0';
	case JSON_ARRAY:
	case JSON_OBJECT:
		return v->count > 0;
	}
	return false;
}

/* An object does if a member does. A member that is an object itself does so by its name
 * alone (a device to move, an interface). */
static bool sets_something(const struct json *v)
{
	if (v->type != JSON_OBJECT)
		return is_set(v);
	for (const struct json *m = v->first; m; m = m->next) {
		if (m->type == JSON_OBJECT || is_set(m))
			return true;
	}
	return false;
}

/* NOLINTBEGIN(readability-non-const-parameter): it is a decode_fn */
static int decode_refused(const struct decoder *d, const struct place *at,
			  const struct json *v, const struct spec_field *f, char *base)
{
	(void)base;
	if (f->kind == SPEC_REFUSED_SET && !sets_something(v))
		return 0;
	return bad(d, at, ENOTSUP, "not supported yet");
}
/* NOLINTEND(readability-non-const-parameter) */

static decode_fn *const decoders[SPEC_KIND_COUNT] = {
	[SPEC_STRING] = decode_string,
	[SPEC_BOOL] = decode_bool,
	[SPEC_U32] = decode_u32,
	[SPEC_U64] = decode_u64,
	[SPEC_I64] = decode_i64,
	[SPEC_OPT_BOOL] = decode_opt_bool,
	[SPEC_OPT_U32] = decode_opt_u32,
	[SPEC_OPT_U64] = decode_opt_u64,
	[SPEC_OPT_I64] = decode_opt_i64,
	[SPEC_WORD] = decode_word,
	[SPEC_STRINGS] = decode_strings,
	[SPEC_U32S] = decode_u32s,
	[SPEC_MAP] = decode_map,
	[SPEC_OBJECT] = decode_in_place,
	[SPEC_OBJECT_PTR] = decode_pointer,
	[SPEC_LIST] = decode_list,
	[SPEC_PRESENT] = decode_present,
	[SPEC_REFUSED] = decode_refused,
	[SPEC_REFUSED_SET] = decode_refused,
};

/* A property by its name or, if there is none, by its name in another case: Go's decoder
 * does so, and there are files that rely on it. */
static const struct json *find(const struct json *obj, const char *name)
{
	const struct json *near = NULL;

	for (const struct json *m = obj->first; m; m = m->next) {
		if (str_eq(m->key, name))
			return m;
		if (!near && strcasecmp(m->key, name) == 0)
			near = m;
	}
	return near;
}

static int decode_object(const struct decoder *d, const struct place *at,
			 const struct json *v, const struct spec_table *t, char *base)
{
	int r = want(d, at, v, JSON_OBJECT);

	for (size_t i = 0; i < t->count && r == 0; i++) {
		const struct spec_field *f = &t->fields[i];
		struct place here = {.up = at, .name = f->name};
		const struct json *m = find(v, f->name);

		/* Go writes an absent pointer or list as null. */
		if (m && m->type != JSON_NULL)
			r = decoders[f->kind](d, &here, m, f, base);
		else if (f->required)
			r = bad(d, &here, EINVAL, "missing");
	}
	return r;
}

int spec_read(struct arena *a, const char *what, const char *text, size_t len,
	      const struct spec_table *t, void **ret, struct err *e)
{
	struct decoder d = {.arena = a, .what = what, .e = e};
	const struct json *root;
	void *obj;
	int r;

	r = json_parse(a, what, text, len, &root, e);
	if (r < 0)
		return r;
	obj = arena_alloc(a, t->size);
	if (!obj)
		return no_memory(&d);
	r = decode_object(&d, &(struct place){0}, root, t, obj);
	if (r == 0)
		*ret = obj;
	return r;
}
