/* SPDX-License-Identifier: Apache-2.0 */
#include "src/create.h"

#include <errno.h>
#include <unistd.h>

#include "base/str.h"
#include "sandbox/microvm.h"
#include "src/bundle.h"
#include "src/config.h"
#include "src/root.h"
#include "src/select.h"

const struct option create_options[] = {
	{"bundle", 'b', "DIR", "the bundle (the current folder)",
	 offsetof(struct create, bundle), option_set_path},
	{"config", 'f', "FILE", "the configuration (DIR/config.json)",
	 offsetof(struct create, config), option_set_path},
	{"no-pivot", 0, NULL, "chroot in place of pivot_root, for a root on a ramdisk",
	 offsetof(struct create, no_pivot), option_set_flag},
	{"no-new-keyring", 0, NULL, "keep the caller's session keyring",
	 offsetof(struct create, no_new_keyring), option_set_flag},
	{"no-subreaper", 0, NULL, "accepted: hull never is a subreaper",
	 offsetof(struct create, no_subreaper), option_set_flag},
	{0},
};

static int choose_driver(const struct cli *cli, enum cgroup_driver *ret, struct err *e)
{
	const char *name = cli->cgroup_manager;

	if (!name)
		name = cli->systemd_cgroup ? "systemd" : "cgroupfs";
	if (str_eq(name, "systemd"))
		return err_set(e, ENOTSUP,
			       "the systemd cgroup driver is not supported yet");
	*ret = str_eq(name, "disabled") ? CGROUP_DISABLED : CGROUP_CGROUPFS;
	return 0;
}

/* Root in a user namespace, as podman's, is another matter. */
static int refuse_plain_user(struct err *e)
{
	return geteuid() == 0 ? 0
			      : err_set(e, ENOTSUP,
					"containers of a user other than root: not "
					"supported yet");
}

/* The engine by the administrator's configuration and the bundle. */
static int choose_engine(struct cli *cli, const struct spec *s, const struct engine **ret,
			 struct sandbox_config *ret_config, struct err *e)
{
	struct selection chosen;
	struct config c;
	int r;

	r = config_read(&cli->arena, CONFIG_FILE_PATH, &c, e);
	if (r < 0)
		return r;
	r = select_engine(cli->name, &c, &s->annotations, &chosen, e);
	if (r < 0)
		return err_wrap(e, "config.json");
	*ret = chosen.microvm ? &microvm_engine : &native_engine;
	*ret_config = (struct sandbox_config){
		.kernel = chosen.vm.kernel,
		.memory = chosen.vm.memory,
		.memory_max = chosen.vm.memory_max,
		.vcpus = chosen.vm.vcpus,
	};
	return 0;
}

int create_container(struct cli *cli, const struct create *o, const char *id, bool start,
		     struct launch_plan *p, struct container **ret, struct err *e)
{
	enum cgroup_driver driver = CGROUP_CGROUPFS;
	struct sandbox_config sandbox = {0};
	const struct engine *engine = NULL;
	struct bundle b;
	int r;

	r = container_check_id(id, e);
	if (r < 0)
		return r;
	r = refuse_plain_user(e);
	if (r < 0)
		return r;
	r = launch_prepare(cli, &o->launch, p, e);
	if (r < 0)
		return r;
	r = choose_driver(cli, &driver, e);
	if (r < 0)
		return r;
	r = bundle_read(&cli->arena, o->bundle, o->config, &b, e);
	if (r < 0)
		return r;
	r = choose_engine(cli, b.spec, &engine, &sandbox, e);
	if (r < 0)
		return r;
	r = launch_connect(cli, &o->launch, b.spec->process && b.spec->process->terminal,
			   p, e);
	if (r < 0)
		return r;
	r = root_prepare(cli, e);
	if (r < 0)
		return r;
	return container_create(
		&(struct container_options){
			.engine = engine,
			.engine_config = &sandbox,
			.root = cli->root,
			.id = id,
			.bundle = b.path,
			.spec = b.spec,
			.spec_text = b.text,
			.spec_len = b.len,
			.stdio = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO},
			.console_socket = p->console_socket,
			.pidfd_socket = p->pidfd_socket,
			.pid_file = p->pid_file,
			.preserve_fds = p->preserve_fds,
			.listen_fds = p->listen_fds,
			.no_pivot = o->no_pivot,
			.no_new_keyring = o->no_new_keyring,
			.foreground = start,
			.cgroup_driver = driver,
			.sigmask = &p->sigmask,
			.log = &cli->log,
		},
		ret, e);
}
