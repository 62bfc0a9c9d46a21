/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "libcontainer/container.h"
#include "src/bundle.h"
#include "src/commands.h"
#include "src/exec_process.h"

static const struct option exec_options[] = {
	{"process", 'p', "FILE", "the process as JSON, as config.json has it",
	 offsetof(struct exec, process), option_set_path},
	{"tty", 't', NULL, "give it a terminal", offsetof(struct exec, tty),
	 option_set_flag},
	{"user", 'u', "UID[:GID]", "user and group, as numbers",
	 offsetof(struct exec, user), option_set_string},
	{"additional-gids", 'g', "GID", "one more group; may be repeated",
	 offsetof(struct exec, gids), option_add_string},
	{"cwd", 0, "DIR", "its current folder, in the container",
	 offsetof(struct exec, cwd), option_set_string},
	{"env", 'e', "NAME=VALUE", "one more environment variable; may be repeated",
	 offsetof(struct exec, env), option_add_string},
	{"cap", 'c', "CAP_NAME", "one more capability; may be repeated",
	 offsetof(struct exec, caps), option_add_string},
	{"no-new-privs", 0, NULL, "no more privileges by execve",
	 offsetof(struct exec, no_new_privs), option_set_flag},
	{"apparmor", 0, "PROFILE", "its AppArmor profile",
	 offsetof(struct exec, apparmor), option_set_string},
	{"process-label", 0, "LABEL", "its SELinux label",
	 offsetof(struct exec, process_label), option_set_string},
	{"cgroup", 0, "PATH", "a cgroup below the container's",
	 offsetof(struct exec, cgroup), option_set_path},
	{"ignore-paused", 0, NULL, "also in a paused container, where it waits",
	 offsetof(struct exec, ignore_paused), option_set_flag},
	{0},
};

/* The process that the options are applied to. */
static int find_base(struct cli *cli, const struct exec *o, struct container *c, int argc,
		     const struct spec_process **ret, struct err *e)
{
	struct spec_process *p = NULL;
	struct spec *spec;
	const char *text;
	size_t len;
	int r;

	if (o->process) {
		r = bundle_read_file(&cli->arena, o->process, &text, &len, e);
		if (r == 0)
			r = spec_decode_process(&cli->arena, o->process, text, len, &p,
						e);
		*ret = p;
		return r < 0 ? err_wrap(e, "--process") : 0;
	}
	if (argc == 0)
		return err_set(e, EINVAL, "neither a command nor --process is given");
	r = container_spec(c, &spec, e);
	if (r < 0)
		return r;
	if (!spec->process)
		return err_set(e, EINVAL, "the container has no process to take after");
	*ret = spec->process;
	return 0;
}

static int start(struct cli *cli, const struct exec *o, struct container *c,
		 const struct spec_process *process, struct launch_plan *p,
		 struct exec_process *ret, struct err *e)
{
	/* runc's [CONTROLLER,...:]PATH is about cgroup v1, where each has a folder. */
	if (o->cgroup && strchr(o->cgroup, ':'))
		return err_set(e, EINVAL, "--cgroup: cgroup v2 has one path for all: %s",
			       o->cgroup);
	return container_exec(
		c,
		&(struct exec_options){
			.process = process,
			.cgroup = o->cgroup,
			.stdio = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO},
			.console_socket = p->console_socket,
			.pidfd_socket = p->pidfd_socket,
			.pid_file = p->pid_file,
			.preserve_fds = p->preserve_fds,
			.listen_fds = p->listen_fds,
			.ignore_paused = o->ignore_paused,
			.sigmask = &p->sigmask,
			.log = &cli->log,
		},
		ret, e);
}

static int run_in(struct cli *cli, const struct exec *o, struct container *c, int argc,
		  char **argv, struct launch_plan *p, struct err *e)
{
	struct exec_process child = {.pidfd = -1, .console = -1};
	const struct spec_process *base = NULL;
	struct spec_process *process;
	int r;

	r = find_base(cli, o, c, argc, &base, e);
	if (r < 0)
		return r;
	r = exec_process_make(&cli->arena, o, base, argc, argv, &process, e);
	if (r < 0)
		return r;
	r = launch_connect(cli, &o->launch, process->terminal, p, e);
	if (r < 0)
		return r;
	r = start(cli, o, c, process, p, &child, e);
	if (r == 0 && !p->detach)
		r = foreground_wait(&p->foreground, child.pid, child.pidfd, child.console,
				    e);
	fd_close(&child.pidfd);
	fd_close(&child.console);
	return r;
}

static int run(struct cli *cli, void *cfg, int argc, char **argv, struct err *e)
{
	const struct exec *o = cfg;
	AUTO_LAUNCH plan = LAUNCH_INIT;
	struct container *c = NULL;
	int r;

	plan.detach = o->launch.detach;
	r = launch_prepare(cli, &o->launch, &plan, e);
	if (r < 0)
		return r;
	r = container_load(cli->root, argv[0], &c, e);
	if (r == 0)
		r = run_in(cli, o, c, argc - 1, argv + 1, &plan, e);
	container_free(c);
	return r;
}

const struct command cmd_exec = {
	.name = "exec",
	.usage = "ID COMMAND [ARG...] | --process FILE ID",
	.help = "start another process in a container",
	.about = "The process is like the container's own, or as FILE has it, and "
		 "changed by "
		 "the other options. The exit status is the process's, or 128 and the "
		 "number "
		 "of the signal that killed it; 255 if it could not be started.",
	.options = {exec_options, launch_options, launch_detach_options},
	.cfg_size = sizeof(struct exec),
	.min_words = 1,
	.max_words = -1,
	.first_ends = true,
	.self_exe = true,
	.fail_status = 255,
	.run = run,
};
