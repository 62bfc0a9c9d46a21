/* SPDX-License-Identifier: Apache-2.0 */
/* A proxy against a guest that is played here: in a child, as it takes the signals. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/proc.h"
#include "base/str.h"
#include "sandbox/proxy.h"

#include "tests/unit/tap.h"

#define FAILED_OPEN  90
#define FAILED_START 91

struct world {
	struct channel life, streams[3]; /* the guest's ends */
	int in, out, err;                /* of the process's stdio, our ends */
	pid_t pid;
};

static void pair(int ret[2])
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ret) < 0)
		abort();
}

/* The proxy's process. */
static void __attribute__((noreturn))
be_proxy(struct proxy_ends *ends, const int stdio[3])
{
	static const char *const args[] = {"true", NULL};
	struct spec_process process = {.args = {.v = (const char **)args, .count = 1},
				       .cwd = "/"};
	AUTO_JSON *w = json_writer_new("");
	struct proxy p;
	struct err e;

	for (int i = 0; i < 3; i++)
		(void)dup2(stdio[i], i);
	if (proxy_init(&p, &process, ends, NULL, &e) < 0 ||
	    proxy_threads(&p, NULL, NULL, &e) < 0)
		_exit(FAILED_OPEN);
	proxy_begin(w, "exec", "web", &process);
	if (proxy_open(&p, w, &e) < 0)
		_exit(FAILED_OPEN);
	if (proxy_start(&p, &e) < 0)
		_exit(FAILED_START);
	_exit(proxy_wait(&p));
}

static void world_make(struct world *x)
{
	struct proxy_ends ends = PROXY_ENDS_INIT;
	int guest[PROXY_CONNECTIONS], stdio[3], p[2];

	for (int i = 0; i < PROXY_CONNECTIONS; i++) {
		pair(p);
		ends.connections[i] = p[0];
		guest[i] = p[1];
	}
	for (int i = 0; i < 3; i++) {
		if (pipe2(p, O_CLOEXEC) < 0)
			abort();
		stdio[i] = p[i != 0];
		*(i == 0 ? &x->in : i == 1 ? &x->out : &x->err) = p[i == 0];
	}
	x->pid = fork();
	if (x->pid == 0) {
		for (int i = 0; i < PROXY_CONNECTIONS; i++)
			(void)close(guest[i]);
		(void)close(x->in);
		be_proxy(&ends, stdio);
	}
	proxy_ends_done(&ends);
	for (int i = 0; i < 3; i++)
		(void)close(stdio[i]);
	channel_open(&x->life, &guest[PROXY_LIFE]);
	for (int i = 0; i < 3; i++)
		channel_open(&x->streams[i], &guest[PROXY_STREAMS + i]);
}

/* The exit status. */
static int world_end(struct world *x)
{
	int status;

	channel_close(&x->life);
	for (int i = 0; i < 3; i++)
		channel_close(&x->streams[i]);
	status = proc_exit_code(proc_wait(x->pid));
	fd_close(&x->in);
	fd_close(&x->out);
	fd_close(&x->err);
	return status;
}

/* The op of the next message; "" if there is none. */
static const char *heard(struct channel *c, struct arena *a, const struct json **ret)
{
	const struct json *m;
	struct err e;

	if (channel_receive(c, 10000, a, &m, &e) <= 0)
		return "";
	if (ret)
		*ret = m;
	return json_get_string(m, "op") ? json_get_string(m, "op") : "";
}

static void say(struct channel *c, const char *text)
{
	AUTO_SBUF out = {0};

	frame_add(&out, text, strlen(text));
	(void)fd_write_full(c->fd, out.data, out.len);
}

/* Up to `start`, which is not answered. */
static void answer_streams(struct world *x)
{
	AUTO_ARENA a = {0};

	CHECK_STR(heard(&x->life, &a, NULL), "exec");
	say(&x->life, "{\"token\":\"t1\",\"streams\":[0,1,2]}");
	for (int i = 0; i < 3; i++) {
		const struct json *m = NULL;
		int64_t stream = -1;

		CHECK_STR(heard(&x->streams[i], &a, &m), "attach");
		CHECK_STR(json_get_string(m, "token"), "t1");
		CHECK(json_i64(json_get(m, "stream"), &stream) == 0 && stream == i);
		say(&x->streams[i], "{}");
	}
	CHECK_STR(heard(&x->life, &a, NULL), "start");
}

static void answer_start(struct world *x)
{
	answer_streams(x);
	say(&x->life, "{}");
}

static size_t read_text(int fd, char *buf, size_t size)
{
	ssize_t n = fd_read_full(fd, buf, size - 1);

	buf[n < 0 ? 0 : n] = '\0';
	return n < 0 ? 0 : (size_t)n;
}

static void output_before_status(void)
{
	struct world x;
	char buf[64];

	world_make(&x);
	answer_start(&x);
	/* The status overtakes the output. */
	say(&x.life, "{\"exited\":7,\"oom\":false}");
	CHECK(fd_write_full(x.streams[1].fd, "out", 3) == 0);
	CHECK(fd_write_full(x.streams[2].fd, "err", 3) == 0);
	(void)shutdown(x.streams[1].fd, SHUT_WR);
	(void)shutdown(x.streams[2].fd, SHUT_WR);
	(void)read_text(x.out, buf, sizeof(buf));
	CHECK_STR(buf, "out");
	(void)read_text(x.err, buf, sizeof(buf));
	CHECK_STR(buf, "err");
	CHECK(world_end(&x) == 7);
}

static void input_and_its_end(void)
{
	struct world x;
	char buf[64];

	world_make(&x);
	answer_start(&x);
	CHECK(fd_write_full(x.in, "typed", 5) == 0);
	fd_close(&x.in);
	(void)read_text(x.streams[0].fd, buf, sizeof(buf));
	CHECK_STR(buf, "typed");
	say(&x.life, "{\"exited\":0,\"oom\":false}");
	CHECK(world_end(&x) == 0);
}

static void signals_go_over(void)
{
	AUTO_ARENA a = {0};
	const struct json *m = NULL;
	struct world x;
	int64_t sig = 0;

	world_make(&x);
	answer_start(&x);
	CHECK(kill(x.pid, SIGTERM) == 0);
	CHECK_STR(heard(&x.life, &a, &m), "signal");
	CHECK(json_i64(json_get(m, "signal"), &sig) == 0 && sig == SIGTERM);
	say(&x.life, "{\"exited\":143,\"oom\":false}");
	CHECK(world_end(&x) == 143);
}

static void a_lost_guest(void)
{
	struct world x;

	world_make(&x);
	answer_start(&x);
	CHECK(world_end(&x) == 137);
}

static void last_words(void)
{
	struct world x;
	char buf[64];

	world_make(&x);
	answer_start(&x);
	CHECK(fd_write_full(x.streams[1].fd, "panic", 5) == 0);
	channel_close(&x.life);
	for (int i = 0; i < 3; i++)
		channel_close(&x.streams[i]);
	(void)read_text(x.out, buf, sizeof(buf));
	CHECK_STR(buf, "panic");
	CHECK(world_end(&x) == 137);
}

/* The guest keeps the streams of what it has let go of. */
static void kept_streams(void)
{
	struct world x;

	world_make(&x);
	answer_start(&x);
	channel_close(&x.life);
	CHECK(proc_exit_code(proc_wait(x.pid)) == 137);
	for (int i = 0; i < 3; i++)
		channel_close(&x.streams[i]);
	fd_close(&x.in);
	fd_close(&x.out);
	fd_close(&x.err);
}

/* The status is there, nobody takes the signal any more, and both are seen at once. */
static void a_late_signal(void)
{
	struct world x;

	world_make(&x);
	answer_start(&x);
	CHECK(kill(x.pid, SIGSTOP) == 0);
	say(&x.life, "{\"exited\":5,\"oom\":false}");
	channel_close(&x.life);
	CHECK(kill(x.pid, SIGTERM) == 0);
	CHECK(kill(x.pid, SIGCONT) == 0);
	CHECK(world_end(&x) == 5);
}

static void dead_before_start(void)
{
	struct world x;

	world_make(&x);
	answer_streams(&x);
	say(&x.life, "{\"exited\":137,\"oom\":false}");
	CHECK(world_end(&x) == FAILED_START);
}

static void too_much(void)
{
	static const uint8_t head[] = {0, 0, 2, 0};
	struct world x;

	world_make(&x);
	answer_start(&x);
	CHECK(fd_write_full(x.life.fd, head, sizeof(head)) == 0);
	CHECK(proc_exit_code(proc_wait(x.pid)) == 137);
	channel_close(&x.life);
	for (int i = 0; i < 3; i++)
		channel_close(&x.streams[i]);
	fd_close(&x.in);
	fd_close(&x.out);
	fd_close(&x.err);
}

static void refused(void)
{
	AUTO_ARENA a = {0};
	struct world x;

	world_make(&x);
	CHECK_STR(heard(&x.life, &a, NULL), "exec");
	say(&x.life, "{\"error\":{\"code\":2,\"text\":\"no such file\"}}");
	CHECK(world_end(&x) == FAILED_OPEN);
}

static void lies(void)
{
	static const char *const words[] = {
		"{\"exited\":256}",
		"{\"exited\":-1}",
		"{\"exited\":\"0\"}",
		"{}",
		"[]",
		"x",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct world x;

		world_make(&x);
		answer_start(&x);
		say(&x.life, words[i]);
		CHECK(world_end(&x) == 137);
	}
}

static const struct test tests[] = {
	{"all output is written before the status is given, whichever came first",
	 output_before_status},
	{"input goes to the guest, and so does its end", input_and_its_end},
	{"a signal is told to the guest, and doesn't end the proxy", signals_go_over},
	{"a sandbox that ends before its process is status 137", a_lost_guest},
	{"what a sandbox that has ended had written is written", last_words},
	{"a guest that keeps a lost process's streams holds nobody up", kept_streams},
	{"a signal that comes too late doesn't cost the status", a_late_signal},
	{"a process that has died before its start fails", dead_before_start},
	{"a message that is too long is refused by its length", too_much},
	{"what the guest refuses fails", refused},
	{"a guest that lies about a status is a lost one", lies},
};
TEST_MAIN(tests)
