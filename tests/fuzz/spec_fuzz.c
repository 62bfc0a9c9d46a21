/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as config.json, as a process and as resources: refused or decoded, and an
 * error always says so in one line. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libcontainer/spec/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int r, const struct err *e)
{
	if (r < 0 ? (e->code != -r || !e->text[0] || strchr(e->text, '\n'))
		  : e->code != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	AUTO_ARENA a = {0};
	struct spec *s;
	struct spec_process *p;
	struct spec_resources *res;
	struct err e = {0};
	int r = spec_decode(&a, "config.json", text, size, &s, &e);

	check(r, &e);
	if (r == 0) {
		if (!s->linux_ || !s->root->path[0] || !s->oci_version[0])
			abort();
		for (size_t i = 0; i < s->mounts_count; i++) {
			if (s->mounts[i].destination[0] != '/')
				abort();
		}
	}
	e = (struct err){0};
	r = spec_decode_process(&a, "process", text, size, &p, &e);
	check(r, &e);
	if (r == 0 && (p->args.count == 0 || p->args.v[p->args.count]))
		abort();
	e = (struct err){0};
	check(spec_decode_resources(&a, "resources", text, size, &res, &e), &e);
	return 0;
}
