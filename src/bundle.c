/* SPDX-License-Identifier: Apache-2.0 */
#include "src/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/str.h"

#define CONFIG_MAX ((size_t)16 << 20)

int bundle_read_file(struct arena *a, const char *name, const char **ret, size_t *ret_len,
		     struct err *e)
{
	AUTO_FREE char *text = NULL;
	size_t len;
	int r = file_read(AT_FDCWD, name, CONFIG_MAX, &text, &len, e);

	if (r < 0)
		return r;
	*ret = arena_strndup(a, text, len);
	if (!*ret)
		return err_code(e, ENOMEM, "read %s", name);
	*ret_len = len;
	return 0;
}

int bundle_read(struct arena *a, const char *path, const char *config, struct bundle *ret,
		struct err *e)
{
	AUTO_FREE char *real = realpath(path ? path : ".", NULL);
	struct bundle b = {0};
	int r;

	if (!real)
		return err_sys(e, "bundle %s", path ? path : ".");
	b.path = arena_strdup(a, real);
	if (!config)
		config = arena_fmt(a, "%s/config.json", real);
	if (!b.path || !config)
		return err_code(e, ENOMEM, "bundle %s", real);
	r = bundle_read_file(a, config, &b.text, &b.len, e);
	/* Not "not found", as runc has it: podman takes that for a missing command. */
	if (r == -ENOENT)
		return err_set(e, ENOENT, "JSON specification file %s is missing",
			       config);
	if (r < 0)
		return r;
	r = spec_decode(a, "config.json", b.text, b.len, &b.spec, e);
	if (r < 0)
		return r;
	*ret = b;
	return 0;
}
