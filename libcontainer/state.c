/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/state.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/path.h"

/* Raised when a field changes its meaning; a new one is added without. */
#define STATE_VERSION 1
#define STATE_MAX     ((size_t)4 * 1024 * 1024)

/* How long other commands may hold a lock: none runs a hook under it. */
#define LOCK_TRIES 200
#define LOCK_STEP  ((struct timespec){.tv_nsec = 10000000L})

static int open_root(const char *root, bool make, struct err *e)
{
	int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT && make) {
		AUTO_FD slash = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		AUTO_FD made = path_mkdirs_in(slash, root, 0700);

		if (made < 0)
			return err_code(e, made, "make the state root %s", root);
		fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	return fd < 0 ? err_sys(e, "open the state root %s", root) : fd;
}

int state_make(const char *root, const char *id, struct err *e)
{
	AUTO_FD top = open_root(root, true, e);
	AUTO_FD dir = -1;
	int r;

	if (top < 0)
		return top;
	if (mkdirat(top, id, 0711) < 0)
		return errno == EEXIST ? err_set(e, EEXIST,
						 "container with given ID already exists")
				       : err_sys(e, "make %s/%s", root, id);
	dir = openat(top, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir < 0)
		return err_sys(e, "open %s/%s", root, id);
	r = state_lock(dir, e);
	if (r < 0)
		return r;
	if (mknodat(dir, MAKING_FILE, S_IFREG | 0600, 0) < 0) {
		r = err_sys(e, "make %s/%s/" MAKING_FILE, root, id);
		(void)unlinkat(top, id, AT_REMOVEDIR);
		return r;
	}
	return fd_take(&dir);
}

int state_made(int dir, struct err *e)
{
	if (unlinkat(dir, MAKING_FILE, 0) < 0)
		return err_sys(e, "remove " MAKING_FILE);
	return 0;
}

bool state_is_making(int dir)
{
	return faccessat(dir, MAKING_FILE, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int state_open(const char *root, const char *id, struct err *e)
{
	AUTO_FD top = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int dir;

	if (top < 0)
		return errno == ENOENT ? err_set(e, ENOENT, "container does not exist")
				       : err_sys(e, "open the state root %s", root);
	dir = openat(top, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir < 0)
		return errno == ENOENT ? err_set(e, ENOENT, "container does not exist")
				       : err_sys(e, "open %s/%s", root, id);
	return dir;
}

int state_lock(int dir, struct err *e)
{
	struct stat st;

	for (int i = 0; flock(dir, LOCK_EX | LOCK_NB) < 0; i++) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_sys(e, "lock the container");
		if (i == LOCK_TRIES)
			return err_set(e, EBUSY,
				       "another command is at work on the container");
		(void)nanosleep(&LOCK_STEP, NULL);
	}
	if (fstat(dir, &st) < 0)
		return err_sys(e, "stat the container's folder");
	if (st.st_nlink == 0) {
		state_unlock(dir);
		return err_set(e, ENOENT, "container does not exist");
	}
	return 0;
}

void state_unlock(int dir)
{
	(void)flock(dir, LOCK_UN);
}

static int read_boot_id(char buf[64], struct err *e)
{
	ssize_t n = file_read_line(AT_FDCWD, "/proc/sys/kernel/random/boot_id", buf, 64);

	return n < 0 ? err_code(e, (int)n, "read the boot id") : 0;
}

static void put_annotations(struct json_writer *w, const struct container *c)
{
	json_key(w, "annotations");
	json_open_object(w);
	for (size_t i = 0; i < c->annotations.count; i++)
		json_put_string(w, c->annotations.v[i].key, c->annotations.v[i].value);
	json_close_object(w);
}

int state_save(const struct container *c, struct err *e)
{
	AUTO_JSON *w = json_writer_new("");
	const char *text;
	char boot_id[64];
	size_t len;
	int r;

	if (!w)
		return err_code(e, ENOMEM, "write %s", STATE_FILE);
	r = read_boot_id(boot_id, e);
	if (r < 0)
		return r;
	json_open_object(w);
	json_put_int(w, "version", STATE_VERSION);
	json_put_string(w, "hull", PACKAGE_VERSION);
	json_put_string(w, "engine", c->engine);
	json_put_string(w, "id", c->id);
	json_put_int(w, "pid", c->pid);
	json_put_uint(w, "startTime", c->start_time);
	json_put_string(w, "bootId", boot_id);
	json_put_bool(w, "ownPidNamespace", c->own_pidns);
	json_put_bool(w, "hasPoststart", c->has_poststart);
	json_put_bool(w, "hasPoststop", c->has_poststop);
	json_put_int(w, "cgroupDriver", (int)c->cgroup.driver);
	json_put_string(w, "cgroupPath", c->cgroup.path);
	json_put_string(w, "bundle", c->bundle);
	json_put_string(w, "rootfs", c->rootfs);
	json_put_string(w, "created", c->created);
	put_annotations(w, c);
	json_close_object(w);
	r = json_finish(w, &text, &len, e);
	return r < 0 ? r : file_replace(c->dir, STATE_FILE, text, len, 0600, e);
}

static int bad_field(struct err *e, const char *key)
{
	return err_set(e, EINVAL, "%s: %s is missing or of the wrong type", STATE_FILE,
		       key);
}

static int read_string(const struct json *v, const char *key, const char **ret,
		       struct err *e)
{
	*ret = json_get_string(v, key);
	return *ret ? 0 : bad_field(e, key);
}

static int read_bool(const struct json *v, const char *key, bool *ret, struct err *e)
{
	const struct json *m = json_get(v, key);

	if (!m || m->type != JSON_BOOL)
		return bad_field(e, key);
	*ret = m->boolean;
	return 0;
}

static int read_annotations(struct container *c, const struct json *v, struct err *e)
{
	const struct json *m = json_get(v, "annotations");
	size_t i = 0;

	if (!m || m->type != JSON_OBJECT)
		return bad_field(e, "annotations");
	c->annotations.v = arena_array(&c->arena, m->count, sizeof(*c->annotations.v));
	if (!c->annotations.v)
		return err_code(e, ENOMEM, "%s", STATE_FILE);
	c->annotations.count = m->count;
	for (m = m->first; m; m = m->next) {
		if (m->type != JSON_STRING)
			return bad_field(e, "annotations");
		c->annotations.v[i++] = (struct spec_pair){m->key, m->text};
	}
	return 0;
}

/* The process, if it was of this boot: a number of another means nothing. */
static int read_process(struct container *c, const struct json *v, struct err *e)
{
	const char *boot_id;
	char now[64];
	int64_t pid;
	int r;

	if (json_i64(json_get(v, "pid"), &pid) < 0 || pid < 0 || pid > INT32_MAX)
		return bad_field(e, "pid");
	if (json_u64(json_get(v, "startTime"), &c->start_time) < 0)
		return bad_field(e, "startTime");
	r = read_string(v, "bootId", &boot_id, e);
	if (r < 0)
		return r;
	r = read_boot_id(now, e);
	if (r < 0)
		return r;
	c->pid = (pid_t)pid;
	c->other_boot = !str_eq(now, boot_id);
	return 0;
}

static int read_cgroup(struct container *c, const struct json *v, struct err *e)
{
	const char *path;
	int64_t driver;
	int r;

	if (json_i64(json_get(v, "cgroupDriver"), &driver) < 0 ||
	    (driver != CGROUP_CGROUPFS && driver != CGROUP_DISABLED))
		return bad_field(e, "cgroupDriver");
	r = read_string(v, "cgroupPath", &path, e);
	if (r < 0)
		return r;
	/* What has the path now is not ours. */
	if (c->other_boot)
		return 0;
	return cgroup_open(&c->cgroup, (enum cgroup_driver)driver, path, e);
}

static int read_fields(struct container *c, const struct json *v, struct err *e)
{
	const struct {
		const char *key, **ret;
	} strings[] = {
		{"engine", &c->engine},
		{"bundle", &c->bundle},
		{"rootfs", &c->rootfs},
		{"created", &c->created},
	};
	const struct {
		const char *key;
		bool *ret;
	} bools[] = {
		{"ownPidNamespace", &c->own_pidns},
		{"hasPoststart", &c->has_poststart},
		{"hasPoststop", &c->has_poststop},
	};
	int64_t version;
	int r;

	if (json_i64(json_get(v, "version"), &version) < 0)
		return bad_field(e, "version");
	if (version != STATE_VERSION)
		return err_set(e, EINVAL, "%s: version %lld, and this hull knows %d",
			       STATE_FILE, (long long)version, STATE_VERSION);
	for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
		r = read_string(v, strings[i].key, strings[i].ret, e);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < ARRAY_LEN(bools); i++) {
		r = read_bool(v, bools[i].key, bools[i].ret, e);
		if (r < 0)
			return r;
	}
	r = read_annotations(c, v, e);
	if (r < 0)
		return r;
	r = read_process(c, v, e);
	return r < 0 ? r : read_cgroup(c, v, e);
}

int state_read(struct container *c, struct err *e)
{
	AUTO_FREE char *text = NULL;
	const struct json *v;
	size_t len;
	int r;

	r = file_read(c->dir, STATE_FILE, STATE_MAX, &text, &len, e);
	if (r < 0)
		return r;
	r = json_parse(&c->arena, STATE_FILE, text, len, &v, e);
	return r < 0 ? r : read_fields(c, v, e);
}

int state_remove(const char *root, const char *id, int dir, struct err *e)
{
	AUTO_FD top = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat ours, now;

	if (top < 0)
		return errno == ENOENT ? 0 : err_sys(e, "open the state root %s", root);
	if (fstat(dir, &ours) < 0)
		return err_sys(e, "stat the container's folder");
	if (fstatat(top, id, &now, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(e, "stat %s/%s", root, id);
	if (now.st_dev != ours.st_dev || now.st_ino != ours.st_ino)
		return 0;
	return path_remove_tree(top, id, e);
}
