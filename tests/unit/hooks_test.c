/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "libcontainer/hooks.h"

#include "tests/unit/tap.h"

static char dir[] = "/tmp/hooks_test.XXXXXX";
static char file[64];

static void setup(void)
{
	if (!mkdtemp(dir))
		abort();
	(void)snprintf(file, sizeof(file), "%s/out", dir);
}

static void cleanup(void)
{
	(void)unlink(file);
	(void)rmdir(dir);
}

/* What the hooks have left in the file. */
static const char *out(void)
{
	static char text[4096];
	AUTO_FD fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : fd_read_full(fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	(void)unlink(file);
	return text;
}

/* A hook that runs a line of shell with OUT set to the file. */
static struct spec_hook shell(const char *line)
{
	static char env[8][80];
	static const char *args[8][4], *envs[8][2];
	static unsigned next;
	unsigned i = next++ % 8;

	(void)snprintf(env[i], sizeof(env[i]), "OUT=%s", file);
	memcpy(args[i], (const char *[]){"argv0", "-c", line, NULL}, sizeof(args[i]));
	envs[i][0] = env[i];
	return (struct spec_hook){
		.path = "/bin/sh",
		.args = {.v = args[i], .count = 3},
		.env = {.v = envs[i], .count = 1},
	};
}

static int run(struct spec_hook *hooks, size_t count, struct err *e)
{
	const struct spec_hook_list list = {.v = hooks, .count = count};

	return hooks_run(&list, "createRuntime", "{\"id\":\"web\"}", 12, e);
}

static void gives_the_state(void)
{
	struct spec_hook h = shell("cat >$OUT");
	struct err e = {0};

	CHECK(run(&h, 1, &e) == 0);
	CHECK_STR(out(), "{\"id\":\"web\"}");
}

static void gives_only_its_own(void)
{
	struct spec_hook h = shell("echo $0 $OUT $HOME >$OUT; ls /proc/self/fd >>$OUT");
	struct err e = {0};
	char want[128];
	int leak = fcntl(0, F_DUPFD, 3);

	(void)setenv("HOME", "/leaked", 1);
	CHECK(leak >= 0 && run(&h, 1, &e) == 0);
	fd_close(&leak);
	/* 3 is the folder that ls reads. */
	(void)snprintf(want, sizeof(want), "argv0 %s\n0\n1\n2\n3\n", file);
	CHECK_STR(out(), want);
}

static void gives_nothing_where_nothing_is_said(void)
{
	static const char *args[] = {"cat", "/proc/self/environ", "/nowhere", NULL};
	struct spec_hook h = {.path = "/bin/cat", .args = {.v = args, .count = 3}};
	struct err e = {0};

	CHECK(run(&h, 1, &e) < 0);
	CHECK(strstr(e.text, "exit status 1, stdout: , stderr: cat: /nowhere: ") != NULL);
}

static void tells_what_it_has_said(void)
{
	struct spec_hook h = shell(
		"echo one; echo two; echo a card is not found >&2; "
		"exit 3");
	struct err e = {0};

	CHECK(run(&h, 1, &e) < 0);
	CHECK_STR(e.text,
		  "error running createRuntime hook #0: exit status 3, stdout: "
		  "one two, stderr: a card is not-found");
}

static void tells_the_end_of_a_long_story(void)
{
	struct spec_hook h = shell(
		"i=0; while [ $i -lt 20000 ]; do echo line $i; "
		"i=$((i + 1)); done >&2; echo end >&2; exit 3");
	struct err e = {0};

	CHECK(run(&h, 1, &e) < 0);
	CHECK(strlen(e.text) < sizeof(e.text));
	CHECK(strstr(e.text, "line 19999 end") != NULL);
}

/* Whoever holds the pipes still, and talks, is not waited for. */
static void does_not_wait_for_who_is_left(void)
{
	struct spec_hook h = shell("yes >&2 & echo $! >$OUT; exit 3");
	struct err e = {0};
	int pid;

	CHECK(run(&h, 1, &e) < 0);
	pid = (int)strtol(out(), NULL, 10);
	CHECK(pid > 1);
	/* It has died of SIGPIPE, or is about to. */
	for (int i = 0; kill(pid, 0) == 0 && i < 1000; i++)
		(void)usleep(10000);
	CHECK(kill(pid, 0) < 0);
}

static void runs_in_order_and_stops_at_the_first_failure(void)
{
	struct spec_hook h[] = {shell("echo 1 >>$OUT"), shell("echo 2 >>$OUT; exit 2"),
				shell("echo 3 >>$OUT")};
	struct err e = {0};

	CHECK(run(h, 3, &e) < 0);
	CHECK_STR(e.text, "error running createRuntime hook #1: exit status 2");
	CHECK_STR(out(), "1\n2\n");
}

static void tells_a_signal(void)
{
	struct spec_hook h = shell("kill -KILL $$");
	struct err e = {0};

	CHECK(run(&h, 1, &e) < 0);
	CHECK_STR(e.text, "error running createRuntime hook #0: signal: killed");
}

static void tells_why_it_could_not_be_executed(void)
{
	struct spec_hook h = {.path = "/nosuch/hook"};
	struct err e = {0};

	CHECK(run(&h, 1, &e) == -ENOENT);
	CHECK_STR(e.text,
		  "error running createRuntime hook #0: exec /nosuch/hook: ENOENT");
	h.path = "/etc/passwd";
	CHECK(run(&h, 1, &e) == -EACCES);
	CHECK_STR(e.text,
		  "error running createRuntime hook #0: exec /etc/passwd: EACCES");
}

static void a_timeout_ends_the_whole_group(void)
{
	struct spec_hook h = shell("exec >$OUT; sleep 1000 & sleep 1000");
	struct err e = {0};
	struct pollfd p = {.events = 0};

	h.timeout.set = true;
	h.timeout.v = 1;
	/* stdout of both sleeps is the fifo: it ends when the last has. */
	CHECK(mkfifo(file, 0600) == 0);
	p.fd = open(file, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	CHECK(p.fd >= 0);
	CHECK(run(&h, 1, &e) == -ETIMEDOUT);
	CHECK_STR(e.text,
		  "error running createRuntime hook #0: hook ran past specified "
		  "timeout of 1.0s");
	CHECK(poll(&p, 1, 20000) == 1 && p.revents == POLLHUP);
	(void)close(p.fd);
	(void)unlink(file);
}

/* poll has always something to tell of it, so that it never comes to its own timeout. */
static void who_never_stops_talking_has_a_timeout(void)
{
	struct spec_hook h = shell("chrt -f 1 yes & chrt -f 1 yes >&2");
	struct err e = {0};

	h.timeout.set = true;
	h.timeout.v = 1;
	(void)alarm(15);
	CHECK(run(&h, 1, &e) == -ETIMEDOUT);
	(void)alarm(0);
	CHECK(strstr(e.text, "hook ran past specified timeout of 1.0s, stdout: ") !=
	      NULL);
}

static void a_big_state_need_not_be_read(void)
{
	static char state[1 << 20];
	struct spec_hook h[] = {shell("exit 0"), shell("exec <&-; exit 0"),
				shell("wc -c >$OUT")};
	const struct spec_hook_list list = {.v = h, .count = 3};
	struct err e = {0};

	memset(state, 'x', sizeof(state));
	CHECK(hooks_run(&list, "poststop", state, sizeof(state), &e) == 0);
	CHECK_STR(out(), "1048576\n");
}

static void leaves_other_children_alone(void)
{
	struct spec_hook h = shell("exit 0");
	struct err e = {0};
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(7);
	CHECK(run(&h, 1, &e) == 0);
	CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 7);
	CHECK(waitpid(-1, &status, 0) < 0 && errno == ECHILD);
}

static void signals_are_as_new(void)
{
	struct spec_hook h = shell("kill -TERM $$; kill -PIPE $$");
	struct err e = {0};
	sigset_t set, old;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &set, &old);
	CHECK(run(&h, 1, &e) < 0);
	CHECK_STR(e.text, "error running createRuntime hook #0: signal: terminated");
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	h = shell("kill -PIPE $$; exit 3");
	CHECK(run(&h, 1, &e) < 0);
	CHECK_STR(e.text, "error running createRuntime hook #0: signal: broken pipe");
	(void)signal(SIGPIPE, SIG_DFL);
}

static void a_long_timeout_is_no_short_one(void)
{
	struct spec_hook h = shell("read line");
	struct err e = {0};

	h.timeout.set = true;
	h.timeout.v = INT64_MAX;
	CHECK(run(&h, 1, &e) < 0);
	CHECK_STR(e.text, "error running createRuntime hook #0: exit status 1");
}

static const struct test tests[] = {
	{"a hook gets the state on stdin", gives_the_state},
	{"its own args and env, and no other descriptor", gives_only_its_own},
	{"without env it has none", gives_nothing_where_nothing_is_said},
	{"hooks run in order, a failing one is the last",
	 runs_in_order_and_stops_at_the_first_failure},
	{"a hook that was killed is an error", tells_a_signal},
	{"what a failing hook has said is told", tells_what_it_has_said},
	{"of a long story the end is told", tells_the_end_of_a_long_story},
	{"who keeps a hook's stderr is not waited for", does_not_wait_for_who_is_left},
	{"one that can't be executed is told by the errno's name",
	 tells_why_it_could_not_be_executed},
	{"a timeout ends the hook and what it started", a_timeout_ends_the_whole_group},
	{"a timeout ends who never stops talking", who_never_stops_talking_has_a_timeout},
	{"the longest timeout is not over at once", a_long_timeout_is_no_short_one},
	{"a state larger than a pipe is fed, or left unread",
	 a_big_state_need_not_be_read},
	{"other children of the caller stay unreaped", leaves_other_children_alone},
	{"blocked and ignored signals are not passed on", signals_are_as_new},
};

int main(void)
{
	int r;

	setup();
	r = tap_main(tests, sizeof(tests) / sizeof(tests[0]));
	cleanup();
	return r;
}
