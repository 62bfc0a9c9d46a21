/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/shares.h"

#include <errno.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/str.h"
#include "libcontainer/rootfs/mount_api.h"
#include "libcontainer/rootfs/mount_options.h"
#include "sandbox/guest_spec.h"

#ifndef MS_PRIVATE
#define MS_PRIVATE (1 << 18) /* mount(2) */
#endif

/* Nothing of a tree is executed or opened as a device here. */
#define HOST_ATTRS (MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID)

static const char *absolute(struct arena *a, const char *bundle, const char *path)
{
	return path[0] == '/' ? arena_strdup(a, path)
			      : arena_fmt(a, "%s/%s", bundle, path);
}

static int open_root(struct arena *a, const struct spec *s, const char *bundle,
		     struct shares *ret, struct err *e)
{
	const struct mount_change change = {.set = HOST_ATTRS, .propagation = MS_PRIVATE};
	struct share *root = &ret->v[ret->count];
	AUTO_FREE char *real = NULL;
	const char *path;
	struct stat st;
	int r;

	if (!s->root->path || !*s->root->path)
		return err_set(e, EINVAL, "root.path is missing");
	path = absolute(a, bundle, s->root->path);
	real = path ? realpath(path, NULL) : NULL;
	if (!real)
		return err_sys(e, "root.path %s", path ? path : "");
	ret->root_path = arena_strdup(a, real);
	if (!ret->root_path)
		return err_code(e, ENOMEM, "root.path");
	root->fd = mount_clone_path(real, true);
	if (root->fd < 0)
		return err_code(e, root->fd, "root.path %s", real);
	ret->count++;
	if (fstat(root->fd, &st) < 0 || !S_ISDIR(st.st_mode))
		return err_set(e, ENOTDIR, "root.path %s: a file, not a folder", real);
	root->fs = VM_FS_PRIVATE;
	root->name = "root";
	root->mount = SHARE_ROOT;
	r = mount_change_fd(root->fd, &change, true);
	return r < 0 ? err_code(e, r, "root.path %s", real) : 0;
}

/* Propagation as the spec has it last, or none. */
static uint64_t propagation_of(const struct mount_options *o)
{
	return o->propagation_count ? o->propagation[o->propagation_count - 1].type
				    : MS_PRIVATE;
}

/* The words about the mount itself are for its top, the recursive ones for all. */
static int restrict_tree(int fd, const struct mount_options *o)
{
	struct mount_change all = {.set = HOST_ATTRS | (o->rec_set & MOUNT_ATTR_RDONLY),
				   .propagation = propagation_of(o)};
	struct mount_change top = {.set = o->set & MOUNT_ATTR_RDONLY};
	int r = mount_change_fd(fd, &all, true);

	return r < 0 || !top.set ? r : mount_change_fd(fd, &top, false);
}

static int open_bind(struct arena *a, const struct spec *s, size_t i, const char *bundle,
		     struct shares *ret, struct err *e)
{
	const struct spec_mount *m = &s->mounts[i];
	struct share *share = &ret->v[ret->count];
	struct mount_options o = {0};
	const char *path;
	int r;

	r = mount_options_parse(a, &m->options, &o, e);
	if (r < 0)
		return r;
	path = m->source ? absolute(a, bundle, m->source) : NULL;
	if (!path)
		return err_set(e, EINVAL, "a bind without a source");
	share->fd = mount_clone_path(path, o.recursive);
	if (share->fd < 0)
		return err_code(e, share->fd, "source %s", path);
	ret->count++;
	share->fs = VM_FS_SHARED;
	share->name = arena_fmt(a, "mount%zu", i);
	share->mount = i;
	if (!share->name)
		return err_code(e, ENOMEM, "source %s", path);
	r = restrict_tree(share->fd, &o);
	return r < 0 ? err_code(e, r, "source %s", path) : 0;
}

/* Asked here: the monitor has no path to anything any more when it tells the guest. */
static int measure_shm(struct arena *a, const struct spec *s, struct shares *ret,
		       struct err *e)
{
	uint64_t *sizes = arena_array(a, s->mounts_count + 1, sizeof(*sizes));

	if (!sizes)
		return err_code(e, ENOMEM, "the container's files");
	for (size_t i = 0; i < s->mounts_count; i++)
		sizes[i] = guest_spec_shm_size(&s->mounts[i]);
	ret->shm = sizes;
	ret->mounts = s->mounts_count;
	return 0;
}

int shares_make(struct arena *a, const struct spec *s, const char *bundle,
		struct shares *ret, struct err *e)
{
	int r;

	*ret = (struct shares){.v = arena_array(a, s->mounts_count + 1, sizeof(*ret->v))};
	if (!ret->v)
		return err_code(e, ENOMEM, "the container's files");
	r = measure_shm(a, s, ret, e);
	if (r == 0)
		r = open_root(a, s, bundle, ret, e);
	for (size_t i = 0; r >= 0 && i < s->mounts_count; i++) {
		if (!guest_spec_is_served(&s->mounts[i]))
			continue;
		r = open_bind(a, s, i, bundle, ret, e);
		if (r < 0)
			return err_wrap(e, "mounts[%zu] at %s", i,
					s->mounts[i].destination);
	}
	return r < 0 ? r : 0;
}

void shares_done(struct shares *s)
{
	for (size_t i = 0; i < s->count; i++)
		fd_close(&s->v[i].fd);
	s->count = 0;
}

int shares_attach(const struct shares *s, struct vm *vm, struct err *e)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct share *v = &s->v[i];
		const struct vm_tree_config t = {.name = v->name, .fd = v->fd};
		int r = vm_fs_attach(vm, v->fs, &t, e);

		if (r < 0)
			return r;
	}
	return 0;
}

void shares_write(const struct shares *s, struct json_writer *w)
{
	char index[24];

	json_put_string(w, "root", s->v[0].name);
	json_key(w, "binds");
	json_open_object(w);
	for (size_t i = 1; i < s->count; i++) {
		(void)snprintf(index, sizeof(index), "%zu", s->v[i].mount);
		json_put_string(w, index, s->v[i].name);
	}
	json_close_object(w);
	json_key(w, "shm");
	json_open_object(w);
	for (size_t i = 0; i < s->mounts; i++) {
		(void)snprintf(index, sizeof(index), "%zu", i);
		if (s->shm[i])
			json_put_uint(w, index, s->shm[i]);
	}
	json_close_object(w);
}
