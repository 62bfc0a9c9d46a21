/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network of a sandboxed container. Callers set its namespace up before `create`, in
 * hooks, or between `create` and `start`: so it is at `start` that the command, which has
 * the privilege that the monitor gave up, reads it and wires it to the machine.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/proc.h"
#include "base/str.h"
#include "sandbox/control.h"
#include "sandbox/microvm_parts.h"
#include "sandbox/tap.h"

static struct tc_owner owner_of(const struct container *c)
{
	return (struct tc_owner){.pid = c->pid, .start_time = c->start_time};
}

/* The monitor's. Its pid is still its own if the process lives after the number was used. */
static int open_namespace(const struct container *c, struct err *e)
{
	char path[64];
	AUTO_FD fd = -1;
	int failed;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", c->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	failed = errno;
	if (c->pidfd < 0 || proc_kill(c->pidfd, 0) < 0)
		return err_set(e, ESRCH, "container not running");
	if (fd < 0)
		return err_code(e, failed, "open the network namespace");
	return fd_take(&fd);
}

/* What the guest is asked, as a file. */
static int write_request(const struct network *n, struct err *e)
{
	AUTO_FD fd = memfd_create("network", MFD_CLOEXEC);
	AUTO_JSON *w = json_writer_new("");
	const char *text;
	size_t len;
	int r;

	if (fd < 0)
		return err_sys(e, "memfd_create");
	if (!w)
		return err_code(e, ENOMEM, "network");
	json_open_object(w);
	json_put_string(w, "op", "network");
	json_key(w, "network");
	network_write(w, n);
	json_close_object(w);
	r = json_finish(w, &text, &len, e);
	if (r < 0)
		return r;
	r = fd_write_full(fd, text, len);
	if (r < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return err_code(e, r < 0 ? r : errno, "write the network down");
	return fd_take(&fd);
}

static int hand_over(const struct container *c, const struct network *n,
		     const struct sandbox_tap *taps, size_t count, struct err *e)
{
	AUTO_FD sock = control_connect(c, e);
	AUTO_FD request = -1;
	int r = 0;

	if (sock < 0)
		return sock;
	for (size_t i = 0; r == 0 && i < count; i++) {
		struct control_order o = {
			.kind = CONTROL_TAP, .index = (uint32_t)i, .mtu = taps[i].mtu};

		memcpy(o.mac, taps[i].mac, sizeof(o.mac));
		r = control_order(sock, &o, taps[i].fd, e);
	}
	if (r < 0)
		return r;
	request = write_request(n, e);
	if (request < 0)
		return request;
	return control_order(sock, &(struct control_order){.kind = CONTROL_NETWORK},
			     request, e);
}

int microvm_starting(const struct container *c, const struct log *log, struct err *e)
{
	struct sandbox_tap taps[SANDBOX_TAPS_MAX];
	const struct tc_owner me = owner_of(c);
	struct network n = {0};
	AUTO_ARENA a = {0};
	AUTO_FD netns = open_namespace(c, e);
	size_t count = 0;
	int r;

	/* A user who is root nowhere may not enter, nor could give it an interface. */
	if ((netns == -EACCES || netns == -EPERM) && geteuid() != 0) {
		log_warn(log, "%s: the sandbox has loopback only", e->text);
		return 0;
	}
	if (netns < 0)
		return netns;
	r = sandbox_taps_make(netns, &me, &a, &n, taps, &count, log, e);
	if (r < 0)
		return r;
	/* The guest has loopback by itself. */
	if (n.links_count || n.routes_count)
		r = hand_over(c, &n, taps, count, e);
	for (size_t i = 0; i < count; i++)
		fd_close(&taps[i].fd);
	if (r < 0)
		(void)sandbox_taps_unmake(netns, &me, ERR_IGNORE);
	return r;
}

static const char *namespace_path(const struct spec *s)
{
	for (size_t i = 0; i < s->linux_->namespaces_count; i++) {
		if (s->linux_->namespaces[i].type == SPEC_NS_NETWORK)
			return s->linux_->namespaces[i].path;
	}
	return NULL;
}

/* A namespace without a path went with the monitor. One that was removed meanwhile, or
 * whose path is another's, has nothing of ours. */
void microvm_ended(struct container *c, const struct log *log)
{
	const struct tc_owner me = owner_of(c);
	struct spec *s = NULL;
	const char *path;
	AUTO_FD netns = -1;
	struct err e;

	if (c->pid == 0)
		return;
	if (container_spec(c, &s, &e) < 0) {
		log_warn(log, "the sandbox's network: %s", e.text);
		return;
	}
	path = namespace_path(s);
	if (path)
		netns = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (netns >= 0 && sandbox_taps_unmake(netns, &me, &e) < 0)
		log_warn(log, "the sandbox's network: %s", e.text);
}
