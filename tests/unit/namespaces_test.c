/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/proc.h"
#include "base/procfs.h"
#include "libcontainer/namespaces.h"
#include "libcontainer/sync.h"

#include "tests/unit/tap.h"

#define ROUNDS 200

struct child {
	int *sync;
};

/* Speaks at once: whoever cloned it may not have come to say anything by then. */
static void speak(void *ctx)
{
	const struct child *c = ctx;

	_exit(sync_send(c->sync[1], SYNC_CREATED, 7, -1) < 0);
}

static void plan_join(struct ns_plan *p, int pidns)
{
	*p = (struct ns_plan){.join_pidfd = -1, .intermediate = true};
	for (int i = 0; i < SPEC_NS_COUNT; i++)
		p->join[i] = -1;
	p->join[SPEC_NS_PID] = pidns;
}

static int round_trip(const struct ns_plan *p, int proc, struct err *e)
{
	int sync[2] = {-1, -1}, value = 0, r;
	struct child c = {.sync = sync};
	AUTO_FD pidfd = -1;
	pid_t pid;

	r = fd_pair(sync, e);
	if (r < 0)
		return r;
	pid = ns_spawn(p, -1, proc, sync, speak, &c, &pidfd, e);
	r = pid < 0 ? pid : sync_expect(sync[0], SYNC_CREATED, &value, NULL, e);
	if (pid > 0 && proc_exit_code(proc_wait(pid)) != 0 && r == 0)
		r = err_set(e, EIO, "the child failed");
	fd_close(&sync[0]);
	fd_close(&sync[1]);
	return r == 0 && value != 7 ? err_set(e, EIO, "value %d", value) : r;
}

static void a_child_behind_another_is_known_first(void)
{
	AUTO_FD pidns = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
	struct err e = {0};
	AUTO_FD proc = procfs_open(&e);
	struct ns_plan p;
	int r = 0;

	if (geteuid() != 0)
		SKIP("root");
	plan_join(&p, pidns);
	for (int i = 0; i < ROUNDS && r == 0; i++)
		r = round_trip(&p, proc, &e);
	CHECK_STR(e.text, "");
	CHECK(r == 0);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

static const struct test tests[] = {
	{"what a child behind an intermediate process says comes after its pid",
	 a_child_behind_another_is_known_first},
};

int main(void)
{
	return tap_main(tests, sizeof(tests) / sizeof(tests[0]));
}
