/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "libcontainer/features.h"
#include "libcontainer/rootfs/mount_options.h"
#include "src/commands.h"

static int run(struct cli *cli, void *cfg, int argc, char **argv, struct err *e)
{
	const struct features_options o = {
		.mount_options = mount_options_names(),
#ifdef HAVE_LIBSELINUX
		.selinux = true,
#endif
	};
	AUTO_JSON *w = json_writer_new("    ");
	const char *text;
	size_t len;
	int r;

	(void)cli;
	(void)cfg;
	(void)argc;
	(void)argv;
	if (!w)
		return err_code(e, ENOMEM, "features");
	r = features_write(w, &o, e);
	if (r < 0)
		return r;
	r = json_finish(w, &text, &len, e);
	return r < 0 ? r : cli_print(text, len, e);
}

const struct command cmd_features = {
	.name = "features",
	.usage = "",
	.help = "print what this build can do, as JSON",
	.about = "The format is that of the OCI runtime-spec's features.md.",
	.run = run,
};
