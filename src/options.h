/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options of the command line: a row of a table is all that there is of one. Parsing,
 * --help, the manual page and the shell completions read the same rows.
 *
 * runc's rules: --name=value and --name value, -n value and -n=value; one dash is as good
 * as two (go-runc writes -no-subreaper); short ones are not combined; the last one wins.
 */
#ifndef SRC_OPTIONS_H
#define SRC_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"

struct option_value;

struct option {
	const char *name;  /* without dashes; NULL ends a table */
	char letter;       /* the short name, or 0 */
	const char *value; /* what the value is called ("FILE", "text|json"); NULL: a
			      switch */
	const char *help;  /* one line */
	size_t offset;     /* of the field in the command's options struct */
	int (*set)(const struct option_value *v, void *field, struct err *e);
};

/* One option as it was given. */
struct option_value {
	const struct option *option;
	const char *text; /* lives as long as argv; NULL: a switch without "=" */
	struct arena *arena;
};

/* The setters. A switch: bool; "=true" and "=false" are understood. */
int option_set_flag(const struct option_value *v, void *field, struct err *e);
/* const char * */
int option_set_string(const struct option_value *v, void *field, struct err *e);
/* const char *, not empty */
int option_set_path(const struct option_value *v, void *field, struct err *e);
/* const char *, one of the words in the option's value name ("text|json") */
int option_set_choice(const struct option_value *v, void *field, struct err *e);
/* uint32_t */
int option_set_u32(const struct option_value *v, void *field, struct err *e);
/* struct opt_u64, struct opt_i64 (libcontainer/spec/spec.h); an empty text is as if the option
 * hadn't been given, as with runc */
int option_set_opt_u64(const struct option_value *v, void *field, struct err *e);
int option_set_opt_i64(const struct option_value *v, void *field, struct err *e);
/* The same; "512m", "1.5GiB", "-1" (size.h) */
int option_set_opt_size(const struct option_value *v, void *field, struct err *e);
/* int64_t, milliseconds; "1m30s" (duration.h), more than 0 */
int option_set_duration(const struct option_value *v, void *field, struct err *e);
/* struct strings (libcontainer/spec/spec.h): one more in the list */
int option_add_string(const struct option_value *v, void *field, struct err *e);

/* The table that every command has besides its own: --help, -h. */
extern const struct option option_help[];

/* Parses argc words by the tables (a list that NULL ends) into *cfg. The words that are
 * no options are moved to the front of argv, and their number is returned; "--" ends the
 * options, and so does the first other word if first_ends. *ret_help is set, and nothing
 * after it read, where --help is met. -EINVAL: what is wrong is in e. */
int options_parse(const struct option *const *tables, void *cfg, struct arena *a,
		  int argc, char **argv, bool first_ends, bool *ret_help, struct err *e);

#endif
