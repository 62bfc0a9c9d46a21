/* SPDX-License-Identifier: Apache-2.0 */
/* Any lines as the options of a mount: refused with an error, or sorted so that nothing
 * is both set and cleared and no parameter is without a name. */
#include <linux/mount.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libcontainer/rootfs/mount_options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OPTIONS_MAX 256

static void check_bits(uint64_t set, uint64_t clear)
{
	/* Access times are a field that is cleared before it is set. */
	if (set & clear & ~(uint64_t)MOUNT_ATTR__ATIME)
		abort();
	if ((set & MOUNT_ATTR__ATIME) && (clear & MOUNT_ATTR__ATIME) != MOUNT_ATTR__ATIME)
		abort();
	if ((set & MOUNT_ATTR__ATIME) == MOUNT_ATTR__ATIME)
		abort();
}

static void check(const struct mount_options *o)
{
	check_bits(o->set, o->clear);
	check_bits(o->rec_set, o->rec_clear);
	if (o->recursive && !o->bind)
		abort();
	for (size_t i = 0; i < o->params_count; i++) {
		if (!o->params[i].key[0])
			abort();
	}
	for (size_t i = 0; i < o->propagation_count; i++) {
		if (__builtin_popcountll(o->propagation[i].type) != 1)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_ARENA a = {0};
	char *text = arena_strndup(&a, (const char *)data, size), *save = NULL;
	struct strings list = {.v = arena_array(&a, OPTIONS_MAX + 1, sizeof(char *))};
	struct mount_options o;
	struct err e = {0};
	int r;

	if (!text || !list.v)
		return 0;
	for (char *l = strtok_r(text, "\n", &save); l && list.count < OPTIONS_MAX;
	     l = strtok_r(NULL, "\n", &save))
		list.v[list.count++] = l;
	r = mount_options_parse(&a, &list, &o, &e);
	if (r < 0 ? (e.code != -r || !e.text[0]) : e.code != 0)
		abort();
	if (r == 0)
		check(&o);
	return 0;
}
