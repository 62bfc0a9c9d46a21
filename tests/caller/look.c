/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a caller looks at: the pid-file, the console socket, the log.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <yajl/yajl_parse.h>

#include "base/arena.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/json.h"

#include "caller.h"

int pid_file_read(const char *path, pid_t *ret, struct err *e)
{
	AUTO_FREE char *text = NULL;
	uint32_t pid = 0;
	size_t len = 0;
	int r;

	r = file_read(AT_FDCWD, path, 64, &text, &len, e);
	if (r < 0)
		return r;
	if (len != strlen(text) || str_to_u32(text, &pid) < 0 || pid == 0 ||
	    pid > INT32_MAX)
		return err_set(e, EINVAL, "%s is not a decimal number alone: \"%s\"",
			       path, text);
	*ret = (pid_t)pid;
	return 0;
}

int console_listen(const char *path, struct err *e)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	AUTO_FD fd = -1;

	if (strlen(path) >= sizeof(addr.sun_path))
		return err_set(e, ENAMETOOLONG, "%s is too long for a socket", path);
	memcpy(addr.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    listen(fd, 1) < 0)
		return err_sys(e, "listen on %s", path);
	return fd_take(&fd);
}

/* go-runc's recvFd: 1 to 4095 bytes of name, one control message, one descriptor. */
static int console_message(int connection, char name[4096], int *ret_master,
			   struct err *e)
{
	union {
		char space[CMSG_SPACE(4 * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec data = {.iov_base = name, .iov_len = 4096};
	struct msghdr msg = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	struct cmsghdr *head;
	ssize_t n;

	n = recvmsg(connection, &msg, MSG_CMSG_CLOEXEC);
	if (n < 0)
		return err_sys(e, "recvmsg");
	if (n == 0 || n >= 4096)
		return err_set(e, EPROTO, "the name has %zd bytes", n);
	name[n] = '\0';
	head = CMSG_FIRSTHDR(&msg);
	if (msg.msg_controllen != CMSG_SPACE(sizeof(int)) || !head ||
	    head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS ||
	    head->cmsg_len != CMSG_LEN(sizeof(int)))
		return err_set(e, EPROTO, "not exactly one descriptor");
	memcpy(ret_master, CMSG_DATA(head), sizeof(*ret_master));
	if (!isatty(*ret_master)) {
		fd_close(ret_master);
		return err_set(e, ENOTTY, "the descriptor is no terminal");
	}
	return 0;
}

int console_receive(int listener, int64_t deadline, char name[4096], int *ret_master,
		    struct err *e)
{
	struct pollfd fd = {.fd = listener, .events = POLLIN};
	AUTO_FD connection = -1;
	int r;

	if (poll(&fd, 1, time_left(deadline)) <= 0)
		return err_set(e, ETIMEDOUT, "nobody connected to the console socket");
	connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (connection < 0)
		return err_sys(e, "accept");
	fd.fd = connection;
	if (poll(&fd, 1, time_left(deadline)) <= 0)
		return err_set(e, ETIMEDOUT, "no message came to the console socket");
	r = console_message(connection, name, ret_master, e);
	return r < 0 ? err_wrap(e, "console socket") : 0;
}

/* "2006-01-02T15:04:05[.digits](Z|+hh:mm)", what Go's time.Time unmarshals. */
static bool time_is_rfc3339(const char *s)
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd";

	for (const char *f = form; *f; f++, s++) {
		if (*f == 'd' ? !isdigit((unsigned char)*s) : *s != *f)
			return false;
	}
	if (*s == '.') {
		if (!isdigit((unsigned char)*++s))
			return false;
		s += strspn(s, "0123456789");
	}
	if (str_eq(s, "Z"))
		return true;
	return (*s == '+' || *s == '-') && strlen(s) == 6 && s[3] == ':' &&
	       strspn(s + 1, "0123456789") == 2 && strspn(s + 4, "0123456789") == 2;
}

static int log_object(const char *path, const char *text, size_t len,
		      struct log_summary *ret, struct err *e)
{
	AUTO_ARENA arena = {0};
	const char *level, *msg, *when;
	const struct json *object = NULL;
	int r;

	r = json_parse(&arena, path, text, len, &object, e);
	if (r < 0)
		return r;
	level = json_get_string(object, "level");
	msg = json_get_string(object, "msg");
	when = json_get_string(object, "time");
	if (!level || !msg || !when || !time_is_rfc3339(when))
		return err_set(e, EINVAL, "%s: no level, msg and RFC 3339 time: %.*s",
			       path, (int)len, text);
	ret->objects++;
	if (str_eq(level, "error")) {
		ret->errors++;
		ret->last.len = 0;
		sbuf_adds(&ret->last, msg);
	}
	return 0;
}

int log_file_read(const char *path, struct log_summary *ret, struct err *e)
{
	AUTO_FREE char *text = NULL;
	size_t len = 0, start = 0;
	int r;

	r = file_read(AT_FDCWD, path, 1 << 20, &text, &len, e);
	/* A stream of values may be spread over lines in any way; yajl finds each end. */
	while (r == 0) {
		yajl_handle y;
		size_t used;

		start += strspn(text + start, " \t\r\n");
		if (start >= len)
			return 0;
		y = yajl_alloc(NULL, NULL, NULL);
		if (!y)
			return err_code(e, ENOMEM, "%s", path);
		(void)yajl_config(y, yajl_allow_trailing_garbage, 1);
		if (yajl_parse(y, (unsigned char *)text + start, len - start) !=
		    yajl_status_ok)
			r = err_set(e, EINVAL, "%s is not JSON: %s", path, text + start);
		used = yajl_get_bytes_consumed(y);
		yajl_free(y);
		if (r == 0)
			r = log_object(path, text + start, used, ret, e);
		start += used;
	}
	return r;
}
