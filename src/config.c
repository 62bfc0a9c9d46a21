/* SPDX-License-Identifier: Apache-2.0 */
#include "src/config.h"

#include <errno.h>
#include <string.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "base/trusted.h"
#include "src/size.h"

#define FILE_MAX ((size_t)1 << 20)
#define STEP     (UINT64_C(2) << 20) /* vm.h */

/* ---- values ---- */

int config_memory(const char *what, const char *text, uint64_t *ret, struct err *e)
{
	int64_t size;
	int r = size_parse(text, &size);

	if (r < 0)
		return err_set(e, EINVAL, "%s: \"%.40s\" is no size, as 512M or 2G", what,
			       text);
	if ((uint64_t)size < CONFIG_MEMORY_LEAST)
		return err_set(e, ERANGE, "%s: %.40s is less than 64M", what, text);
	*ret = ((uint64_t)size + STEP - 1) / STEP * STEP;
	return 0;
}

int config_vcpus(const char *what, const char *text, unsigned *ret, struct err *e)
{
	uint32_t n;

	if (str_to_u32(text, &n) < 0)
		return err_set(e, EINVAL, "%s: \"%.40s\" is no number", what, text);
	if (n < 1 || n > CONFIG_VCPUS_MOST)
		return err_set(e, ERANGE, "%s: %.40s is not between 1 and %d", what, text,
			       CONFIG_VCPUS_MOST);
	*ret = n;
	return 0;
}

int config_kernel(const char *what, const char *text, const char **ret, struct err *e)
{
	if (text[0] != '/')
		return err_set(e, EINVAL, "%s: %.200s is not absolute", what, text);
	*ret = text;
	return 0;
}

int config_engine(const char *what, const char *text, enum config_engine *ret,
		  struct err *e)
{
	if (str_eq(text, "native"))
		*ret = CONFIG_ENGINE_NATIVE;
	else if (str_eq(text, "microvm"))
		*ret = CONFIG_ENGINE_MICROVM;
	else
		return err_set(e, EINVAL, "%s: \"%.40s\" is neither native nor microvm",
			       what, text);
	return 0;
}

/* ---- the file ---- */

struct reader {
	struct arena *arena;
	const char *file;
	struct config *c;
	struct err *e;
};

static const char *with_article(enum json_type t)
{
	switch (t) {
	case JSON_ARRAY:
		return "an array";
	case JSON_OBJECT:
		return "an object";
	case JSON_STRING:
		return "a string";
	case JSON_NUMBER:
		return "a number";
	case JSON_BOOL:
		return "a boolean";
	default:
		return "null";
	}
}

typedef int read_fn(const struct reader *rd, const char *what, const struct json *v);

struct member {
	const char *key;
	enum json_type type;
	read_fn *read;
};

/* Every member of the object is one of these, and of its type. up: the object's name and a
 * dot, or "". */
static int read_members(const struct reader *rd, const char *up, const struct json *obj,
			const struct member *v, size_t count)
{
	for (const struct json *m = obj->first; m; m = m->next) {
		AUTO_FREE char *what = str_fmt("%s: %s%.60s", rd->file, up, m->key);
		size_t i = 0;
		int r;

		if (!what)
			return err_code(rd->e, ENOMEM, "%s", rd->file);
		while (i < count && !str_eq(v[i].key, m->key))
			i++;
		if (i == count)
			return err_set(rd->e, EINVAL, "%s: not known", what);
		if (m->type != v[i].type)
			return err_set(rd->e, EINVAL, "%s: %s, not %s", what,
				       with_article(m->type), with_article(v[i].type));
		r = v[i].read(rd, what, m);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_kernel(const struct reader *rd, const char *what, const struct json *v)
{
	return config_kernel(what, v->text, &rd->c->vm.kernel, rd->e);
}

static int read_memory(const struct reader *rd, const char *what, const struct json *v)
{
	return config_memory(what, v->text, &rd->c->vm.memory, rd->e);
}

static int read_memory_max(const struct reader *rd, const char *what,
			   const struct json *v)
{
	return config_memory(what, v->text, &rd->c->vm.memory_max, rd->e);
}

static int read_vcpus(const struct reader *rd, const char *what, const struct json *v)
{
	return config_vcpus(what, v->text, &rd->c->vm.vcpus, rd->e);
}

static int read_vm(const struct reader *rd, const char *what, const struct json *v)
{
	static const struct member members[] = {
		{"kernel", JSON_STRING, read_kernel},
		{"memory", JSON_STRING, read_memory},
		{"memory_max", JSON_STRING, read_memory_max},
		{"vcpus", JSON_NUMBER, read_vcpus},
	};
	const struct config_vm *vm = &rd->c->vm;
	int r = read_members(rd, "vm.", v, members, ARRAY_LEN(members));

	if (r == 0 && vm->memory_max && vm->memory > vm->memory_max)
		return err_set(rd->e, EINVAL, "%s.memory_max: less than memory", what);
	return r;
}

static int read_engine(const struct reader *rd, const char *what, const struct json *v)
{
	return config_engine(what, v->text, &rd->c->engine, rd->e);
}

static int read_allowed(const struct reader *rd, const char *what, const struct json *v)
{
	struct strings *all = &rd->c->allow_annotations;

	all->v = arena_array(rd->arena, v->count + 1, sizeof(*all->v));
	if (!all->v)
		return err_code(rd->e, ENOMEM, "%s", what);
	for (const struct json *m = v->first; m; m = m->next) {
		if (m->type != JSON_STRING || !*m->text)
			return err_set(rd->e, EINVAL, "%s[%zu]: not a name", what,
				       all->count);
		all->v[all->count++] = m->text;
	}
	return 0;
}

int config_parse(struct arena *a, const char *what, const char *text, size_t len,
		 struct config *ret, struct err *e)
{
	static const struct member members[] = {
		{"engine", JSON_STRING, read_engine},
		{"vm", JSON_OBJECT, read_vm},
		{"allow_annotations", JSON_ARRAY, read_allowed},
	};
	struct config c = {0};
	const struct reader rd = {.arena = a, .file = what, .c = &c, .e = e};
	const struct json *top;
	int r = json_parse(a, what, text, len, &top, e);

	if (r < 0)
		return r;
	if (top->type != JSON_OBJECT)
		return err_set(e, EINVAL, "%s: %s, not an object", what,
			       with_article(top->type));
	r = read_members(&rd, "", top, members, ARRAY_LEN(members));
	if (r == 0)
		*ret = c;
	return r;
}

int config_read(struct arena *a, const char *path, struct config *ret, struct err *e)
{
	AUTO_FREE char *text = NULL;
	AUTO_FD fd = -1;
	struct err tried;
	size_t len;
	int r;

	fd = trusted_open("configuration", path, &tried);
	if (fd == -ENOENT) {
		*ret = (struct config){0};
		return 0;
	}
	if (fd < 0) {
		*e = tried;
		return fd;
	}
	r = file_read_fd(fd, path, FILE_MAX, &text, &len, e);
	return r < 0 ? r : config_parse(a, path, text, len, ret, e);
}
