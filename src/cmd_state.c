/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "libcontainer/container.h"
#include "src/commands.h"

static int print(struct container *c, struct err *e)
{
	AUTO_JSON *w = json_writer_new("  ");
	const char *text;
	size_t len;
	int r;

	if (!w)
		return err_code(e, ENOMEM, "state");
	json_open_object(w);
	r = container_write_state(c, w, false, e);
	if (r < 0)
		return r;
	json_close_object(w);
	r = json_finish(w, &text, &len, e);
	if (r < 0)
		return r;
	/* runc writes no newline at the end. */
	if (len && text[len - 1] == '\n')
		len--;
	return cli_print(text, len, e);
}

static int run(struct cli *cli, void *cfg, int argc, char **argv, struct err *e)
{
	(void)cfg;
	(void)argc;
	return cli_do(cli, argv[0], print, e);
}

const struct command cmd_state = {
	.name = "state",
	.usage = "ID",
	.help = "print a container's state as JSON",
	.min_words = 1,
	.max_words = 1,
	.run = run,
};
