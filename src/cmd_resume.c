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
		r = container_resume(c, e);
	container_free(c);
	return r;
}

const struct command cmd_resume = {
	.name = "resume",
	.usage = "ID",
	.help = "let the processes of a paused container go on",
	.min_words = 1,
	.max_words = 1,
	.run = run,
};
