/* SPDX-License-Identifier: Apache-2.0 */
/* Orders to the monitor: between a command and a loop, and with a monitor that is played. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "sandbox/control.h"

#include "tests/unit/tap.h"

struct world {
	char path[64];
	struct container c; /* the folder alone */
	int listener;
	struct loop *loop;
	struct control *control;
	pthread_t thread;
	bool runs;
	struct control_order got;
	char text[16]; /* read from the descriptor */
	struct err e;
};

static void setup(struct world *w)
{
	*w = (struct world){.path = "/tmp/hull-control-XXXXXX", .c = {.dir = -1}};
	CHECK(mkdtemp(w->path));
	w->c.dir = open(w->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	w->listener = control_listen(w->c.dir, &w->e);
	CHECK(w->listener >= 0);
}

static void done(struct world *w)
{
	if (w->runs) {
		loop_stop(w->loop);
		(void)pthread_join(w->thread, NULL);
		control_free(w->control);
		loop_free(w->loop);
	}
	fd_close(&w->listener);
	(void)unlinkat(w->c.dir, SANDBOX_CONTROL, 0);
	fd_close(&w->c.dir);
	(void)rmdir(w->path);
}

static int on_order(void *arg, const struct control_order *o, int *fd, struct err *e)
{
	AUTO_FD mine = fd_take(fd);
	struct world *w = arg;

	w->got = *o;
	memset(w->text, 0, sizeof(w->text));
	CHECK(read(mine, w->text, sizeof(w->text) - 1) >= 0);
	return o->kind == CONTROL_NETWORK ? err_set(e, EBUSY, "not now") : 0;
}

static void *run(void *arg)
{
	const struct world *w = arg;

	(void)loop_run(w->loop, ERR_IGNORE);
	return NULL;
}

/* The monitor is at work from now on. */
static void serve(struct world *w)
{
	CHECK(loop_new(&w->loop, &w->e) == 0);
	CHECK(control_new(w->loop, &w->listener, on_order, w, &w->control, &w->e) == 0);
	CHECK(w->listener == -1);
	w->runs = pthread_create(&w->thread, NULL, run, w) == 0;
}

/* A descriptor with something to read. */
static int text_fd(const char *text)
{
	int p[2];

	CHECK(pipe2(p, O_CLOEXEC) == 0);
	CHECK(fd_write_full(p[1], text, strlen(text)) == 0);
	(void)close(p[1]);
	return p[0];
}

static const struct control_order tap = {
	.kind = CONTROL_TAP, .index = 3, .mtu = 1400, .mac = {2, 0, 0, 0, 0, 1}};

static void orders_are_answered(void)
{
	AUTO_FD first = text_fd("first"), second = text_fd("second"), sock = -1;
	struct world w;

	setup(&w);
	serve(&w);
	sock = control_connect(&w.c, &w.e);
	CHECK(sock >= 0);
	CHECK(control_order(sock, &tap, first, &w.e) == 0);
	CHECK(memcmp(&w.got, &tap, sizeof(tap)) == 0);
	CHECK_STR(w.text, "first");
	CHECK(control_order(sock, &(struct control_order){.kind = CONTROL_NETWORK},
			    second, &w.e) == -EBUSY);
	CHECK_STR(w.e.text, "not now");
	CHECK_STR(w.text, "second");
	done(&w);
}

static void wrong_orders(void)
{
	AUTO_FD fd = text_fd("x"), sock = -1;
	struct err answer = {0};
	struct world w;
	int with = -1;

	setup(&w);
	serve(&w);
	sock = control_connect(&w.c, &w.e);
	CHECK(control_order(sock, &tap, -1, &w.e) == -EPROTO);
	CHECK_STR(w.e.text, "an order is not understood");
	CHECK(fd_send(sock, "short", 5, fd) == 0);
	CHECK(fd_recv(sock, &answer, sizeof(answer), &with) == sizeof(answer));
	CHECK(answer.code == EPROTO && with == -1);
	CHECK(w.got.kind == 0);
	/* It still obeys. */
	CHECK(control_order(sock, &tap, fd, &w.e) == 0);
	done(&w);
}

static void one_after_the_other(void)
{
	AUTO_FD a = text_fd("a"), b = text_fd("b"), first = -1, second = -1;
	struct world w;

	setup(&w);
	serve(&w);
	first = control_connect(&w.c, &w.e);
	CHECK(control_order(first, &tap, a, &w.e) == 0);
	second = control_connect(&w.c, &w.e);
	CHECK(second >= 0);
	/* As if its command had been killed. */
	fd_close(&first);
	CHECK(control_order(second, &tap, b, &w.e) == 0);
	CHECK_STR(w.text, "b");
	done(&w);
}

static int64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void stopped_monitors(void)
{
	AUTO_FD fd = text_fd("x"), sock = -1;
	int64_t begin = now_ms();
	struct world w;

	setup(&w);
	sock = control_connect(&w.c, &w.e);
	CHECK(sock >= 0);
	CHECK(control_order(sock, &tap, fd, &w.e) == -ETIMEDOUT);
	CHECK_STR(w.e.text, "the sandbox does not answer");
	CHECK(now_ms() - begin < 3000);
	done(&w);
}

static void dead_monitors(void)
{
	AUTO_FD fd = text_fd("x"), sock = -1;
	struct world w;

	setup(&w);
	sock = control_connect(&w.c, &w.e);
	fd_close(&w.listener);
	CHECK(control_order(sock, &tap, fd, &w.e) == -EPIPE);
	CHECK(control_connect(&w.c, &w.e) == -ESRCH);
	CHECK_STR(w.e.text, "container not running");
	done(&w);
}

/* What it answers, with a descriptor or without. */
static void hostile_monitors(void)
{
	static const struct {
		size_t len;
		int code;
		bool with_fd;
	} answers[] = {
		{4, 0, false},
		{sizeof(struct err), 0, true},
		{sizeof(struct err), -1, false},
		{sizeof(struct err), 5000, false},
	};

	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		struct err answer = {.code = answers[i].code, .text = "x\ny"};
		AUTO_FD fd = text_fd("x"), sock = -1, theirs = -1;
		struct world w;

		setup(&w);
		sock = control_connect(&w.c, &w.e);
		theirs = accept4(w.listener, NULL, NULL, SOCK_CLOEXEC);
		CHECK(fd_send(theirs, &answer, answers[i].len,
			      answers[i].with_fd ? fd : -1) == 0);
		CHECK(control_order(sock, &tap, fd, &w.e) == -EPROTO);
		CHECK_STR(w.e.text, "the sandbox's answer is not understood");
		done(&w);
	}
}

static void texts_without_an_end(void)
{
	AUTO_FD fd = text_fd("x"), sock = -1, theirs = -1;
	struct err answer = {.code = EPERM};
	struct world w;

	setup(&w);
	memset(answer.text, '\n', sizeof(answer.text));
	sock = control_connect(&w.c, &w.e);
	theirs = accept4(w.listener, NULL, NULL, SOCK_CLOEXEC);
	CHECK(fd_send(theirs, &answer, sizeof(answer), -1) == 0);
	CHECK(control_order(sock, &tap, fd, &w.e) == -EPERM);
	CHECK(strlen(w.e.text) < sizeof(w.e.text) && !strchr(w.e.text, '\n'));
	done(&w);
}

static const struct test tests[] = {
	{"an order comes with its descriptor, and is answered", orders_are_answered},
	{"what is no order is refused, and the next is obeyed", wrong_orders},
	{"one command is served after the other", one_after_the_other},
	{"a stopped monitor holds nobody up", stopped_monitors},
	{"a dead monitor is told from one that doesn't answer", dead_monitors},
	{"an answer that makes no sense isn't believed", hostile_monitors},
	{"an error's text has an end, and is one line", texts_without_an_end},
};
TEST_MAIN(tests)
