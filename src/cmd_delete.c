/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/container.h"
#include "src/commands.h"

struct delete_options {
	bool force;
};

static const struct option delete_options[] = {
	{"force", 'f', NULL, "kill what still runs; a missing container is no error",
	 offsetof(struct delete_options, force), option_set_flag},
	{0},
};

static int run(struct cli *cli, void *cfg, int argc, char **argv, struct err *e)
{
	const struct delete_options *o = cfg;
	struct container *c = NULL;
	int r;

	(void)argc;
	/* Before the id becomes part of a path that is removed. */
	r = container_check_id(argv[0], e);
	if (r < 0)
		return r;
	r = container_load(cli->root, argv[0], &c, e);
	if (r == 0)
		r = container_delete(c, o->force, &cli->log, e);
	else if (o->force)
		r = container_delete_remains(cli->root, argv[0], &cli->log, e);
	container_free(c);
	return r;
}

const struct command cmd_delete = {
	.name = "delete",
	.usage = "ID",
	.help = "remove a stopped or created container",
	.options = {delete_options},
	.cfg_size = sizeof(struct delete_options),
	.min_words = 1,
	.max_words = 1,
	.run = run,
};
