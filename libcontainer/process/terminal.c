/* SPDX-License-Identifier: Apache-2.0 */
/* See process.h. All of it is safe after clone. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "base/fd.h"
#include "libcontainer/process/process.h"

/* A path that doesn't fit sun_path is opened, and connected to by the descriptor's name:
 * connect(2) follows it to the socket's inode. */
static int fill_address(struct sockaddr_un *sa, const char *path, int *ret_fd,
			struct err *e)
{
	char link[FD_PATH_MAX];

	sa->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(sa->sun_path)) {
		*ret_fd = open(path, O_PATH | O_CLOEXEC);
		if (*ret_fd < 0)
			return err_sys(e, "connect to %s", path);
		path = fd_path(*ret_fd, link);
	}
	memcpy(sa->sun_path, path, strlen(path) + 1);
	return 0;
}

int terminal_connect(const char *path, struct err *e)
{
	struct sockaddr_un sa = {0};
	AUTO_FD target = -1;
	AUTO_FD sock = -1;
	int r;

	r = fill_address(&sa, path, &target, e);
	if (r < 0)
		return r;
	sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return err_sys(e, "socket");
	if (connect(sock, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return err_sys(e, "connect to %s", path);
	return fd_take(&sock);
}

int terminal_send(int sock, int master, struct err *e)
{
	unsigned int number;
	char name[32];
	int r;

	if (ioctl(master, TIOCGPTN, &number) < 0)
		return err_sys(e, "the terminal's number");
	(void)snprintf(name, sizeof(name), "/dev/pts/%u", number);
	r = fd_send(sock, name, strlen(name), master);
	return r < 0 ? err_code(e, r, "send the terminal to the console socket") : 0;
}

int terminal_resize(int master, const struct spec_console_size *size, struct err *e)
{
	struct winsize ws = {0};

	if (size->height > USHRT_MAX || size->width > USHRT_MAX)
		return err_set(
			e, ERANGE,
			"process.consoleSize: %llu by %llu is more than a terminal "
			"can have",
			(unsigned long long)size->width,
			(unsigned long long)size->height);
	ws.ws_row = (unsigned short)size->height;
	ws.ws_col = (unsigned short)size->width;
	if (ioctl(master, TIOCSWINSZ, &ws) < 0)
		return err_sys(e, "the terminal's size");
	return 0;
}

int terminal_become(int *slave, struct err *e)
{
	if (ioctl(*slave, TIOCSCTTY, 0) < 0)
		return err_sys(e, "make the terminal the controlling one");
	for (int fd = 0; fd < 3; fd++) {
		/* dup2 onto itself would leave close-on-exec set. */
		if (*slave == fd ? fcntl(fd, F_SETFD, 0) < 0 : dup2(*slave, fd) < 0)
			return err_sys(e, "make the terminal descriptor %d", fd);
	}
	if (*slave > 2)
		fd_close(slave);
	*slave = -1;
	return 0;
}
