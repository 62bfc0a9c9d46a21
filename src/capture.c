/* SPDX-License-Identifier: Apache-2.0 */
#include "src/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"

#define OUTPUT_MAX ((size_t)16 << 20)

static int spawn(char *const argv[], int output, pid_t *ret)
{
	posix_spawn_file_actions_t actions;
	int r;

	r = posix_spawn_file_actions_init(&actions);
	if (r)
		return -r;
	r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null",
					     O_RDONLY, 0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
	if (r == 0)
		r = posix_spawnp(ret, argv[0], &actions, NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	return -r;
}

static int read_all(int fd, struct sbuf *out)
{
	char buf[16384];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		sbuf_add(out, buf, (size_t)n);
		if (out->failed)
			return -ENOMEM;
		if (out->len > OUTPUT_MAX)
			return -E2BIG;
	}
	return 0;
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int capture_run(char *const argv[], struct sbuf *out, struct err *e)
{
	int pipe_fds[2], r, status;
	AUTO_FD input = -1;
	pid_t pid = -1;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return err_sys(e, "run %s", argv[0]);
	input = pipe_fds[0];
	r = spawn(argv, pipe_fds[1], &pid);
	(void)close(pipe_fds[1]);
	if (r < 0)
		return err_code(e, r, "run %s", argv[0]);
	r = read_all(input, out);
	/* With nobody to read on, it ends by itself. */
	fd_close(&input);
	status = wait_for(pid);
	if (r == 0)
		r = status;
	return r < 0 ? err_code(e, r, "run %s", argv[0]) : r;
}
