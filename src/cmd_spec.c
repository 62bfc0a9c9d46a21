/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "libcontainer/spec/spec.h"
#include "src/commands.h"

struct spec_options {
	const char *bundle;
	bool rootless;
};

static const struct option spec_options[] = {
	{"bundle", 'b', "DIR", "where to write config.json (the current folder)",
	 offsetof(struct spec_options, bundle), option_set_path},
	{"rootless", 0, NULL, "for a user without privileges",
	 offsetof(struct spec_options, rootless), option_set_flag},
	{0},
};

static int run(struct cli *cli, void *cfg, int argc, char **argv, struct err *e)
{
	const struct spec_options *o = cfg;
	const char *dir = o->bundle ? o->bundle : ".";
	AUTO_FREE char *text = NULL;
	AUTO_FD dir_fd = -1, fd = -1;
	size_t len;
	int r;

	(void)cli;
	(void)argc;
	(void)argv;
	r = spec_defaults(o->rootless, &text, &len, e);
	if (r < 0)
		return r;
	dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return err_sys(e, "bundle %s", dir);
	fd = openat(dir_fd, "config.json", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0 && errno == EEXIST)
		return err_set(e, EEXIST, "File config.json exists. Remove it first");
	if (fd < 0)
		return err_sys(e, "create %s/config.json", dir);
	r = fd_write_full(fd, text, len);
	if (r < 0) {
		(void)unlinkat(dir_fd, "config.json", 0);
		return err_code(e, r, "write %s/config.json", dir);
	}
	return 0;
}

const struct command cmd_spec = {
	.name = "spec",
	.usage = "",
	.help = "write a config.json to start from",
	.options = {spec_options},
	.cfg_size = sizeof(struct spec_options),
	.run = run,
};
