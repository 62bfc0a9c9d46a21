/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/modules.h"

#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"

#define LIST_MAX ((size_t)16 << 20) /* a distribution's modules.dep has some 700 KiB */

const struct module_need guest_modules[] = {
	{"virtio_mmio", "VIRTIO_MMIO", true},
	{"vmw_vsock_virtio_transport", "VIRTIO_VSOCKETS", true},
	{"virtiofs", "VIRTIO_FS", true},
	{"overlay", "OVERLAY_FS", false},
	{"virtio_console", "VIRTIO_CONSOLE", false},
	{"virtio_net", "VIRTIO_NET", false},
	{"virtio_blk", "VIRTIO_BLK", false},
	{"virtio_rng", "HW_RANDOM_VIRTIO", false},
	{"virtio_balloon", "VIRTIO_BALLOON", false},
	{"virtio_mem", "VIRTIO_MEM", false},
	{"ptp_kvm", "PTP_1588_CLOCK_KVM", false},
	{NULL, NULL, false},
};

/* One of the two lists, cut into lines. */
struct list {
	char **lines;
	size_t count;
};

struct search {
	struct arena *arena;
	struct list dep, builtin;
	struct strings *found;
	size_t room;
	struct err *e;
};

static int read_list(struct arena *a, int dir, const char *name, struct list *ret,
		     struct err *e)
{
	AUTO_FREE char *text = NULL;
	size_t len, lines = 1;
	char *kept, *line, *rest;
	int r = file_read(dir, name, LIST_MAX, &text, &len, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	kept = arena_strndup(a, text, len);
	ret->lines = arena_array(a, lines, sizeof(*ret->lines));
	if (!kept || !ret->lines)
		return err_code(e, ENOMEM, "read %s", name);
	for (line = strtok_r(kept, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		ret->lines[ret->count++] = line;
	return 0;
}

/* "kernel/net/virtio-net.ko.xz" is virtio_net: '-' and '_' are one. */
static bool is_module(const char *path, size_t len, const char *name)
{
	const char *file = memrchr(path, '/', len);
	size_t n = strlen(name);

	if (file) {
		len -= (size_t)(file + 1 - path);
		path = file + 1;
	}
	if (len < n + 3 || memcmp(path + n, ".ko", 3) != 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (path[i] != name[i] && !(path[i] == '-' && name[i] == '_'))
			return false;
	}
	return len == n + 3 || path[n + 3] == '.';
}

/* The line of modules.dep, or NULL. */
static const char *find_line(const struct search *s, const char *name)
{
	for (size_t i = 0; i < s->dep.count; i++) {
		const char *line = s->dep.lines[i];

		if (is_module(line, strcspn(line, ":"), name))
			return line;
	}
	return NULL;
}

static bool is_builtin(const struct search *s, const char *name)
{
	for (size_t i = 0; i < s->builtin.count; i++) {
		if (is_module(s->builtin.lines[i], strlen(s->builtin.lines[i]), name))
			return true;
	}
	return false;
}

static int add(struct search *s, const char *path, size_t len)
{
	struct strings *f = s->found;

	/* Paths that climb are no kernel's. */
	if (len == 0 || *path == '/' || memmem(path, len, "..", 2))
		return err_set(s->e, EINVAL, "modules.dep: a bad path: %.*s", (int)len,
			       path);
	for (size_t i = 0; i < f->count; i++) {
		if (strlen(f->v[i]) == len && memcmp(f->v[i], path, len) == 0)
			return 0;
	}
	if (f->count + 1 >= s->room) {
		const char **more;

		s->room = s->room ? s->room * 2 : 32;
		more = arena_array(s->arena, s->room, sizeof(*more));
		if (!more)
			return err_code(s->e, ENOMEM, "read modules.dep");
		if (f->count)
			memcpy(more, f->v, f->count * sizeof(*more));
		f->v = more;
	}
	f->v[f->count] = arena_strndup(s->arena, path, len);
	if (!f->v[f->count])
		return err_code(s->e, ENOMEM, "read modules.dep");
	f->v[++f->count] = NULL;
	return 0;
}

/* "a.ko: b.ko c.ko": c comes first, then b, then a. */
static int add_line(struct search *s, const char *line)
{
	size_t first = strcspn(line, ":"), end = strlen(line);
	int r = 0;

	while (r == 0 && end > first + 1) {
		size_t begin = end;

		while (begin > first + 1 && line[begin - 1] != ' ')
			begin--;
		if (begin < end)
			r = add(s, line + begin, end - begin);
		end = begin > first + 1 ? begin - 1 : begin;
	}
	return r < 0 ? r : add(s, line, first);
}

int modules_find(struct arena *a, int dir, const struct module_need *needs,
		 struct strings *ret, struct err *e)
{
	struct search s = {.arena = a, .found = ret, .e = e};
	AUTO_SBUF missing = {0};
	int r;

	*ret = (struct strings){0};
	r = read_list(a, dir, "modules.dep", &s.dep, e);
	if (r == 0)
		r = read_list(a, dir, "modules.builtin", &s.builtin, e);
	for (; r == 0 && needs->name; needs++) {
		const char *line = find_line(&s, needs->name);

		if (line)
			r = add_line(&s, line);
		else if (needs->required && !is_builtin(&s, needs->name))
			sbuf_addf(&missing, " CONFIG_%s", needs->option);
	}
	if (r < 0)
		return r;
	if (missing.failed)
		return err_code(e, ENOMEM, "look for modules");
	if (missing.len)
		return err_set(
			e, ENOTSUP,
			"the kernel can't be a guest's: it has neither built in nor "
			"as modules:%s",
			missing.data);
	return 0;
}
