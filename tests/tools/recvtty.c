/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recvtty: the caller's side of --console-socket.
 *
 *	recvtty [-s ROWSxCOLUMNS] [-n NAME_FILE] SOCKET
 *
 * Listens on SOCKET, takes the pty's master from the runtime, and relays: what the
 * terminal says to stdout, stdin to the terminal, until the terminal is hung up. Checks
 * what go-runc checks: one message with 1 to 4095 bytes of name and exactly one
 * descriptor.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/*
 * The socket has its name when one can connect to it, not before: a test waits for the
 * name.
 */
static int socket_listen(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd, n;

	n = snprintf(addr.sun_path, sizeof(addr.sun_path), "%s.new", path);
	if (n < 0 || (size_t)n >= sizeof(addr.sun_path))
		errx(2, "%s is too long for a socket's path", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    listen(fd, 1) < 0 || rename(addr.sun_path, path) < 0)
		err(2, "listen on %s", path);
	return fd;
}

/* The master; its name, as the runtime gave it, goes to name. */
static int master_receive(int listener, char name[4096])
{
	union {
		char space[CMSG_SPACE(2 * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec data = {.iov_base = name, .iov_len = 4095};
	struct msghdr msg = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	struct cmsghdr *head;
	ssize_t n;
	int fd, connection;

	connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (connection < 0)
		err(1, "accept");
	n = recvmsg(connection, &msg, MSG_CMSG_CLOEXEC);
	if (n < 0)
		err(1, "recvmsg");
	if (n == 0)
		errx(1, "the message has no name");
	name[n] = '\0';
	head = CMSG_FIRSTHDR(&msg);
	if (!head || head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS ||
	    head->cmsg_len != CMSG_LEN(sizeof(int)) || CMSG_NXTHDR(&msg, head))
		errx(1, "the message does not have exactly one descriptor");
	memcpy(&fd, CMSG_DATA(head), sizeof(fd));
	(void)close(connection);
	return fd;
}

static void name_write(const char *file, const char *name)
{
	FILE *f = fopen(file, "we");

	if (!f || fputs(name, f) < 0 || fclose(f) != 0)
		err(1, "write %s", file);
}

static void write_all(int fd, const char *p, ssize_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, p, (size_t)len);

		if (n < 0)
			err(1, "write");
		p += n;
		len -= n;
	}
}

/* Returns when the terminal is hung up: no process has its other side open any more. */
static void relay(int master)
{
	struct pollfd fds[2] = {
		{.fd = master, .events = POLLIN},
		{.fd = STDIN_FILENO, .events = POLLIN},
	};
	char data[4096];
	ssize_t n;

	for (;;) {
		if (poll(fds, 2, -1) < 0)
			err(1, "poll");
		if (fds[0].revents) {
			n = read(master, data, sizeof(data));
			if (n <= 0)
				return;
			write_all(STDOUT_FILENO, data, n);
		}
		if (fds[1].revents) {
			n = read(STDIN_FILENO, data, sizeof(data));
			if (n <= 0)
				fds[1].fd = -1;
			else
				write_all(master, data, n);
		}
	}
}

/* ROWSxCOLUMNS */
static int parse_size(const char *s, struct winsize *ret)
{
	char *end;
	unsigned long rows = strtoul(s, &end, 10), columns;

	if (end == s || *end != 'x' || rows > USHRT_MAX)
		return -1;
	s = end + 1;
	columns = strtoul(s, &end, 10);
	if (end == s || *end || columns > USHRT_MAX)
		return -1;
	ret->ws_row = (unsigned short)rows;
	ret->ws_col = (unsigned short)columns;
	return 0;
}

int main(int argc, char **argv)
{
	const char *name_file = NULL;
	struct winsize size = {0};
	char name[4096];
	int option, master;

	while ((option = getopt(argc, argv, "s:n:")) != -1) {
		if (option == 'n')
			name_file = optarg;
		else if (option != 's' || parse_size(optarg, &size) < 0)
			errx(2, "usage: recvtty [-s ROWSxCOLUMNS] [-n NAME_FILE] SOCKET");
	}
	if (argc - optind != 1)
		errx(2, "usage: recvtty [-s ROWSxCOLUMNS] [-n NAME_FILE] SOCKET");
	master = master_receive(socket_listen(argv[optind]), name);
	if (size.ws_row && ioctl(master, TIOCSWINSZ, &size) < 0)
		err(1, "TIOCSWINSZ");
	if (name_file)
		name_write(name_file, name);
	relay(master);
	return 0;
}
