/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/pump.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"

#define CHUNK    65536
#define LAST_MAX ((size_t)4 * CHUNK) /* more than a pipe holds */

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

static bool stopping(const struct pump *p)
{
	struct pollfd fd = {.fd = p->stop, .events = POLLIN};

	return poll(&fd, 1, 0) > 0;
}

/* False: it has been told to stop, and there is nothing left. What somebody still writes
 * meanwhile has its bound. */
static bool wait_for_more(const struct pump *p, size_t *left)
{
	struct pollfd fds[] = {{.fd = p->from, .events = POLLIN},
			       {.fd = p->stop, .events = POLLIN}};

	if (p->stop < 0)
		return true;
	while (poll(fds, 2, -1) < 0 && errno == EINTR)
		;
	if (fds[1].revents)
		return fds[0].revents && *left > 0;
	return true;
}

static void *copy(void *arg)
{
	struct pump *p = arg;
	size_t left = LAST_MAX;
	char buf[CHUNK];
	struct err e;
	ssize_t n;

	if (p->enter && p->enter(p->arg, &e) < 0)
		return NULL;
	while (sem_wait(&p->go) < 0 && errno == EINTR)
		;
	while (wait_for_more(p, &left)) {
		n = read(p->from, buf, sizeof(buf));
		if (n < 0 && again(p->from, POLLIN))
			continue;
		if (n <= 0 || !write_all(p->to, buf, (size_t)n))
			break;
		left -= (size_t)n < left ? (size_t)n : left;
		left = p->stop >= 0 && !stopping(p) ? LAST_MAX : left;
	}
	/* The caller's own end may be a socket that others go on with. */
	if (p->to_socket)
		(void)shutdown(p->to, SHUT_WR);
	else
		(void)shutdown(p->from, SHUT_RD);
	if (p->close_to)
		fd_close(&p->to);
	return NULL;
}

int pump_make(struct pump *p, struct err *e)
{
	pthread_attr_t attr;
	sigset_t all, old;
	int r;

	(void)sem_init(&p->go, 0, 0);
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

void pump_go(struct pump *p)
{
	(void)sem_post(&p->go);
}

int pump_start(struct pump *p, struct err *e)
{
	int r = pump_make(p, e);

	if (r == 0)
		pump_go(p);
	return r;
}

void pump_join(struct pump *p)
{
	if (!p->running)
		return;
	(void)pthread_join(p->thread, NULL);
	p->running = false;
}
