/* SPDX-License-Identifier: Apache-2.0 */
/* A channel, whose other side is a socket that says anything. */
#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "sandbox/channel.h"
#include "sandbox/protocol.h"

#include "tests/unit/tap.h"

struct world {
	struct channel c;
	int other;
};

static void world_make(struct world *x)
{
	int p[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p) < 0)
		abort();
	channel_open(&x->c, &p[0]);
	CHECK(p[0] == -1);
	x->other = p[1];
}

static void world_end(struct world *x)
{
	channel_close(&x->c);
	fd_close(&x->other);
}

static void say(const struct world *x, const char *text)
{
	AUTO_SBUF out = {0};

	frame_add(&out, text, strlen(text));
	CHECK(fd_write_full(x->other, out.data, out.len) == 0);
}

static int64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static struct json_writer *question(void)
{
	struct json_writer *w = json_writer_new("");

	json_open_object(w);
	json_put_string(w, "op", "q");
	json_close_object(w);
	return w;
}

static void many_at_once(void)
{
	AUTO_ARENA a = {0};
	const struct json *m;
	struct world x;
	int64_t n;

	world_make(&x);
	for (int i = 0; i < 3; i++)
		say(&x, i == 0 ? "{\"n\":0}" : i == 1 ? "{\"n\":1}" : "{\"n\":2}");
	for (int i = 0; i < 3; i++) {
		CHECK(channel_receive(&x.c, 0, &a, &m, ERR_IGNORE) == 1);
		CHECK(json_i64(json_get(m, "n"), &n) == 0 && n == i);
	}
	CHECK(channel_receive(&x.c, 0, &a, &m, ERR_IGNORE) == -ETIMEDOUT);
	fd_close(&x.other);
	CHECK(channel_receive(&x.c, -1, &a, &m, ERR_IGNORE) == 0);
	world_end(&x);
}

/* A byte at a time: no deadline is begun anew by any of them. */
static void a_slow_one(void)
{
	static const char bytes[] = {9, 0, 0, 0, '{', '"', 'n', '"', ':', '1'};
	AUTO_ARENA a = {0};
	const struct json *m;
	struct world x;

	world_make(&x);
	for (size_t i = 0; i < sizeof(bytes); i++) {
		CHECK(channel_receive(&x.c, 0, &a, &m, ERR_IGNORE) == -ETIMEDOUT);
		CHECK(write(x.other, &bytes[i], 1) == 1);
	}
	CHECK(channel_receive(&x.c, 0, &a, &m, ERR_IGNORE) == -ETIMEDOUT);
	CHECK(fd_write_full(x.other, "2 }", 3) == 0);
	CHECK(channel_receive(&x.c, 0, &a, &m, ERR_IGNORE) == 1);
	CHECK(json_get(m, "n") != NULL);
	world_end(&x);
}

static void refusals(void)
{
	static const struct {
		const char *bytes;
		size_t len;
		int code;
	} bad[] = {
		{"\1\0\0\0x", 5, EINVAL},    {"\2\0\0\0[]", 6, EPROTO},
		{"\4\0\0\0null", 8, EPROTO}, {"\0\0\0\0", 4, EMSGSIZE},
		{"\1\0\20\0", 4, EMSGSIZE},  {"\377\377\377\377", 4, EMSGSIZE},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		AUTO_ARENA a = {0};
		const struct json *m;
		struct err e = {0};
		struct world x;
		int r;

		world_make(&x);
		CHECK(fd_write_full(x.other, bad[i].bytes, bad[i].len) == 0);
		r = channel_receive(&x.c, 0, &a, &m, &e);
		CHECK(r < 0 && r == -e.code);
		CHECK(r == -bad[i].code || (bad[i].code == EINVAL && r != -ETIMEDOUT));
		world_end(&x);
	}
}

/* It takes nothing, after what a socket holds. */
static void takes_nothing(void)
{
	struct world x;
	struct err e;
	int r = 0;

	world_make(&x);
	for (int i = 0; r == 0 && i < 1000000; i++) {
		AUTO_JSON *w = question();

		r = channel_send(&x.c, w, 20, &e);
	}
	CHECK(r == -ETIMEDOUT);
	world_end(&x);
}

static void too_long(void)
{
	AUTO_JSON *w = json_writer_new("");
	char *text = calloc(1, PROTOCOL_REQUEST_MAX + 1);
	struct world x;
	struct err e;

	if (!text)
		abort();
	world_make(&x);
	memset(text, 'x', PROTOCOL_REQUEST_MAX);
	json_string(w, text);
	CHECK(channel_send(&x.c, w, 0, &e) == -EMSGSIZE);
	free(text);
	world_end(&x);
}

static void no_more_than_the_deadline(void)
{
	AUTO_JSON *w = question();
	AUTO_ARENA a = {0};
	int64_t before;
	struct world x;
	struct err e;

	world_make(&x);
	before = now_ms();
	CHECK(channel_ask(&x.c, w, 100, &a, NULL, &e) == -ETIMEDOUT);
	CHECK(now_ms() - before < 5000);
	world_end(&x);
}

static void an_error_is_one(void)
{
	static const struct {
		const char *text;
		int code;
	} errors[] = {
		{"{\"error\":{\"code\":2,\"text\":\"two\\nlines\"}}", ENOENT},
		{"{\"error\":{\"code\":0,\"text\":\"zero\"}}", EPROTO},
		{"{\"error\":{\"code\":-1}}", EPROTO},
		{"{\"error\":{\"code\":5000}}", EPROTO},
		{"{\"error\":7}", EPROTO},
	};

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		AUTO_JSON *w = question();
		AUTO_ARENA a = {0};
		struct err e = {0};
		struct world x;

		world_make(&x);
		say(&x, errors[i].text);
		CHECK(channel_ask(&x.c, w, 1000, &a, NULL, &e) == -errors[i].code);
		CHECK(e.text[0] && !strchr(e.text, '\n'));
		world_end(&x);
	}
}

static void a_lost_side(void)
{
	AUTO_JSON *w = question();
	AUTO_ARENA a = {0};
	struct world x;
	struct err e;

	world_make(&x);
	fd_close(&x.other);
	CHECK(channel_ask(&x.c, w, 1000, &a, NULL, &e) == -EPIPE);
	world_end(&x);
}

static const struct test tests[] = {
	{"messages that come together are read one by one, then the end", many_at_once},
	{"a message that comes byte by byte is read when it is whole", a_slow_one},
	{"what is no message of a possible length, or no object, is refused", refusals},
	{"who takes nothing holds nobody up", takes_nothing},
	{"a message that is longer than the other side would take isn't sent", too_long},
	{"a question that isn't answered ends at its deadline",
	 no_more_than_the_deadline},
	{"an answer that is an error is one, in one line and with a code of ours",
	 an_error_is_one},
	{"a side that is gone is EPIPE", a_lost_side},
};
TEST_MAIN(tests)
