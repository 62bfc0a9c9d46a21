/* SPDX-License-Identifier: Apache-2.0 */
/* vmrun's relay between unix sockets and the guest, with a vsock device alone as its vm. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"

#include "tests/tools/vsock_relay.h"
#include "tests/unit/vsock_world.h"

struct vm {
	struct world w;
};

int vm_vsock_listen(struct vm *vm, uint32_t port, vm_accept_fn *fn, void *arg,
		    struct err *e)
{
	return vsock_listen(vm->w.v, port, fn, arg, e);
}

void vm_vsock_unlisten(struct vm *vm, uint32_t port)
{
	vsock_unlisten(vm->w.v, port);
}

int vm_vsock_connect(struct vm *vm, uint32_t guest_port, const struct vm_stream_ops *ops,
		     void *arg, struct vm_stream **ret, struct err *e)
{
	return vsock_connect(vm->w.v, guest_port, ops, arg, ret, e);
}

struct setup {
	struct vm vm;
	struct vsock_relay *relay;
	char path[64], value[80];
	int fd, listener;
	struct peer p;
};

static int unix_socket(const char *path, bool listens)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	if (listens)
		CHECK(bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0 &&
		      listen(fd, 8) == 0);
	else
		CHECK(connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	return fd;
}

static void begin(struct setup *s)
{
	*s = (struct setup){.fd = -1, .listener = -1};
	(void)snprintf(s->path, sizeof(s->path), "/tmp/vsock_relay_test.%d", getpid());
	world_begin(&s->vm.w, 64, 4096);
	CHECK(vsock_relay_new(&s->vm, s->vm.w.d.loop, &s->relay, ERR_IGNORE) == 0);
}

static void finish(struct setup *s)
{
	fd_close(&s->fd);
	fd_close(&s->listener);
	vsock_relay_free(s->relay);
	(void)unlink(s->path);
	drv_run(&s->vm.w.d);
	world_done(&s->vm.w);
}

/* The guest connects to port 7, whose service is a unix socket. */
static void connect_by_guest(struct setup *s)
{
	struct vsock_packet k;

	begin(s);
	s->listener = unix_socket(s->path, true);
	(void)snprintf(s->value, sizeof(s->value), "7=%s", s->path);
	CHECK(vsock_relay_listen(s->relay, s->value, ERR_IGNORE) == 0);
	peer_init(&s->p, &s->vm.w, 7, 1);
	peer_send(&s->p, VIRTIO_VSOCK_OP_REQUEST);
	CHECK(guest_expect(&s->vm.w, VIRTIO_VSOCK_OP_RESPONSE, &k));
	peer_heard(&s->p, &k);
	s->fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	CHECK(s->fd >= 0 && k.buf_alloc == 65536);
}

static void relays_for_the_guest(void)
{
	struct setup s;
	struct vsock_packet k;
	char buf[PAYLOAD];

	connect_by_guest(&s);
	peer_write(&s.p, "question", 8);
	CHECK(read(s.fd, buf, sizeof(buf)) == 8 && !memcmp(buf, "question", 8));
	CHECK(write(s.fd, "answer", 6) == 6);
	drv_run(&s.vm.w.d);
	CHECK(guest_take(&s.vm.w, &k, buf) && k.len == 6 && !memcmp(buf, "answer", 6));
	peer_shut(&s.p, VIRTIO_VSOCK_SHUTDOWN_SEND);
	CHECK(read(s.fd, buf, sizeof(buf)) == 0);
	CHECK(write(s.fd, "still", 5) == 5);
	CHECK(guest_expect(&s.vm.w, VIRTIO_VSOCK_OP_RW, &k) && k.len == 5);
	/* Both ways have ended now. */
	fd_close(&s.fd);
	CHECK(guest_expect(&s.vm.w, VIRTIO_VSOCK_OP_SHUTDOWN, &k));
	peer_send(&s.p, VIRTIO_VSOCK_OP_RST);
	CHECK(vsock_streams(s.vm.w.v) == 0);
	finish(&s);
}

static void relays_to_the_guest(void)
{
	struct setup s;
	struct vsock_packet k;
	char buf[PAYLOAD];

	begin(&s);
	(void)snprintf(s.value, sizeof(s.value), "%s=99", s.path);
	CHECK(vsock_relay_connect(s.relay, s.value, ERR_IGNORE) == 0);
	s.fd = unix_socket(s.path, false);
	CHECK(write(s.fd, "early", 5) == 5);
	CHECK(guest_expect(&s.vm.w, VIRTIO_VSOCK_OP_REQUEST, &k) && k.dst_port == 99);
	CHECK(guest_has_nothing(&s.vm.w));
	peer_init(&s.p, &s.vm.w, k.src_port, 99);
	peer_heard(&s.p, &k);
	peer_send(&s.p, VIRTIO_VSOCK_OP_RESPONSE);
	CHECK(guest_expect(&s.vm.w, VIRTIO_VSOCK_OP_RW, &k) && k.len == 5);
	CHECK(shutdown(s.fd, SHUT_WR) == 0);
	CHECK(guest_expect(&s.vm.w, VIRTIO_VSOCK_OP_SHUTDOWN, &k) &&
	      k.flags == VIRTIO_VSOCK_SHUTDOWN_SEND);
	peer_write(&s.p, "bye", 3);
	peer_shut(&s.p, 3);
	CHECK(read(s.fd, buf, sizeof(buf)) == 3);
	CHECK(read(s.fd, buf, sizeof(buf)) == 0);
	finish(&s);
	CHECK(access(s.path, F_OK) < 0);
}

static void refusals_are_relayed(void)
{
	struct setup s;
	struct vsock_packet k;
	char buf[8];

	begin(&s);
	/* Nobody listens there. */
	(void)snprintf(s.value, sizeof(s.value), "7=%s", s.path);
	CHECK(vsock_relay_listen(s.relay, s.value, ERR_IGNORE) == 0);
	peer_init(&s.p, &s.vm.w, 7, 1);
	peer_send(&s.p, VIRTIO_VSOCK_OP_REQUEST);
	CHECK(guest_expect(&s.vm.w, VIRTIO_VSOCK_OP_RST, NULL));
	(void)snprintf(s.value, sizeof(s.value), "%s=99", s.path);
	CHECK(vsock_relay_connect(s.relay, s.value, ERR_IGNORE) == 0);
	s.fd = unix_socket(s.path, false);
	CHECK(guest_expect(&s.vm.w, VIRTIO_VSOCK_OP_REQUEST, &k));
	peer_init(&s.p, &s.vm.w, k.src_port, 99);
	peer_send(&s.p, VIRTIO_VSOCK_OP_RST);
	CHECK(read(s.fd, buf, sizeof(buf)) == 0);
	CHECK(vsock_relay_listen(s.relay, "nonsense", ERR_IGNORE) == -EINVAL);
	CHECK(vsock_relay_connect(s.relay, "/path=x", ERR_IGNORE) == -EINVAL);
	finish(&s);
}

/* Neither end takes anything: what the other may send is bounded, and all of it comes. */
static void slow_ends_hold_up_the_other(void)
{
	static char data[PAYLOAD], got[PAYLOAD];
	struct setup s;
	struct vsock_packet k;
	uint64_t in = 0, out = 0, back = 0;
	uint32_t credit;
	ssize_t n;

	connect_by_guest(&s);
	while ((credit = peer_credit(&s.p))) {
		peer_write(&s.p, data, credit > 4000 ? 4000 : credit);
		out += credit > 4000 ? 4000 : credit;
		while (guest_take(&s.vm.w, &k, NULL))
			peer_heard(&s.p, &k);
		CHECK(out < 10000000);
	}
	while ((n = read(s.fd, got, sizeof(got))) > 0 || in < out) {
		if (n > 0)
			in += (uint64_t)n;
		drv_run(&s.vm.w.d);
		while (guest_take(&s.vm.w, &k, NULL))
			peer_heard(&s.p, &k);
		if (n <= 0 && errno != EAGAIN)
			break;
	}
	CHECK(in == out && peer_credit(&s.p) >= 32768);

	/* The other way: the guest never reads. */
	for (out = 0; (n = write(s.fd, data, sizeof(data))) > 0; out += (uint64_t)n) {
		drv_run(&s.vm.w.d);
		while (guest_take(&s.vm.w, &k, NULL)) {
			peer_heard(&s.p, &k);
			back += k.op == VIRTIO_VSOCK_OP_RW ? k.len : 0;
		}
		CHECK(out < 10000000);
	}
	CHECK(back == s.p.buf_alloc);
	CHECK(shutdown(s.fd, SHUT_WR) == 0);
	do {
		s.p.read = s.p.received;
		peer_send(&s.p, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
		k.op = 0;
		while (guest_take(&s.vm.w, &k, NULL) &&
		       k.op != VIRTIO_VSOCK_OP_SHUTDOWN) {
			peer_heard(&s.p, &k);
			back += k.op == VIRTIO_VSOCK_OP_RW ? k.len : 0;
		}
	} while (back < out && k.op != VIRTIO_VSOCK_OP_SHUTDOWN);
	CHECK(back == out);
	finish(&s);
}

static const struct test tests[] = {
	{"the guest reaches a unix socket, and half-closes pass", relays_for_the_guest},
	{"a unix socket reaches the guest, and half-closes pass", relays_to_the_guest},
	{"who isn't there is refused, on either side", refusals_are_relayed},
	{"a slow end holds up the other, and nothing is lost",
	 slow_ends_hold_up_the_other},
};
TEST_MAIN(tests)
