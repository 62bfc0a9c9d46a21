/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "libcontainer/container.h"
#include "src/capture.h"
#include "src/commands.h"

struct ps_options {
	const char *format;
};

static const struct option ps_options[] = {
	{"format", 'f', "table|json", "what to print (table)",
	 offsetof(struct ps_options, format), option_set_choice},
	{0},
};

struct pids {
	pid_t *v;
	size_t count;
};

static bool has_pid(const struct pids *p, uint64_t pid)
{
	for (size_t i = 0; i < p->count; i++) {
		if ((uint64_t)p->v[i] == pid)
			return true;
	}
	return false;
}

/* The array as Go encodes it: null if it is empty. */
static int print_json(const struct pids *p, struct err *e)
{
	AUTO_SBUF out = {0};

	for (size_t i = 0; i < p->count; i++)
		sbuf_addf(&out, "%s%d", i ? "," : "[", p->v[i]);
	sbuf_adds(&out, p->count ? "]\n" : "null\n");
	if (out.failed)
		return err_code(e, ENOMEM, "ps");
	return cli_print(out.data, out.len, e);
}

/* The n-th word of a line, and its length: NULL if there are fewer. */
static const char *word(const char *line, size_t n, size_t *ret_len)
{
	static const char blanks[] = " \t";

	for (;; n--) {
		line += strspn(line, blanks);
		*ret_len = strcspn(line, blanks);
		if (*ret_len == 0)
			return NULL;
		if (n == 0)
			return line;
		line += *ret_len;
	}
}

/* Which column of ps's table is the pid, or -1. */
static int pid_column(const char *head)
{
	const char *w;
	size_t len;

	for (int i = 0; (w = word(head, (size_t)i, &len)); i++) {
		if (len == 3 && memcmp(w, "PID", 3) == 0)
			return i;
	}
	return -1;
}

static int select_line(const char *line, int column, const struct pids *p,
		       struct sbuf *out, struct err *e)
{
	char number[24] = "";
	uint64_t pid;
	size_t len;
	const char *w = word(line, (size_t)column, &len);

	if (w && len < sizeof(number))
		memcpy(number, w, len);
	if (str_to_u64(number, &pid) < 0)
		return err_set(e, EINVAL, "unable to parse pid: %s", line);
	if (has_pid(p, pid))
		sbuf_addf(out, "%s\n", line);
	return 0;
}

/* ps knows nothing of containers: of what it prints, the head and the lines of our pids. */
static int select_lines(char *text, const struct pids *p, struct sbuf *out, struct err *e)
{
	char *rest, *line = strtok_r(text, "\n", &rest);
	int r = 0, column = line ? pid_column(line) : -1;

	if (column < 0)
		return err_set(e, EINVAL, "couldn't find PID field in ps output");
	sbuf_addf(out, "%s\n", line);
	while (r == 0 && (line = strtok_r(NULL, "\n", &rest)))
		r = select_line(line, column, p, out, e);
	return r;
}

static int print_table(const struct pids *p, int argc, char **argv, struct err *e)
{
	AUTO_FREE char **words = calloc((size_t)argc + 3, sizeof(*words));
	AUTO_SBUF said = {0};
	AUTO_SBUF out = {0};
	char ps[] = "ps", all[] = "-ef";
	int r;

	if (!words)
		return err_code(e, ENOMEM, "ps");
	words[0] = ps;
	words[1] = all;
	for (int i = 0; i < argc; i++)
		words[i + 1] = argv[i];
	r = capture_run(words, &said, e);
	if (r < 0)
		return r;
	if (r > 0)
		return err_set(e, EINVAL, "ps: exit status %d: %s", r,
			       said.len ? said.data : "");
	r = said.len ? select_lines(said.data, p, &out, e)
		     : err_set(e, EINVAL, "ps printed nothing");
	if (r < 0)
		return r;
	if (out.failed)
		return err_code(e, ENOMEM, "ps");
	return cli_print(out.data, out.len, e);
}

static int run(struct cli *cli, void *cfg, int argc, char **argv, struct err *e)
{
	const struct ps_options *o = cfg;
	struct container *c = NULL;
	struct pids p = {0};
	int r;

	r = container_load(cli->root, argv[0], &c, e);
	if (r == 0)
		r = container_processes(c, &cli->arena, &p.v, &p.count, e);
	container_free(c);
	if (r < 0)
		return r;
	if (o->format && str_eq(o->format, "json"))
		return print_json(&p, e);
	return print_table(&p, argc - 1, argv + 1, e);
}

const struct command cmd_ps = {
	.name = "ps",
	.usage = "ID [PS-OPTIONS]",
	.help = "list the processes of a container",
	.about = "The table is that of ps(1) with the options given (-ef), less the "
		 "lines of "
		 "other processes.",
	.options = {ps_options},
	.cfg_size = sizeof(struct ps_options),
	.min_words = 1,
	.max_words = -1,
	.first_ends = true,
	.run = run,
};
