/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan, and the child's steps in their order. See process.h.
 *
 * What the order of confine comes from:
 *  - labels and setgroups need the procfs, which is closed with all other descriptors;
 *  - these are really closed before the execve, not only marked: what is open still
 *    counts as a path (/proc/self/fd/N) while execve looks one up;
 *  - limits come after all that opens or forks, and before the change of ids, which
 *    counts the user's processes against RLIMIT_NPROC;
 *  - without no_new_privs a seccomp filter needs CAP_SYS_ADMIN, so it comes before the
 *    capabilities go (and then has to allow what follows); with it, last;
 *  - the bounding set needs CAP_SETPCAP, so it goes before the ids, and the other sets
 *    survive these by PR_SET_KEEPCAPS.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/procfs.h"
#include "base/str.h"
#include "libcontainer/process/plan.h"

#define DEFAULT_UMASK 0022 /* as runc, where the spec has none */

/* Descriptor 3 and those after it were inherited: what this process has opened itself is
 * close-on-exec, and must not get into a container because it fills a gap. */
static int check_preserved(unsigned count, struct err *e)
{
	struct stat st;
	int fd, flags;

	for (unsigned i = 0; i < count; i++) {
		fd = 3 + (int)i;
		flags = fcntl(fd, F_GETFD);
		if (flags >= 0 && (flags & FD_CLOEXEC))
			errno = EBADF;
		if (flags < 0 || (flags & FD_CLOEXEC) || fstat(fd, &st) < 0)
			return err_sys(e, "unable to stat preserved-fd %u (of %u)", i,
				       count);
	}
	return 0;
}

static void make_user(const struct process_options *o, struct process_plan *p)
{
	const struct spec_user *u = &o->process->user;

	p->user = (struct user){
		.uid = u->uid,
		.gid = u->gid,
		.umask = u->umask.set ? u->umask.v : DEFAULT_UMASK,
		.groups = u->additional_gids,
		.groups_count = u->additional_gids_count,
		.keep_groups = o->keep_groups,
		.overrides_modes = p->caps.effective >> 1 & 1, /* CAP_DAC_OVERRIDE */
	};
}

int process_plan_make(struct arena *a, const struct process_options *o,
		      struct process_plan **ret, struct err *e)
{
	const struct spec_process *s = o->process;
	struct process_plan *p = arena_alloc(a, sizeof(*p));
	int r;

	if (!p)
		return err_set(e, ENOMEM, "process: out of memory");
	if (s->args.count == 0)
		return err_set(e, EINVAL, "process.args must not be empty");
	p->log = o->log;
	p->argv = s->args.v;
	p->cwd = s->cwd && *s->cwd ? s->cwd : "/";
	p->in_userns = o->in_userns;
	p->make_cwd = o->make_cwd;
	p->no_new_privs = s->no_new_privileges;
	p->preserve_fds = o->preserve_fds;
	if (s->oom_score_adj.set)
		(void)snprintf(p->oom_score_adj, sizeof(p->oom_score_adj), "%lld",
			       (long long)s->oom_score_adj.v);
	if (o->keyring) {
		p->keyring = arena_strdup(a, o->keyring);
		if (!p->keyring)
			return err_set(e, ENOMEM, "session keyring: out of memory");
	}
	caps_make(s->capabilities, &p->caps, o->log);
	make_user(o, p);
	r = env_make(a, &s->env, o->listen_fds, &p->env, e);
	if (r == 0)
		r = rlimits_make(a, s, &p->rlimits, e);
	if (r == 0)
		r = lsm_make(a, s, &p->lsm, e);
	if (r == 0)
		r = check_preserved(o->preserve_fds, e);
	if (r == 0)
		r = seccomp_filter_compile(a, o->seccomp, &p->seccomp, o->log, e);
	if (r < 0)
		return r;
	*ret = p;
	return 0;
}

/* Lowering it takes CAP_SYS_RESOURCE; what is so already needs nothing. */
static int set_oom_score_adj(const struct process_plan *p, int proc_fd, const char *who,
			     struct err *e)
{
	char path[64], now[16] = "";
	ssize_t n;
	int r;

	if (!p->oom_score_adj[0])
		return 0;
	(void)snprintf(path, sizeof(path), "%s/oom_score_adj", who);
	r = procfs_open_at(proc_fd, path, O_RDONLY);
	if (r >= 0) {
		AUTO_FD fd = r;

		n = fd_read_full(fd, now, sizeof(now) - 1);
		now[n > 0 && now[n - 1] == '\n' ? n - 1 : 0] = '\0';
		if (str_eq(now, p->oom_score_adj))
			return 0;
	}
	r = procfs_write(proc_fd, path, p->oom_score_adj);
	return r < 0 ? err_code(e, r, "process.oomScoreAdj: %s", p->oom_score_adj) : 0;
}

int process_set_outside(const struct process_plan *p, pid_t pid, int proc_fd,
			struct err *e)
{
	char who[24];
	int r = rlimits_raise(&p->rlimits, pid, e);

	if (r < 0)
		return r;
	(void)snprintf(who, sizeof(who), "%d", pid);
	return set_oom_score_adj(p, proc_fd, who, e);
}

static int join_keyring(const struct process_plan *p, int proc_fd, struct err *e)
{
	int r;

	if (!p->keyring)
		return 0;
	r = lsm_set_keys(&p->lsm, proc_fd, true, e);
	if (r == 0)
		r = keyring_join(p->keyring, p->in_userns, p->log, e);
	if (r == 0)
		r = lsm_set_keys(&p->lsm, proc_fd, false, e);
	return r;
}

int process_set_early(const struct process_plan *p, int proc_fd, struct err *e)
{
	int r = stdio_check(e);

	if (r == 0)
		r = join_keyring(p, proc_fd, e);
	if (r == 0 && !p->in_userns)
		r = rlimits_raise(&p->rlimits, 0, e);
	if (r == 0 && !p->in_userns)
		r = set_oom_score_adj(p, proc_fd, "self", e);
	return r;
}

/* Goes to cwd. As runc, with the user's rights if root's
 * don't do: a volume may be the user's alone (NFS, FUSE). */
static int go_to_cwd(const struct process_plan *p, int root_fd)
{
	AUTO_FD dir = p->make_cwd
			      ? path_mkdirs_in(root_fd, p->cwd, 0755)
			      : path_open_in(root_fd, p->cwd, O_PATH | O_DIRECTORY, 0);
	int r;

	if (dir >= 0 && fchdir(dir) == 0)
		return 0;
	r = dir < 0 ? dir : -errno;
	if (r != -EACCES)
		return r;
	fd_close(&dir);
	user_enter_files(&p->user);
	dir = path_open_in(root_fd, p->cwd, O_PATH | O_DIRECTORY, 0);
	r = dir < 0 ? dir : (fchdir(dir) < 0 ? -errno : 0);
	user_leave_files(&p->user);
	return r;
}

/* The kernel's own word, as libc would walk ".." where it gets none: a folder outside of
 * the root is "(unreachable)/..." (CVE-2024-21626). One whose path is too long to tell is
 * inside. */
static int check_cwd(struct err *e)
{
	char path[PATH_MAX] = "";

	if (syscall(SYS_getcwd, path, sizeof(path)) < 0) {
		if (errno == ERANGE || errno == ENAMETOOLONG)
			return 0;
		return err_sys(e,
			       "current working directory is outside of container "
			       "mount namespace root");
	}
	if (path[0] != '/')
		return err_set(e, EPERM,
			       "current working directory is outside of container mount "
			       "namespace root -- possible container breakout detected");
	return 0;
}

int process_find_exec(struct process_plan *p, struct err *e)
{
	AUTO_FD root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char home[PATH_MAX], words[EXEC_WORDS];
	int r;

	if (root < 0)
		return err_sys(e, "open /");
	user_home(root, p->user.uid, home, sizeof(home));
	env_add_home(&p->env, home);
	r = go_to_cwd(p, root);
	if (r < 0)
		return err_words(e, -r,
				 "chdir to cwd (\"" SHOWN
				 "\") set in config.json failed: %s",
				 p->cwd, exec_path_words(r, words));
	r = check_cwd(e);
	if (r < 0)
		return r;
	user_enter_files(&p->user);
	r = exec_path_find(p->argv[0], env_get(&p->env, "PATH"), p->path, e);
	user_leave_files(&p->user);
	return r;
}

int process_set_label(const struct process_plan *p, int proc_fd, struct err *e)
{
	return lsm_set_exec(&p->lsm, proc_fd, e);
}

int process_take_label(const struct process_plan *p, int proc_fd, struct err *e)
{
	return lsm_set_now(&p->lsm, proc_fd, e);
}

static int close_range_of(unsigned first, unsigned last, struct err *e)
{
	if (first > last || syscall(SYS_close_range, first, last, 0) == 0)
		return 0;
	return err_sys(e, "close_range %u to %u", first, last);
}

/* Leaves stdio, so many preserved descriptors, extra_fd, and the log's for a last
 * warning. */
static int close_others(const struct process_plan *p, unsigned preserve, int extra_fd,
			struct err *e)
{
	int log_fd = p->log ? p->log->fd : -1;
	int keep[2] = {extra_fd < log_fd ? extra_fd : log_fd,
		       extra_fd < log_fd ? log_fd : extra_fd};
	unsigned first = 3 + preserve;
	int r;

	for (unsigned fd = 3; fd < first; fd++) {
		if ((int)fd != extra_fd && fcntl((int)fd, F_SETFD, 0) < 0)
			return err_sys(e, "preserved descriptor %u", fd);
	}
	if (log_fd >= (int)first && log_fd != extra_fd &&
	    fcntl(log_fd, F_SETFD, FD_CLOEXEC) < 0)
		return err_sys(e, "the log's descriptor %d", log_fd);
	for (size_t i = 0; i < ARRAY_LEN(keep); i++) {
		if (keep[i] < (int)first)
			continue;
		r = close_range_of(first, (unsigned)keep[i] - 1, e);
		if (r < 0)
			return r;
		first = (unsigned)keep[i] + 1;
	}
	return close_range_of(first, ~0U, e);
}

static int drop_rights(const struct process_plan *p, struct err *e)
{
	int r = caps_drop_bounding(&p->caps, e);

	if (r < 0)
		return r;
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return err_sys(e, "PR_SET_KEEPCAPS");
	r = user_set_ids(&p->user, e);
	if (r < 0)
		return r;
	if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
		return err_sys(e, "PR_SET_KEEPCAPS");
	return caps_apply(&p->caps, p->log, e);
}

/* Everything but the execve. */
static int confine(const struct process_plan *p, unsigned preserve, int proc_fd,
		   int extra_fd, struct err *e)
{
	int r;

	(void)umask(p->user.umask);
	/* What the runtime's caller ignores is no business of the container's. */
	proc_reset_signals();
	r = user_set_groups(&p->user, proc_fd, e);
	if (r == 0)
		r = close_others(p, preserve, extra_fd, e);
	if (r == 0)
		r = rlimits_set(&p->rlimits, e);
	if (r < 0)
		return r;
	if (p->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(e, "PR_SET_NO_NEW_PRIVS");
	if (!p->no_new_privs)
		r = seccomp_filter_load(&p->seccomp, e);
	if (r == 0)
		r = drop_rights(p, e);
	if (r == 0 && p->no_new_privs)
		r = seccomp_filter_load(&p->seccomp, e);
	return r;
}

int process_confine(const struct process_plan *p, int proc_fd, int extra_fd,
		    struct err *e)
{
	return confine(p, 0, proc_fd, extra_fd, e);
}

int process_exec(struct process_plan *p, int proc_fd, int extra_fd, struct err *e)
{
	int r;

	env_add_listen_pid(&p->env, getpid());
	r = confine(p, p->preserve_fds, proc_fd, extra_fd, e);
	return r < 0 ? r : exec_path_run(p->path, p->argv, p->env.v, e);
}
