/* SPDX-License-Identifier: Apache-2.0 */
/*
 * floor: the least that a container costs, to measure runtimes against. It is no
 * runtime: it reads no spec, keeps no state, makes no cgroup and protects nothing.
 *
 *	floor run ROOTFS COMMAND ARG...	new pid, net, ipc, uts, mnt and cgroup namespaces;
 *					rootfs bound and pivoted to, /proc, a tmpfs on
 *					/dev; exec; wait
 *	floor exec PID COMMAND ARG...	the namespaces and the root of a process; exec; wait
 *
 * Link it statically: its own start is not to be seen either.
 */
#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ALL_NAMESPACES                                                                   \
	(CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS |       \
	 CLONE_NEWCGROUP)

static _Noreturn void die(const char *what)
{
	dprintf(STDERR_FILENO, "floor: %s: errno %d\n", what, errno);
	_exit(1);
}

static _Noreturn void enter_rootfs(const char *rootfs, char **argv)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		die("make / a slave");
	if (mount(rootfs, rootfs, NULL, MS_BIND, NULL) < 0 || chdir(rootfs) < 0)
		die("bind the rootfs");
	if (mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		die("mount proc");
	if (mount("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=755") < 0)
		die("mount dev");
	if (syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0)
		die("pivot_root");
	(void)execv(argv[0], argv);
	die("exec");
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			die("wait");
	}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* clone3 as a vfork, without sharing memory. */
static pid_t clone_into(unsigned long long namespaces)
{
	struct clone_args args = {
		.flags = CLONE_VFORK | namespaces,
		.exit_signal = SIGCHLD,
	};
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	if (pid < 0)
		die("clone3");
	return (pid_t)pid;
}

static int floor_run(const char *rootfs, char **argv)
{
	pid_t pid = clone_into(ALL_NAMESPACES);

	if (pid == 0)
		enter_rootfs(rootfs, argv);
	return wait_for(pid);
}

static int floor_exec(const char *target, char **argv)
{
	long pidfd = syscall(SYS_pidfd_open, strtol(target, NULL, 10), 0);
	pid_t pid;

	if (pidfd < 0)
		die("pidfd_open");
	if (setns((int)pidfd, ALL_NAMESPACES) < 0)
		die("setns");
	pid = clone_into(0);
	if (pid == 0) {
		(void)execv(argv[0], argv);
		die("exec");
	}
	return wait_for(pid);
}

int main(int argc, char **argv)
{
	if (argc > 3 && strcmp(argv[1], "run") == 0)
		return floor_run(argv[2], argv + 3);
	if (argc > 3 && strcmp(argv[1], "exec") == 0)
		return floor_exec(argv[2], argv + 3);
	dprintf(STDERR_FILENO,
		"usage: floor run ROOTFS COMMAND...\n"
		"       floor exec PID COMMAND...\n");
	return 2;
}
