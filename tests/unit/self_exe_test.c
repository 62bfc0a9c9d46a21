/* SPDX-License-Identifier: Apache-2.0 */
/* The test executes itself: with an argument it is the probe. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/self_exe.h"

#include "tests/unit/tap.h"

enum {
	PROBE_MOUNT = 10, /* runs from a read-only mount */
	PROBE_MEMFD,      /* from a sealed memfd */
	PROBE_UNSAFE,
	PROBE_FAILED,
	PROBE_ARGV, /* what it was given got lost */
};

static int probe(int argc, char **argv)
{
	int fd, seals, wanted = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	char name[16] = "";
	struct statvfs fs;
	struct err e;

	if (self_exe_protect(argv, &e) < 0) {
		printf("# %s\n", e.text);
		return PROBE_FAILED;
	}
	(void)prctl(PR_GET_NAME, name);
	if (argc != 3 || strcmp(argv[0], "/odd/hull-x") != 0 ||
	    strcmp(argv[2], "two words") != 0 || strcmp(name, "hull-x") != 0)
		return PROBE_ARGV;
	fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	seals = fcntl(fd, F_GET_SEALS);
	if (seals >= 0)
		return (seals & wanted) == wanted ? PROBE_MEMFD : PROBE_UNSAFE;
	return fstatvfs(fd, &fs) == 0 && (fs.f_flag & ST_RDONLY) ? PROBE_MOUNT
								 : PROBE_UNSAFE;
}

/* Executes the probe, in a new user namespace if wanted: the exit status, or -1. */
static int run_probe(int flags)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (flags && unshare(flags) < 0)
			_exit(errno);
		(void)execl("/proc/self/exe", "/odd/hull-x", "probe", "two words",
			    (char *)NULL);
		_exit(PROBE_FAILED);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static void with_privileges(void)
{
	int status;

	if (geteuid() != 0)
		SKIP("not root");
	status = run_probe(0);
	/* The second where mount_setattr (Linux 5.12) isn't there. */
	CHECK(status == PROBE_MOUNT || status == PROBE_MEMFD);
}

static void without_the_right_to_mount(void)
{
	struct statvfs fs;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), status;
	int read_only = fstatvfs(fd, &fs) == 0 && (fs.f_flag & ST_RDONLY);

	(void)close(fd);
	if (read_only)
		SKIP("the tests are on a read-only mount");
	status = run_probe(CLONE_NEWUSER);
	if (status == EPERM || status == ENOSPC || status == EINVAL)
		SKIP("no user namespaces");
	CHECK(status == PROBE_MEMFD);
}

static const struct test tests[] = {
	{"root runs from a place that can't be written to", with_privileges},
	{"who can't mount runs from a sealed copy", without_the_right_to_mount},
};

int main(int argc, char **argv)
{
	if (argc > 1)
		return probe(argc, argv);
	return tap_main(tests, sizeof(tests) / sizeof(tests[0]));
}
