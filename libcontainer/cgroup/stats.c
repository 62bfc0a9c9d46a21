/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/cgroup/stats.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"
#include "libcontainer/cgroup/cgroup.h"

#define TEXT_MAX ((size_t)1 << 20) /* io.stat has a line for each disk */

/* Several numbers by name, as most files have them. */
struct wanted {
	const char *name;
	uint64_t *value;
};

struct reader {
	int dir;
	struct arena *arena;
	struct err *e;
};

/* The text of a file, lines and all, in the arena; NULL if there is none. */
static char *read_text(const struct reader *r, const char *name)
{
	AUTO_FREE char *text = NULL;
	size_t len;

	if (file_read(r->dir, name, TEXT_MAX, &text, &len, ERR_IGNORE) < 0)
		return NULL;
	return arena_strndup(r->arena, text, len);
}

/* "name 123": splits the line in place. */
static bool split(char *line, uint64_t *ret)
{
	char *space = strchr(line, ' ');

	if (!space || str_to_u64(space + 1, ret) < 0)
		return false;
	*space = '\0';
	return true;
}

static void read_wanted(const struct reader *r, const char *name, const struct wanted *w,
			size_t count)
{
	char *rest, *line, *text = read_text(r, name);
	uint64_t value;

	for (line = text ? strtok_r(text, "\n", &rest) : NULL; line;
	     line = strtok_r(NULL, "\n", &rest)) {
		if (!split(line, &value))
			continue;
		for (size_t i = 0; i < count; i++) {
			if (str_eq(line, w[i].name))
				*w[i].value = value;
		}
	}
}

/* A file with one number; "max" is `unlimited`. */
static void read_number(const struct reader *r, const char *name, uint64_t unlimited,
			uint64_t *ret)
{
	char text[32];

	if (file_read_line(r->dir, name, text, sizeof(text)) <= 0)
		return;
	if (str_eq(text, "max"))
		*ret = unlimited;
	else
		(void)str_to_u64(text, ret);
}

static void read_cpu(const struct reader *r, struct stats_cpu *s)
{
	uint64_t *const times[] = {&s->total, &s->user, &s->kernel, &s->throttled_time};
	const struct wanted wanted[] = {
		{"usage_usec", &s->total},
		{"user_usec", &s->user},
		{"system_usec", &s->kernel},
		{"nr_periods", &s->periods},
		{"nr_throttled", &s->throttled_periods},
		{"throttled_usec", &s->throttled_time},
	};

	read_wanted(r, "cpu.stat", wanted, ARRAY_LEN(wanted));
	for (size_t i = 0; i < ARRAY_LEN(times); i++)
		*times[i] *= 1000;
	psi_read(r->dir, "cpu.pressure", &s->psi);
}

static int compare_values(const void *a, const void *b)
{
	return strcmp(((const struct stats_value *)a)->name,
		      ((const struct stats_value *)b)->name);
}

static size_t count_lines(const char *text)
{
	size_t n = 1;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static int read_memory_stat(const struct reader *r, struct stats_memory *s)
{
	char *rest, *line, *text = read_text(r, "memory.stat");

	if (!text)
		return 0;
	s->raw = arena_array(r->arena, count_lines(text), sizeof(*s->raw));
	if (!s->raw)
		return err_code(r->e, ENOMEM, "read memory.stat");
	for (line = strtok_r(text, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		uint64_t value;

		if (split(line, &value))
			s->raw[s->raw_count++] = (struct stats_value){line, value};
	}
	if (s->raw_count)
		qsort(s->raw, s->raw_count, sizeof(*s->raw), compare_values);
	return 0;
}

static int read_memory(const struct reader *r, struct stats_memory *s)
{
	read_number(r, "memory.current", STATS_UNLIMITED, &s->memory.usage);
	read_number(r, "memory.max", STATS_UNLIMITED, &s->memory.limit);
	read_number(r, "memory.peak", STATS_UNLIMITED, &s->memory.peak);
	read_number(r, "memory.swap.current", STATS_UNLIMITED, &s->swap.usage);
	read_number(r, "memory.swap.max", STATS_UNLIMITED, &s->swap.limit);
	read_number(r, "memory.swap.peak", STATS_UNLIMITED, &s->swap.peak);
	psi_read(r->dir, "memory.pressure", &s->psi);
	return read_memory_stat(r, s);
}

/* "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6": false if it is none. */
static bool parse_io(char *line, struct stats_io *ret)
{
	const struct wanted wanted[] = {
		{"rbytes=", &ret->read_bytes},
		{"wbytes=", &ret->write_bytes},
		{"rios=", &ret->reads},
		{"wios=", &ret->writes},
	};
	char *rest, *word = strtok_r(line, " ", &rest);
	char *colon = word ? strchr(word, ':') : NULL;

	if (!colon)
		return false;
	*colon = '\0';
	if (str_to_u64(word, &ret->major) < 0 || str_to_u64(colon + 1, &ret->minor) < 0)
		return false;
	while ((word = strtok_r(NULL, " ", &rest))) {
		for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
			const char *value = str_after(word, wanted[i].name);

			if (value)
				(void)str_to_u64(value, wanted[i].value);
		}
	}
	return true;
}

static int read_io(const struct reader *r, struct cgroup_stats *s)
{
	char *rest, *line, *text = read_text(r, "io.stat");

	psi_read(r->dir, "io.pressure", &s->io_psi);
	if (!text)
		return 0;
	s->io = arena_array(r->arena, count_lines(text), sizeof(*s->io));
	if (!s->io)
		return err_code(r->e, ENOMEM, "read io.stat");
	for (line = strtok_r(text, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		struct stats_io io = {0};

		if (parse_io(line, &io))
			s->io[s->io_count++] = io;
	}
	return 0;
}

/* "hugetlb.2MB.current": the page size between the dots, or NULL. */
static const char *page_size(struct arena *a, const char *name)
{
	const char *size = str_after(name, "hugetlb.");
	size_t len = size ? strcspn(size, ".") : 0;

	return len && str_eq(size + len, ".current") ? arena_strndup(a, size, len) : NULL;
}

static void read_hugetlb_size(const struct reader *r, struct stats_hugetlb *s)
{
	const struct wanted wanted[] = {{"max", &s->failures}};
	char name[64];

	/* Reservations are what the limits of both are about (hugetlb.rsvd). */
	(void)snprintf(name, sizeof(name), "hugetlb.%.24s.current", s->size);
	read_number(r, name, STATS_UNLIMITED, &s->usage);
	(void)snprintf(name, sizeof(name), "hugetlb.%.24s.rsvd.current", s->size);
	read_number(r, name, STATS_UNLIMITED, &s->usage);
	(void)snprintf(name, sizeof(name), "hugetlb.%.24s.events", s->size);
	read_wanted(r, name, wanted, ARRAY_LEN(wanted));
}

static int read_hugetlb(const struct reader *r, struct cgroup_stats *s)
{
	int fd = openat(r->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *d;

	if (!stream) {
		int code = errno;

		if (fd >= 0)
			(void)close(fd);
		return err_code(r->e, code, "read the cgroup's folder");
	}
	/* The architecture has a handful of sizes. */
	s->hugetlb = arena_array(r->arena, 8, sizeof(*s->hugetlb));
	while (s->hugetlb && s->hugetlb_count < 8 && (d = readdir(stream))) {
		const char *size = page_size(r->arena, d->d_name);

		if (!size)
			continue;
		s->hugetlb[s->hugetlb_count].size = size;
		read_hugetlb_size(r, &s->hugetlb[s->hugetlb_count++]);
	}
	(void)closedir(stream);
	return s->hugetlb ? 0 : err_code(r->e, ENOMEM, "read the cgroup's folder");
}

int cgroup_stats_read(const struct cgroup *c, struct arena *a, struct cgroup_stats *ret,
		      struct err *e)
{
	const struct reader r = {.dir = c->fd, .arena = a, .e = e};
	int err;

	*ret = (struct cgroup_stats){0};
	if (c->fd < 0)
		return err_set(e, ENODEV, "the container has no cgroup to count in");
	read_cpu(&r, &ret->cpu);
	read_number(&r, "pids.current", 0, &ret->pids);
	read_number(&r, "pids.max", 0, &ret->pids_limit);
	err = read_memory(&r, &ret->memory);
	if (err == 0)
		err = read_io(&r, ret);
	if (err == 0)
		err = read_hugetlb(&r, ret);
	return err;
}

uint64_t cgroup_stats_memory(const struct cgroup_stats *s, const char *stat)
{
	for (size_t i = 0; i < s->memory.raw_count; i++) {
		if (str_eq(s->memory.raw[i].name, stat))
			return s->memory.raw[i].value;
	}
	return 0;
}
