/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/json.h"

#include "tests/unit/tap.h"

static int parse(struct arena *a, const char *text, const struct json **ret,
		 struct err *e)
{
	return json_parse(a, "t.json", text, strlen(text), ret, e);
}

static void keeps_order_and_exact_numbers(void)
{
	AUTO_ARENA a = {0};
	const struct json *v = NULL;
	struct err e = {0};
	uint64_t u = 0;
	int64_t i = 0;

	CHECK(parse(&a,
		    "{\"b\":18446744073709551615,\"a\":[1,-2,\"x\\u00e9\"],\"c\":1.5}",
		    &v, &e) == 0);
	if (!v)
		return;
	CHECK(v->count == 3);
	CHECK_STR(v->first->key, "b");
	CHECK(json_u64(json_get(v, "b"), &u) == 0 && u == UINT64_MAX);
	CHECK(json_i64(json_get(v, "b"), &i) == -ERANGE);
	CHECK(json_i64(json_get(v, "c"), &i) == -EINVAL);
	CHECK(json_get(v, "a")->count == 3);
	CHECK(json_i64(json_get(v, "a")->first->next, &i) == 0 && i == -2);
	CHECK_STR(json_get(v, "a")->first->next->next->text, "x\xc3\xa9");
}

static void refuses_what_is_no_json(void)
{
	static const char *const bad[] = {
		"",    "{",           "{\"a\":}",          "[1,]",     "{} {}",
		"nul", "\"\\u0000\"", "{\"a\":1,\"a\":2}", "\"\xff\"", "{\"a\":\"x\ny\"}",
	};
	AUTO_ARENA a = {0};
	const struct json *v;

	for (size_t n = 0; n < ARRAY_LEN(bad); n++) {
		struct err e = {0};

		CHECK(parse(&a, bad[n], &v, &e) < 0);
		CHECK(strncmp(e.text, "t.json: ", 8) == 0);
	}
}

static void says_line_and_reason(void)
{
	AUTO_ARENA a = {0};
	const struct json *v;
	struct err e = {0};

	CHECK(parse(&a, "{\n\"x\": 1,\n\"x\": 2}", &v, &e) == -EINVAL);
	CHECK_STR(e.text, "t.json: line 3: an object has a member twice: x");
}

static void depth_is_bounded(void)
{
	AUTO_ARENA a = {0};
	const struct json *v;
	struct err e = {0};
	char deep[201];

	memset(deep, '[', 100);
	memset(deep + 100, ']', 100);
	deep[200] = '\0';
	CHECK(parse(&a, deep, &v, &e) == -EINVAL);
}

static void writes_what_it_reads(void)
{
	AUTO_JSON *w = json_writer_new("  ");
	const char *text = NULL;
	struct err e = {0};
	size_t len;

	json_open_object(w);
	json_put_string(w, "s", "a\"b\\/\n");
	json_put_int(w, "i", -5);
	json_put_uint(w, "u", UINT64_MAX);
	json_put_bool(w, "t", true);
	json_key(w, "l");
	json_open_array(w);
	json_null(w);
	json_close_array(w);
	json_close_object(w);
	CHECK(json_finish(w, &text, &len, &e) == 0);
	CHECK_STR(text,
		  "{\n  \"s\": \"a\\\"b\\\\/\\n\",\n  \"i\": -5,\n"
		  "  \"u\": 18446744073709551615,\n  \"t\": true,\n"
		  "  \"l\": [\n    null\n  ]\n}");
}

static void unfinished_writer_fails(void)
{
	AUTO_JSON *w = json_writer_new("");
	const char *text;
	struct err e = {0};
	size_t len;

	json_open_object(w);
	json_int(w, 1); /* no key */
	CHECK(json_finish(w, &text, &len, &e) < 0);
}

static const struct test tests[] = {
	{"order is kept and numbers are exact", keeps_order_and_exact_numbers},
	{"what is no JSON is refused", refuses_what_is_no_json},
	{"an error names file, line and reason", says_line_and_reason},
	{"depth is bounded", depth_is_bounded},
	{"the writer escapes and indents", writes_what_it_reads},
	{"a document that isn't whole is an error", unfinished_writer_fails},
};
TEST_MAIN(tests)
