/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/rootfs/filesystem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "libcontainer/rootfs/mount_api.h"

static const struct super_name {
	unsigned long flag;
	const char *name;
} super_names[] = {
	{MS_SYNCHRONOUS, "sync"},
	{MS_DIRSYNC, "dirsync"},
	{MS_MANDLOCK, "mand"},
	{MS_LAZYTIME, "lazytime"},
};

static int bad_fs(int r, int fs, const char *what, struct err *e)
{
	char why[256];

	mount_fs_explain(fs, why, sizeof(why));
	return *why ? err_code(e, r, "%s: %s", what, why) : err_code(e, r, "%s", what);
}

/* A filesystem of one's own is made read-only as a whole, so that not even a journal is
 * replayed; for the kernel's own ones and memory the mount's flag is all. */
static bool is_on_disk(const struct mount_entry *m)
{
	static const char *const virtual[] = {"proc",   "sysfs",   "tmpfs",
					      "devpts", "mqueue",  "ramfs",
					      "bpf",    "tracefs", "securityfs"};

	for (size_t i = 0; i < ARRAY_LEN(virtual); i++) {
		if (str_eq(m->type, virtual[i]))
			return false;
	}
	return m->kind == MOUNT_FS;
}

static int set_params(const struct mount_entry *m, int fs, struct err *e)
{
	int r;

	r = m->source ? mount_fs_param(fs, "source", m->source) : 0;
	if (r < 0)
		return bad_fs(r, fs, "source", e);
	for (size_t i = 0; i < ARRAY_LEN(super_names); i++) {
		if (!(m->o.super & super_names[i].flag))
			continue;
		r = mount_fs_param(fs, super_names[i].name, NULL);
		if (r < 0)
			return bad_fs(r, fs, super_names[i].name, e);
	}
	if ((m->o.set & MOUNT_ATTR_RDONLY) && is_on_disk(m)) {
		r = mount_fs_param(fs, "ro", NULL);
		if (r < 0)
			return bad_fs(r, fs, "ro", e);
	}
	for (size_t i = 0; i < m->o.params_count; i++) {
		r = mount_fs_param(fs, m->o.params[i].key, m->o.params[i].value);
		if (r < 0)
			return bad_fs(r, fs, m->o.params[i].key, e);
	}
	if (m->label && !m->label_top) {
		r = mount_fs_param(fs, "context", m->label);
		if (r < 0)
			return bad_fs(r, fs, "context", e);
	}
	return 0;
}

/* Sets the mode of what the mount will cover. */
static int covered_mode(int target, unsigned *ret, struct err *e)
{
	struct stat st;

	if (fstat(target, &st) < 0)
		return err_sys(e, "stat of the target");
	*ret = st.st_mode & 07777;
	return 0;
}

int filesystem_make(const struct mount_entry *m, int target, bool *ret_denied,
		    struct err *e)
{
	AUTO_FD fs = mount_fs_open(m->type);
	unsigned mode = 0;
	char octal[16];
	int r;

	*ret_denied = false;
	if (fs < 0) {
		*ret_denied = fs == -EPERM;
		return err_code(e, fs, "filesystem %s", m->type);
	}
	if (m->inherit_mode) {
		r = covered_mode(target, &mode, e);
		if (r < 0)
			return r;
		(void)snprintf(octal, sizeof(octal), "%04o", mode);
		r = mount_fs_param(fs, "mode", octal);
		if (r < 0)
			return bad_fs(r, fs, "mode", e);
	}
	r = set_params(m, fs, e);
	if (r < 0)
		return r;
	r = mount_fs_create(fs, m->o.set);
	if (r >= 0)
		return r;
	*ret_denied = r == -EPERM || r == -EBUSY;
	return bad_fs(r, fs, m->type, e);
}

static unsigned long mount_flags(const struct mount_options *o)
{
	static const struct {
		uint64_t attr;
		unsigned long flag;
	} table[] = {
		{MOUNT_ATTR_RDONLY, MS_RDONLY},
		{MOUNT_ATTR_NOSUID, MS_NOSUID},
		{MOUNT_ATTR_NODEV, MS_NODEV},
		{MOUNT_ATTR_NOEXEC, MS_NOEXEC},
		{MOUNT_ATTR_NOATIME, MS_NOATIME},
		{MOUNT_ATTR_STRICTATIME, MS_STRICTATIME},
		{MOUNT_ATTR_NODIRATIME, MS_NODIRATIME},
		{MOUNT_ATTR_NOSYMFOLLOW, MS_NOSYMFOLLOW},
	};
	unsigned long flags = o->super;

	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		flags |= o->set & table[i].attr ? table[i].flag : 0;
	return flags;
}

int filesystem_make_old(const struct mount_entry *m, int root, int proc_fd, int target,
			struct err *e)
{
	unsigned mode = 0;
	char data[4096];
	int r = 0, n;

	if (m->inherit_mode)
		r = covered_mode(target, &mode, e);
	if (r < 0)
		return r;
	n = m->inherit_mode ? snprintf(data, sizeof(data), "mode=%04o%s%s", mode,
				       *m->data ? "," : "", m->data)
			    : snprintf(data, sizeof(data), "%s", m->data);
	if (n < 0 || (size_t)n >= sizeof(data))
		return err_set(e, E2BIG, "options: more than a page");
	r = mount_by_data(proc_fd, target, m->source ? m->source : "none", m->type,
			  mount_flags(&m->o), data);
	if (r < 0)
		return err_code(e, r, "%s", m->type);
	r = path_open_in(root, m->dest, O_PATH, 0);
	return r < 0 ? err_code(e, r, "target %s", m->dest) : r;
}
