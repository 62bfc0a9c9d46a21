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
		r = container_start(c, &cli->log, e);
	container_free(c);
	return r;
}

const struct command cmd_start = {
	.name = "start",
	.usage = "ID",
	.help = "let a created container's process begin",
	.min_words = 1,
	.max_words = 1,
	.run = run,
};
