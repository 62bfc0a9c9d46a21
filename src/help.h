/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tables of commands and options say, for people: --help, the manual page, the
 * shell completions.
 */
#ifndef SRC_HELP_H
#define SRC_HELP_H

#include "base/str.h"
#include "src/command.h"

/* prog: what the program is called in the text. */
void help_program(struct sbuf *out, const char *prog);
void help_command(struct sbuf *out, const char *prog, const struct command *c);

/* The sections of man/hull.8 that list global options and commands, in man(7)'s language.
 */
void help_man(struct sbuf *out);

/* A completion script for bash. */
void help_bash(struct sbuf *out);

#endif
