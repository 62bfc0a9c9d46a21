/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "src/commands.h"
#include "src/help.h"

struct help_options {
	bool man, bash;
};

static const struct option help_options[] = {
	{"man", 0, NULL, "the options and commands as a part of a manual page",
	 offsetof(struct help_options, man), option_set_flag},
	{"bash-completion", 0, NULL, "a completion script for bash",
	 offsetof(struct help_options, bash), option_set_flag},
	{0},
};

static int run(struct cli *cli, void *cfg, int argc, char **argv, struct err *e)
{
	const struct help_options *o = cfg;
	const struct command *c = argc > 0 ? command_find(argv[0]) : NULL;
	AUTO_SBUF out = {0};

	if (argc > 0 && !c)
		return err_set(e, EINVAL, "No help topic for '%s'", argv[0]);
	if (o->man)
		help_man(&out);
	else if (o->bash)
		help_bash(&out);
	else if (c)
		help_command(&out, cli->name, c);
	else
		help_program(&out, cli->name);
	if (out.failed)
		return err_code(e, ENOMEM, "help");
	return cli_print(out.data, out.len, e);
}

const struct command cmd_help = {
	.name = "help",
	.usage = "[COMMAND]",
	.help = "show the commands, or one command's options",
	.options = {help_options},
	.cfg_size = sizeof(struct help_options),
	.max_words = 1,
	.run = run,
};
