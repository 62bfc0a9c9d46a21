/* SPDX-License-Identifier: Apache-2.0 */
/* Pumps, between pipes and the sockets that stand for the other side. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "sandbox/pump.h"

#include "tests/unit/tap.h"

#define PIPE_BYTES (1 << 20)

static void pair(int ret[2])
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ret) < 0)
		abort();
}

static void make_pipe(int ret[2])
{
	if (pipe2(ret, O_CLOEXEC) < 0)
		abort();
}

static int make_stop(void)
{
	return eventfd(0, EFD_CLOEXEC);
}

static void stop(int fd)
{
	const uint64_t one = 1;

	CHECK(write(fd, &one, sizeof(one)) == sizeof(one));
}

static void close_all(int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		fd_close(&fds[i]);
}

static size_t count_to_the_end(int fd)
{
	char buf[65536];
	size_t sum = 0;
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		sum += (size_t)n;
	CHECK(n == 0);
	return sum;
}

static size_t fill(int fd)
{
	static const char buf[4096];
	size_t sum = 0;
	ssize_t n;

	CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	while ((n = write(fd, buf, sizeof(buf))) > 0)
		sum += (size_t)n;
	return sum;
}

static void all_and_the_end(void)
{
	struct pump p = {.to_socket = true, .stop = -1};
	int from[2], to[2];
	char buf[8];

	make_pipe(from);
	pair(to);
	p.from = from[0];
	p.to = to[0];
	CHECK(pump_start(&p, ERR_IGNORE) == 0);
	CHECK(fd_write_full(from[1], "bytes", 5) == 0);
	fd_close(&from[1]);
	CHECK(fd_read_full(to[1], buf, sizeof(buf)) == 5 && !memcmp(buf, "bytes", 5));
	pump_join(&p);
	close_all(from, 2);
	close_all(to, 2);
}

static void non_blocking_ends(void)
{
	struct pump p = {.to_socket = true, .stop = -1};
	int from[2], to[2];
	size_t sent;

	make_pipe(from);
	pair(to);
	CHECK(fcntl(from[0], F_SETFL, O_NONBLOCK) == 0);
	CHECK(fcntl(to[0], F_SETFL, O_NONBLOCK) == 0);
	p.from = from[0];
	p.to = to[0];
	CHECK(fcntl(from[1], F_SETPIPE_SZ, PIPE_BYTES) >= PIPE_BYTES);
	sent = fill(from[1]);
	fd_close(&from[1]);
	CHECK(pump_start(&p, ERR_IGNORE) == 0);
	CHECK(count_to_the_end(to[1]) == sent);
	pump_join(&p);
	close_all(from, 2);
	close_all(to, 2);
}

/* Its reader is gone, and `yes` is to hear of it. */
static void writers_hear_of_it(void)
{
	struct pump p = {.to_socket = true, .close_from = true, .stop = make_stop()};
	int from[2], to[2];

	make_pipe(from);
	pair(to);
	p.from = fd_take(&from[0]);
	p.to = to[0];
	fd_close(&to[1]);
	CHECK(pump_start(&p, ERR_IGNORE) == 0);
	CHECK(write(from[1], "x", 1) == 1);
	pump_join(&p);
	CHECK(write(from[1], "x", 1) == -1 && errno == EPIPE);
	fd_close(&p.stop);
	close_all(from, 2);
	close_all(to, 2);
}

static void stops_with_all(void)
{
	struct pump p = {.to_socket = true, .stop = make_stop()};
	int from[2], to[2];
	size_t sent;

	make_pipe(from);
	pair(to);
	p.from = from[0];
	p.to = to[0];
	CHECK(fcntl(from[1], F_SETPIPE_SZ, PIPE_BYTES) >= PIPE_BYTES);
	sent = fill(from[1]);
	CHECK(sent == PIPE_BYTES);
	stop(p.stop);
	CHECK(pump_start(&p, ERR_IGNORE) == 0);
	/* The writer's end stays open: it's the pump that ends. */
	CHECK(count_to_the_end(to[1]) == sent);
	pump_join(&p);
	fd_close(&p.stop);
	close_all(from, 2);
	close_all(to, 2);
}

static void *write_for_ever(void *arg)
{
	static const char buf[4096];
	const int *fd = arg;

	while (write(*fd, buf, sizeof(buf)) > 0)
		;
	return NULL;
}

static void stops_all_the_same(void)
{
	struct pump p = {.to_socket = true, .close_from = true, .stop = make_stop()};
	int from[2], to[2];
	pthread_t writer;

	make_pipe(from);
	pair(to);
	p.from = fd_take(&from[0]);
	p.to = to[0];
	CHECK(pthread_create(&writer, NULL, write_for_ever, &from[1]) == 0);
	CHECK(pump_start(&p, ERR_IGNORE) == 0);
	stop(p.stop);
	(void)count_to_the_end(to[1]);
	pump_join(&p);
	(void)pthread_join(writer, NULL);
	fd_close(&p.stop);
	close_all(from, 2);
	close_all(to, 2);
}

static void input_stops_at_once(void)
{
	struct pump p = {.close_to = true, .stop = make_stop()};
	int from[2], to[2];

	pair(from);
	make_pipe(to);
	p.from = from[0];
	/* Nobody reads it, and somebody still could. */
	(void)fill(to[1]);
	p.to = fd_take(&to[1]);
	CHECK(pump_start(&p, ERR_IGNORE) == 0);
	CHECK(fd_write_full(from[1], "more", 4) == 0);
	stop(p.stop);
	pump_join(&p);
	/* The other side is told that nobody reads. */
	CHECK(write(from[1], "x", 1) == -1 && errno == EPIPE);
	fd_close(&p.stop);
	close_all(from, 2);
	close_all(to, 2);
}

static void waits_no_longer(void)
{
	struct pump p = {.stop = -1};
	int from[2], to[2];

	pair(from);
	make_pipe(to);
	p.from = from[0];
	p.to = to[1];
	CHECK(pump_start(&p, ERR_IGNORE) == 0);
	pump_join_for(&p, 10);
	CHECK(p.running);
	fd_close(&from[1]);
	pump_join(&p);
	CHECK(!p.running);
	close_all(from, 2);
	close_all(to, 2);
}

static const struct test tests[] = {
	{"all is copied, and the end of it is told", all_and_the_end},
	{"descriptors that don't block lose nothing", non_blocking_ends},
	{"who writes is told that nobody reads any more", writers_hear_of_it},
	{"a pump that is stopped has copied all that a large pipe held", stops_with_all},
	{"a pump that is stopped ends, also if somebody writes without end",
	 stops_all_the_same},
	{"input that nobody reads doesn't hold up a pump that is stopped",
	 input_stops_at_once},
	{"a pump can be waited for with a limit", waits_no_longer},
};

int main(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	return tap_main(tests, sizeof(tests) / sizeof(tests[0]));
}
