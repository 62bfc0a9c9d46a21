/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes: the calls that libc lacks, and who a pid really is.
 */
#ifndef BASE_PROC_H
#define BASE_PROC_H

#include <linux/sched.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* clone3(2) as a fork: returns 0 in the child, its pid in the caller, or -errno. No
 * stack, so no CLONE_VM. */
pid_t proc_clone(struct clone_args *args);

/* A close-on-exec descriptor of a process, or -errno. */
int proc_pidfd(pid_t pid);

/* Sends sig by descriptor: 0 or -errno (-ESRCH: it is gone). */
int proc_kill(int pidfd, int sig);

/* Gives every signal its default action, the two that libc keeps for itself (and refuses
 * in sigaction) included: whoever started us may have left them ignored. The mask stays.
 * For a child that is about to execve; safe after clone. */
void proc_reset_signals(void);

/* Waits for a child; retries EINTR. Returns its wait status or -errno. */
int proc_wait(pid_t pid);

/* The exit status that shells and runtimes give for a wait status: the code, or 128 +
 * the signal's number. */
int proc_exit_code(int wait_status);

/* The start time of a process in clock ticks since boot (proc_pid_stat(5), field 22),
 * which with the pid names it for good, and its state letter ('Z' and 'X' are dead).
 * 0 or -errno, -ESRCH if there is none. */
int proc_stat(pid_t pid, uint64_t *ret_start, char *ret_state);

#endif
