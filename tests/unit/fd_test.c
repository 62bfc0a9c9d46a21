/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"

#include "tests/unit/tap.h"

static void closing_keeps_errno(void)
{
	int fd = open("/", O_PATH | O_CLOEXEC), bad = -1;

	errno = EXDEV;
	fd_close(&fd);
	fd_close(&bad);
	CHECK(fd == -1 && errno == EXDEV);
}

static void taking_moves(void)
{
	AUTO_FD fd = open("/", O_PATH | O_CLOEXEC);
	int moved = fd_take(&fd);

	CHECK(fd == -1 && moved >= 0);
	fd_close(&moved);
}

static void sends_one_descriptor(void)
{
	struct err e = {0};
	char buf[16] = "";
	int s[2], got = -1;

	CHECK(fd_pair(s, &e) == 0);
	CHECK(fd_send(s[0], "name", 5, s[0]) == 0);
	CHECK(fd_recv(s[1], buf, sizeof(buf), &got) == 5);
	CHECK_STR(buf, "name");
	CHECK(got >= 0 && (fcntl(got, F_GETFD) & FD_CLOEXEC));
	fd_close(&got);
	CHECK(fd_send(s[0], "x", 1, -1) == 0);
	CHECK(fd_recv(s[1], buf, sizeof(buf), &got) == 1 && got == -1);
	fd_close(&s[0]);
	CHECK(fd_recv(s[1], buf, sizeof(buf), &got) == 0);
	CHECK(fd_send(s[1], "x", 1, -1) == -EPIPE);
	fd_close(&s[1]);
}

static void refuses_more_descriptors(void)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(2 * sizeof(int))];
	} control = {.space = {0}};
	char x = 'x';
	struct iovec iov = {.iov_base = &x, .iov_len = 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.space,
			     .msg_controllen = sizeof(control.space)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	struct err e = {0};
	int s[2], got = -1, two[2];
	char buf[4];

	CHECK(fd_pair(s, &e) == 0);
	two[0] = s[0];
	two[1] = s[1];
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(two));
	memcpy(CMSG_DATA(c), two, sizeof(two));
	CHECK(sendmsg(s[0], &msg, 0) == 1);
	CHECK(fd_recv(s[1], buf, sizeof(buf), &got) == -EPROTO && got == -1);
	fd_close(&s[0]);
	fd_close(&s[1]);
}

static void marks_all_close_on_exec(void)
{
	int fd = fcntl(0, F_DUPFD, 3);

	CHECK(fd > 2 && !(fcntl(fd, F_GETFD) & FD_CLOEXEC));
	CHECK(fd_cloexec_from(3) == 0);
	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	fd_close(&fd);
}

static const struct test tests[] = {
	{"closing keeps errno", closing_keeps_errno},
	{"taking moves the number", taking_moves},
	{"one descriptor is sent with a message", sends_one_descriptor},
	{"two descriptors in a message are refused and closed", refuses_more_descriptors},
	{"everything can be marked close-on-exec", marks_all_close_on_exec},
};
TEST_MAIN(tests)
