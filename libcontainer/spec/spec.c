/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/spec/spec.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"
#include "libcontainer/spec/decode.h"
#include "libcontainer/spec/tables.h"

int spec_decode(struct arena *a, const char *what, const char *text, size_t len,
		struct spec **ret, struct err *e)
{
	struct spec *s = NULL;
	void *obj;
	int r;

	r = spec_read(a, what, text, len, &spec_table, &obj, e);
	if (r < 0)
		return r;
	s = obj;
	if (!s->linux_)
		s->linux_ = arena_alloc(a, sizeof(*s->linux_));
	if (!s->linux_)
		return err_code(e, ENOMEM, "%s", what);
	r = spec_check(a, what, s, e);
	if (r == 0)
		*ret = s;
	return r;
}

int spec_decode_process(struct arena *a, const char *what, const char *text, size_t len,
			struct spec_process **ret, struct err *e)
{
	void *obj;
	int r;

	r = spec_read(a, what, text, len, &spec_process_table, &obj, e);
	if (r == 0)
		r = spec_check_process(what, "", obj, e);
	if (r == 0)
		*ret = obj;
	return r;
}

int spec_decode_resources(struct arena *a, const char *what, const char *text, size_t len,
			  struct spec_resources **ret, struct err *e)
{
	void *obj;
	int r;

	r = spec_read(a, what, text, len, &spec_resources_table, &obj, e);
	if (r == 0)
		r = spec_check_resources(what, "", obj, e);
	if (r == 0)
		*ret = obj;
	return r;
}

const struct spec_namespace *spec_namespace(const struct spec *s, enum spec_ns type)
{
	for (size_t i = 0; i < s->linux_->namespaces_count; i++) {
		if (s->linux_->namespaces[i].type == type)
			return &s->linux_->namespaces[i];
	}
	return NULL;
}

int spec_network_is_callers(const struct spec *s)
{
	const struct spec_namespace *ns = spec_namespace(s, SPEC_NS_NETWORK);
	struct stat own, its;

	if (!ns || !ns->path)
		return 0;
	if (stat("/proc/thread-self/ns/net", &own) < 0 || stat(ns->path, &its) < 0)
		return -errno;
	return own.st_dev == its.st_dev && own.st_ino == its.st_ino;
}

const char *spec_annotation(const struct spec *s, const char *key)
{
	for (size_t i = 0; i < s->annotations.count; i++) {
		if (str_eq(s->annotations.v[i].key, key))
			return s->annotations.v[i].value;
	}
	return NULL;
}

const char *spec_ns_name(enum spec_ns type)
{
	return spec_ns_words[type];
}
