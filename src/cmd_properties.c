/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/json.h"
#include "base/str.h"
#include "sandbox/properties.h"
#include "src/commands.h"
#include "src/table.h"

struct properties_options {
	bool json;
};

static const struct option properties_options[] = {
	{"json", 0, NULL, "as JSON", offsetof(struct properties_options, json),
	 option_set_flag},
	{0},
};

static int print_json(struct err *e)
{
	AUTO_JSON *w = json_writer_new("\t");
	const char *text;
	size_t len;
	int r;

	if (!w)
		return err_code(e, ENOMEM, "properties");
	json_open_array(w);
	for (size_t i = 0; i < properties_count; i++) {
		json_open_object(w);
		json_put_string(w, "property", properties[i].name);
		json_put_string(w, "where", property_where_name(properties[i].where));
		json_put_string(w, "why", properties[i].why);
		json_close_object(w);
	}
	json_close_array(w);
	r = json_finish(w, &text, &len, e);
	return r < 0 ? r : cli_print(text, len, e);
}

static int print_text(struct err *e)
{
	AUTO_SBUF out = {0};
	struct table t;

	table_init(&t, 3);
	table_add(&t, (const char *[]){"PROPERTY", "WHERE", "WHY"});
	for (size_t i = 0; i < properties_count; i++)
		table_add(&t, (const char *[]){properties[i].name,
					       property_where_name(properties[i].where),
					       properties[i].why});
	table_print(&t, &out);
	table_done(&t);
	return out.failed ? err_code(e, ENOMEM, "properties")
			  : cli_print(out.data, out.len, e);
}

static int run(struct cli *cli, void *cfg, int argc, char **argv, struct err *e)
{
	const struct properties_options *o = cfg;

	(void)cli;
	(void)argc;
	(void)argv;
	return o->json ? print_json(e) : print_text(e);
}

const struct command cmd_properties = {
	.name = "properties",
	.usage = "",
	.help = "print what each property of a configuration means in a sandbox",
	.options = {properties_options},
	.cfg_size = sizeof(struct properties_options),
	.hidden = true,
	.run = run,
};
