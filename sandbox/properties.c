/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/properties.h"

#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "sandbox/guest_devices.h"

#define SANDBOX "not possible in a sandbox"

static int check_shared(const struct spec *s, struct err *e)
{
	static const enum spec_ns own[] = {SPEC_NS_NETWORK, SPEC_NS_PID, SPEC_NS_IPC};

	for (size_t i = 0; i < ARRAY_LEN(own); i++) {
		if (!spec_namespace(s, own[i]))
			return err_set(e, ENOTSUP,
				       "config.json: linux.namespaces: no %s namespace: "
				       "the host's own: " SANDBOX
				       ": another kernel runs in it",
				       spec_ns_name(own[i]));
	}
	return 0;
}

/* What can't be looked at can't be joined either; that error is the one of the join. */
static int check_network(const struct spec *s, struct err *e)
{
	if (spec_network_is_callers(s) <= 0)
		return 0;
	return err_set(
		e, ENOTSUP,
		"config.json: linux.namespaces: the network namespace %.100s is the "
		"host's own: " SANDBOX ": another kernel runs in it",
		spec_namespace(s, SPEC_NS_NETWORK)->path);
}

static int check_namespaces(const struct spec *s, struct err *e)
{
	for (size_t i = 0; i < s->linux_->namespaces_count; i++) {
		const struct spec_namespace *ns = &s->linux_->namespaces[i];

		if (!ns->path || ns->type == SPEC_NS_NETWORK || ns->type == SPEC_NS_USER)
			continue;
		return err_set(e, ENOTSUP,
			       "config.json: linux.namespaces[%zu].path: %.100s: " SANDBOX
			       ": another container's %s namespace isn't in this guest",
			       i, ns->path, spec_ns_name(ns->type));
	}
	return check_shared(s, e);
}

static bool notifies(const char *action)
{
	return str_eq(action, "SCMP_ACT_NOTIFY");
}

static int check_seccomp(const struct spec_seccomp *c, struct err *e)
{
	bool found = c && notifies(c->default_action);

	for (size_t i = 0; c && i < c->syscalls_count; i++)
		found = found || notifies(c->syscalls[i].action);
	return found ? err_set(e, ENOTSUP,
			       "config.json: linux.seccomp: SCMP_ACT_NOTIFY: " SANDBOX
			       ": a listener on the host can't see the guest's processes")
		     : 0;
}

static int check_devices(const struct spec *s, const struct log *log, struct err *e)
{
	bool all = guest_devices_allow_all(s);

	for (size_t i = 0; i < s->linux_->devices_count; i++) {
		const struct spec_device *d = &s->linux_->devices[i];

		if (guest_devices_has(d))
			continue;
		if (!all)
			return err_set(e, ENOTSUP,
				       "config.json: linux.devices[%zu]: %.100s: " SANDBOX
				       ": the guest has no such device",
				       i, d->path);
		log_debug(log, "linux.devices[%zu]: %s: only if the guest has it", i,
			  d->path);
	}
	return 0;
}

int properties_check(const struct spec *s, const struct log *log, struct err *e)
{
	int r = check_namespaces(s, e);

	if (r == 0)
		r = check_network(s, e);
	if (r == 0)
		r = check_seccomp(s->linux_->seccomp, e);
	if (r == 0)
		r = check_devices(s, log, e);
	return r == 0 ? properties_check_mounts(s, log, e) : r;
}
