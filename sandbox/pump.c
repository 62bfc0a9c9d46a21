/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/pump.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK 65536

/* A descriptor that somebody else has made non-blocking is waited for. */
static bool again(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	if (errno == EINTR)
		return true;
	if (errno != EAGAIN)
		return false;
	(void)poll(&p, 1, -1);
	return true;
}

static bool write_all(int fd, const char *buf, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, buf, len);

		if (n >= 0) {
			buf += n;
			len -= (size_t)n;
		} else if (!again(fd, POLLOUT)) {
			return false;
		}
	}
	return true;
}

static void *copy(void *arg)
{
	const struct pump *p = arg;
	char buf[CHUNK];
	ssize_t n;

	for (;;) {
		n = read(p->from, buf, sizeof(buf));
		if (n < 0 && again(p->from, POLLIN))
			continue;
		if (n <= 0)
			break;
		if (!write_all(p->to, buf, (size_t)n))
			break;
	}
	/* The caller's own end may be a socket that others go on with. */
	(void)shutdown(p->to_guest ? p->to : p->from, p->to_guest ? SHUT_WR : SHUT_RD);
	return NULL;
}

int pump_start(struct pump *p, struct err *e)
{
	pthread_attr_t attr;
	sigset_t all, old;
	int r;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setstacksize(&attr, (size_t)4 * CHUNK);
	r = pthread_create(&p->thread, &attr, copy, p);
	(void)pthread_attr_destroy(&attr);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r != 0)
		return err_code(e, r, "start a thread");
	p->running = true;
	return 0;
}

void pump_join(struct pump *p)
{
	if (!p->running)
		return;
	(void)pthread_join(p->thread, NULL);
	p->running = false;
}
