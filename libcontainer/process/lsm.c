/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AppArmor profiles and SELinux labels. See plan.h.
 *
 * Whether a module is there is asked in the runtime's process; the child only writes to
 * the procfs that it was given. podman recognises errors about it by the path between
 * backticks.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>

#ifdef HAVE_LIBSELINUX
#include <dlfcn.h>
#include <selinux/selinux.h>
#endif

#include "base/file.h"
#include "base/procfs.h"
#include "libcontainer/process/plan.h"

#define SELINUXFS_MAGIC 0xf97cff8c /* linux/magic.h: SELINUX_MAGIC */

static bool has_text(const char *s)
{
	return s && *s;
}

static bool apparmor_enabled(void)
{
	char word[8];

	return file_read_line(AT_FDCWD, "/sys/module/apparmor/parameters/enabled", word,
			      sizeof(word)) > 0 &&
	       word[0] == 'Y';
}

static bool selinuxfs_mounted(void)
{
	struct statfs fs;

	return statfs("/sys/fs/selinux", &fs) == 0 &&
	       (unsigned long)fs.f_type == SELINUXFS_MAGIC;
}

#ifdef HAVE_LIBSELINUX

/* 1: SELinux is on and takes the label, 0: it is off. */
static int ask_library(void *library, const char *label, struct err *e)
{
	__typeof__(is_selinux_enabled) *enabled = dlsym(library, "is_selinux_enabled");
	__typeof__(security_check_context) *check = dlsym(library,
							  "security_check_context");

	if (!enabled || !check)
		return err_set(e, ENOSYS, "process.selinuxLabel: libselinux is too old");
	if (enabled() <= 0)
		return 0;
	if (check(label) < 0)
		return err_sys(e, "process.selinuxLabel: %s", label);
	return 1;
}

static int selinux_takes(const char *label, struct err *e)
{
	void *library = dlopen("libselinux.so.1", RTLD_NOW | RTLD_LOCAL);
	int r;

	if (!library)
		return selinuxfs_mounted() ? err_set(e, ENOSYS,
						     "process.selinuxLabel: "
						     "libselinux.so.1 is missing")
					   : 0;
	r = ask_library(library, label, e);
	(void)dlclose(library);
	return r;
}

#else

static int selinux_takes(const char *label, struct err *e)
{
	(void)label;
	return selinuxfs_mounted() ? err_set(e, ENOSYS,
					     "process.selinuxLabel: this build has no "
					     "SELinux")
				   : 0;
}

#endif

int lsm_make(struct arena *a, const struct spec_process *s, struct lsm *ret,
	     struct err *e)
{
	int r;

	*ret = (struct lsm){0};
	if (has_text(s->apparmor_profile)) {
		if (!apparmor_enabled())
			return err_set(
				e, ENOSYS,
				"process.apparmorProfile: apparmor is not enabled");
		ret->apparmor = arena_fmt(a, "exec %s", s->apparmor_profile);
		if (!ret->apparmor)
			return err_set(e, ENOMEM,
				       "process.apparmorProfile: out of memory");
	}
	if (has_text(s->selinux_label)) {
		r = selinux_takes(s->selinux_label, e);
		if (r < 0)
			return r;
		ret->selinux = r ? s->selinux_label : NULL;
	}
	return 0;
}

static int write_attr(int proc_fd, const char *path, const char *text, struct err *e)
{
	int r = procfs_write(proc_fd, path, text);

	return r < 0 ? err_code(e, r, "write \"%s\" to `/proc/%s`", text, path) : 0;
}

int lsm_set_now(const struct lsm *l, int proc_fd, struct err *e)
{
	char text[NAME_MAX + sizeof("changeprofile ")];
	int r;

	if (l->apparmor) {
		(void)snprintf(text, sizeof(text), "changeprofile %s",
			       l->apparmor + strlen("exec "));
		r = write_attr(proc_fd, "thread-self/attr/apparmor/current", text, e);
		if (r < 0)
			return err_wrap(e, "unable to apply apparmor profile");
	}
	return l->selinux ? write_attr(proc_fd, "thread-self/attr/current", l->selinux, e)
			  : 0;
}

int lsm_set_exec(const struct lsm *l, int proc_fd, struct err *e)
{
	int r;

	if (l->apparmor) {
		/* Before Linux 5.8 the modules had to share one file. */
		r = procfs_write(proc_fd, "thread-self/attr/apparmor/exec", l->apparmor);
		if (r == -ENOENT)
			r = write_attr(proc_fd, "thread-self/attr/exec", l->apparmor, e);
		else if (r < 0)
			r = err_code(e, r, "write \"%s\" to `/proc/%s`", l->apparmor,
				     "thread-self/attr/apparmor/exec");
		if (r < 0)
			return err_wrap(e, "unable to apply apparmor profile");
	}
	if (l->selinux) {
		r = write_attr(proc_fd, "thread-self/attr/exec", l->selinux, e);
		if (r < 0)
			return err_wrap(e, "unable to set selinux label");
	}
	return 0;
}

int lsm_set_keys(const struct lsm *l, int proc_fd, bool on, struct err *e)
{
	if (!l->selinux)
		return 0;
	/* A newline alone takes the label back (security/selinux/hooks.c). */
	return write_attr(proc_fd, "thread-self/attr/keycreate", on ? l->selinux : "\n",
			  e);
}
