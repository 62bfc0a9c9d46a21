/* SPDX-License-Identifier: Apache-2.0 */
/* The writer of json.h, on yajl's generator. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_gen.h>

#include "base/json.h"

struct json_writer {
	yajl_gen gen;
	struct sbuf out;
	bool failed;
	bool pretty;
};

static void on_print(void *ctx, const char *s, size_t len)
{
	sbuf_add(&((struct json_writer *)ctx)->out, s, len);
}

struct json_writer *json_writer_new(const char *indent)
{
	struct json_writer *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->gen = yajl_gen_alloc(NULL);
	if (!w->gen) {
		free(w);
		return NULL;
	}
	w->pretty = indent[0] != '\0';
	(void)yajl_gen_config(w->gen, yajl_gen_print_callback, on_print, w);
	(void)yajl_gen_config(w->gen, yajl_gen_beautify, w->pretty);
	if (w->pretty)
		(void)yajl_gen_config(w->gen, yajl_gen_indent_string, indent);
	return w;
}

void json_writer_free(struct json_writer *w)
{
	if (!w)
		return;
	yajl_gen_free(w->gen);
	sbuf_done(&w->out);
	free(w);
}

void json_writer_freep(struct json_writer **w)
{
	json_writer_free(*w);
	*w = NULL;
}

static void check(struct json_writer *w, yajl_gen_status status)
{
	/* The whole of a document ends in generation_complete only when more is added. */
	if (status != yajl_gen_status_ok)
		w->failed = true;
}

void json_open_object(struct json_writer *w)
{
	check(w, yajl_gen_map_open(w->gen));
}

void json_close_object(struct json_writer *w)
{
	check(w, yajl_gen_map_close(w->gen));
}

void json_open_array(struct json_writer *w)
{
	check(w, yajl_gen_array_open(w->gen));
}

void json_close_array(struct json_writer *w)
{
	check(w, yajl_gen_array_close(w->gen));
}

void json_key(struct json_writer *w, const char *key)
{
	json_string(w, key);
}

void json_string(struct json_writer *w, const char *s)
{
	check(w, yajl_gen_string(w->gen, (const unsigned char *)s, strlen(s)));
}

void json_int(struct json_writer *w, int64_t v)
{
	check(w, yajl_gen_integer(w->gen, v));
}

void json_uint(struct json_writer *w, uint64_t v)
{
	char num[24];
	int n = snprintf(num, sizeof(num), "%llu", (unsigned long long)v);

	check(w, yajl_gen_number(w->gen, num, (size_t)n));
}

void json_number(struct json_writer *w, const char *text)
{
	check(w, yajl_gen_number(w->gen, text, strlen(text)));
}

void json_bool(struct json_writer *w, bool v)
{
	check(w, yajl_gen_bool(w->gen, v));
}

void json_null(struct json_writer *w)
{
	check(w, yajl_gen_null(w->gen));
}

void json_put_string(struct json_writer *w, const char *key, const char *s)
{
	json_key(w, key);
	json_string(w, s);
}

void json_put_int(struct json_writer *w, const char *key, int64_t v)
{
	json_key(w, key);
	json_int(w, v);
}

void json_put_uint(struct json_writer *w, const char *key, uint64_t v)
{
	json_key(w, key);
	json_uint(w, v);
}

void json_put_bool(struct json_writer *w, const char *key, bool v)
{
	json_key(w, key);
	json_bool(w, v);
}

int json_finish(struct json_writer *w, const char **ret, size_t *ret_len, struct err *e)
{
	if (w->failed || w->out.failed || !w->out.data)
		return err_set(e, w->out.failed ? ENOMEM : EINVAL, "writing JSON: %s",
			       w->out.failed ? "ENOMEM" : "not a whole document");
	/* yajl ends a beautified document with a newline; callers add their own. */
	while (w->out.len && w->out.data[w->out.len - 1] == '\n')
		w->out.data[--w->out.len] = '\0';
	*ret = w->out.data;
	*ret_len = w->out.len;
	return 0;
}
