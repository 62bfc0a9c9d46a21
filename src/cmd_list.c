/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include "base/str.h"
#include "libcontainer/container.h"
#include "src/commands.h"
#include "src/table.h"

struct list_options {
	const char *format;
	bool quiet;
};

static const struct option list_options[] = {
	{"format", 'f', "table|json", "what to print (table)",
	 offsetof(struct list_options, format), option_set_choice},
	{"quiet", 'q', NULL, "print the ids only", offsetof(struct list_options, quiet),
	 option_set_flag},
	{0},
};

/* What the containers are collected in; one of the three is used. */
struct list {
	struct sbuf ids;
	struct json_writer *json; /* owned */
	struct table table;
	size_t count;
	struct err *e; /* the command's */
};

static int add_id(struct container *c, void *ctx)
{
	struct list *l = ctx;

	sbuf_addf(&l->ids, "%s\n", c->id);
	return 0;
}

static int add_json(struct container *c, void *ctx)
{
	struct list *l = ctx;
	int r;

	/* One that is deleted meanwhile is left out; half an object can't be. */
	if (container_status(c, ERR_IGNORE) < 0)
		return 0;
	if (l->count++ == 0)
		json_open_array(l->json);
	json_open_object(l->json);
	r = container_write_state(c, l->json, true, l->e);
	json_close_object(l->json);
	return r;
}

static int add_row(struct container *c, void *ctx)
{
	struct list *l = ctx;
	int status = container_status(c, ERR_IGNORE);
	bool dead = status == CONTAINER_STOPPED;
	char pid[16];

	if (status < 0)
		return 0;
	(void)snprintf(pid, sizeof(pid), "%d", dead ? 0 : c->pid);
	table_add(&l->table, (const char *const[]){
				     c->id,
				     pid,
				     container_status_name((enum container_status)status),
				     c->bundle,
				     c->created,
				     container_owner(c),
			     });
	return 0;
}

/* A default root that isn't there has no containers; one that was asked for is a mistake.
 */
static int collect(struct cli *cli, int (*add)(struct container *c, void *ctx),
		   struct list *l, struct err *e)
{
	int r = container_list(cli->root, add, l, &cli->log, e);

	return r == -ENOENT && !cli->root_given ? 0 : r;
}

static int list_ids(struct cli *cli, struct list *l, struct err *e)
{
	int r = collect(cli, add_id, l, e);

	if (r < 0)
		return r;
	if (l->ids.failed)
		return err_code(e, ENOMEM, "list");
	return cli_print(l->ids.data, l->ids.len, e);
}

static int list_json(struct cli *cli, struct list *l, struct err *e)
{
	const char *text;
	size_t len;
	int r;

	l->json = json_writer_new("");
	if (!l->json)
		return err_code(e, ENOMEM, "list");
	r = collect(cli, add_json, l, e);
	if (r < 0)
		return r;
	/* Go's encoding of an empty list, which callers know. */
	if (l->count == 0)
		json_null(l->json);
	else
		json_close_array(l->json);
	r = json_finish(l->json, &text, &len, e);
	if (r < 0)
		return r;
	sbuf_add(&l->ids, text, len);
	sbuf_adds(&l->ids, "\n");
	if (l->ids.failed)
		return err_code(e, ENOMEM, "list");
	return cli_print(l->ids.data, l->ids.len, e);
}

static int list_table(struct cli *cli, struct list *l, struct err *e)
{
	static const char *const head[] = {"ID",     "PID",     "STATUS",
					   "BUNDLE", "CREATED", "OWNER"};
	AUTO_SBUF out = {0};
	int r;

	table_init(&l->table, ARRAY_LEN(head));
	table_add(&l->table, head);
	r = collect(cli, add_row, l, e);
	if (r < 0)
		return r;
	table_print(&l->table, &out);
	if (out.failed)
		return err_code(e, ENOMEM, "list");
	return cli_print(out.data, out.len, e);
}

static int run(struct cli *cli, void *cfg, int argc, char **argv, struct err *e)
{
	const struct list_options *o = cfg;
	struct list l = {.e = e};
	int r;

	(void)argc;
	(void)argv;
	if (o->quiet)
		r = list_ids(cli, &l, e);
	else if (o->format && str_eq(o->format, "json"))
		r = list_json(cli, &l, e);
	else
		r = list_table(cli, &l, e);
	sbuf_done(&l.ids);
	json_writer_free(l.json);
	table_done(&l.table);
	return r;
}

const struct command cmd_list = {
	.name = "list",
	.usage = "",
	.help = "list the containers of the state root",
	.options = {list_options},
	.cfg_size = sizeof(struct list_options),
	.run = run,
};
