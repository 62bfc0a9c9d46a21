/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of this folder share: the plan and its parts. Each part has a function
 * that makes it in the runtime's process (allocates, may fail on the spec's content) and
 * functions for the child, which use system calls, the stack and the plan alone.
 */
#ifndef LIBCONTAINER_PROCESS_PLAN_H
#define LIBCONTAINER_PROCESS_PLAN_H

#include <limits.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/log.h"
#include "libcontainer/process/caps.h"
#include "libcontainer/process/process.h"
#include "libcontainer/process/seccomp.h"
#include "libcontainer/spec/spec.h"

/* --- env.c: the environment, with room for what the child adds --- */

struct env {
	const char **v;          /* terminated by NULL */
	size_t count, room;      /* room: entries that still fit, NULL aside */
	char home[PATH_MAX + 8]; /* "HOME=..." */
	char listen_fds[32], listen_pid[32];
};

/* As runc: of a name that occurs twice the last value stays, an empty HOME counts as
 * none, and listen_fds > 0 adds LISTEN_FDS (sd_listen_fds(3)). */
int env_make(struct arena *a, const struct strings *spec, unsigned listen_fds,
	     struct env *ret, struct err *e);

/* The value of a variable, or NULL. */
const char *env_get(const struct env *env, const char *name);

/* In the child: adds HOME unless it is there, LISTEN_PID if LISTEN_FDS is. */
void env_add_home(struct env *env, const char *home);
void env_add_listen_pid(struct env *env, pid_t pid);

/* --- user.c --- */

struct user {
	uid_t uid;
	gid_t gid;
	mode_t umask;
	const uint32_t *groups;
	size_t groups_count;
	bool keep_groups;
	bool overrides_modes; /* has CAP_DAC_OVERRIDE: file modes don't stop it */
};

/* The home folder of uid in root_fd's /etc/passwd, "/" if there is none: the first line
 * with that number counts. buf holds at least two bytes. */
void user_home(int root_fd, uid_t uid, char *buf, size_t len);

/* Sets the supplementary groups. Where the user namespace denies setgroups(2), none can
 * be set: an error only if some are asked for (user_namespaces(7)). */
int user_set_groups(const struct user *u, int proc_fd, struct err *e);

/* From here to user_leave_files, paths are walked with the user's rights, so that what
 * is found is what its execve will find. The supplementary groups stay. */
void user_enter_files(const struct user *u);
void user_leave_files(const struct user *u);

/* Group and user id for good; the permitted capabilities go unless PR_SET_KEEPCAPS. */
int user_set_ids(const struct user *u, struct err *e);

/* --- rlimits.c --- */

struct rlimits {
	struct {
		int resource;
		const char *name;
		struct rlimit64 v;
	} * v;
	size_t count;
};

int rlimits_make(struct arena *a, const struct spec_process *s, struct rlimits *ret,
		 struct err *e);

/* In two steps, so that a missing right is told early, but a low limit (on descriptors,
 * say) doesn't hit the runtime's own work: hard limits are raised where that is needed
 * (pid 0: the caller itself), and set as they shall be at the end, which always may. */
int rlimits_raise(const struct rlimits *l, pid_t pid, struct err *e);
int rlimits_set(const struct rlimits *l, struct err *e);

/* --- lsm.c --- */

struct lsm {
	const char *apparmor; /* "exec PROFILE"; NULL: none */
	const char *selinux;  /* NULL: none, or SELinux is off */
};

int lsm_make(struct arena *a, const struct spec_process *s, struct lsm *ret,
	     struct err *e);

/* The label that the next execve gets. */
int lsm_set_exec(const struct lsm *l, int proc_fd, struct err *e);

/* The same for the calling thread, at once (aa_change_profile(2); SELinux: a dynamic
 * transition, which the policy must allow). */
int lsm_set_now(const struct lsm *l, int proc_fd, struct err *e);

/* The label of keys that are made from now on; on == false: the kernel's choice. */
int lsm_set_keys(const struct lsm *l, int proc_fd, bool on, struct err *e);

/* --- keyring.c --- */

/* Joins the session keyring of this name, making it if there is none, and lets the
 * processes of the container search it: by their uid, or in a user namespace as anyone.
 * A kernel without keyrings is a warning. */
int keyring_join(const char *name, bool in_userns, const struct log *log, struct err *e);

/* --- exec_path.c --- */

/* Finds args[0] as runc (Go's exec.LookPath) does, from the current directory. */
int exec_path_find(const char *name, const char *path_env, char ret[PATH_MAX],
		   struct err *e);

/* An errno (of either sign) in Go's words: libc's text in lower case. */
#define EXEC_WORDS 64
const char *exec_path_words(int code, char buf[EXEC_WORDS]);

/* A name in an error that ends with such words, which are lost if it is longer than two
 * paths: where a command is due, users write whole scripts. */
#define SHOWN "%.4000s"

/* execve(2) of what was found; only returns on failure: "exec /x: exec format error". */
int exec_path_run(const char *path, const char *const *argv, const char *const *envp,
		  struct err *e);

/* --- stdio.c --- */

/* All of 0, 1, 2 must be open: else the next file to be opened becomes one. */
int stdio_check(struct err *e);

/* --- the plan --- */

struct process_plan {
	const struct log *log;
	const char *const *argv;
	const char *cwd;
	const char *keyring; /* or NULL */
	struct env env;
	struct user user;
	struct rlimits rlimits;
	struct lsm lsm;
	struct caps caps;
	struct seccomp_filter seccomp;
	char oom_score_adj[16]; /* "": leave it */
	bool in_userns, no_new_privs, make_cwd;
	unsigned preserve_fds;
	char path[PATH_MAX]; /* of the executable, by process_find_exec */
};

#endif
