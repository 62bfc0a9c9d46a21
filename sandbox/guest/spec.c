/* SPDX-License-Identifier: Apache-2.0 */
/* The spec of a container, and its files. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "sandbox/guest/life.h"
#include "sandbox/guest_spec.h"
#include "sandbox/protocol.h"

/* A tree's name is one component, and no way out of the filesystem that it is in. */
static int tree_path(struct arena *a, const char *fs, const char *name, const char **ret,
		     struct err *e)
{
	if (!*name || strchr(name, '/') || str_eq(name, ".") || str_eq(name, ".."))
		return err_set(e, EPROTO, "a tree can't be called \"%s\"", name);
	*ret = arena_fmt(a, PROTOCOL_FS_ROOT "%s/%s", fs, name);
	return *ret ? 0 : err_code(e, ENOMEM, "a container's files");
}

static int take_trees(struct arena *a, const struct json *request, const struct spec *s,
		      struct guest_trees *t, struct err *e)
{
	const struct json *binds = json_get(request, "binds"),
			  *shm = json_get(request, "shm");
	uint64_t *sizes = arena_array(a, s->mounts_count + 1, sizeof(*sizes));
	const char *root, *name;
	char index[24];
	int r;

	t->binds = arena_array(a, s->mounts_count + 1, sizeof(*t->binds));
	if (!t->binds || !sizes)
		return err_code(e, ENOMEM, "a container's files");
	t->shm = sizes;
	r = request_text(request, "root", &root, e);
	if (r == 0)
		r = tree_path(a, PROTOCOL_FS_PRIVATE, root, &t->root, e);
	for (size_t i = 0; r == 0 && i < s->mounts_count; i++) {
		(void)snprintf(index, sizeof(index), "%zu", i);
		name = json_get_string(binds, index);
		if (name)
			r = tree_path(a, PROTOCOL_FS_SHARED, name, &t->binds[i], e);
		if (json_get(shm, index) && json_u64(json_get(shm, index), &sizes[i]) < 0)
			r = err_set(e, EPROTO, "a size of shared memory that is none");
	}
	return r;
}

int life_spec(struct arena *a, const struct json *request, const char *id,
	      const char *config, struct spec **ret, const char **ret_tree, struct err *e)
{
	struct guest_trees t = {0};
	struct spec *s;
	int r = spec_decode(a, "config.json", config, strlen(config), &s, e);

	if (r < 0)
		return r;
	if (!s->process || !s->root)
		return err_set(e, EINVAL, "config.json: no process, or no root");
	r = take_trees(a, request, s, &t, e);
	if (r < 0)
		return r;
	r = life_defaults(a, s->process, e);
	if (r < 0)
		return r;
	*ret = s;
	*ret_tree = t.root;
	return guest_spec_adjust(a, s, id, &t, e);
}

static bool has_rlimit(const struct spec_process *p, const char *type)
{
	for (size_t i = 0; i < p->rlimits_count; i++) {
		if (str_eq(p->rlimits[i].type, type))
			return true;
	}
	return false;
}

int life_defaults(struct arena *a, struct spec_process *p, struct err *e)
{
	struct rlimit files = {0, GUEST_FILES_HARD};
	struct spec_rlimit *v;

	/* The server's own, which it has set. */
	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return err_sys(e, "RLIMIT_NOFILE");
	if (!p->oom_score_adj.set)
		p->oom_score_adj = (struct opt_i64){.set = true};
	if (has_rlimit(p, "RLIMIT_NOFILE"))
		return 0;
	v = arena_array(a, p->rlimits_count + 1, sizeof(*v));
	if (!v)
		return err_code(e, ENOMEM, "process.rlimits");
	if (p->rlimits_count)
		memcpy(v, p->rlimits, p->rlimits_count * sizeof(*v));
	v[p->rlimits_count++] = (struct spec_rlimit){"RLIMIT_NOFILE", GUEST_FILES_SOFT,
						     files.rlim_max};
	p->rlimits = v;
	return 0;
}

void life_sync(struct guest *g, const char *tree)
{
	AUTO_FD fd = tree ? open(tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (fd >= 0 && syncfs(fd) < 0)
		log_warn(&g->log, "what a container wrote may not have reached the host");
}
