/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tables can't say: how the parts of a configuration must fit together. A
 * configuration that passes is sound in itself; what only the kernel or another part
 * knows (capability names, seccomp's words, rlimit's) is checked where it is used.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"
#include "libcontainer/spec/decode.h"
#include "libcontainer/spec/sysctl.h"

struct check {
	const char *what; /* the file */
	const char *path; /* goes before a property's name */
	struct err *e;
};

static int bad(const struct check *c, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int bad(const struct check *c, int code, const char *fmt, ...)
{
	char text[300];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_set(c->e, code, "%s: %s%s", c->what, c->path, text);
}

static bool is_one_of(const char *s, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (str_eq(s, words[i]))
			return true;
	}
	return false;
}

/* Whether a path names something above where it starts at any step. */
static bool climbs_out(const char *path)
{
	int depth = 0;

	while (*path) {
		size_t n = strcspn(path, "/");

		if (n == 2 && memcmp(path, "..", 2) == 0)
			depth--;
		else if (n > 0 && !(n == 1 && *path == '.'))
			depth++;
		if (depth < 0)
			return true;
		path += n;
		path += *path == '/';
	}
	return false;
}

/* ---- process ---- */

/* setresuid(2) takes this one for "leave it", so it would keep the runtime's own. */
static int check_id(const struct check *c, const char *name, uint32_t id)
{
	return id != UINT32_MAX ? 0
				: bad(c, EINVAL, "%s: %" PRIu32 " is no id", name, id);
}

static int check_user(const struct check *c, const struct spec_user *u)
{
	char name[64];
	int r = check_id(c, "user.uid", u->uid);

	if (r == 0)
		r = check_id(c, "user.gid", u->gid);
	if (r == 0 && u->umask.set && u->umask.v > 0777)
		r = bad(c, EINVAL, "user.umask: %" PRIu32 " is more than 0777 (511)",
			u->umask.v);
	for (size_t i = 0; i < u->additional_gids_count && r == 0; i++) {
		(void)snprintf(name, sizeof(name), "user.additionalGids[%zu]", i);
		r = check_id(c, name, u->additional_gids[i]);
	}
	return r;
}

/* "A runtime MUST generate an error for duplicates" (config.md, POSIX process). */
static int check_rlimits(const struct check *c, const struct spec_process *p)
{
	for (size_t i = 0; i < p->rlimits_count; i++) {
		for (size_t j = 0; j < i; j++) {
			if (str_eq(p->rlimits[i].type, p->rlimits[j].type))
				return bad(c, EINVAL,
					   "rlimits[%zu].type: %.40s is there twice", i,
					   p->rlimits[i].type);
		}
	}
	return 0;
}

static int check_env(const struct check *c, const struct strings *env)
{
	for (size_t i = 0; i < env->count; i++) {
		const char *eq = strchr(env->v[i], '=');

		if (!eq)
			return bad(c, EINVAL, "env[%zu]: \"%.60s\" has no '='", i,
				   env->v[i]);
		if (eq == env->v[i])
			return bad(c, EINVAL, "env[%zu]: \"%.60s\" has no name", i,
				   env->v[i]);
	}
	return 0;
}

int spec_check_process(const char *what, const char *path, const struct spec_process *p,
		       struct err *e)
{
	struct check c = {.what = what, .path = path, .e = e};
	int r;

	if (p->cwd[0] != '/')
		return bad(&c, EINVAL, "cwd: %.100s is not absolute", p->cwd);
	if (p->args.count == 0)
		return bad(&c, EINVAL, "args: missing or empty");
	if (!p->args.v[0][0])
		return bad(&c, EINVAL, "args[0]: empty");
	if (p->oom_score_adj.set &&
	    (p->oom_score_adj.v < -1000 || p->oom_score_adj.v > 1000))
		return bad(&c, ERANGE,
			   "oomScoreAdj: %" PRId64 " is not between -1000 and 1000",
			   p->oom_score_adj.v);
	if (p->console_size &&
	    (p->console_size->height > UINT16_MAX || p->console_size->width > UINT16_MAX))
		return bad(&c, ERANGE, "consoleSize: more than %d characters",
			   UINT16_MAX);
	r = check_env(&c, &p->env);
	if (r == 0)
		r = check_user(&c, &p->user);
	if (r == 0)
		r = check_rlimits(&c, p);
	return r;
}

/* ---- resources ---- */

static int check_device_rule(const struct check *c, size_t i,
			     const struct spec_device_rule *d)
{
	static const char *const types[] = {"a", "b", "c"};

	if (d->type && !is_one_of(d->type, types, ARRAY_LEN(types)))
		return bad(c, EINVAL, "devices[%zu].type: %.20s is none of a, b, c", i,
			   d->type);
	if (d->access && d->access[strspn(d->access, "rwm")])
		return bad(c, EINVAL,
			   "devices[%zu].access: %.20s has other letters than rwm", i,
			   d->access);
	if (d->major.set && (d->major.v < -1 || d->major.v > UINT32_MAX))
		return bad(c, ERANGE,
			   "devices[%zu].major: %" PRId64 " is no device number", i,
			   d->major.v);
	if (d->minor.set && (d->minor.v < -1 || d->minor.v > UINT32_MAX))
		return bad(c, ERANGE,
			   "devices[%zu].minor: %" PRId64 " is no device number", i,
			   d->minor.v);
	return 0;
}

int spec_check_resources(const char *what, const char *path,
			 const struct spec_resources *res, struct err *e)
{
	struct check c = {.what = what, .path = path, .e = e};

	for (size_t i = 0; i < res->devices_count; i++) {
		int r = check_device_rule(&c, i, &res->devices[i]);

		if (r < 0)
			return r;
	}
	/* The keys are file names in the cgroup (config-linux.md, Unified). */
	for (size_t i = 0; i < res->unified.count; i++) {
		const char *key = res->unified.v[i].key;

		if (strchr(key, '/') || str_eq(key, ".") || str_eq(key, ".."))
			return bad(&c, EINVAL, "unified[\"%.60s\"]: not a file's name",
				   key);
	}
	return 0;
}

/* ---- namespaces ---- */

static int check_namespaces(const struct check *c, const struct spec *s)
{
	const struct spec_namespace *v = s->linux_->namespaces;

	for (size_t i = 0; i < s->linux_->namespaces_count; i++) {
		if (v[i].path && v[i].path[0] != '/')
			return bad(c, EINVAL,
				   "linux.namespaces[%zu].path: %.100s is not absolute",
				   i, v[i].path);
		for (size_t j = 0; j < i; j++) {
			if (v[i].type == v[j].type)
				return bad(c, EINVAL,
					   "linux.namespaces[%zu]: %s is there twice", i,
					   spec_ns_name(v[i].type));
		}
	}
	return 0;
}

/* What a namespace must be listed for. */
static int check_namespace_needs(const struct check *c, const struct spec *s)
{
	const struct spec_linux *l = s->linux_;
	const struct spec_namespace *mnt = spec_namespace(s, SPEC_NS_MOUNT);

	if (s->hostname && !spec_namespace(s, SPEC_NS_UTS))
		return bad(c, EINVAL, "hostname: there is no uts namespace");
	if (s->domainname && !spec_namespace(s, SPEC_NS_UTS))
		return bad(c, EINVAL, "domainname: there is no uts namespace");
	if (l->uid_mappings.count && !spec_namespace(s, SPEC_NS_USER))
		return bad(c, EINVAL, "linux.uidMappings: there is no user namespace");
	if (l->gid_mappings.count && !spec_namespace(s, SPEC_NS_USER))
		return bad(c, EINVAL, "linux.gidMappings: there is no user namespace");
	if (l->masked_paths.count && !mnt)
		return bad(c, EINVAL, "linux.maskedPaths: there is no mount namespace");
	if (l->readonly_paths.count && !mnt)
		return bad(c, EINVAL, "linux.readonlyPaths: there is no mount namespace");
	if (!mnt)
		return bad(c, ENOTSUP,
			   "linux.namespaces: no mount namespace: not supported yet");
	if (mnt->path)
		return bad(
			c, ENOTSUP,
			"linux.namespaces: a mount namespace by path: not supported yet");
	return 0;
}

static int check_idmaps(const struct check *c, const char *name,
			const struct spec_idmaps *maps)
{
	for (size_t i = 0; i < maps->count; i++) {
		const struct spec_idmap *m = &maps->v[i];

		if (m->size == 0)
			return bad(c, EINVAL, "%s[%zu].size: 0", name, i);
		if (m->size > UINT32_MAX - m->container_id ||
		    m->size > UINT32_MAX - m->host_id)
			return bad(c, ERANGE, "%s[%zu]: ends after the last id", name, i);
	}
	return 0;
}

static int check_mapped(const struct check *c, const char *name, uint32_t id,
			const struct spec_idmaps *maps)
{
	for (size_t i = 0; i < maps->count; i++) {
		const struct spec_idmap *m = &maps->v[i];

		if (id >= m->container_id && id - m->container_id < m->size)
			return 0;
	}
	return bad(c, EINVAL,
		   "process.user.%s: %" PRIu32 " is not mapped in the user namespace",
		   name, id);
}

/* Else it would be the start that fails, of a container that looks well. */
static int check_user_mapped(const struct check *c, const struct spec *s)
{
	const struct spec_user *u = &s->process->user;
	char name[48];
	int r = check_mapped(c, "uid", u->uid, &s->linux_->uid_mappings);

	if (r == 0)
		r = check_mapped(c, "gid", u->gid, &s->linux_->gid_mappings);
	for (size_t i = 0; i < u->additional_gids_count && r == 0; i++) {
		(void)snprintf(name, sizeof(name), "additionalGids[%zu]", i);
		r = check_mapped(c, name, u->additional_gids[i],
				 &s->linux_->gid_mappings);
	}
	return r;
}

/* A new user namespace nobody is mapped into can't hold a container. */
static int check_user_namespace(const struct check *c, const struct spec *s)
{
	const struct spec_namespace *user = spec_namespace(s, SPEC_NS_USER);
	int r = check_idmaps(c, "linux.uidMappings", &s->linux_->uid_mappings);

	if (r == 0)
		r = check_idmaps(c, "linux.gidMappings", &s->linux_->gid_mappings);
	if (r < 0 || !user || user->path)
		return r;
	if (!s->linux_->uid_mappings.count)
		return bad(c, EINVAL,
			   "linux.uidMappings: missing for a new user namespace");
	if (!s->linux_->gid_mappings.count)
		return bad(c, EINVAL,
			   "linux.gidMappings: missing for a new user namespace");
	return s->process ? check_user_mapped(c, s) : 0;
}

/* The offsets of a namespace are set before its first process; one given by path has
 * its own (config-linux.md, Offset for Time Namespace). */
static int check_time_offsets(const struct check *c, const struct spec *s)
{
	const struct spec_time_offsets *o = s->linux_->time_offsets;
	const struct spec_namespace *ns = spec_namespace(s, SPEC_NS_TIME);

	if (!o || (!o->monotonic && !o->boottime))
		return 0;
	if (!ns || ns->path)
		return bad(c, EINVAL,
			   "linux.timeOffsets: there is no new time namespace");
	if ((o->monotonic && o->monotonic->nanosecs > 999999999) ||
	    (o->boottime && o->boottime->nanosecs > 999999999))
		return bad(c, ERANGE, "linux.timeOffsets: nanosecs above 999999999");
	return 0;
}

/* ---- files ---- */

/* Relative destinations are deprecated; they are taken as relative to "/". */
static int check_mount(const struct check *c, struct arena *a, size_t i,
		       struct spec_mount *m)
{
	char name[48];
	int r;

	if (m->destination[0] != '/')
		m->destination = arena_fmt(a, "/%s", m->destination);
	if (!m->destination)
		return err_code(c->e, ENOMEM, "%s", c->what);
	(void)snprintf(name, sizeof(name), "mounts[%zu].uidMappings", i);
	r = check_idmaps(c, name, &m->uid_mappings);
	if (r < 0)
		return r;
	(void)snprintf(name, sizeof(name), "mounts[%zu].gidMappings", i);
	return check_idmaps(c, name, &m->gid_mappings);
}

/* The kernel's device numbers have 12 and 20 bits. Callers that copy a node's st_mode
 * leave the file's type in fileMode. */
static int check_device(const struct check *c, size_t i, struct spec_device *d)
{
	static const char *const types[] = {"b", "c", "p", "u"};

	if (!is_one_of(d->type, types, ARRAY_LEN(types)))
		return bad(c, EINVAL,
			   "linux.devices[%zu].type: %.20s is none of b, c, p, u", i,
			   d->type);
	if (d->path[0] != '/')
		return bad(c, EINVAL, "linux.devices[%zu].path: %.100s is not absolute",
			   i, d->path);
	if (d->major < 0 || d->major > 0xfff)
		return bad(c, ERANGE,
			   "linux.devices[%zu].major: %" PRId64 " is no device number", i,
			   d->major);
	if (d->minor < 0 || d->minor > 0xfffff)
		return bad(c, ERANGE,
			   "linux.devices[%zu].minor: %" PRId64 " is no device number", i,
			   d->minor);
	if (d->file_mode.set && d->file_mode.v > (S_IFMT | 07777))
		return bad(c, ERANGE,
			   "linux.devices[%zu].fileMode: %" PRIu32 " is no mode", i,
			   d->file_mode.v);
	d->file_mode.v &= 07777;
	return 0;
}

static int check_absolute(const struct check *c, const char *name,
			  const struct strings *paths)
{
	for (size_t i = 0; i < paths->count; i++) {
		if (paths->v[i][0] != '/')
			return bad(c, EINVAL, "%s[%zu]: %.100s is not absolute", name, i,
				   paths->v[i]);
	}
	return 0;
}

static int check_files(const struct check *c, struct arena *a, struct spec *s)
{
	int r = 0;

	for (size_t i = 0; i < s->mounts_count && r == 0; i++)
		r = check_mount(c, a, i, &s->mounts[i]);
	for (size_t i = 0; i < s->linux_->devices_count && r == 0; i++)
		r = check_device(c, i, &s->linux_->devices[i]);
	if (r == 0)
		r = check_absolute(c, "linux.maskedPaths", &s->linux_->masked_paths);
	if (r == 0)
		r = check_absolute(c, "linux.readonlyPaths", &s->linux_->readonly_paths);
	return r;
}

static int check_words(const struct check *c, const struct spec_linux *l)
{
	static const char *const propagations[] = {"shared",     "slave",      "private",
						   "unbindable", "rshared",    "rslave",
						   "rprivate",   "runbindable"};
	static const char *const flags[] = {
		"SECCOMP_FILTER_FLAG_TSYNC",
		"SECCOMP_FILTER_FLAG_LOG",
		"SECCOMP_FILTER_FLAG_SPEC_ALLOW",
		"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
	};

	if (l->rootfs_propagation &&
	    !is_one_of(l->rootfs_propagation, propagations, ARRAY_LEN(propagations)))
		return bad(c, EINVAL, "linux.rootfsPropagation: unknown: %.40s",
			   l->rootfs_propagation);
	for (size_t i = 0; l->seccomp && i < l->seccomp->flags.count; i++) {
		if (!is_one_of(l->seccomp->flags.v[i], flags, ARRAY_LEN(flags)))
			return bad(c, EINVAL, "linux.seccomp.flags[%zu]: unknown: %.60s",
				   i, l->seccomp->flags.v[i]);
	}
	return 0;
}

/* ---- hooks ---- */

static int check_hook_list(const struct check *c, const char *name,
			   const struct spec_hook_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct spec_hook *h = &list->v[i];

		if (h->path[0] != '/')
			return bad(c, EINVAL,
				   "hooks.%s[%zu].path: %.100s is not absolute", name, i,
				   h->path);
		if (h->timeout.set && h->timeout.v <= 0)
			return bad(c, ERANGE,
				   "hooks.%s[%zu].timeout: %" PRId64 " is not above 0",
				   name, i, h->timeout.v);
	}
	return 0;
}

static int check_hooks(const struct check *c, const struct spec_hooks *h)
{
	const struct {
		const char *name;
		const struct spec_hook_list *list;
	} lists[] = {
		{"prestart", &h->prestart},
		{"createRuntime", &h->create_runtime},
		{"createContainer", &h->create_container},
		{"startContainer", &h->start_container},
		{"poststart", &h->poststart},
		{"poststop", &h->poststop},
	};
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(lists) && r == 0; i++)
		r = check_hook_list(c, lists[i].name, lists[i].list);
	return r;
}

/* ---- the whole ---- */

/* Every 1.x is accepted, as later ones only add; and 0.x, which old writers still put
 * there over configurations that are fine. */
static int check_version(const struct check *c, const char *v)
{
	if ((v[0] != '0' && v[0] != '1') || v[1] != '.')
		return bad(c, EINVAL, "ociVersion: %.40s is not 1.x", v);
	return 0;
}

static int check_sysctls(const struct check *c, const struct spec *s)
{
	for (size_t i = 0; i < s->linux_->sysctl.count; i++) {
		const char *key = s->linux_->sysctl.v[i].key;
		const char *why = sysctl_refused(s, key);

		if (why)
			return bad(c, EINVAL, "linux.sysctl[\"%.100s\"]: %s", key, why);
	}
	return 0;
}

int spec_check(struct arena *a, const char *what, struct spec *s, struct err *e)
{
	struct check c = {.what = what, .path = "", .e = e};
	int r = check_version(&c, s->oci_version);

	if (r == 0)
		r = check_namespaces(&c, s);
	if (r == 0)
		r = check_namespace_needs(&c, s);
	if (r == 0)
		r = check_user_namespace(&c, s);
	if (r == 0)
		r = check_time_offsets(&c, s);
	if (r == 0 && s->process)
		r = spec_check_process(what, "process.", s->process, e);
	if (r == 0)
		r = check_files(&c, a, s);
	if (r == 0)
		r = check_words(&c, s->linux_);
	if (r == 0)
		r = check_sysctls(&c, s);
	if (r == 0 && s->hooks)
		r = check_hooks(&c, s->hooks);
	if (r == 0 && s->linux_->cgroups_path && climbs_out(s->linux_->cgroups_path))
		r = bad(&c, EINVAL, "linux.cgroupsPath: %.100s leaves its parent",
			s->linux_->cgroups_path);
	if (r == 0 && s->linux_->resources)
		r = spec_check_resources(what, "linux.resources.", s->linux_->resources,
					 e);
	return r;
}
