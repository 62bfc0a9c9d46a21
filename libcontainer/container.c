/* SPDX-License-Identifier: Apache-2.0 */
/* A container as commands meet it: loaded from its folder, asked for its state. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/proc.h"
#include "libcontainer/engine.h"
#include "libcontainer/gate.h"
#include "libcontainer/state.h"

#define CONFIG_MAX ((size_t)64 * 1024 * 1024)

const char *container_status_name(enum container_status s)
{
	static const char *const names[] = {
		[CONTAINER_CREATING] = "creating", [CONTAINER_CREATED] = "created",
		[CONTAINER_RUNNING] = "running",   [CONTAINER_PAUSED] = "paused",
		[CONTAINER_STOPPED] = "stopped",
	};

	return names[s];
}

int container_check_id(const char *id, struct err *e)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"0123456789_+-.";

	if (!*id)
		return err_set(e, EINVAL, "container id cannot be empty");
	if (id[strspn(id, allowed)] || str_eq(id, ".") || str_eq(id, ".."))
		return err_set(e, EINVAL, "invalid container id format: %s", id);
	if (strlen(id) > NAME_MAX)
		return err_set(e, ENAMETOOLONG, "container id is longer than %d bytes",
			       NAME_MAX);
	return 0;
}

struct container *container_new(void)
{
	struct container *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->cgroup = (struct cgroup)CGROUP_INIT;
	c->dir = c->pidfd = c->sync = c->console = -1;
	return c;
}

void container_free(struct container *c)
{
	if (!c)
		return;
	fd_close(&c->dir);
	fd_close(&c->pidfd);
	fd_close(&c->sync);
	fd_close(&c->console);
	cgroup_done(&c->cgroup);
	arena_done(&c->arena);
	free(c);
}

/* A descriptor of the recorded process if it is still that one and alive, else -1. Its
 * start time is read after the descriptor was opened: then the number belongs to what
 * the descriptor names, or that one is dead. */
static int open_process(const struct container *c)
{
	AUTO_FD fd = -1;
	uint64_t start;
	char state;

	if (c->pid <= 0 || c->other_boot)
		return -1;
	fd = proc_pidfd(c->pid);
	if (fd < 0 || proc_stat(c->pid, &start, &state) < 0)
		return -1;
	if (start != c->start_time || state == 'Z' || state == 'X')
		return -1;
	return fd_take(&fd);
}

/* The name of who owns the folder, from /etc/passwd alone: asking the name service could
 * load code and take its time. */
static const char *owner_of(struct container *c)
{
	struct passwd entry, *found = NULL;
	char buf[2048];
	struct stat st;
	FILE *f;

	if (fstat(c->dir, &st) < 0)
		return "";
	f = fopen("/etc/passwd", "re");
	while (f && fgetpwent_r(f, &entry, buf, sizeof(buf), &found) == 0) {
		if (entry.pw_uid == st.st_uid)
			break;
		found = NULL;
	}
	if (f)
		(void)fclose(f);
	return found ? arena_strdup(&c->arena, entry.pw_name)
		     : arena_fmt(&c->arena, "#%u", st.st_uid);
}

static int load(struct container *c, const char *root, const char *id, struct err *e)
{
	int r;

	c->root = arena_strdup(&c->arena, root);
	c->id = arena_strdup(&c->arena, id);
	if (!c->root || !c->id)
		return err_code(e, ENOMEM, "load a container");
	c->dir = state_open(root, id, e);
	if (c->dir < 0)
		return c->dir;
	r = state_read(c, e);
	if (r < 0)
		return r;
	c->pidfd = open_process(c);
	return 0;
}

int container_reload(struct container *c, struct err *e)
{
	int r;

	cgroup_done(&c->cgroup);
	fd_close(&c->pidfd);
	r = state_read(c, e);
	if (r < 0)
		return r;
	c->pidfd = open_process(c);
	return 0;
}

int container_load(const char *root, const char *id, struct container **ret,
		   struct err *e)
{
	struct container *c;
	int r;

	r = container_check_id(id, e);
	if (r < 0)
		return r;
	c = container_new();
	if (!c)
		return err_code(e, ENOMEM, "load a container");
	r = load(c, root, id, e);
	if (r < 0) {
		container_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

int container_status(const struct container *c, struct err *e)
{
	const struct engine *engine;
	int r;

	if (c->pid == 0)
		return CONTAINER_CREATING;
	/* pidfd was good when the container was loaded; it may have died since. */
	if (c->pidfd < 0 || proc_kill(c->pidfd, 0) == -ESRCH)
		return CONTAINER_STOPPED;
	/* Its process may be in the host's root as yet. */
	if (state_is_making(c->dir))
		return CONTAINER_CREATING;
	engine = engine_find(c->engine);
	r = engine ? engine->is_frozen(c, e) : cgroup_is_frozen(&c->cgroup, e);
	if (r < 0)
		return r;
	if (r > 0)
		return CONTAINER_PAUSED;
	return gate_exists(c->dir) ? CONTAINER_CREATED : CONTAINER_RUNNING;
}

int container_spec(struct container *c, struct spec **ret, struct err *e)
{
	AUTO_FREE char *text = NULL;
	size_t len;
	int r;

	r = file_read(c->dir, CONFIG_FILE, CONFIG_MAX, &text, &len, e);
	return r < 0 ? r : spec_decode(&c->arena, CONFIG_FILE, text, len, ret, e);
}

int container_write_state(struct container *c, struct json_writer *w, bool with_owner,
			  struct err *e)
{
	int status = container_status(c, e);

	if (status < 0)
		return status;
	json_put_string(w, "ociVersion", SPEC_VERSION);
	json_put_string(w, "id", c->id);
	json_put_int(w, "pid", status == CONTAINER_STOPPED ? 0 : c->pid);
	json_put_string(w, "status",
			container_status_name((enum container_status)status));
	json_put_string(w, "bundle", c->bundle);
	json_put_string(w, "rootfs", c->rootfs);
	json_put_string(w, "created", c->created);
	if (c->annotations.count) {
		json_key(w, "annotations");
		json_open_object(w);
		for (size_t i = 0; i < c->annotations.count; i++)
			json_put_string(w, c->annotations.v[i].key,
					c->annotations.v[i].value);
		json_close_object(w);
	}
	json_put_string(w, "owner", with_owner ? container_owner(c) : "");
	return 0;
}

const char *container_owner(struct container *c)
{
	if (!c->owner)
		c->owner = owner_of(c);
	return c->owner ? c->owner : "";
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names of the folders under the root, sorted; in the arena. */
static int read_ids(struct arena *a, const char *root, char ***ret, size_t *ret_count,
		    struct err *e)
{
	size_t count = 0, room = 0;
	char **ids = NULL, **more;
	struct dirent *d;
	DIR *dir;
	int r = 0;

	dir = opendir(root);
	if (!dir)
		return err_sys(e, "open the state root %s", root);
	while ((d = readdir(dir))) {
		if (container_check_id(d->d_name, ERR_IGNORE) < 0)
			continue;
		if (count == room) {
			room = room ? room * 2 : 64;
			more = arena_array(a, room, sizeof(*ids));
			if (more && count)
				memcpy(more, ids, count * sizeof(*ids));
			ids = more;
		}
		if (!ids || !(ids[count++] = arena_strdup(a, d->d_name))) {
			r = err_code(e, ENOMEM, "list containers");
			break;
		}
	}
	(void)closedir(dir);
	if (r < 0)
		return r;
	if (count)
		qsort(ids, count, sizeof(*ids), compare_names);
	*ret = ids;
	*ret_count = count;
	return 0;
}

int container_list(const char *root, int (*fn)(struct container *c, void *ctx), void *ctx,
		   const struct log *log, struct err *e)
{
	AUTO_ARENA a = {0};
	struct err why;
	char **ids = NULL;
	size_t count = 0;
	int r;

	r = read_ids(&a, root, &ids, &count, e);
	for (size_t i = 0; r >= 0 && i < count; i++) {
		struct container *c = NULL;

		if (container_load(root, ids[i], &c, &why) < 0 || !c) {
			/* Deleted since, or not a container's folder. */
			if (why.code != ENOENT)
				log_warn(log, "load container %s: %s", ids[i], why.text);
			continue;
		}
		r = fn(c, ctx);
		container_free(c);
	}
	return r;
}
