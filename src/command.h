/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command of the command line, and what all commands are given.
 */
#ifndef SRC_COMMAND_H
#define SRC_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/log.h"
#include "src/options.h"

/* The global options and what follows from them. */
struct cli {
	const char *name; /* that the program was called by: "hull" */
	const char *root; /* absolute and clean, once a command runs */
	bool root_given;  /* by --root */
	bool debug, systemd_cgroup, version;
	const char *log_path, *log_format, *log_level, *rootless, *cgroup_manager;
	struct log log;     /* for warnings and debug lines */
	struct arena arena; /* freed when the command has run */
};

struct command {
	const char *name;
	const char *usage; /* the words after the options, "ID [SIGNAL]" */
	const char *help;  /* one line */
	const char *about; /* a paragraph for the manual page and --help, or NULL */
	const struct option *options[6]; /* tables, at most 5; NULL after the last */
	size_t cfg_size;                 /* of the struct that they fill in */
	int min_words, max_words;        /* max_words < 0: no limit */
	bool first_ends; /* the first word that is no option ends the options */
	bool self_exe;   /* runs code of the container: protect the binary first */
	int fail_status; /* the exit status where run fails; 0: 1 */
	bool hidden;     /* not in the help */
	/* Gives the exit status, or -errno with e. cfg: zeroed, then filled in. */
	int (*run)(struct cli *cli, void *cfg, int argc, char **argv, struct err *e);
};

/* All commands, in the order of the help; NULL ends the list (commands.c). */
extern const struct command *const commands[];

/* The tables of the global options (cli.c). */
extern const struct option *const global_options[];

/* The command of this name, or NULL. */
const struct command *command_find(const char *name);

/* If runc has a command of this name that hull doesn't have yet. */
bool command_is_planned(const char *name);

/* Loads the container and does this with it: all that some commands are. */
struct container;
int cli_do(struct cli *cli, const char *id,
	   int (*act)(struct container *c, struct err *e), struct err *e);

/* All of text on stdout. */
int cli_print(const char *text, size_t len, struct err *e);

#endif
