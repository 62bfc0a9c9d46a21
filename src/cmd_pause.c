/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/container.h"
#include "src/commands.h"

static int run(struct cli *cli, void *cfg, int argc, char **argv, struct err *e)
{
	struct container *c = NULL;
	int r = container_load(cli->root, argv[0], &c, e);

	(void)cfg;
	(void)argc;
	if (r == 0)
		r = container_pause(c, e);
	container_free(c);
	return r;
}

const struct command cmd_pause = {
	.name = "pause",
	.usage = "ID",
	.help = "stop all processes of a container where they are",
	.min_words = 1,
	.max_words = 1,
	.run = run,
};
