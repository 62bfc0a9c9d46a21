/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/container.h"
#include "src/commands.h"
#include "src/signal_name.h"

struct kill_options {
	bool all;
};

static const struct option kill_options[] = {
	{"all", 'a', NULL, "signal every process of the container",
	 offsetof(struct kill_options, all), option_set_flag},
	{0},
};

static int run(struct cli *cli, void *cfg, int argc, char **argv, struct err *e)
{
	const struct kill_options *o = cfg;
	struct container *c = NULL;
	int r, sig = signal_from_name(argc > 1 ? argv[1] : "TERM", e);

	if (sig < 0)
		return sig;
	r = container_load(cli->root, argv[0], &c, e);
	if (r == 0)
		r = container_kill(c, sig, o->all, e);
	container_free(c);
	return r;
}

const struct command cmd_kill = {
	.name = "kill",
	.usage = "ID [SIGNAL]",
	.help = "send a signal (TERM) to a container's first process",
	.about = "A signal is a name, with or without SIG, or a number.",
	.options = {kill_options},
	.cfg_size = sizeof(struct kill_options),
	.min_words = 1,
	.max_words = 2,
	.run = run,
};
