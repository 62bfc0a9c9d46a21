/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "libcontainer/cgroup/events.h"
#include "libcontainer/container.h"
#include "src/commands.h"
#include "src/stats_json.h"

#define INTERVAL_MS 5000

struct events_options {
	int64_t interval; /* milliseconds; 0: not given */
	bool stats;
};

static const struct option events_options[] = {
	{"interval", 0, "DURATION", "the time between two statistics (5s)",
	 offsetof(struct events_options, interval), option_set_duration},
	{"stats", 0, NULL, "print one statistics and end",
	 offsetof(struct events_options, stats), option_set_flag},
	{0},
};

/* One event is one line. s: the data of a "stats" event, or NULL. */
static int print(const char *type, const char *id, const struct cgroup_stats *s,
		 struct err *e)
{
	AUTO_JSON *w = json_writer_new("");
	AUTO_SBUF line = {0};
	const char *text;
	size_t len;
	int r;

	if (!w)
		return err_code(e, ENOMEM, "events");
	json_open_object(w);
	json_put_string(w, "type", type);
	json_put_string(w, "id", id);
	if (s) {
		json_key(w, "data");
		stats_json_write(w, s);
	}
	json_close_object(w);
	r = json_finish(w, &text, &len, e);
	if (r < 0)
		return r;
	sbuf_add(&line, text, len);
	sbuf_adds(&line, "\n");
	if (line.failed)
		return err_code(e, ENOMEM, "events");
	return cli_print(line.data, line.len, e);
}

static int print_stats(const struct container *c, struct err *e)
{
	AUTO_ARENA a = {0};
	struct cgroup_stats s;
	int r = container_stats(c, &a, &s, e);

	return r < 0 ? r : print("stats", c->id, &s, e);
}

static int follow(const struct container *c, struct cgroup_watch *w, int64_t interval,
		  struct err *e)
{
	int64_t next = cgroup_events_now() + interval;
	int r;

	for (;;) {
		r = cgroup_watch_wait(w, next, e);
		if (r < 0 || r == WATCH_END)
			return r < 0 ? r : 0;
		if (r == WATCH_OOM) {
			r = print("oom", c->id, NULL, e);
		} else {
			r = print_stats(c, e);
			next += interval;
		}
		if (r < 0)
			return r;
	}
}

static int run(struct cli *cli, void *cfg, int argc, char **argv, struct err *e)
{
	const struct events_options *o = cfg;
	AUTO_WATCH w = WATCH_INIT;
	struct container *c = NULL;
	int r;

	(void)argc;
	r = container_load(cli->root, argv[0], &c, e);
	if (r == 0)
		r = container_watch(c, &w, e);
	if (r == 0)
		r = o->stats ? print_stats(c, e)
			     : follow(c, &w, o->interval ? o->interval : INTERVAL_MS, e);
	container_free(c);
	return r;
}

const struct command cmd_events = {
	.name = "events",
	.usage = "ID",
	.help = "print what a container uses, and when it runs out of memory",
	.about = "A JSON object a line, until the container ends.",
	.options = {events_options},
	.cfg_size = sizeof(struct events_options),
	.min_words = 1,
	.max_words = 1,
	.run = run,
};
