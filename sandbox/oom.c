/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/oom.h"

#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/proc.h"
#include "base/procfs.h"
#include "libcontainer/init.h"

#define STEP	  ((size_t)4 << 20)
#define STRIKE_MS 10000

static int give_up_rights(int fd, int proc_fd, struct err *e)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {0};
	int keep[] = {fd}, r;

	/* Before all others of the group. */
	r = procfs_write(proc_fd, "self/oom_score_adj", "1000");
	if (r < 0)
		return err_code(e, r, "oom_score_adj");
	r = init_close_others(0, keep, 1, e);
	if (r < 0)
		return r;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_capset, &head, none) < 0)
		return err_sys(e, "give up capabilities");
	return 0;
}

/* Its group has a limit, or the machine has: somewhere it ends. */
static void __attribute__((noreturn)) grow(void)
{
	for (;;) {
		char *p = mmap(NULL, STEP, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			_exit(1);
		for (size_t i = 0; i < STEP; i += 4096)
			((volatile char *)p)[i] = 1;
	}
}

static void __attribute__((noreturn)) wait_and_grow(int fd)
{
	char word;

	if (fd_read_full(fd, &word, 1) == 1)
		grow();
	_exit(0);
}

int oom_prepare(int proc_fd, int *ret_fd, struct err *e)
{
	struct clone_args args = {.exit_signal = SIGCHLD};
	AUTO_FD ours = -1;
	AUTO_FD its = -1;
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, "socketpair");
	ours = pair[0];
	its = pair[1];
	pid = proc_clone(&args);
	if (pid < 0)
		return err_code(e, pid, "clone");
	if (pid == 0) {
		if (give_up_rights(its, proc_fd, e) < 0)
			_exit(1);
		wait_and_grow(its);
	}
	*ret_fd = fd_take(&ours);
	return 0;
}

void oom_strike(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	/* Its end is the end of its socket. */
	if (send(fd, "", 1, MSG_NOSIGNAL) == 1)
		(void)poll(&p, 1, STRIKE_MS);
}
