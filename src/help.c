/* SPDX-License-Identifier: Apache-2.0 */
#include "src/help.h"

#include <string.h>

#define HELP_COLUMN 33
#define WIDTH       90

/* "--pid-file FILE", "--bundle DIR, -b DIR" */
static void add_names(struct sbuf *out, const struct option *o)
{
	const char *gap = o->value ? " " : "", *value = o->value ? o->value : "";

	sbuf_addf(out, "--%s%s%s", o->name, gap, value);
	if (o->letter)
		sbuf_addf(out, ", -%c%s%s", o->letter, gap, value);
}

static void add_table(struct sbuf *out, const struct option *o)
{
	for (; o->name; o++) {
		AUTO_SBUF names = {0};

		add_names(&names, o);
		if (names.failed) {
			out->failed = true;
			return;
		}
		/* A long name has its help below it. */
		if (names.len > HELP_COLUMN)
			sbuf_addf(out, "   %s\n   %*s  %s\n", names.data, HELP_COLUMN, "",
				  o->help);
		else
			sbuf_addf(out, "   %-*s  %s\n", HELP_COLUMN, names.data, o->help);
	}
}

static void add_options(struct sbuf *out, const struct option *const *tables)
{
	for (; *tables; tables++)
		add_table(out, *tables);
	add_table(out, option_help);
}

/* A paragraph in lines of at most WIDTH characters. */
static void add_paragraph(struct sbuf *out, const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t len = strcspn(text, " ");

		if (column && column + 1 + len > WIDTH) {
			sbuf_adds(out, "\n");
			column = 0;
		}
		sbuf_adds(out, column ? " " : "   ");
		column += column ? 1 : 3;
		sbuf_add(out, text, len);
		column += len;
		text += len;
		text += *text == ' ';
	}
	sbuf_adds(out, "\n");
}

void help_program(struct sbuf *out, const char *prog)
{
	sbuf_addf(out,
		  "NAME:\n   %s - run OCI containers\n\n"
		  "USAGE:\n   %s [GLOBAL OPTIONS] COMMAND [OPTIONS] [ARGUMENTS]\n\n"
		  "COMMANDS:\n",
		  prog, prog);
	for (const struct command *const *c = commands; *c; c++) {
		if (!(*c)->hidden)
			sbuf_addf(out, "   %-10s  %s\n", (*c)->name, (*c)->help);
	}
	sbuf_adds(out, "\nGLOBAL OPTIONS:\n");
	add_options(out, global_options);
}

void help_command(struct sbuf *out, const char *prog, const struct command *c)
{
	sbuf_addf(out, "NAME:\n   %s %s - %s\n\nUSAGE:\n   %s %s [OPTIONS]%s%s\n", prog,
		  c->name, c->help, prog, c->name, c->usage[0] ? " " : "", c->usage);
	if (c->about) {
		sbuf_adds(out, "\nDESCRIPTION:\n");
		add_paragraph(out, c->about);
	}
	sbuf_adds(out, "\nOPTIONS:\n");
	add_options(out, c->options);
}

/* Text as man(7) wants it: "-" is a minus sign, and no line begins with a request. */
static void add_roff(struct sbuf *out, const char *text)
{
	if (*text == '.' || *text == '\'')
		sbuf_adds(out, "\\&");
	for (; *text; text++) {
		if (*text == '\\')
			sbuf_adds(out, "\\e");
		else if (*text == '-')
			sbuf_adds(out, "\\-");
		else
			sbuf_add(out, text, 1);
	}
}

static void add_roff_name(struct sbuf *out, const char *dashes, const char *name,
			  const char *value)
{
	sbuf_adds(out, "\\fB");
	add_roff(out, dashes);
	add_roff(out, name);
	sbuf_adds(out, "\\fR");
	if (!value)
		return;
	sbuf_adds(out, " \\fI");
	add_roff(out, value);
	sbuf_adds(out, "\\fR");
}

static void add_roff_table(struct sbuf *out, const struct option *o)
{
	for (; o->name; o++) {
		sbuf_adds(out, ".TP\n");
		add_roff_name(out, "--", o->name, o->value);
		if (o->letter) {
			sbuf_adds(out, ", ");
			add_roff_name(out, "-", (const char[]){o->letter, '\0'},
				      o->value);
		}
		sbuf_adds(out, "\n");
		add_roff(out, o->help);
		sbuf_adds(out, "\n");
	}
}

static void add_roff_options(struct sbuf *out, const struct option *const *tables)
{
	for (; *tables; tables++)
		add_roff_table(out, *tables);
	add_roff_table(out, option_help);
}

void help_man(struct sbuf *out)
{
	sbuf_adds(out, ".SH GLOBAL OPTIONS\n");
	add_roff_options(out, global_options);
	sbuf_adds(out, ".SH COMMANDS\n");
	for (const struct command *const *c = commands; *c; c++) {
		if ((*c)->hidden)
			continue;
		sbuf_adds(out, ".SS ");
		add_roff(out, (*c)->name);
		sbuf_adds(out, " [OPTIONS] ");
		add_roff(out, (*c)->usage);
		sbuf_adds(out, "\n");
		add_roff(out, (*c)->help);
		sbuf_adds(out, ".\n");
		if ((*c)->about) {
			sbuf_adds(out, ".PP\n");
			add_roff(out, (*c)->about);
			sbuf_adds(out, "\n");
		}
		add_roff_options(out, (*c)->options);
	}
}

static void add_words(struct sbuf *out, const struct option *const *tables)
{
	for (; *tables; tables++) {
		for (const struct option *o = *tables; o->name; o++) {
			sbuf_addf(out, " --%s", o->name);
			if (o->letter)
				sbuf_addf(out, " -%c", o->letter);
		}
	}
	sbuf_adds(out, " --help -h");
}

/* The options of the command that the line has, the commands where it has none yet, and
 * file names; ids come from the state root. */
void help_bash(struct sbuf *out)
{
	sbuf_adds(out,
		  "# bash completion for hull; made from hull's tables\n"
		  "_hull() {\n"
		  "\tlocal cur=${COMP_WORDS[COMP_CWORD]} word cmd=\"\" words=\"\"\n"
		  "\tfor word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
		  "\t\tcase $word in\n\t\t");
	for (const struct command *const *c = commands; *c; c++) {
		if (!(*c)->hidden)
			sbuf_addf(out, "%s%s", c == commands ? "" : " | ", (*c)->name);
	}
	sbuf_adds(out,
		  ") cmd=$word && break ;;\n\t\tesac\n\tdone\n\tcase $cmd in\n\t\"\") "
		  "words=\"");
	for (const struct command *const *c = commands; *c; c++) {
		if (!(*c)->hidden)
			sbuf_addf(out, "%s ", (*c)->name);
	}
	add_words(out, global_options);
	sbuf_adds(out, "\" ;;\n");
	for (const struct command *const *c = commands; *c; c++) {
		if ((*c)->hidden)
			continue;
		sbuf_addf(out, "\t%s) words=\"", (*c)->name);
		add_words(out, (*c)->options);
		sbuf_adds(out, "\" ;;\n");
	}
	sbuf_adds(out,
		  "\tesac\n"
		  "\tif [[ $cmd && $cur != -* ]]; then\n"
		  "\t\twords+=\" $(\"${COMP_WORDS[0]}\" list -q 2>/dev/null)\"\n"
		  "\tfi\n"
		  "\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
		  "}\n"
		  "complete -o default -F _hull hull\n");
}
