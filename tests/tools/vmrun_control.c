/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/tools/vmrun_control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"

#define WORDS 3

struct control {
	struct vm *vm;
	int fd; /* owned */
	struct loop_source *source;
	size_t len;
	char line[256];
};

static int do_plug(struct vm *vm, const uint32_t *n, struct err *e)
{
	return vm_mem_request(vm, (uint64_t)n[0] << 20, e);
}

static int do_balloon(struct vm *vm, const uint32_t *n, struct err *e)
{
	return vm_balloon_request(vm, (uint64_t)n[0] << 20, e);
}

static int do_resize(struct vm *vm, const uint32_t *n, struct err *e)
{
	(void)e;
	vm_console_resize(vm, n[0], n[1]);
	return 0;
}

static int do_size(struct vm *vm, const uint32_t *n, struct err *e)
{
	(void)n;
	(void)e;
	(void)fprintf(stderr, "vmrun: plugged %llu balloon %llu\n",
		      (unsigned long long)vm_mem_plugged(vm) >> 20,
		      (unsigned long long)vm_balloon_size(vm) >> 20);
	return 0;
}

static const struct {
	const char *name;
	unsigned numbers;
	int (*fn)(struct vm *vm, const uint32_t *n, struct err *e);
} requests[] = {
	{"plug", 1, do_plug},
	{"balloon", 1, do_balloon},
	{"resize", 2, do_resize},
	{"size", 0, do_size},
};

static int request(struct vm *vm, char *line, struct err *e)
{
	uint32_t n[WORDS] = {0};
	char *save = NULL, *name = strtok_r(line, " ", &save), *word;
	unsigned count = 0;

	while ((word = strtok_r(NULL, " ", &save)) != NULL)
		if (count == WORDS || str_to_u32(word, &n[count++]) < 0)
			return err_set(e, EINVAL, "%s: no number", word);
	for (size_t i = 0; name && i < ARRAY_LEN(requests); i++)
		if (str_eq(name, requests[i].name) && count == requests[i].numbers)
			return requests[i].fn(vm, n, e);
	return err_set(e, EINVAL, "%s, with %u numbers: no request", name ? name : "",
		       count);
}

static void on_lines(void *arg, uint32_t events)
{
	struct control *c = arg;
	ssize_t n = read(c->fd, c->line + c->len, sizeof(c->line) - c->len);
	char *end;

	(void)events;
	if (n > 0)
		c->len += (size_t)n;
	while ((end = memchr(c->line, '\n', c->len)) != NULL) {
		struct err e = {0};

		*end++ = '\0';
		if (request(c->vm, c->line, &e) < 0)
			(void)fprintf(stderr, "vmrun: %s\n", e.text);
		c->len -= (size_t)(end - c->line);
		memmove(c->line, end, c->len);
	}
	if (c->len == sizeof(c->line)) /* no line is so long */
		c->len = 0;
}

int control_new(struct vm *vm, struct loop *loop, const char *path, struct control **ret,
		struct err *e)
{
	struct control *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return err_set(e, ENOMEM, "no memory");
	c->vm = vm;
	/* For writing, too: so that there is always a writer, and never an end. */
	c->fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	r = c->fd < 0 ? err_sys(e, "open %s", path)
		      : loop_add(loop, c->fd, EPOLLIN, on_lines, c, &c->source, e);
	if (r < 0)
		control_free(c);
	else
		*ret = c;
	return r;
}

void control_free(struct control *c)
{
	if (!c)
		return;
	loop_del(c->source);
	fd_close(&c->fd);
	free(c);
}
