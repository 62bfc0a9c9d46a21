/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the container's process is given: limits, labels, keyring, user, capabilities,
 * seccomp, the executable. Serves the init and every exec.
 *
 * As with the root filesystem, the runtime's process makes a plan (names become numbers,
 * the seccomp profile becomes a BPF program, everything is allocated) and the child walks
 * it without allocating.
 */
#ifndef LIBCONTAINER_PROCESS_PROCESS_H
#define LIBCONTAINER_PROCESS_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/log.h"
#include "libcontainer/spec/spec.h"

struct process_options {
	const struct spec_process *process;
	const struct spec_seccomp *seccomp; /* NULL: none */
	const char *keyring; /* name of the session keyring to join; NULL: keep */
	bool in_userns;      /* limits and oom_score_adj are set from outside */
	bool make_cwd;       /* a missing cwd is made: init's, not exec's, as with runc */
	bool keep_groups;    /* the supplementary groups of the caller stay */
	unsigned preserve_fds; /* 3 ... 3+n-1 stay open, LISTEN_FDS' included */
	unsigned listen_fds; /* LISTEN_FDS of the caller: passed on in the environment */
	const struct log *log;
};

struct process_plan; /* lives in the arena, as all that it holds */

/* Makes the plan. Unknown capabilities are dropped with a warning (runtime-spec,
 * process.capabilities), an unknown rlimit, label or seccomp word is an error. So is a
 * preserved descriptor that is not open, or close-on-exec: it was not inherited then, but
 * opened by the runtime itself ("unable to stat preserved-fd 1 (of 2): EBADF"). */
int process_plan_make(struct arena *a, const struct process_options *o,
		      struct process_plan **ret, struct err *e);

/* From the runtime's side on a child in a new user namespace, which lacks the right
 * itself: hard rlimits are raised (prlimit), oom_score_adj is set. proc_fd:
 * base/procfs.h. */
int process_set_outside(const struct process_plan *p, pid_t pid, int proc_fd,
			struct err *e);

/*
 * The child's steps, in this order.
 */

/* Still in the host's root: session keyring, hard rlimits raised where need be and
 * oom_score_adj (unless they come from outside), and a check that stdio are not closed.
 * proc_fd stays open until exec. */
int process_set_early(const struct process_plan *p, int proc_fd, struct err *e);

/* In the container's root: HOME from its /etc/passwd where the environment has none, cwd
 * (proven to be inside the root after the chdir, CVE-2024-21626; `chdir to cwd ("/x") set
 * in config.json failed: no such file or directory`), the executable found by the
 * environment's PATH, with the user's rights over files and not through magic links. What
 * is wrong with the executable is told in runc's words: `exec: "x": executable file not
 * found in $PATH`, `exec: "/x": stat /x: no such file or directory`, `exec: "/x":
 * permission denied`, `exec: "/x": is a directory: permission denied`. The supplementary
 * groups are the user's from here on. */
int process_find_exec(struct process_plan *p, struct err *e);

/* The labels for the execve, which a clone inherits: before the container is created, as
 * an AppArmor profile that is not loaded is to be an error of create and not of start. */
int process_set_label(const struct process_plan *p, int proc_fd, struct err *e);

/* For a process that stands for the container and executes nothing: the labels at once,
 * for the calling thread and those that it makes. */
int process_take_label(const struct process_plan *p, int proc_fd, struct err *e);

/* Hands the terminal's slave, or the inherited stdio, to the user: fchown where it is a
 * pipe, terminal or socket, so that /dev/stdout can be reopened; never /dev/null. */
int process_own_stdio(const struct process_plan *p, struct err *e);

/* The last: umask, rlimits, signals (all to their defaults; the mask is the caller's),
 * groups, no descriptors but stdio and the preserved ones, no_new_privs, ids,
 * capabilities, seccomp, execve. The parent-death signal and PR_SET_DUMPABLE are left to
 * the caller. Returns on failure only, `exec /x: exec format error` if it was execve's.
 * extra_fd (or -1) is one more descriptor left as it is, to report the failure on: it
 * should be close-on-exec. All others, proc_fd too, are closed by then. */
int process_exec(struct process_plan *p, int proc_fd, int extra_fd, struct err *e);

/* The same for another program of the container that is to have no more rights than the
 * user's: everything but the execve, and without the preserved descriptors. */
int process_confine(const struct process_plan *p, int proc_fd, int extra_fd,
		    struct err *e);

/*
 * Terminals (terminal.c).
 */

/* Connects to a unix stream socket (console_socket(5) of runc: containerd, conmon);
 * the path may be longer than sun_path. Returns the socket. */
int terminal_connect(const char *path, struct err *e);

/* Sends the master with its name as data, and one descriptor only. */
int terminal_send(int sock, int master, struct err *e);

/* Size in characters. */
int terminal_resize(int master, const struct spec_console_size *size, struct err *e);

/* In the child, a session leader: the slave becomes stdin, stdout, stderr and the
 * controlling terminal. Closes *slave. */
int terminal_become(int *slave, struct err *e);

#endif
