/* SPDX-License-Identifier: Apache-2.0 */
#include "src/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "libcontainer/process/process.h"

const struct option launch_options[] = {
	{"console-socket", 0, "PATH",
	 "unix socket that is sent the master of the process's terminal",
	 offsetof(struct launch, console_socket), option_set_path},
	{"pid-file", 0, "FILE", "file to write the process's pid to",
	 offsetof(struct launch, pid_file), option_set_path},
	{"pidfd-socket", 0, "PATH", "unix socket that is sent a pidfd of the process",
	 offsetof(struct launch, pidfd_socket), option_set_path},
	{"preserve-fds", 0, "N",
	 "pass N more descriptors, after stdin, stdout, stderr and those of $LISTEN_FDS",
	 offsetof(struct launch, preserve_fds), option_set_u32},
	{0},
};

const struct option launch_detach_options[] = {
	{"detach", 'd', NULL, "return as soon as the process runs",
	 offsetof(struct launch, detach), option_set_flag},
	{0},
};

/* sd_listen_fds(3), but that a caller may leave LISTEN_PID out; one that names another
 * process shows that the variable was inherited by mistake. */
static int read_listen_fds(unsigned *ret, struct err *e)
{
	const char *fds = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
	uint32_t n, owner;

	*ret = 0;
	if (!fds || !*fds)
		return 0;
	if (pid && *pid && (str_to_u32(pid, &owner) < 0 || owner != (uint32_t)getpid()))
		return 0;
	if (str_to_u32(fds, &n) < 0)
		return err_set(e, EINVAL,
			       "LISTEN_FDS in the environment is no number: %s", fds);
	*ret = n;
	return 0;
}

/* The sd_notify proxy between the container and the caller isn't there yet. Without it a
 * service manager would wait for a message that never comes. */
static int refuse_notify_socket(struct err *e)
{
	const char *path = getenv("NOTIFY_SOCKET");

	if (!path || !*path)
		return 0;
	return err_set(e, ENOTSUP,
		       "NOTIFY_SOCKET is set in the environment: not supported yet "
		       "(unset it to go on without readiness messages)");
}

static int check_preserved(unsigned count, struct err *e)
{
	for (unsigned i = 0; i < count; i++) {
		if (fcntl((int)(3 + i), F_GETFD) < 0)
			return err_sys(e, "--preserve-fds: descriptor %u", 3 + i);
	}
	return 0;
}

int launch_prepare(struct cli *cli, const struct launch *l, struct launch_plan *p,
		   struct err *e)
{
	int r = refuse_notify_socket(e);

	(void)cli;
	if (r < 0)
		return r;
	r = read_listen_fds(&p->listen_fds, e);
	if (r < 0)
		return r;
	if (__builtin_add_overflow(p->listen_fds, l->preserve_fds, &p->preserve_fds) ||
	    p->preserve_fds > INT_MAX - 3)
		return err_set(e, ERANGE, "--preserve-fds: %u is too much",
			       l->preserve_fds);
	r = check_preserved(p->preserve_fds, e);
	if (r < 0)
		return r;
	r = fd_cloexec_from((int)(3 + p->preserve_fds));
	return r < 0 ? err_code(e, r, "close-on-exec") : 0;
}

/* The caller's current folder is not the bundle, so a relative path counts from it. */
static int absolute(struct cli *cli, const char *path, const char **ret, struct err *e)
{
	AUTO_FREE char *cwd = NULL;

	*ret = path;
	if (!path || path[0] == '/')
		return 0;
	cwd = getcwd(NULL, 0);
	if (!cwd)
		return err_sys(e, "getcwd");
	*ret = arena_fmt(&cli->arena, "%s/%s", cwd, path);
	return *ret ? 0 : err_code(e, ENOMEM, "%s", path);
}

static int connect_to(const char *path, const char *option, int *ret, struct err *e)
{
	if (!path)
		return 0;
	*ret = terminal_connect(path, e);
	return *ret < 0 ? err_wrap(e, "%s", option) : 0;
}

int launch_connect(struct cli *cli, const struct launch *l, bool terminal,
		   struct launch_plan *p, struct err *e)
{
	int r;

	if (p->detach && terminal && !l->console_socket)
		return err_set(
			e, EINVAL,
			"cannot allocate tty if %s will detach without setting console "
			"socket",
			cli->name);
	if ((!p->detach || !terminal) && l->console_socket)
		return err_set(
			e, EINVAL,
			"cannot use console socket if %s will not detach or allocate tty",
			cli->name);
	r = absolute(cli, l->pid_file, &p->pid_file, e);
	if (r < 0)
		return r;
	r = connect_to(l->console_socket, "--console-socket", &p->console_socket, e);
	if (r < 0)
		return r;
	r = connect_to(l->pidfd_socket, "--pidfd-socket", &p->pidfd_socket, e);
	if (r < 0)
		return r;
	/* The process gets the mask that we were given. */
	(void)pthread_sigmask(SIG_SETMASK, NULL, &p->sigmask);
	if (p->detach)
		return 0;
	r = foreground_init(&p->foreground, e);
	p->in_foreground = r == 0;
	return r;
}

void launch_done(struct launch_plan *p)
{
	fd_close(&p->console_socket);
	fd_close(&p->pidfd_socket);
	if (p->in_foreground)
		foreground_done(&p->foreground);
	p->in_foreground = false;
}
