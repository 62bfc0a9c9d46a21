/* SPDX-License-Identifier: Apache-2.0 */
/* A sandboxed container that is there: its limits, what it uses. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "sandbox/client.h"
#include "sandbox/guest_stats.h"
#include "sandbox/microvm_parts.h"
#include "sandbox/resources_json.h"

#define PAUSED "paused" /* in the container's folder */

const struct spec_resources *microvm_host_resources(struct arena *a,
						    const struct spec_resources *res)
{
	struct spec_resources *r = arena_alloc(a, sizeof(*r));
	struct spec_memory *m;

	if (!r)
		return NULL;
	*r = *res;
	r->pids = NULL;
	r->memory = NULL;
	if (!res->memory || !res->memory->limit.set)
		return r;
	m = arena_alloc(a, sizeof(*m));
	if (!m)
		return NULL;
	m->limit = res->memory->limit;
	if (m->limit.v > 0 && m->limit.v < INT64_MAX / 2)
		m->limit.v += (int64_t)(2 * MICROVM_OVERHEAD);
	r->memory = m;
	return r;
}

static int update_guest(const struct container *c, const struct spec_resources *res,
			struct err *e)
{
	AUTO_JSON *w = client_begin(c, "update");
	AUTO_JSON *text = json_writer_new("");
	AUTO_ARENA a = {0};
	const char *out;
	size_t len;
	int r;

	if (!w || !text)
		return err_code(e, ENOMEM, "update");
	resources_json_write(text, res);
	r = json_finish(text, &out, &len, e);
	if (r < 0)
		return r;
	json_put_string(w, "resources", out);
	return client_ask(c, w, &a, NULL, e);
}

/* The guest first: it is the one that may refuse. */
int microvm_resize(const struct container *c, const struct spec_resources *res,
		   const struct log *log, struct err *e)
{
	AUTO_ARENA a = {0};
	const struct spec_resources *host = microvm_host_resources(&a, res);
	int r;

	if (!host)
		return err_code(e, ENOMEM, "update");
	r = update_guest(c, res, e);
	return r < 0 ? r : cgroup_apply(&c->cgroup, host, log, e);
}

/* In the guest: the host's group has a thread of KVM's own in it that can't be frozen
 * before Linux 6.14, so that the group never gets there. */
int microvm_freeze(const struct container *c, bool on, struct err *e)
{
	AUTO_JSON *w = client_begin(c, "freeze");
	AUTO_ARENA a = {0};
	AUTO_FD fd = -1;
	int r;

	if (!w)
		return err_code(e, ENOMEM, "freeze");
	json_put_bool(w, "on", on);
	r = client_ask(c, w, &a, NULL, e);
	if (r < 0)
		return r;
	/* Others ask the folder, not the guest. */
	if (!on)
		return unlinkat(c->dir, PAUSED, 0) < 0 ? err_sys(e, "resume") : 0;
	fd = openat(c->dir, PAUSED, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd < 0 ? err_sys(e, "pause") : 0;
}

int microvm_is_frozen(const struct container *c, struct err *e)
{
	(void)e;
	return faccessat(c->dir, PAUSED, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int microvm_stats(const struct container *c, struct arena *a, struct cgroup_stats *ret,
		  struct err *e)
{
	AUTO_JSON *w = client_begin(c, "stats");
	const struct json *answer, *stats;
	int r = client_ask(c, w, a, &answer, e);

	if (r < 0)
		return r;
	stats = json_get(answer, "stats");
	return stats ? guest_stats_parse(a, stats, ret, e)
		     : err_set(e, EPROTO, "the guest gave no statistics");
}
