/* SPDX-License-Identifier: Apache-2.0 */
#include "src/commands.h"
#include "src/create.h"

static const struct option run_options[] = {
	{"keep", 0, NULL, "keep the container when it has exited",
	 offsetof(struct create, keep), option_set_flag},
	{0},
};

/* Starts it and stays until it is dead, if it is to. The exit status, or -errno. */
static int start_and_wait(struct cli *cli, struct container *c, struct launch_plan *p,
			  struct err *e)
{
	int r = 0;

	if (!p->detach && c->console >= 0)
		r = foreground_attach(&p->foreground, c->console, e);
	if (r == 0)
		r = container_start(c, &cli->log, e);
	if (r < 0 || p->detach)
		return r;
	return foreground_wait(&p->foreground, c->pid, c->pidfd, c->console, e);
}

static int run(struct cli *cli, void *cfg, int argc, char **argv, struct err *e)
{
	const struct create *o = cfg;
	AUTO_LAUNCH plan = LAUNCH_INIT;
	struct container *c = NULL;
	struct err late = {0};
	int r;

	(void)argc;
	plan.detach = o->launch.detach;
	r = create_container(cli, o, argv[0], true, &plan, &c, e);
	if (r < 0)
		return r;
	r = start_and_wait(cli, c, &plan, e);
	/* What could not be started is never kept. */
	if (r < 0 || (!plan.detach && !o->keep)) {
		if (container_delete(c, true, &cli->log, &late) < 0)
			log_warn(&cli->log, "delete %s: %s", argv[0], late.text);
	}
	container_free(c);
	return r;
}

const struct command cmd_run = {
	.name = "run",
	.usage = "ID",
	.help = "make a container, start it, wait for its end and delete it",
	.about = "The exit status is that of the container's process, or 128 and the "
		 "number "
		 "of the signal that killed it. Signals are forwarded to it.",
	.options = {create_options, launch_options, launch_detach_options, run_options},
	.cfg_size = sizeof(struct create),
	.min_words = 1,
	.max_words = 1,
	.self_exe = true,
	.run = run,
};
