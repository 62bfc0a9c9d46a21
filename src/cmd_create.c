/* SPDX-License-Identifier: Apache-2.0 */
#include "src/commands.h"
#include "src/create.h"

static int run(struct cli *cli, void *cfg, int argc, char **argv, struct err *e)
{
	AUTO_LAUNCH plan = LAUNCH_INIT;
	struct container *c = NULL;
	int r;

	(void)argc;
	plan.detach = true; /* its process outlives the command */
	r = create_container(cli, cfg, argv[0], false, &plan, &c, e);
	container_free(c);
	return r;
}

const struct command cmd_create = {
	.name = "create",
	.usage = "ID",
	.help = "make a container from a bundle",
	.about = "The container's process waits, with all of its environment set up, "
		 "until "
		 "the container is started. A process with a terminal needs "
		 "--console-socket.",
	.options = {create_options, launch_options},
	.cfg_size = sizeof(struct create),
	.min_words = 1,
	.max_words = 1,
	.self_exe = true,
	.run = run,
};
