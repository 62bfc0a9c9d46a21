/* SPDX-License-Identifier: Apache-2.0 */
/* What all commands share: the global options, output. */
#include <unistd.h>

#include "base/fd.h"
#include "libcontainer/container.h"
#include "src/command.h"

static const struct option global_table[] = {
	{"root", 0, "DIR",
	 "the state of containers (/run/NAME; without privileges $XDG_RUNTIME_DIR/NAME)",
	 offsetof(struct cli, root), option_set_path},
	{"log", 0, "FILE", "append messages to this file", offsetof(struct cli, log_path),
	 option_set_path},
	{"log-format", 0, "text|json", "how messages are written (text)",
	 offsetof(struct cli, log_format), option_set_choice},
	{"log-level", 0, "error|warning|info|debug",
	 "the least that is written (warning; with --log error)",
	 offsetof(struct cli, log_level), option_set_choice},
	{"debug", 0, NULL, "the same as --log-level debug", offsetof(struct cli, debug),
	 option_set_flag},
	{"systemd-cgroup", 0, NULL, "the same as --cgroup-manager systemd",
	 offsetof(struct cli, systemd_cgroup), option_set_flag},
	{"cgroup-manager", 0, "cgroupfs|systemd|disabled",
	 "who makes the cgroups of new containers (cgroupfs; systemd is not supported "
	 "yet)",
	 offsetof(struct cli, cgroup_manager), option_set_choice},
	{"rootless", 0, "true|false|auto", "accepted: hull finds out by itself",
	 offsetof(struct cli, rootless), option_set_choice},
	{"version", 'v', NULL, "print the version", offsetof(struct cli, version),
	 option_set_flag},
	{0},
};
const struct option *const global_options[] = {global_table, NULL};

int cli_print(const char *text, size_t len, struct err *e)
{
	int r = fd_write_full(STDOUT_FILENO, text, len);

	return r < 0 ? err_code(e, r, "write to stdout") : 0;
}

int cli_do(struct cli *cli, const char *id,
	   int (*act)(struct container *c, struct err *e), struct err *e)
{
	struct container *c = NULL;
	int r = container_load(cli->root, id, &c, e);

	if (r == 0)
		r = act(c, e);
	container_free(c);
	return r;
}
