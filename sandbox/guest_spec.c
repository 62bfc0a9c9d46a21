/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/guest_spec.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/path.h"
#include "base/str.h"
#include "sandbox/guest_devices.h"

#define SHM         "/dev/shm"
#define SHM_DEFAULT ((uint64_t)64 * 1024 * 1024) /* what callers give their containers */

/* ---- what both sides must see alike: by the text alone ---- */

static bool has_word(const struct strings *words, const char *word)
{
	for (size_t i = 0; i < words->count; i++) {
		if (str_eq(words->v[i], word))
			return true;
	}
	return false;
}

bool guest_spec_is_bind(const struct spec_mount *m)
{
	return (m->type && str_eq(m->type, "bind")) || has_word(&m->options, "bind") ||
	       has_word(&m->options, "rbind");
}

static bool is_path(const char *text, const char *want)
{
	char clean[PATH_MAX];

	return path_clean(text, clean, sizeof(clean)) == 0 && str_eq(clean, want);
}

const char *guest_spec_own_type(const char *source)
{
	static const struct {
		const char *source, *type;
	} own[] = {
		{"/proc", "proc"},
		{"/sys", "sysfs"},
		{"/sys/fs/cgroup", "cgroup"},
		{"/dev/pts", "devpts"},
		{"/dev/mqueue", "mqueue"},
	};

	for (size_t i = 0; i < ARRAY_LEN(own); i++) {
		if (is_path(source, own[i].source))
			return own[i].type;
	}
	return NULL;
}

/* ---- on the host ---- */

/* A relative source is one of the bundle, which is no place for a tmpfs or a device. */
static bool is_shm(const struct spec_mount *m, struct statfs *ret_fs)
{
	return m->source[0] == '/' && is_path(m->destination, SHM) &&
	       statfs(m->source, ret_fs) == 0 && ret_fs->f_type == TMPFS_MAGIC;
}

uint64_t guest_spec_shm_size(const struct spec_mount *m)
{
	struct statfs fs;

	if (!guest_spec_is_bind(m) || !m->source || !is_shm(m, &fs))
		return 0;
	return (uint64_t)fs.f_blocks * (uint64_t)fs.f_bsize;
}

/* Its node is the guest's. */
static bool is_device(const struct spec_mount *m)
{
	struct stat st;

	return m->source[0] == '/' && stat(m->source, &st) == 0 &&
	       (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode));
}

int guest_spec_is_served(const struct spec_mount *m)
{
	struct statfs fs;

	if (!guest_spec_is_bind(m) || !m->source)
		return 0;
	return !guest_spec_own_type(m->source) && !is_shm(m, &fs) && !is_device(m);
}

/* ---- in the guest: mounts ---- */

/* The words that a filesystem of one's own doesn't know. */
static bool only_of_binds(const char *word)
{
	return str_eq(word, "bind") || str_eq(word, "rbind") || str_eq(word, "remount");
}

/* Labels of SELinux: the guest's kernel has none. */
static bool is_label(const char *word)
{
	static const char *const names[] = {
		"context=", "fscontext=", "defcontext=", "rootcontext="};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (str_after(word, names[i]))
			return true;
	}
	return false;
}

/* More words may be added: there is room for `more`. */
static int filter_words(struct arena *a, struct strings *words, bool binds, size_t more,
			struct err *e)
{
	const char **v = arena_array(a, words->count + more + 1, sizeof(*v));
	size_t n = 0;

	if (!v)
		return err_code(e, ENOMEM, "options");
	for (size_t i = 0; i < words->count; i++) {
		if (!is_label(words->v[i]) && (binds || !only_of_binds(words->v[i])))
			v[n++] = words->v[i];
	}
	*words = (struct strings){.v = v, .count = n};
	return 0;
}

static int make_own(struct arena *a, struct spec_mount *m, const char *type,
		    struct err *e)
{
	int r = filter_words(a, &m->options, false, 2, e);

	if (r < 0)
		return r;
	m->type = m->source = type;
	if (str_eq(type, "devpts")) {
		m->options.v[m->options.count++] = "newinstance";
		m->options.v[m->options.count++] = "ptmxmode=0666";
	}
	return 0;
}

static int make_shm(struct arena *a, struct spec_mount *m, uint64_t size, struct err *e)
{
	const char *word = arena_fmt(a, "size=%" PRIu64, size ? size : SHM_DEFAULT);
	int r = word ? filter_words(a, &m->options, false, 2, e)
		     : err_code(e, ENOMEM, "options");

	if (r < 0)
		return r;
	m->type = "tmpfs";
	m->source = "shm";
	m->options.v[m->options.count++] = "mode=1777";
	m->options.v[m->options.count++] = word;
	return 0;
}

/* The node of a device, which is the guest's: never any other path of its own root. 0: it
 * is left out. */
static int check_device_bind(const struct spec_mount *m, bool all, struct err *e)
{
	struct stat st;

	if (!str_after(m->source, "/dev/") || strstr(m->source, "/../"))
		return err_set(e, EINVAL, "source %.100s: not served", m->source);
	if (lstat(m->source, &st) == 0 && S_ISCHR(st.st_mode))
		return 1;
	return all ? 0
		   : err_set(e, ENODEV, "source %.100s: the guest doesn't have it",
			     m->source);
}

static int adjust_unserved(struct arena *a, struct spec_mount *m, uint64_t shm, bool all,
			   struct err *e)
{
	const char *own = guest_spec_own_type(m->source);
	int r;

	if (own)
		r = make_own(a, m, own, e);
	else if (is_path(m->destination, SHM))
		r = make_shm(a, m, shm, e);
	else
		return check_device_bind(m, all, e);
	return r < 0 ? r : 1;
}

/* 1, or 0 if the mount is left out. */
static int adjust_mount(struct arena *a, struct spec_mount *m, const char *tree,
			uint64_t shm, bool all, struct err *e)
{
	if (!guest_spec_is_bind(m)) {
		int r = filter_words(a, &m->options, true, 0, e);

		return r < 0 ? r : 1;
	}
	if (!m->source)
		return err_set(e, EINVAL, "a bind without a source");
	if (!tree)
		return adjust_unserved(a, m, shm, all, e);
	/* Ids are mapped by the host, in the tree that it serves. */
	m->uid_mappings.count = m->gid_mappings.count = 0;
	m->source = tree;
	return 1;
}

static int adjust_mounts(struct arena *a, struct spec *s, const struct guest_trees *t,
			 struct err *e)
{
	bool all = guest_devices_allow_all(s);
	size_t kept = 0;

	for (size_t i = 0; i < s->mounts_count; i++) {
		int r = adjust_mount(a, &s->mounts[i], t->binds ? t->binds[i] : NULL,
				     t->shm ? t->shm[i] : 0, all, e);

		if (r < 0)
			return err_wrap(e, "mounts[%zu]", i);
		if (r > 0)
			s->mounts[kept++] = s->mounts[i];
	}
	s->mounts_count = kept;
	return 0;
}

/* ---- in the guest: the rest ---- */

/* The guest's network is the pod's, and its users are mapped by the host's user
 * namespace, which the file server is in. */
static int adjust_namespaces(struct arena *a, struct spec_linux *l, struct err *e)
{
	struct spec_namespace *v = arena_array(a, l->namespaces_count, sizeof(*v));
	size_t n = 0;

	if (!v)
		return err_code(e, ENOMEM, "namespaces");
	for (size_t i = 0; i < l->namespaces_count; i++) {
		enum spec_ns type = l->namespaces[i].type;

		if (type != SPEC_NS_NETWORK && type != SPEC_NS_USER)
			v[n++].type = type;
	}
	l->namespaces = v;
	l->namespaces_count = n;
	l->uid_mappings = l->gid_mappings = (struct spec_idmaps){0};
	return 0;
}

/* Files of controllers whose numbers are the guest's as well as the host's. */
static bool is_unified_here(const char *key)
{
	if (str_after(key, "memory.swap.") || str_after(key, "memory.zswap."))
		return false; /* the host swaps, the guest doesn't */
	return str_after(key, "memory.") || str_after(key, "cpu.") ||
	       str_after(key, "pids.") || str_after(key, "cgroup.");
}

static void adjust_resources(struct spec_resources *r)
{
	size_t kept = 0;

	if (r->memory)
		r->memory->swap.set = false;
	if (r->cpu) /* of the host's processors: the threads that are the guest's */
		r->cpu->cpus = r->cpu->mems = NULL;
	for (size_t i = 0; i < r->unified.count; i++) {
		if (is_unified_here(r->unified.v[i].key))
			r->unified.v[kept++] = r->unified.v[i];
	}
	r->unified.count = kept;
}

static int adjust_hooks(struct arena *a, struct spec *s, struct err *e)
{
	struct spec_hooks *h;

	if (!s->hooks)
		return 0;
	h = arena_alloc(a, sizeof(*h));
	if (!h)
		return err_code(e, ENOMEM, "hooks");
	h->start_container = s->hooks->start_container;
	s->hooks = h;
	return 0;
}

static int adjust_linux(struct arena *a, struct spec_linux *l, const char *id,
			struct err *e)
{
	/* A file's name, so that no other cgroup is meant. */
	if (!*id || str_eq(id, ".") || str_eq(id, "..") || strchr(id, '/'))
		return err_set(e, EINVAL, "id \"%.100s\"", id);
	l->cgroups_path = arena_fmt(a, "/%s", id);
	if (!l->cgroups_path)
		return err_code(e, ENOMEM, "cgroupsPath");
	l->mount_label = NULL;
	if (l->resources)
		adjust_resources(l->resources);
	return adjust_namespaces(a, l, e);
}

int guest_spec_adjust(struct arena *a, struct spec *s, const char *id,
		      const struct guest_trees *t, struct err *e)
{
	int r = adjust_linux(a, s->linux_, id, e);

	if (r == 0)
		r = adjust_hooks(a, s, e);
	if (r == 0)
		r = guest_devices_adjust(s, e);
	if (r < 0)
		return r;
	s->root->path = t->root;
	if (s->process)
		s->process->apparmor_profile = s->process->selinux_label = NULL;
	return adjust_mounts(a, s, t, e);
}
