/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/pump.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"

#define CHUNK 65536
#define LAST_MAX                                                                         \
	((size_t)4 * CHUNK) /* of a terminal, which doesn't say how much it has */
#define NO_END SIZE_MAX

/* After a call that failed: false, if it would again. A descriptor that is non-blocking is
 * waited for; who reads a process's input is not, once that has ended. */
static bool again(const struct pump *p, int fd, short events)
{
	struct pollfd fds[] = {{.fd = fd, .events = events},
			       {.fd = p->to_socket ? -1 : p->stop, .events = POLLIN}};

	if (errno == EINTR)
		return true;
	if (errno != EAGAIN)
		return false;
	(void)poll(fds, 2, -1);
	return !fds[1].revents;
}

static bool write_all(const struct pump *p, const char *buf, size_t len)
{
	while (len > 0) {
		ssize_t n = write(p->to, buf, len);

		if (n >= 0) {
			buf += n;
			len -= (size_t)n;
		} else if (!again(p, p->to, POLLOUT)) {
			return false;
		}
	}
	return true;
}

/* A pipe may have been made larger by who writes to it. */
static size_t what_is_there(int fd)
{
	int n;

	return ioctl(fd, FIONREAD, &n) == 0 && n > (int)LAST_MAX ? (size_t)n : LAST_MAX;
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
	if (!fds[1].revents)
		return true;
	if (*left == NO_END)
		*left = p->to_socket ? what_is_there(p->from) : 0;
	return fds[0].revents && *left > 0;
}

static void *copy(void *arg)
{
	struct pump *p = arg;
	size_t left = NO_END;
	char buf[CHUNK];
	struct err e;
	ssize_t n;

	if (p->enter && p->enter(p->arg, &e) < 0)
		return NULL;
	while (sem_wait(&p->go) < 0 && errno == EINTR)
		;
	while (wait_for_more(p, &left)) {
		n = read(p->from, buf, sizeof(buf));
		/* With `stop`, that is what is waited for, too. */
		if (n < 0 && errno == EAGAIN && p->stop >= 0)
			continue;
		if (n < 0 && again(p, p->from, POLLIN))
			continue;
		if (n <= 0 || !write_all(p, buf, (size_t)n))
			break;
		if (left != NO_END)
			left -= (size_t)n < left ? (size_t)n : left;
	}
	/* The caller's own end may be a socket that others go on with. */
	if (p->to_socket)
		(void)shutdown(p->to, SHUT_WR);
	else
		(void)shutdown(p->from, SHUT_RD);
	if (p->close_to)
		fd_close(&p->to);
	if (p->close_from)
		fd_close(&p->from);
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

void pump_join_for(struct pump *p, int ms)
{
	struct timespec end;

	if (!p->running)
		return;
	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += ms / 1000;
	end.tv_nsec += (long)(ms % 1000) * 1000000;
	if (end.tv_nsec >= 1000000000) {
		end.tv_sec++;
		end.tv_nsec -= 1000000000;
	}
	p->running = pthread_clockjoin_np(p->thread, NULL, CLOCK_MONOTONIC, &end) != 0;
}
