/* SPDX-License-Identifier: Apache-2.0 */
/* For the tests of libcontainer/spec: a file of tests/data, decoded or refused. */
#ifndef TESTS_UNIT_SPEC_FILE_H
#define TESTS_UNIT_SPEC_FILE_H

#include <fcntl.h>

#include "base/file.h"
#include "base/str.h"
#include "libcontainer/spec/spec.h"

#include "tests/unit/tap.h"

/* The decoded file (name is below tests/data), or NULL with the error. */
static inline struct spec *spec_file(struct arena *a, const char *name, struct err *e)
{
	const char *top = getenv("srcdir");
	AUTO_FREE char *path = str_fmt("%s/tests/data/%s", top ? top : ".", name);
	AUTO_FREE char *text = NULL;
	struct spec *s = NULL;
	size_t len;

	if (path && file_read(AT_FDCWD, path, 1 << 20, &text, &len, e) == 0)
		(void)spec_decode(a, "config.json", text, len, &s, e);
	return s;
}

/* A configuration that has nothing but what it must, with more members at its top and
 * in `linux` (each text begins with a comma). */
static inline struct spec *spec_with(struct arena *a, const char *top, const char *linux_,
				     struct err *e)
{
	AUTO_FREE char *text = str_fmt(
		"{\"ociVersion\":\"1.3.0\",\"root\":{\"path\":\"rootfs\"}%s,"
		"\"linux\":{\"namespaces\":[{\"type\":\"mount\"}]%s}}",
		top, linux_);
	struct spec *s = NULL;

	if (text)
		(void)spec_decode(a, "config.json", text, strlen(text), &s, e);
	return s;
}

struct spec_refusal {
	const char *top, *linux_, *error; /* the error without "config.json: " */
};

static inline void check_refusals(const struct spec_refusal *v, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		AUTO_ARENA a = {0};
		struct err e = {0};
		const char *text;

		CHECK(!spec_with(&a, v[i].top, v[i].linux_, &e));
		text = str_after(e.text, "config.json: ");
		CHECK_STR(text ? text : e.text, v[i].error);
		CHECK(e.code > 0);
	}
}

#endif
