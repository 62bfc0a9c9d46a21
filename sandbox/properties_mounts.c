/* SPDX-License-Identifier: Apache-2.0 */
/* Mounts: what the guest can mount by itself, and which sources of the host it may see. */
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/str.h"
#include "sandbox/guest_devices.h"
#include "sandbox/guest_spec.h"
#include "sandbox/properties.h"

#define SANDBOX "not possible in a sandbox"

/* Of older headers. */
#ifndef MQUEUE_MAGIC
#define MQUEUE_MAGIC 0x19800202
#endif
#define CONFIGFS_MAGIC 0x62656570
#define FUSECTL_MAGIC  0x65735543

/* Filesystems that are the kernel's own: what the guest mounts of these is its own. Disks
 * and servers are the host's to mount. */
static const char *const guests[] = {
	"proc",    "sysfs",      "tmpfs",    "ramfs",     "devpts",      "mqueue",
	"cgroup",  "cgroup2",    "devtmpfs", "hugetlbfs", "bpf",         "tracefs",
	"debugfs", "securityfs", "configfs", "fusectl",   "binfmt_misc",
};

/* For the words of the error; the file server has a list of what it serves, and refuses
 * all else. */
static const struct {
	uint32_t magic;
	const char *name;
} kernels[] = {
	{PROC_SUPER_MAGIC, "procfs"},
	{SYSFS_MAGIC, "sysfs"},
	{CGROUP_SUPER_MAGIC, "a cgroup filesystem"},
	{CGROUP2_SUPER_MAGIC, "a cgroup filesystem"},
	{DEBUGFS_MAGIC, "debugfs"},
	{TRACEFS_MAGIC, "tracefs"},
	{DEVPTS_SUPER_MAGIC, "devpts"},
	{MQUEUE_MAGIC, "mqueue"},
	{SECURITYFS_MAGIC, "securityfs"},
	{SELINUX_MAGIC, "selinuxfs"},
	{BPF_FS_MAGIC, "bpffs"},
	{PSTOREFS_MAGIC, "pstore"},
	{EFIVARFS_MAGIC, "efivarfs"},
	{NSFS_MAGIC, "a namespace"},
	{HUGETLBFS_MAGIC, "hugetlbfs"},
	{BINFMTFS_MAGIC, "binfmt_misc"},
	{CONFIGFS_MAGIC, "configfs"},
	{FUSECTL_MAGIC, "fusectl"},
};

static int refuse(const struct spec_mount *m, size_t i, const char *why, struct err *e)
{
	return err_set(e, ENOTSUP,
		       "config.json: mounts[%zu] at %.100s: source %.100s: " SANDBOX
		       ": %s",
		       i, m->destination, m->source, why);
}

static int check_type(const struct spec_mount *m, size_t i, struct err *e)
{
	/* Without a type it is an error of both engines. */
	if (!m->type || !*m->type)
		return 0;
	for (size_t j = 0; j < ARRAY_LEN(guests); j++) {
		if (str_eq(m->type, guests[j]))
			return 0;
	}
	return err_set(e, ENOTSUP,
		       "config.json: mounts[%zu] at %.100s: type %.40s: " SANDBOX
		       ": to be mounted on the host, and bound",
		       i, m->destination, m->type);
}

/* A devtmpfs can't be told from a tmpfs by its type, only by where it is. */
static bool in_devices(const struct stat *st)
{
	struct stat dev;

	return stat("/dev", &dev) == 0 && dev.st_dev == st->st_dev;
}

/* What is missing is found when it is opened. */
static int check_served(const struct spec_mount *m, size_t i, struct err *e)
{
	char why[96];
	struct statfs fs;
	struct stat st;

	if (m->source[0] != '/' || stat(m->source, &st) < 0 || statfs(m->source, &fs) < 0)
		return 0;
	for (size_t j = 0; j < ARRAY_LEN(kernels); j++) {
		if ((uint32_t)fs.f_type != kernels[j].magic)
			continue;
		(void)snprintf(why, sizeof(why), "it is %s of the host's kernel",
			       kernels[j].name);
		return refuse(m, i, why, e);
	}
	if (in_devices(&st))
		return refuse(m, i, "the devices are the host's", e);
	return 0;
}

static int check_device(const struct spec *s, const struct spec_mount *m, size_t i,
			const struct log *log, struct err *e)
{
	struct stat st;

	if (stat(m->source, &st) < 0 || (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode)) ||
	    guest_devices_has_node(st.st_mode, st.st_rdev))
		return 0;
	if (!guest_devices_allow_all(s))
		return refuse(m, i, "the guest has no such device", e);
	log_debug(log, "mounts[%zu]: %s: only if the guest has it", i, m->source);
	return 0;
}

static int check_mount(const struct spec *s, const struct spec_mount *m, size_t i,
		       const struct log *log, struct err *e)
{
	if (m->uid_mappings.count || m->gid_mappings.count)
		return err_set(e, ENOTSUP,
			       "config.json: mounts[%zu] at %.100s: uidMappings, "
			       "gidMappings: not supported yet",
			       i, m->destination);
	if (!guest_spec_is_bind(m))
		return check_type(m, i, e);
	if (!m->source)
		return 0;
	return guest_spec_is_served(m) ? check_served(m, i, e)
				       : check_device(s, m, i, log, e);
}

int properties_check_mounts(const struct spec *s, const struct log *log, struct err *e)
{
	int r = 0;

	for (size_t i = 0; i < s->mounts_count && r == 0; i++)
		r = check_mount(s, &s->mounts[i], i, log, e);
	return r;
}
