/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as what a host says to hull-guest: frames, and requests as far as they are
 * understood without doing anything. Each connection is answered or closed, once.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "sandbox/guest/life.h"
#include "sandbox/guest/server.h"
#include "sandbox/network.h"

/* A socket takes as much without a reader. */
#define INPUT_MAX ((size_t)64 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int parse_create(struct guest *g, struct channel *c, const struct json *request,
			struct err *e)
{
	AUTO_ARENA a = {0};
	const char *id, *config, *tree = NULL;
	struct spec *s;
	int r = request_text(request, "id", &id, e);

	(void)g;
	if (r == 0)
		r = request_text(request, "config", &config, e);
	if (r == 0)
		r = life_spec(&a, request, id, config, &s, &tree, e);
	if (r < 0)
		return r;
	/* No tree leads out of where the host's files are. */
	if (!tree || !str_after(tree, "/run/hull/fs/fs-private/") || strstr(tree, "/../"))
		abort();
	return answer_empty(c, e);
}

static int parse_exec(struct guest *g, struct channel *c, const struct json *request,
		      struct err *e)
{
	struct spec_process *process;
	AUTO_ARENA a = {0};
	const char *text;
	int r = request_text(request, "process", &text, e);

	(void)g;
	if (r == 0)
		r = spec_decode_process(&a, "process", text, strlen(text), &process, e);
	return r < 0 ? r : answer_empty(c, e);
}

static int parse_signal(struct guest *g, struct channel *c, const struct json *request,
			struct err *e)
{
	int64_t sig = 0;
	int r = request_int(request, "signal", 1, 64, &sig, e);

	(void)g;
	if (r == 0 && (sig < 1 || sig > 64))
		abort();
	return r < 0 ? r : answer_empty(c, e);
}

static int parse_update(struct guest *g, struct channel *c, const struct json *request,
			struct err *e)
{
	struct spec_resources *res;
	AUTO_ARENA a = {0};
	const char *text;
	int r = request_text(request, "resources", &text, e);

	(void)g;
	if (r == 0)
		r = spec_decode_resources(&a, "resources", text, strlen(text), &res, e);
	return r < 0 ? r : answer_empty(c, e);
}

static int parse_network(struct guest *g, struct channel *c, const struct json *request,
			 struct err *e)
{
	const struct json *v = json_get(request, "network");
	struct network n = {0};
	AUTO_ARENA a = {0};
	int r = v ? network_parse(&a, "network", v, &n, e) : -EPROTO;

	(void)g;
	if (!v)
		return err_set(e, EPROTO, "the request has no \"network\"");
	return r < 0 ? r : answer_empty(c, e);
}

static const struct guest_request requests[] = {
	{"create", parse_create},
	{"exec", parse_exec},
	{"attach", life_attach},
	{"kill", parse_signal},
	{"update", parse_update},
	{"network", parse_network},
	{NULL, NULL},
};

/* All that was answered is whole messages. */
static void check_answers(int fd)
{
	AUTO_ARENA a = {0};
	const struct json *m;
	struct channel c;
	struct err e;
	int r;

	channel_open(&c, &fd);
	while ((r = channel_receive(&c, 0, &a, &m, &e)) > 0)
		;
	if (r < 0)
		abort();
	channel_close(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct guest g = {.requests = requests,
			  .lock = PTHREAD_MUTEX_INITIALIZER,
			  .changed = PTHREAD_COND_INITIALIZER,
			  .log = {.fd = -1}};
	int p[2];

	if (size > INPUT_MAX)
		return 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p) < 0 ||
	    fd_write_full(p[0], data, size) < 0 || shutdown(p[0], SHUT_WR) < 0)
		abort();
	serve(&g, &p[1]);
	check_answers(p[0]);
	return 0;
}
