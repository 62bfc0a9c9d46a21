/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/fd.h"
#include "libcontainer/process/process.h"

#include "tests/unit/tap.h"

static char dir[] = "/tmp/terminal_test.XXXXXX";

/* Listens on the socket `name` in the current directory. */
static int listen_at(const char *name)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", name);
	CHECK(bind(sock, (struct sockaddr *)&sa, sizeof(sa)) == 0);
	CHECK(listen(sock, 1) == 0);
	return sock;
}

static int open_master(void)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	CHECK(fd >= 0 && grantpt(fd) == 0 && unlockpt(fd) == 0);
	return fd;
}

static void connects_to_a_path(void)
{
	AUTO_FD server = -1, client = -1, got = -1;
	struct err e = {0};
	char path[64];

	CHECK(chdir(dir) == 0);
	server = listen_at("short");
	(void)snprintf(path, sizeof(path), "%s/short", dir);
	client = terminal_connect(path, &e);
	CHECK(client >= 0 && (fcntl(client, F_GETFD) & FD_CLOEXEC));
	got = accept4(server, NULL, NULL, SOCK_CLOEXEC);
	CHECK(got >= 0);
	(void)unlink("short");
}

static void connects_to_a_long_path(void)
{
	AUTO_FD server = -1, client = -1, got = -1;
	struct err e = {0};
	char path[512], part[101];

	memset(part, 'd', 100);
	part[100] = '\0';
	CHECK(chdir(dir) == 0 && mkdir(part, 0700) == 0 && chdir(part) == 0);
	/* Both the folder's and the socket's name would be too long for sun_path. */
	(void)snprintf(path, sizeof(path), "%s/%s/%s", dir, part, part);
	server = listen_at(part);
	client = terminal_connect(path, &e);
	CHECK(client >= 0);
	got = accept4(server, NULL, NULL, SOCK_CLOEXEC);
	CHECK(got >= 0);
	(void)unlink(part);
	CHECK(chdir(dir) == 0 && rmdir(part) == 0);
}

static void a_missing_socket_is_an_error(void)
{
	struct err e = {0};
	char path[200];

	CHECK(terminal_connect("/nosuch/sock", &e) == -ENOENT);
	CHECK_STR(e.text, "connect to /nosuch/sock: ENOENT");
	memset(path, 'x', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	CHECK(terminal_connect(path, &e) == -ENOENT);
}

static void sends_one_message(void)
{
	struct err e = {0};
	AUTO_FD master = open_master();
	AUTO_FD got = -1;
	char name[64] = "", want[64];
	struct stat a, b;
	int s[2], fd = -1;

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s) == 0);
	CHECK(terminal_send(s[0], master, &e) == 0);
	fd_close(&s[0]);
	CHECK(ptsname_r(master, want, sizeof(want)) == 0);
	CHECK(fd_recv(s[1], name, sizeof(name) - 1, &fd) == (ssize_t)strlen(want));
	got = fd;
	CHECK_STR(name, want);
	CHECK(fstat(master, &a) == 0 && fstat(got, &b) == 0 && a.st_ino == b.st_ino);
	CHECK(fd_recv(s[1], name, sizeof(name), &fd) == 0);
	fd_close(&s[1]);
}

static void sending_to_nobody_is_an_error(void)
{
	struct err e = {0};
	AUTO_FD master = open_master();
	int s[2];

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s) == 0);
	fd_close(&s[1]);
	CHECK(terminal_send(s[0], master, &e) == -EPIPE);
	CHECK_STR(e.text, "send the terminal to the console socket: EPIPE");
	CHECK(terminal_send(s[0], s[0], &e) < 0);
	fd_close(&s[0]);
}

static void resizes(void)
{
	struct spec_console_size size = {.height = 24, .width = 132};
	AUTO_FD master = open_master();
	struct err e = {0};
	struct winsize ws;

	CHECK(terminal_resize(master, &size, &e) == 0);
	CHECK(ioctl(master, TIOCGWINSZ, &ws) == 0 && ws.ws_row == 24 && ws.ws_col == 132);
	size.width = 65536;
	CHECK(terminal_resize(master, &size, &e) == -ERANGE);
	CHECK_STR(e.text,
		  "process.consoleSize: 65536 by 24 is more than a terminal can "
		  "have");
}

/* As the init does it; the exit status says what was wrong. */
static int child_becomes(int slave)
{
	struct err e = {0};
	struct stat want, st;
	char name[64];

	if (setsid() < 0 || fstat(slave, &want) < 0 || terminal_become(&slave, &e) < 0)
		return 1;
	if (slave != -1)
		return 2;
	for (int fd = 0; fd < 3; fd++) {
		if (fstat(fd, &st) < 0 || st.st_rdev != want.st_rdev ||
		    fcntl(fd, F_GETFD) != 0)
			return 3;
	}
	if (ttyname_r(0, name, sizeof(name)) != 0 || tcgetpgrp(0) != getpgrp())
		return 4;
	return 0;
}

static int become_as(int number)
{
	AUTO_FD master = open_master();
	int status = -1, slave;
	pid_t pid = fork();

	if (pid == 0) {
		slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
		if (number >= 0)
			slave = dup3(slave, number, O_CLOEXEC);
		_exit(child_becomes(slave));
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void becomes_the_terminal(void)
{
	CHECK(become_as(-1) == 0);
	CHECK(become_as(0) == 0);
	CHECK(become_as(2) == 0);
}

static const struct test tests[] = {
	{"connects to a console socket", connects_to_a_path},
	{"connects where the path is longer than sun_path", connects_to_a_long_path},
	{"a missing socket is an error", a_missing_socket_is_an_error},
	{"sends the master and its name in one message", sends_one_message},
	{"nobody at the other end is an error", sending_to_nobody_is_an_error},
	{"sets the size, refuses an impossible one", resizes},
	{"the slave becomes stdio and controlling terminal", becomes_the_terminal},
};

int main(void)
{
	int r;

	if (!mkdtemp(dir))
		return 1;
	r = tap_main(tests, sizeof(tests) / sizeof(tests[0]));
	(void)rmdir(dir);
	return r;
}
