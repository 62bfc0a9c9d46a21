/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/rootfs/mount_options.h"

#include <errno.h>
#include <linux/mount.h>
#include <string.h>

#include "base/str.h"

enum action {
	IGNORE,        /* says what is the case anyway */
	BIND,          /* value: recursive */
	SET,           /* MOUNT_ATTR_* */
	CLEAR,         /* MOUNT_ATTR_* */
	ATIME,         /* one of the three ways to keep access times */
	NO_ATIME,      /* not this one of the three */
	REC_SET,       /* as the four above, but for all mounts below too */
	REC_CLEAR,     /**/
	REC_ATIME,     /**/
	REC_NO_ATIME,  /**/
	SUPER,         /* MS_* of the filesystem */
	SUPER_OFF,     /**/
	PROPAGATE,     /* MS_* */
	REC_PROPAGATE, /**/
	COPY_UP,
	REMOUNT,
};

/* name, action, value; sorted by name. Not here: "acl", which is the filesystem's
 * (MS_POSIXACL does not mean it). */
#define OPTIONS(X)                                                                       \
	X("async", SUPER_OFF, MS_SYNCHRONOUS)                                            \
	X("atime", NO_ATIME, MOUNT_ATTR_NOATIME)                                         \
	X("bind", BIND, 0)                                                               \
	X("defaults", IGNORE, 0)                                                         \
	X("dev", CLEAR, MOUNT_ATTR_NODEV)                                                \
	X("diratime", CLEAR, MOUNT_ATTR_NODIRATIME)                                      \
	X("dirsync", SUPER, MS_DIRSYNC)                                                  \
	X("exec", CLEAR, MOUNT_ATTR_NOEXEC)                                              \
	X("iversion", SUPER, MS_I_VERSION)                                               \
	X("lazytime", SUPER, MS_LAZYTIME)                                                \
	X("loud", SUPER_OFF, MS_SILENT)                                                  \
	X("mand", SUPER, MS_MANDLOCK)                                                    \
	X("noatime", ATIME, MOUNT_ATTR_NOATIME)                                          \
	X("nodev", SET, MOUNT_ATTR_NODEV)                                                \
	X("nodiratime", SET, MOUNT_ATTR_NODIRATIME)                                      \
	X("noexec", SET, MOUNT_ATTR_NOEXEC)                                              \
	X("noiversion", SUPER_OFF, MS_I_VERSION)                                         \
	X("nolazytime", SUPER_OFF, MS_LAZYTIME)                                          \
	X("nomand", SUPER_OFF, MS_MANDLOCK)                                              \
	X("norelatime", NO_ATIME, MOUNT_ATTR_RELATIME)                                   \
	X("nostrictatime", NO_ATIME, MOUNT_ATTR_STRICTATIME)                             \
	X("nosuid", SET, MOUNT_ATTR_NOSUID)                                              \
	X("nosymfollow", SET, MOUNT_ATTR_NOSYMFOLLOW)                                    \
	X("private", PROPAGATE, MS_PRIVATE)                                              \
	X("ratime", REC_NO_ATIME, MOUNT_ATTR_NOATIME)                                    \
	X("rbind", BIND, 1)                                                              \
	X("rdev", REC_CLEAR, MOUNT_ATTR_NODEV)                                           \
	X("rdiratime", REC_CLEAR, MOUNT_ATTR_NODIRATIME)                                 \
	X("relatime", ATIME, MOUNT_ATTR_RELATIME)                                        \
	X("remount", REMOUNT, 0)                                                         \
	X("rexec", REC_CLEAR, MOUNT_ATTR_NOEXEC)                                         \
	X("rnoatime", REC_ATIME, MOUNT_ATTR_NOATIME)                                     \
	X("rnodev", REC_SET, MOUNT_ATTR_NODEV)                                           \
	X("rnodiratime", REC_SET, MOUNT_ATTR_NODIRATIME)                                 \
	X("rnoexec", REC_SET, MOUNT_ATTR_NOEXEC)                                         \
	X("rnorelatime", REC_NO_ATIME, MOUNT_ATTR_RELATIME)                              \
	X("rnostrictatime", REC_NO_ATIME, MOUNT_ATTR_STRICTATIME)                        \
	X("rnosuid", REC_SET, MOUNT_ATTR_NOSUID)                                         \
	X("rnosymfollow", REC_SET, MOUNT_ATTR_NOSYMFOLLOW)                               \
	X("ro", SET, MOUNT_ATTR_RDONLY)                                                  \
	X("rprivate", REC_PROPAGATE, MS_PRIVATE)                                         \
	X("rrelatime", REC_ATIME, MOUNT_ATTR_RELATIME)                                   \
	X("rro", REC_SET, MOUNT_ATTR_RDONLY)                                             \
	X("rrw", REC_CLEAR, MOUNT_ATTR_RDONLY)                                           \
	X("rshared", REC_PROPAGATE, MS_SHARED)                                           \
	X("rslave", REC_PROPAGATE, MS_SLAVE)                                             \
	X("rstrictatime", REC_ATIME, MOUNT_ATTR_STRICTATIME)                             \
	X("rsuid", REC_CLEAR, MOUNT_ATTR_NOSUID)                                         \
	X("rsymfollow", REC_CLEAR, MOUNT_ATTR_NOSYMFOLLOW)                               \
	X("runbindable", REC_PROPAGATE, MS_UNBINDABLE)                                   \
	X("rw", CLEAR, MOUNT_ATTR_RDONLY)                                                \
	X("shared", PROPAGATE, MS_SHARED)                                                \
	X("silent", SUPER, MS_SILENT)                                                    \
	X("slave", PROPAGATE, MS_SLAVE)                                                  \
	X("strictatime", ATIME, MOUNT_ATTR_STRICTATIME)                                  \
	X("suid", CLEAR, MOUNT_ATTR_NOSUID)                                              \
	X("symfollow", CLEAR, MOUNT_ATTR_NOSYMFOLLOW)                                    \
	X("sync", SUPER, MS_SYNCHRONOUS)                                                 \
	X("tmpcopyup", COPY_UP, 0)                                                       \
	X("unbindable", PROPAGATE, MS_UNBINDABLE)

struct option {
	const char *name;
	enum action action;
	uint64_t value;
};

#define ROW(name, action, value)  {name, action, value},
#define NAME(name, action, value) name,

static const struct option options[] = {OPTIONS(ROW)};
static const char *const names[] = {OPTIONS(NAME) NULL};

static const char *const refused[] = {"idmap", "ridmap"};

const char *const *mount_options_names(void)
{
	return names;
}

static const struct option *find(const char *name)
{
	size_t low = 0, high = ARRAY_LEN(options);

	while (low < high) {
		size_t mid = (low + high) / 2;
		int c = strcmp(name, options[mid].name);

		if (c == 0)
			return &options[mid];
		if (c < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

bool mount_propagation_parse(const char *word, uint64_t *ret_type, bool *ret_recursive)
{
	const struct option *o = find(word);

	if (!o || (o->action != PROPAGATE && o->action != REC_PROPAGATE))
		return false;
	*ret_type = o->value;
	*ret_recursive = o->action == REC_PROPAGATE;
	return true;
}

/* Access times are one of three, in a field of two bits that mount_setattr(2) wants to
 * be cleared as a whole. RELATIME is its 0, and the kernel's default. */
static void choose_atime(uint64_t *set, uint64_t *clear, uint64_t value)
{
	*set = (*set & ~(uint64_t)MOUNT_ATTR__ATIME) | value;
	*clear |= MOUNT_ATTR__ATIME;
}

static void drop_atime(uint64_t *set, uint64_t *clear, uint64_t value)
{
	/* "norelatime" leaves the default, which is relatime. */
	if (value == MOUNT_ATTR_RELATIME)
		return;
	if ((*set & MOUNT_ATTR__ATIME) == value || !(*set & MOUNT_ATTR__ATIME))
		choose_atime(set, clear, MOUNT_ATTR_RELATIME);
}

static void set_bits(uint64_t *set, uint64_t *clear, uint64_t value)
{
	*set |= value;
	*clear &= ~value;
}

static void propagate(struct mount_options *o, uint64_t type, bool recursive)
{
	o->propagation[o->propagation_count].type = type;
	o->propagation[o->propagation_count++].recursive = recursive;
}

static void apply(struct mount_options *o, const struct option *opt)
{
	uint64_t v = opt->value;

	o->flags_given |= opt->action >= SET && opt->action <= NO_ATIME;
	switch (opt->action) {
	case IGNORE:
		break;
	case BIND:
		o->bind = true;
		o->recursive |= v != 0;
		break;
	case SET:
		set_bits(&o->set, &o->clear, v);
		break;
	case CLEAR:
		set_bits(&o->clear, &o->set, v);
		break;
	case ATIME:
		choose_atime(&o->set, &o->clear, v);
		break;
	case NO_ATIME:
		drop_atime(&o->set, &o->clear, v);
		break;
	case REC_SET:
		set_bits(&o->rec_set, &o->rec_clear, v);
		break;
	case REC_CLEAR:
		set_bits(&o->rec_clear, &o->rec_set, v);
		break;
	case REC_ATIME:
		choose_atime(&o->rec_set, &o->rec_clear, v);
		break;
	case REC_NO_ATIME:
		drop_atime(&o->rec_set, &o->rec_clear, v);
		break;
	case SUPER:
		o->super |= v;
		break;
	case SUPER_OFF:
		o->super &= ~v;
		break;
	case PROPAGATE:
	case REC_PROPAGATE:
		propagate(o, v, opt->action == REC_PROPAGATE);
		break;
	case COPY_UP:
		o->copy_up = true;
		break;
	case REMOUNT:
		o->remount = true;
		break;
	}
}

/* The length of the first of the comma-separated parameters of s; a comma between
 * quotes is part of it (context="u:r:t:s0:c1,c2"). */
static size_t param_len(const char *s)
{
	bool quoted = false;
	size_t n = 0;

	for (; s[n] && (quoted || s[n] != ','); n++)
		quoted ^= s[n] == '"';
	return n;
}

/* "key", "key=value" or key="value"; fsconfig(2) takes values without the quotes that
 * mount(2) needs. */
static int add_param(struct arena *a, struct mount_options *o, const char *s, size_t len)
{
	struct mount_param *p = &o->params[o->params_count];
	char *key = arena_strndup(a, s, len), *value;
	size_t n;

	if (!key)
		return -ENOMEM;
	value = strchr(key, '=');
	if (value)
		*value++ = '\0';
	if (*key == '\0')
		return -EINVAL;
	n = value ? strlen(value) : 0;
	if (n >= 2 && value[0] == '"' && value[n - 1] == '"') {
		value[n - 1] = '\0';
		value++;
	}
	p->key = key;
	p->value = value;
	o->params_count++;
	return 0;
}

static int add_params(struct arena *a, struct mount_options *o, const char *s)
{
	size_t n;
	int r;

	for (;; s += n + 1) {
		n = param_len(s);
		r = n ? add_param(a, o, s, n) : 0;
		if (r < 0 || s[n] == '\0')
			return r;
	}
}

static int check_refused(const char *name, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		if (str_eq(name, refused[i]) ||
		    (str_after(name, refused[i]) && *str_after(name, refused[i]) == '='))
			return err_set(e, ENOTSUP, "option %s: not supported yet",
				       refused[i]);
	}
	return 0;
}

int mount_options_parse(struct arena *a, const struct strings *words,
			struct mount_options *ret, struct err *e)
{
	size_t params = words->count;
	const struct option *opt;
	int r;

	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < words->count; i++) {
		for (const char *p = words->v[i]; *p; p++)
			params += *p == ',';
	}
	ret->params = arena_array(a, params + 1, sizeof(*ret->params));
	ret->propagation = arena_array(a, words->count + 1, sizeof(*ret->propagation));
	if (!ret->params || !ret->propagation)
		return err_code(e, ENOMEM, "mount options");
	for (size_t i = 0; i < words->count; i++) {
		opt = find(words->v[i]);
		if (opt) {
			apply(ret, opt);
			continue;
		}
		r = check_refused(words->v[i], e);
		if (r < 0)
			return r;
		r = add_params(a, ret, words->v[i]);
		if (r < 0)
			return err_code(e, r, "option \"%s\"", words->v[i]);
	}
	return 0;
}
