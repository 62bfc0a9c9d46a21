/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's own connection to the host: that it is there, and its log. */
#include <errno.h>
#include <linux/vm_sockets.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "sandbox/guest/server.h"
#include "sandbox/protocol.h"

#define AGAIN_NS     20000000L
#define LOG_LINE_MAX 8192

static int connect_to_host(void)
{
	struct sockaddr_vm addr = {.svm_family = AF_VSOCK,
				   .svm_cid = VMADDR_CID_HOST,
				   .svm_port = PROTOCOL_HOST_PORT};
	AUTO_FD fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -1;
	return fd_take(&fd);
}

static int say_hello(int fd)
{
	AUTO_JSON *w = json_writer_new("");
	AUTO_SBUF out = {0};
	const char *text;
	size_t len;

	if (!w)
		return -ENOMEM;
	json_open_object(w);
	json_put_int(w, "hello", PROTOCOL_VERSION);
	json_put_string(w, "guest", PACKAGE_VERSION);
	json_close_object(w);
	if (json_finish(w, &text, &len, ERR_IGNORE) < 0)
		return -ENOMEM;
	frame_add(&out, text, len);
	return out.failed ? -ENOMEM : fd_write_full(fd, out.data, out.len);
}

/* The log's lines are JSON objects already (log.h). */
static int send_lines(int fd, char *buf, size_t *len)
{
	AUTO_SBUF out = {0};
	char *begin = buf, *end;

	while ((end = memchr(begin, '\n', *len - (size_t)(begin - buf)))) {
		if (end > begin)
			frame_add(&out, begin, (size_t)(end - begin));
		begin = end + 1;
	}
	*len -= (size_t)(begin - buf);
	memmove(buf, begin, *len);
	if (*len == LOG_LINE_MAX) /* no line of ours */
		*len = 0;
	return out.len ? fd_write_full(fd, out.data, out.len) : 0;
}

/* Until the connection breaks: the host's end says nothing. */
static void report(struct guest *g, int fd)
{
	struct pollfd fds[] = {{.fd = fd, .events = POLLIN},
			       {.fd = g->log_lines, .events = POLLIN}};
	static _Thread_local char buf[LOG_LINE_MAX];
	size_t len = 0;

	for (;;) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return;
		if (fds[0].revents)
			return;
		if (fds[1].revents) {
			ssize_t n = read(g->log_lines, buf + len, sizeof(buf) - len);

			len += n > 0 ? (size_t)n : 0;
			if (send_lines(fd, buf, &len) < 0)
				return;
		}
	}
}

void *report_run(void *guest)
{
	const struct timespec again = {.tv_nsec = AGAIN_NS};

	for (;;) {
		AUTO_FD fd = connect_to_host();

		if (fd >= 0 && say_hello(fd) == 0)
			report(guest, fd);
		(void)nanosleep(&again, NULL);
	}
	return NULL;
}
