/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"
#include "libcontainer/container.h"
#include "src/bundle.h"
#include "src/commands.h"

#define RESOURCES_MAX ((size_t)16 << 20)

struct update_options {
	const char *resources;
	struct spec_memory memory;
	struct spec_cpu cpu;
	struct spec_pids pids;
};

/* 0 and nothing are what callers write who set nothing. */
static int refuse_block_io(const struct option_value *v, void *field, struct err *e)
{
	(void)field;
	if (v->text[0] == '\0' || str_eq(v->text, "0"))
		return 0;
	return err_set(e, EOPNOTSUPP, "limits of block I/O are not supported yet");
}

static int refuse_rdt(const struct option_value *v, void *field, struct err *e)
{
	(void)field;
	if (v->text[0] == '\0')
		return 0;
	return err_set(e, EOPNOTSUPP, "the container has no intelRdt");
}

#define AT(m) offsetof(struct update_options, m)

static const struct option update_options[] = {
	{"resources", 'r', "FILE", "the limits as JSON (linux.resources); -: from stdin",
	 AT(resources), option_set_path},
	{"cpu-period", 0, "US", "the period of --cpu-quota, in microseconds",
	 AT(cpu.period), option_set_opt_u64},
	{"cpu-quota", 0, "US",
	 "processor time in a period, in microseconds; -1: no limit", AT(cpu.quota),
	 option_set_opt_i64},
	{"cpu-burst", 0, "US", "what of a quota may be saved up, in microseconds",
	 AT(cpu.burst), option_set_opt_u64},
	{"cpu-share", 0, "N", "the share of processor time, beside 1024 of others",
	 AT(cpu.shares), option_set_opt_u64},
	{"cpu-idle", 0, "0|1", "1: run only where nobody else wants to", AT(cpu.idle),
	 option_set_opt_i64},
	{"cpu-rt-period", 0, "US", "ignored: cgroup v2 doesn't have it",
	 AT(cpu.realtime_period), option_set_opt_u64},
	{"cpu-rt-runtime", 0, "US", "ignored: cgroup v2 doesn't have it",
	 AT(cpu.realtime_runtime), option_set_opt_i64},
	{"cpuset-cpus", 0, "LIST", "the processors, as 0-3,7", AT(cpu.cpus),
	 option_set_string},
	{"cpuset-mems", 0, "LIST", "the memory nodes", AT(cpu.mems), option_set_string},
	{"memory", 0, "SIZE", "the memory, as 512m; -1: no limit", AT(memory.limit),
	 option_set_opt_size},
	{"memory-reservation", 0, "SIZE", "the memory that is kept from reclaim",
	 AT(memory.reservation), option_set_opt_size},
	{"memory-swap", 0, "SIZE", "memory and swap together; -1: no limit",
	 AT(memory.swap), option_set_opt_size},
	{"kernel-memory", 0, "SIZE", "ignored: kernels don't have it any more",
	 AT(memory.kernel), option_set_opt_size},
	{"kernel-memory-tcp", 0, "SIZE", "ignored: kernels don't have it any more",
	 AT(memory.kernel_tcp), option_set_opt_size},
	{"pids-limit", 0, "N", "processes and threads; -1: no limit", AT(pids.limit),
	 option_set_opt_i64},
	{"blkio-weight", 0, "N", "not supported yet", 0, refuse_block_io},
	{"l3-cache-schema", 0, "SCHEMA", "of a container with intelRdt", 0, refuse_rdt},
	{"mem-bw-schema", 0, "SCHEMA", "of a container with intelRdt", 0, refuse_rdt},
	{0},
};

static int read_resources(struct arena *a, const char *name, struct spec_resources **ret,
			  struct err *e)
{
	AUTO_FREE char *text = NULL;
	const char *kept, *what = str_eq(name, "-") ? "stdin" : name;
	size_t len;
	int r;

	if (!str_eq(name, "-")) {
		r = bundle_read_file(a, name, &kept, &len, e);
		return r < 0 ? r : spec_decode_resources(a, what, kept, len, ret, e);
	}
	r = file_read_fd(STDIN_FILENO, what, RESOURCES_MAX, &text, &len, e);
	if (r < 0)
		return r;
	kept = arena_strndup(a, text, len);
	if (!kept)
		return err_code(e, ENOMEM, "read the resources");
	return spec_decode_resources(a, what, kept, len, ret, e);
}

static int run(struct cli *cli, void *cfg, int argc, char **argv, struct err *e)
{
	struct update_options *o = cfg;
	struct spec_resources flags = {
		.memory = &o->memory, .cpu = &o->cpu, .pids = &o->pids};
	struct spec_resources *res = &flags;
	struct container *c = NULL;
	int r = 0;

	(void)argc;
	/* As runc: what a file says is all, and the flags are not looked at. */
	if (o->resources)
		r = read_resources(&cli->arena, o->resources, &res, e);
	if (r == 0)
		r = container_load(cli->root, argv[0], &c, e);
	if (r == 0)
		r = container_update(c, res, &cli->log, e);
	container_free(c);
	return r;
}

const struct command cmd_update = {
	.name = "update",
	.usage = "ID",
	.help = "change the limits of a container",
	.about = "What isn't given stays as it is. With --resources the other options "
		 "are not "
		 "looked at.",
	.options = {update_options},
	.cfg_size = sizeof(struct update_options),
	.min_words = 1,
	.max_words = 1,
	.run = run,
};
