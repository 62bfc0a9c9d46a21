/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hull's command line. From top to bottom: the global options, the command, its options,
 * the program's own safety, the log, the state root, the command's work, its report.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "libcontainer/container.h"
#include "src/command.h"
#include "src/help.h"
#include "src/report.h"
#include "src/root.h"
#include "src/self_exe.h"
#include "src/version.h"

/* A caller that closed one of the three must not find our files in its place. */
static void open_stdio(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		/* The lowest free number, so this one; not close-on-exec on purpose. */
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", O_RDWR) != fd) /* NOLINT(android-cloexec-open) */
			_exit(1);
	}
}

static int print_help(const struct cli *cli, const struct command *c, struct err *e)
{
	AUTO_SBUF out = {0};

	if (c)
		help_command(&out, cli->name, c);
	else
		help_program(&out, cli->name);
	if (out.failed)
		return err_code(e, ENOMEM, "help");
	return cli_print(out.data, out.len, e);
}

static int print_version(struct err *e)
{
	AUTO_SBUF out = {0};

	version_add(&out);
	if (out.failed)
		return err_code(e, ENOMEM, "version");
	return cli_print(out.data, out.len, e);
}

static int check_words(const struct command *c, int count, struct err *e)
{
	if (count < c->min_words)
		return err_set(e, EINVAL, "too few arguments: %s", c->usage);
	if (c->max_words >= 0 && count > c->max_words)
		return err_set(e, EINVAL, "too many arguments: %s",
			       c->usage[0] ? c->usage : "none is wanted");
	return 0;
}

/* "kill web: container not running": the id only where it is one. */
static int add_context(const struct command *c, int argc, char **argv, struct err *e)
{
	if (argc > 0 && c->min_words > 0 && container_check_id(argv[0], ERR_IGNORE) == 0)
		return err_wrap(e, "%s %s", c->name, argv[0]);
	return err_wrap(e, "%s", c->name);
}

/* The command with its options parsed. The exit status, or -errno with *status to exit.
 */
static int run_command(struct cli *cli, const struct command *c, int argc, char **argv,
		       char **whole_argv, int *status, struct err *e)
{
	AUTO_FREE void *cfg = calloc(1, c->cfg_size + 1);
	bool help;
	int words, r;

	if (!cfg)
		return err_code(e, ENOMEM, "%s", c->name);
	words = options_parse(c->options, cfg, &cli->arena, argc, argv, c->first_ends,
			      &help, e);
	if (words < 0)
		return err_wrap(e, "%s", c->name);
	if (help)
		return print_help(cli, c, e);
	r = check_words(c, words, e);
	if (r < 0)
		return err_wrap(e, "%s", c->name);
	if (c->fail_status)
		*status = c->fail_status;
	r = c->self_exe ? self_exe_protect(whole_argv, e) : 0;
	if (r == 0)
		r = report_open(cli, e);
	if (r == 0)
		r = root_resolve(cli, e);
	if (r == 0)
		r = c->run(cli, cfg, words, argv, e);
	return r < 0 ? add_context(c, words, argv, e) : r;
}

static int run(struct cli *cli, int argc, char **argv, char **whole_argv, int *status,
	       struct err *e)
{
	const struct command *c;
	bool help;
	int words;

	words = options_parse(global_options, cli, &cli->arena, argc, argv, true, &help,
			      e);
	if (words < 0)
		return words;
	cli->root_given = cli->root != NULL;
	if (help)
		return print_help(cli, NULL, e);
	if (cli->version)
		return print_version(e);
	if (words == 0)
		return print_help(cli, NULL, e);
	c = command_find(argv[0]);
	if (c)
		return run_command(cli, c, words - 1, argv + 1, whole_argv, status, e);
	if (command_is_planned(argv[0]))
		return err_set(e, ENOTSUP, "%s: not supported yet", argv[0]);
	return err_set(e, EINVAL, "No help topic for '%s'", argv[0]); /* runc's words */
}

/* Parsing moves words about, and the program may have to be executed again as it was. */
static char **copy_argv(struct arena *a, int argc, char **argv)
{
	char **copy = arena_array(a, (size_t)argc + 1, sizeof(*copy));

	for (int i = 0; copy && i < argc; i++)
		copy[i] = argv[i];
	return copy;
}

int main(int argc, char **argv)
{
	struct cli cli = {.log = {.fd = -1}};
	struct err e = {0};
	char **words;
	int r, status = 1;

	open_stdio();
	/* With SIG_IGN, as a caller may have left it, children vanish unwaited for. */
	(void)signal(SIGCHLD, SIG_DFL);
	cli.name = root_program_name(argc > 0 ? argv[0] : NULL);
	words = argc > 0 ? copy_argv(&cli.arena, argc, argv) : NULL;
	if (!words)
		r = err_code(&e, argc > 0 ? ENOMEM : EINVAL, "argv");
	else
		r = run(&cli, argc - 1, words + 1, argv, &status, &e);
	if (r < 0)
		report_error(&cli, &e);
	arena_done(&cli.arena);
	return r < 0 ? status : r;
}
