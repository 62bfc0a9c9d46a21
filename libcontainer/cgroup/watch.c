/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/cgroup/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "libcontainer/cgroup/cgroup.h"
#include "libcontainer/cgroup/events.h"

/* The number after "key " at the start of a line; -1 if there is none. */
static int64_t get(int fd, const char *key)
{
	char buf[1024], *line, *rest;
	const char *value;
	uint64_t number;
	ssize_t n = pread(fd, buf, sizeof(buf) - 1, 0);

	if (n < 0)
		return -1;
	buf[n] = '\0';
	for (line = strtok_r(buf, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		value = str_after(line, key);
		if (value && *value == ' ' && str_to_u64(value + 1, &number) == 0 &&
		    number <= INT64_MAX)
			return (int64_t)number;
	}
	return -1;
}

static int open_file(const struct cgroup *c, const char *name)
{
	return openat(c->fd, name, O_RDONLY | O_CLOEXEC);
}

int cgroup_watch_open(const struct cgroup *c, int pidfd, struct cgroup_watch *ret,
		      struct err *e)
{
	struct cgroup_watch w = WATCH_INIT;
	int64_t kills;

	if (c->fd >= 0) {
		w.events = open_file(c, "cgroup.events");
		if (w.events < 0)
			return err_sys(e, "open the events of cgroup %s", c->path);
		w.memory = open_file(c, "memory.events");
		kills = w.memory < 0 ? -1 : get(w.memory, "oom_kill");
		w.oom_kills = kills < 0 ? 0 : (uint64_t)kills;
	} else {
		w.pidfd = fcntl(pidfd, F_DUPFD_CLOEXEC, 3);
		if (w.pidfd < 0)
			return err_sys(e, "watch the container's process");
	}
	*ret = w;
	return 0;
}

/* What there is to tell at once. Reading arms the next notification as well. */
static enum watch_news look(struct cgroup_watch *w)
{
	int64_t kills = w->memory < 0 ? -1 : get(w->memory, "oom_kill");

	if (kills >= 0 && (uint64_t)kills > w->oom_kills) {
		w->oom_kills++;
		return WATCH_OOM;
	}
	/* A cgroup that was removed can't be read. */
	if (w->events >= 0 && get(w->events, "populated") != 1)
		return WATCH_END;
	return WATCH_NOTHING;
}

int cgroup_watch_wait(struct cgroup_watch *w, int64_t deadline_ms, struct err *e)
{
	/* kernfs says POLLERR and POLLPRI of a file that has changed; poll passes over a
	 * descriptor of -1. */
	struct pollfd p[] = {
		{.fd = w->memory, .events = POLLPRI},
		{.fd = w->events, .events = POLLPRI},
		{.fd = w->pidfd, .events = POLLIN},
	};
	enum watch_news news;
	int64_t left;

	for (;;) {
		news = look(w);
		if (news != WATCH_NOTHING)
			return (int)news;
		if (p[2].revents)
			return WATCH_END;
		left = deadline_ms - cgroup_events_now();
		if (left <= 0)
			return WATCH_NOTHING;
		if (poll(p, ARRAY_LEN(p), left < INT_MAX ? (int)left : INT_MAX) < 0 &&
		    errno != EINTR)
			return err_sys(e, "wait for the container's events");
	}
}

void cgroup_watch_done(struct cgroup_watch *w)
{
	fd_close(&w->memory);
	fd_close(&w->events);
	fd_close(&w->pidfd);
}
