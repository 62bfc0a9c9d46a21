/* SPDX-License-Identifier: Apache-2.0 */
#include "src/options.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/str.h"
#include "libcontainer/spec/spec.h"
#include "src/duration.h"
#include "src/size.h"

/* Never set: options_parse stops where it meets this row. */
const struct option option_help[] = {
	{"help", 'h', NULL, "show this help", 0, NULL},
	{0},
};

int option_set_flag(const struct option_value *v, void *field, struct err *e)
{
	bool *flag = field;

	if (!v->text || str_eq(v->text, "true") || str_eq(v->text, "1"))
		*flag = true;
	else if (str_eq(v->text, "false") || str_eq(v->text, "0"))
		*flag = false;
	else
		return err_set(e, EINVAL, "neither true nor false: %s", v->text);
	return 0;
}

int option_set_string(const struct option_value *v, void *field, struct err *e)
{
	(void)e;
	*(const char **)field = v->text;
	return 0;
}

int option_set_path(const struct option_value *v, void *field, struct err *e)
{
	if (!v->text[0])
		return err_set(e, EINVAL, "an empty path");
	return option_set_string(v, field, e);
}

int option_set_choice(const struct option_value *v, void *field, struct err *e)
{
	size_t len = strlen(v->text);
	const char *word = v->option->value;

	for (;;) {
		size_t n = strcspn(word, "|");

		if (n == len && memcmp(word, v->text, n) == 0)
			return option_set_string(v, field, e);
		if (!word[n])
			return err_set(e, EINVAL, "not one of %s: %s", v->option->value,
				       v->text);
		word += n + 1;
	}
}

int option_set_u32(const struct option_value *v, void *field, struct err *e)
{
	int r = str_to_u32(v->text, field);

	if (r < 0)
		return err_set(e, -r, "not a number from 0 to 4294967295: %s", v->text);
	return 0;
}

int option_set_opt_u64(const struct option_value *v, void *field, struct err *e)
{
	struct opt_u64 *o = field;

	o->set = v->text[0];
	if (o->set && str_to_u64(v->text, &o->v) < 0)
		return err_set(e, EINVAL, "not a number: %s", v->text);
	return 0;
}

int option_set_opt_i64(const struct option_value *v, void *field, struct err *e)
{
	struct opt_i64 *o = field;

	o->set = v->text[0];
	if (o->set && str_to_i64(v->text, &o->v) < 0)
		return err_set(e, EINVAL, "not a number: %s", v->text);
	return 0;
}

int option_set_opt_size(const struct option_value *v, void *field, struct err *e)
{
	struct opt_i64 *o = field;

	o->set = v->text[0];
	if (!o->set)
		return 0;
	if (str_eq(v->text, "-1")) {
		o->v = -1;
		return 0;
	}
	if (size_parse(v->text, &o->v) < 0)
		return err_set(e, EINVAL, "not a size (512m, 1GiB): %s", v->text);
	return 0;
}

int option_set_duration(const struct option_value *v, void *field, struct err *e)
{
	int64_t *ms = field;

	if (duration_parse(v->text, ms) < 0)
		return err_set(e, EINVAL, "not a duration (5s, 1m30s, 500ms): %s",
			       v->text);
	if (*ms <= 0)
		return err_set(e, EINVAL, "duration must be at least 1ms: %s", v->text);
	return 0;
}

int option_add_string(const struct option_value *v, void *field, struct err *e)
{
	struct strings *list = field;

	/* Grows at 0, 1, 3, 7 ... entries; there is always room for the NULL. */
	if (((list->count + 1) & list->count) == 0) {
		const char **more = arena_array(v->arena, 2 * (list->count + 1) + 2,
						sizeof(*more));

		if (!more)
			return err_code(e, ENOMEM, "add %s", v->text);
		if (list->count)
			memcpy(more, list->v, list->count * sizeof(*more));
		list->v = more;
	}
	list->v[list->count++] = v->text;
	list->v[list->count] = NULL;
	return 0;
}

/* name is len bytes long; a single byte is a short name. */
static bool is_called(const struct option *o, const char *name, size_t len)
{
	if (len == 1 && o->letter)
		return o->letter == *name;
	return strlen(o->name) == len && memcmp(o->name, name, len) == 0;
}

static const struct option *find(const struct option *const *tables, const char *name,
				 size_t len)
{
	for (; *tables; tables++) {
		for (const struct option *o = *tables; o->name; o++) {
			if (is_called(o, name, len))
				return o;
		}
	}
	return is_called(option_help, name, len) ? option_help : NULL;
}

/* One option, at argv[*i]; *i is left on its last word. */
static int parse_one(const struct option *const *tables, void *cfg, struct arena *a,
		     int argc, char **argv, int *i, bool *ret_help, struct err *e)
{
	const char *name = argv[*i] + (argv[*i][1] == '-' ? 2 : 1);
	size_t len = strcspn(name, "=");
	struct option_value v = {
		.option = find(tables, name, len),
		.text = name[len] ? name + len + 1 : NULL,
		.arena = a,
	};
	int r;

	if (!v.option)
		return err_set(e, EINVAL, "unknown option %.*s",
			       (int)(name + len - argv[*i]), argv[*i]);
	if (v.option == option_help) {
		*ret_help = true;
		return 0;
	}
	if (v.option->value && !v.text) {
		if (*i + 1 >= argc)
			return err_set(e, EINVAL, "--%s needs a value: %s",
				       v.option->name, v.option->value);
		v.text = argv[++*i];
	}
	r = v.option->set(&v, (char *)cfg + v.option->offset, e);
	return r < 0 ? err_wrap(e, "--%s", v.option->name) : 0;
}

int options_parse(const struct option *const *tables, void *cfg, struct arena *a,
		  int argc, char **argv, bool first_ends, bool *ret_help, struct err *e)
{
	int words = 0, i = 0, r;

	*ret_help = false;
	for (; i < argc; i++) {
		if (str_eq(argv[i], "--")) {
			i++;
			break;
		}
		if (argv[i][0] != '-' || !argv[i][1]) {
			if (first_ends)
				break;
			argv[words++] = argv[i];
			continue;
		}
		r = parse_one(tables, cfg, a, argc, argv, &i, ret_help, e);
		if (r < 0)
			return r;
		if (*ret_help)
			return words;
	}
	for (; i < argc; i++)
		argv[words++] = argv[i];
	return words;
}
