/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends bytes of a pattern through a socket, or checks that they arrive unchanged, as many
 * and no more: what costs least, so that a slow machine's time goes into the socket. The
 * checking end says at last that all was well, and the sending end waits for it.
 *
 *	pattern send|check BYTES unix:PATH     listens there, for one connection
 *	pattern send|check BYTES vsock:PORT    connects to that port of the host
 */
#include <linux/vm_sockets.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BUFFER ((size_t)256 << 10)

/* A word for each 8 bytes of the stream: xorshift64, whose state *x goes on. */
static void fill(uint64_t *x, uint64_t *buf, size_t words)
{
	for (size_t i = 0; i < words; i++) {
		*x ^= *x << 13;
		*x ^= *x >> 7;
		*x ^= *x << 17;
		buf[i] = *x;
	}
}

static _Noreturn void fail(const char *what)
{
	perror(what);
	exit(1);
}

static int listen_once(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;

	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	if (s < 0 || bind(s, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(s, 1) < 0)
		fail(path);
	fd = accept(s, NULL, NULL);
	if (fd < 0)
		fail(path);
	(void)close(s);
	return fd;
}

static int connect_host(const char *port)
{
	struct sockaddr_vm a = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_HOST};
	int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.svm_port = (unsigned)strtoul(port, NULL, 10);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		fail("vsock");
	return fd;
}

static void send_all(int fd, const char *buf, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, buf, len, MSG_NOSIGNAL);

		if (n <= 0)
			fail("send");
		buf += n;
		len -= (size_t)n;
	}
}

/* As many as there are, up to len. */
static size_t receive_all(int fd, char *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = recv(fd, buf + done, len - done, 0);

		if (n < 0)
			fail("receive");
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return done;
}

static int send_pattern(int fd, uint64_t bytes)
{
	static uint64_t buf[BUFFER / 8];
	uint64_t x = 1;
	char answer = 'n';
	size_t n;

	for (uint64_t left = bytes; left > 0; left -= n) {
		n = left < BUFFER ? (size_t)left : BUFFER;
		fill(&x, buf, BUFFER / 8);
		send_all(fd, (char *)buf, n);
	}
	(void)shutdown(fd, SHUT_WR);
	(void)receive_all(fd, &answer, 1);
	printf("sent %llu: %s\n", (unsigned long long)bytes,
	       answer == 'y' ? "ok" : "bad");
	return answer == 'y' ? 0 : 1;
}

static int check_pattern(int fd, uint64_t bytes)
{
	static uint64_t got[BUFFER / 8], want[BUFFER / 8];
	uint64_t x = 1;
	uint64_t done = 0;
	bool good = true;
	size_t n;

	do {
		n = receive_all(fd, (char *)got, BUFFER);
		fill(&x, want, BUFFER / 8);
		good = good && memcmp(got, want, n) == 0;
		done += n;
	} while (n == BUFFER && good);
	good = good && done == bytes;
	(void)send(fd, good ? "y" : "n", 1, MSG_NOSIGNAL);
	printf("received %llu of %llu: %s\n", (unsigned long long)done,
	       (unsigned long long)bytes, good ? "ok" : "bad");
	return good ? 0 : 1;
}

int main(int argc, char **argv)
{
	uint64_t bytes;
	int fd;

	if (argc != 4) {
		(void)fprintf(stderr,
			      "usage: pattern send|check BYTES "
			      "unix:PATH|vsock:PORT\n");
		return 2;
	}
	bytes = strtoull(argv[2], NULL, 10);
	if (strncmp(argv[3], "unix:", 5) == 0)
		fd = listen_once(argv[3] + 5);
	else
		fd = connect_host(argv[3] + (strncmp(argv[3], "vsock:", 6) == 0 ? 6 : 0));
	return strcmp(argv[1], "send") == 0 ? send_pattern(fd, bytes)
					    : check_pattern(fd, bytes);
}
