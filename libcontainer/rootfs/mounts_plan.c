/* SPDX-License-Identifier: Apache-2.0 */
/* The runtime's half of mounts.h: everything that is text becomes numbers, everything of
 * the host is opened. */
#include <errno.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>

#include "base/path.h"
#include "base/str.h"
#include "libcontainer/rootfs/mount_api.h"
#include "libcontainer/rootfs/mounts.h"

/* fsconfig(2) copies a key or a value with its NUL into so many bytes. */
#define FSCONFIG_MAX 256

/* MS_* that fsconfig(2) has no name for. */
#define SUPER_WITHOUT_NAME ((unsigned long)(MS_I_VERSION | MS_SILENT))

struct planner {
	struct arena *a;
	const struct rootfs_options *o;
	const char *root_path;
	struct mounts_plan *p;
};

static bool is_below(const char *path, const char *top)
{
	const char *rest = str_after(path, top);

	return rest && (*rest == '/' || *rest == '\0');
}

/* A text that is cleaned as a path; NULL: no memory, or too long (*ret_error). */
static const char *clean(struct arena *a, const char *dir, const char *path,
			 int *ret_error)
{
	const char *full = path[0] == '/' ? path : arena_fmt(a, "%s/%s", dir, path);
	size_t len = full ? strlen(full) + 2 : 0;
	char *ret = full ? arena_alloc(a, len) : NULL;

	*ret_error = ret ? path_clean(full, ret, len) : -ENOMEM;
	return *ret_error < 0 ? NULL : ret;
}

/*
 * Nothing but a procfs may cover /proc, and nothing be put into one: labels, sysctls and
 * masks go there (CVE-2019-16884). The exceptions are what lxcfs emulates, which are
 * runc's. A target that leads there by a symlink is found by the child.
 */
static int check_proc(const struct mount_entry *m, struct err *e)
{
	static const char *const emulated[] = {
		"/proc/cpuinfo",
		"/proc/diskstats",
		"/proc/meminfo",
		"/proc/stat",
		"/proc/swaps",
		"/proc/uptime",
		"/proc/loadavg",
		"/proc/slabinfo",
		"/proc/sys/kernel/ns_last_pid",
		"/proc/sys/crypto/fips_enabled",
	};
	struct statfs fs;

	if (!is_below(m->dest, "/proc"))
		return 0;
	if (str_eq(m->dest, "/proc")) {
		if (m->kind != MOUNT_BIND && str_eq(m->type, "proc"))
			return 0;
		if (m->kind == MOUNT_BIND && !m->in_root && m->host.path &&
		    statfs(m->host.path, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC)
			return 0;
		return err_set(e, EPERM,
			       "\"%s\" cannot be mounted because it is not of type proc",
			       m->dest);
	}
	for (size_t i = 0; i < ARRAY_LEN(emulated); i++) {
		if (m->kind == MOUNT_BIND && str_eq(m->dest, emulated[i]))
			return 0;
	}
	return err_set(e, EPERM, "\"%s\" cannot be mounted because it is inside /proc",
		       m->dest);
}

static bool needs_data(const struct mount_entry *m)
{
	if (m->o.super & SUPER_WITHOUT_NAME)
		return true;
	for (size_t i = 0; i < m->o.params_count; i++) {
		const struct mount_param *p = &m->o.params[i];

		if (strlen(p->key) >= FSCONFIG_MAX ||
		    (p->value && strlen(p->value) >= FSCONFIG_MAX))
			return true;
	}
	return m->source && strlen(m->source) >= FSCONFIG_MAX;
}

/* The options as mount(2) takes them; a value with a comma was quoted before. */
static const char *join(struct arena *a, const struct mount_entry *m)
{
	char *s = arena_strdup(a, "");

	for (size_t i = 0; s && i < m->o.params_count; i++) {
		const struct mount_param *p = &m->o.params[i];
		const char *quote = p->value && strchr(p->value, ',') ? "\"" : "";

		s = arena_fmt(a, "%s%s%s%s%s%s%s", s, *s ? "," : "", p->key,
			      p->value ? "=" : "", quote, p->value ? p->value : "",
			      quote);
	}
	if (s && m->label && !m->label_top)
		s = arena_fmt(a, "%s%scontext=\"%s\"", s, *s ? "," : "", m->label);
	return s;
}

static bool has_param(const struct mount_options *o, const char *key)
{
	for (size_t i = 0; i < o->params_count; i++) {
		if (str_eq(o->params[i].key, key))
			return true;
	}
	return false;
}

static int plan_bind(struct planner *pl, struct mount_entry *m, const char *source,
		     struct err *e)
{
	const char *rest;
	int r;

	if (!source || !*source)
		return err_set(e, EINVAL, "a bind without a source");
	if (m->o.params_count)
		return err_set(e, EINVAL,
			       "bind mounts cannot have any filesystem-specific options "
			       "applied");
	if (m->o.copy_up)
		return err_set(e, EINVAL, "option tmpcopyup: for a tmpfs only");
	if (m->o.super)
		log_warn(
			pl->o->log,
			"mount at %s: options of a filesystem (sync, lazytime, ...) have "
			"no effect on a bind",
			m->dest);
	m->source = clean(pl->a, pl->o->bundle, source, &r);
	if (!m->source)
		return err_code(e, r, "source %s", source);
	/* A source in the rootfs may be the work of an earlier mount, and whoever made
	 * the image chose its symlinks: the child opens it inside the root. */
	rest = str_after(m->source, pl->root_path);
	if (rest && *rest == '/' && !str_eq(pl->root_path, "/")) {
		m->in_root = rest;
		m->host.recursive = m->o.recursive;
		return 0;
	}
	r = host_tree_open(&m->host, m->source, m->o.recursive, pl->o->in_userns);
	return r < 0 ? err_code(e, r, "source %s", m->source) : 0;
}

static int plan_cgroup(struct planner *pl, struct mount_entry *m, struct err *e)
{
	const char *top;
	int r;

	m->type = "cgroup2";
	m->label = NULL;
	if (pl->p->own_cgroupns)
		return 0;
	/* A new mount would show the same as the host's, but one that is made in the
	 * host's cgroup namespace sets the options of all mounts of the hierarchy, the
	 * host's too (nsdelegate): so it is a bind of that one. */
	top = mounts_find_cgroup2();
	if (!top)
		return err_set(e, ENOTSUP, "no cgroup v2 hierarchy is mounted");
	r = host_tree_open(&m->host, top, false, pl->o->in_userns);
	return r < 0 ? err_code(e, r, "source %s", top) : 0;
}

static int plan_fs(struct planner *pl, struct mount_entry *m, struct err *e)
{
	const char *label = pl->o->spec->linux_->mount_label;

	if (!*m->type)
		return err_set(e, EINVAL, "neither a type nor the option bind");
	if (m->o.remount)
		return err_set(e, ENOTSUP, "option remount: for a bind only");
	if (m->o.copy_up && !str_eq(m->type, "tmpfs"))
		return err_set(e, EINVAL, "option tmpcopyup: for a tmpfs only");
	/* One mount has nothing below it. */
	m->o.set = (m->o.set & ~m->o.rec_clear) | m->o.rec_set;
	if (label && *label)
		m->label = label;
	if (str_eq(m->type, "cgroup") || str_eq(m->type, "cgroup2")) {
		m->kind = MOUNT_CGROUP;
		return plan_cgroup(pl, m, e);
	}
	if (str_eq(m->type, "proc") || str_eq(m->type, "sysfs")) {
		m->kind = MOUNT_STRICT;
		m->label = NULL; /* the kernel labels these itself */
	}
	if (str_eq(m->type, "mqueue"))
		m->label_top = true;
	m->inherit_mode = str_eq(m->type, "tmpfs") && !has_param(&m->o, "mode");
	if (needs_data(m)) {
		if (str_eq(m->dest, "/"))
			return err_set(e, ENOTSUP,
				       "options that need mount(2), on a mount over /");
		m->data = join(pl->a, m);
		if (!m->data)
			return err_code(e, ENOMEM, "options");
	}
	return 0;
}

static int plan_mount(struct planner *pl, const struct spec_mount *s,
		      struct mount_entry *m, struct err *e)
{
	int r;

	if (!s->destination || !*s->destination)
		return err_set(e, EINVAL, "no destination");
	if (s->uid_mappings.count || s->gid_mappings.count)
		return err_set(e, ENOTSUP, "uidMappings, gidMappings: not supported yet");
	m->dest = clean(pl->a, "", s->destination, &r);
	if (!m->dest)
		return err_code(e, r, "destination");
	r = mount_options_parse(pl->a, &s->options, &m->o, e);
	if (r < 0)
		return r;
	m->type = s->type ? s->type : "";
	m->source = s->source && *s->source ? s->source : NULL;
	if (m->o.bind || str_eq(m->type, "bind")) {
		m->kind = MOUNT_BIND;
		m->type = "bind";
		r = plan_bind(pl, m, s->source, e);
	} else {
		r = plan_fs(pl, m, e);
	}
	if (r < 0)
		return r;
	if ((m->o.set & MOUNT_ATTR_RDONLY) &&
	    (str_eq(m->type, "tmpfs") || str_eq(m->dest, "/dev"))) {
		m->o.set &= ~(uint64_t)MOUNT_ATTR_RDONLY;
		m->read_only_late = true;
	}
	return check_proc(m, e);
}

static bool lists_namespace(const struct spec_linux *l, enum spec_ns type)
{
	for (size_t i = 0; i < l->namespaces_count; i++) {
		if (l->namespaces[i].type == type)
			return true;
	}
	return false;
}

int mounts_plan_make(struct arena *a, const struct rootfs_options *o,
		     const char *root_path, struct mounts_plan *p, struct err *e)
{
	struct planner pl = {.a = a, .o = o, .root_path = root_path, .p = p};
	const struct spec *s = o->spec;
	int r;

	p->in_userns = o->in_userns;
	p->own_cgroupns = lists_namespace(s->linux_, SPEC_NS_CGROUP);
	p->cgroup_path = o->cgroup_path ? o->cgroup_path : "";
	p->log = o->log;
	p->v = arena_array(a, s->mounts_count + 1, sizeof(*p->v));
	if (!p->v)
		return err_code(e, ENOMEM, "mounts");
	for (size_t i = 0; i < s->mounts_count; i++) {
		p->v[i].held = p->v[i].top = p->v[i].host.fd = -1;
		p->count++;
		r = plan_mount(&pl, &s->mounts[i], &p->v[i], e);
		if (r < 0)
			return err_wrap(e, "mounts[%zu]", i);
	}
	return 0;
}

void mounts_plan_done(struct mounts_plan *p)
{
	for (size_t i = 0; i < p->count; i++)
		host_tree_done(&p->v[i].host);
}
