/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/guest/server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "sandbox/guest/boot.h"
#include "sandbox/protocol.h"

#define THREADS_MAX 512
#define BACKLOG     128
#define STACK       ((size_t)512 * 1024)
#define AGAIN_NS    20000000L

struct connection {
	struct guest *g;
	int fd; /* owned */
};

static void *run_connection(void *arg)
{
	struct connection *x = arg;
	struct guest *g = x->g;
	AUTO_FD fd = x->fd;

	free(x);
	serve(g, &fd);
	(void)pthread_mutex_lock(&g->lock);
	g->threads--;
	(void)pthread_mutex_unlock(&g->lock);
	return NULL;
}

static int start_thread(void *(*fn)(void *), void *arg)
{
	pthread_attr_t attr;
	pthread_t thread;
	int r;

	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	(void)pthread_attr_setstacksize(&attr, STACK);
	r = pthread_create(&thread, &attr, fn, arg);
	(void)pthread_attr_destroy(&attr);
	return -r;
}

/* A connection that there is no room for is closed: its other side sees that. */
static void accept_one(struct guest *g, int fd)
{
	struct connection *x = malloc(sizeof(*x));
	bool room;

	(void)pthread_mutex_lock(&g->lock);
	room = x && g->threads < THREADS_MAX;
	if (room)
		g->threads++;
	(void)pthread_mutex_unlock(&g->lock);
	if (room) {
		*x = (struct connection){.g = g, .fd = fd};
		if (start_thread(run_connection, x) == 0)
			return;
		(void)pthread_mutex_lock(&g->lock);
		g->threads--;
		(void)pthread_mutex_unlock(&g->lock);
	}
	log_warn(&g->log, "no room for one more connection");
	free(x);
	(void)close(fd);
}

static int listen_at(struct err *e)
{
	struct sockaddr_vm addr = {.svm_family = AF_VSOCK,
				   .svm_cid = VMADDR_CID_ANY,
				   .svm_port = PROTOCOL_PORT};
	AUTO_FD fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return err_sys(e, "vsock");
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    listen(fd, BACKLOG) < 0)
		return err_sys(e, "listen on vsock");
	return fd_take(&fd);
}

bool server_is_host(const struct sockaddr_vm *peer)
{
	return peer->svm_family == AF_VSOCK && peer->svm_cid == VMADDR_CID_HOST;
}

/* Until there can be no more. What is lacking (descriptors, memory) comes back. */
static int accept_all(struct guest *g, int listener, struct err *e)
{
	const struct timespec again = {.tv_nsec = AGAIN_NS};

	for (;;) {
		struct sockaddr_vm peer = {0};
		socklen_t len = sizeof(peer);
		int fd = accept4(listener, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC);

		if (fd >= 0 && server_is_host(&peer)) {
			accept_one(g, fd);
		} else if (fd >= 0) {
			fd_close(&fd);
			log_warn(&g->log, "a connection from %u, which isn't the host",
				 peer.svm_cid);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
			   errno == ENOBUFS) {
			(void)nanosleep(&again, NULL);
		} else if (errno != EINTR && errno != ECONNABORTED) {
			return err_sys(e, "accept on vsock");
		}
	}
}

/* The server outlives all that containers do to the guest's memory, whatever their own
 * scores are, and has files for all its connections. */
static int be_privileged(struct err *e)
{
	const struct rlimit files = {GUEST_FILES_SERVER, GUEST_FILES_HARD};
	AUTO_FD fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "-1000", 5) < 0)
		return err_sys(e, "oom_score_adj");
	return setrlimit(RLIMIT_NOFILE, &files) < 0 ? err_sys(e, "RLIMIT_NOFILE") : 0;
}

int server_run(struct err *e)
{
	static const struct guest_system system = {boot_connect, boot_mount};
	struct guest g = {.system = &system,
			  .requests = guest_requests,
			  .lock = PTHREAD_MUTEX_INITIALIZER,
			  .changed = PTHREAD_COND_INITIALIZER,
			  .log = {.level = LOG_DEBUG, .json = true}};
	AUTO_FD listener = listen_at(e);
	int lines[2], r;

	if (listener < 0)
		return listener;
	/* Nobody waits for the host to read the log: what is too much is lost. */
	if (pipe2(lines, O_CLOEXEC) < 0 || fcntl(lines[1], F_SETFL, O_NONBLOCK) < 0)
		return err_sys(e, "pipe");
	r = be_privileged(e);
	if (r < 0)
		return r;
	g.log_lines = lines[0];
	g.log.fd = lines[1];
	r = start_thread(report_run, &g);
	if (r < 0)
		return err_code(e, r, "start a thread");
	return accept_all(&g, listener, e);
}
