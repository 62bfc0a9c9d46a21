/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/container.h"
#include "src/commands.h"

static int run(struct cli *cli, void *cfg, int argc, char **argv, struct err *e)
{
	(void)cfg;
	(void)argc;
	return cli_do(cli, argv[0], container_pause, e);
}

const struct command cmd_pause = {
	.name = "pause",
	.usage = "ID",
	.help = "stop all processes of a container where they are",
	.min_words = 1,
	.max_words = 1,
	.run = run,
};
