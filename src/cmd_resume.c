/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/container.h"
#include "src/commands.h"

static int run(struct cli *cli, void *cfg, int argc, char **argv, struct err *e)
{
	(void)cfg;
	(void)argc;
	return cli_do(cli, argv[0], container_resume, e);
}

const struct command cmd_resume = {
	.name = "resume",
	.usage = "ID",
	.help = "let the processes of a paused container go on",
	.min_words = 1,
	.max_words = 1,
	.run = run,
};
