/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/cgroup/events.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"

/* The file has a line "key 0" or "key 1" each. */
static int parse(const char *text, const char *key)
{
	size_t n = strlen(key);

	for (const char *p = text; p && *p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (strncmp(p, key, n) == 0 && p[n] == ' ')
			return p[n + 1] == '1';
	}
	return -ENOTSUP;
}

static int get(int fd, const char *key)
{
	char buf[256];
	ssize_t n;

	n = pread(fd, buf, sizeof(buf) - 1, 0);
	if (n < 0)
		return errno == ENODEV ? 0 : -errno;
	buf[n] = '\0';
	return parse(buf, key);
}

int cgroup_events_get(int dir, const char *key)
{
	AUTO_FD fd = openat(dir, "cgroup.events", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENODEV || errno == ENOENT ? 0 : -errno;
	return get(fd, key);
}

int cgroup_events_wait(int dir, const char *key, int value, int64_t deadline_ms)
{
	AUTO_FD fd = openat(dir, "cgroup.events", O_RDONLY | O_CLOEXEC);
	struct pollfd p = {.fd = fd, .events = POLLPRI};
	int64_t left;
	int r;

	if (fd < 0)
		return (errno == ENODEV || errno == ENOENT) && value == 0 ? 0 : -errno;
	for (;;) {
		/* Reading is also what arms the next notification. */
		r = get(fd, key);
		if (r == value)
			return 0;
		if (r < 0)
			return r;
		left = deadline_ms - cgroup_events_now();
		if (left <= 0)
			return -ETIMEDOUT;
		if (poll(&p, 1, left < INT_MAX ? (int)left : INT_MAX) < 0 &&
		    errno != EINTR)
			return -errno;
	}
}

int64_t cgroup_events_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
