/* SPDX-License-Identifier: Apache-2.0 */
/* The monitor's doors, with a vsock device alone as its vm and a hostile guest. */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "sandbox/frame.h"
#include "sandbox/protocol.h"
#include "sandbox/relay.h"

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
	struct log log;
	struct guest_log guest_log;
	struct relay *relay;
	char path[64];
	struct peer hello;
};

static void begin(struct setup *s)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	*s = (struct setup){
		.log = {.fd = memfd_create("log", MFD_CLOEXEC), .level = LOG_DEBUG}};
	s->guest_log.log = &s->log;
	(void)snprintf(s->path, sizeof(s->path), "/tmp/relay_test.%d", getpid());
	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", s->path);
	CHECK(bind(listener, (struct sockaddr *)&a, sizeof(a)) == 0 &&
	      listen(listener, 8) == 0);
	world_begin(&s->vm.w, 64, 4096);
	CHECK(relay_new(&s->vm, s->vm.w.d.loop, &listener, &s->guest_log, &s->relay,
			ERR_IGNORE) == 0);
	CHECK(listener == -1);
}

static void finish(struct setup *s)
{
	relay_free(s->relay);
	(void)unlink(s->path);
	drv_run(&s->vm.w.d);
	world_done(&s->vm.w);
	fd_close(&s->log.fd);
}

static int dial(const struct setup *s)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", s->path);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		fd_close(&fd);
	return fd;
}

/* The guest's own connection, up to nothing said. */
static bool guest_dials(struct setup *s, uint32_t port)
{
	struct vsock_packet k;

	peer_init(&s->hello, &s->vm.w, PROTOCOL_HOST_PORT, port);
	peer_send(&s->hello, VIRTIO_VSOCK_OP_REQUEST);
	drv_run(&s->vm.w.d);
	return guest_take(&s->vm.w, &k, NULL) && k.op == VIRTIO_VSOCK_OP_RESPONSE;
}

static void guest_says(struct setup *s, const char *text)
{
	AUTO_SBUF out = {0};

	frame_add(&out, text, strlen(text));
	peer_write(&s->hello, out.data, (uint32_t)out.len);
	drv_run(&s->vm.w.d);
}

/* What the host has sent meanwhile; the last op of it. */
static uint16_t guest_hears(struct setup *s)
{
	struct vsock_packet k;
	uint16_t op = VIRTIO_VSOCK_OP_INVALID;

	drv_run(&s->vm.w.d);
	while (guest_take(&s->vm.w, &k, NULL))
		op = k.op;
	return op;
}

static off_t log_size(const struct setup *s)
{
	return lseek(s->log.fd, 0, SEEK_END);
}

static bool log_has(const struct setup *s, const char *text)
{
	static char buf[1 << 20];
	ssize_t n = pread(s->log.fd, buf, sizeof(buf) - 1, 0);

	buf[n < 0 ? 0 : n] = '\0';
	return strstr(buf, text) != NULL;
}

static void waits_for_hello(void)
{
	struct setup s;
	int fd;

	begin(&s);
	fd = dial(&s);
	CHECK(fd >= 0);
	CHECK(guest_has_nothing(&s.vm.w));
	CHECK(guest_dials(&s, 99));
	CHECK(guest_has_nothing(&s.vm.w));
	guest_says(&s, "{\"hello\":1,\"guest\":\"x\"}");
	CHECK(guest_hears(&s) == VIRTIO_VSOCK_OP_REQUEST);
	guest_says(&s, "{\"level\":\"warning\",\"msg\":\"a word\"}");
	CHECK(log_has(&s, "guest: a word"));
	fd_close(&fd);
	finish(&s);
}

static void wrong_hellos(void)
{
	static const char *const texts[] = {
		"{\"hello\":2}",
		"{\"hello\":\"1\"}",
		"{}",
		"[]",
		"x",
		"{\"level\":\"error\",\"msg\":\"early\"}",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct setup s;
		uint16_t op;
		int fd;

		begin(&s);
		fd = dial(&s);
		CHECK(guest_dials(&s, 99));
		guest_says(&s, texts[i]);
		op = guest_hears(&s);
		CHECK(op == VIRTIO_VSOCK_OP_RST || op == VIRTIO_VSOCK_OP_SHUTDOWN);
		CHECK(!log_has(&s, "early"));
		/* Still nobody is let in. */
		CHECK(guest_has_nothing(&s.vm.w));
		fd_close(&fd);
		finish(&s);
	}
}

static void one_hello_at_a_time(void)
{
	struct setup s;
	struct peer first;

	begin(&s);
	CHECK(guest_dials(&s, 99));
	guest_says(&s, "{\"hello\":1}");
	first = s.hello;
	CHECK(!guest_dials(&s, 100));
	/* The first is not harmed by it, and a new one may come after it. */
	s.hello = first;
	guest_says(&s, "{\"level\":\"info\",\"msg\":\"still here\"}");
	CHECK(log_has(&s, "still here"));
	peer_send(&s.hello, VIRTIO_VSOCK_OP_RST);
	(void)guest_hears(&s);
	CHECK(guest_dials(&s, 101));
	finish(&s);
}

static void a_flood_of_lines(void)
{
	struct setup s;
	off_t size;

	begin(&s);
	CHECK(guest_dials(&s, 99));
	guest_says(&s, "{\"hello\":1}");
	for (int i = 0; i < 10 * GUEST_LOG_LINES; i++) {
		guest_says(&s, "{\"level\":\"error\",\"msg\":\"flood\"}");
		(void)guest_hears(&s);
	}
	size = log_size(&s);
	CHECK(size > 0 && size < (off_t)2 * GUEST_LOG_LINES * 100);
	finish(&s);
}

/* Each costs the host a line. */
static void a_flood_of_hellos(void)
{
	struct setup s;
	off_t size;

	begin(&s);
	for (uint32_t i = 0; i < 4 * GUEST_LOG_LINES; i++) {
		if (!guest_dials(&s, 1000 + i))
			CHECK(false);
		guest_says(&s, "{\"hello\":7}");
		(void)guest_hears(&s);
		peer_send(&s.hello, VIRTIO_VSOCK_OP_RST);
		(void)guest_hears(&s);
	}
	size = log_size(&s);
	CHECK(size > 0 && size < (off_t)2 * GUEST_LOG_LINES * 200);
	finish(&s);
}

/* Before anything of it is held in memory. */
static void a_huge_message(void)
{
	static const uint8_t head[] = {0, 0, 16, 0};
	struct setup s;

	begin(&s);
	CHECK(guest_dials(&s, 99));
	peer_write(&s.hello, head, sizeof(head));
	drv_run(&s.vm.w.d);
	CHECK(log_has(&s, "message"));
	finish(&s);
}

static void nobody_waits_for_what_has_ended(void)
{
	struct setup s;
	char c;
	int fd;

	begin(&s);
	fd = dial(&s);
	CHECK(fd >= 0);
	relay_end(s.relay);
	CHECK(read(fd, &c, 1) <= 0 && errno != EAGAIN);
	fd_close(&fd);
	CHECK(dial(&s) < 0);
	finish(&s);
}

static const struct test tests[] = {
	{"connections wait until the guest has said hello, and its words are logged",
	 waits_for_hello},
	{"a wrong hello lets nobody in", wrong_hellos},
	{"a guest has one connection of its own at a time", one_hello_at_a_time},
	{"a guest that logs without end writes so much and no more", a_flood_of_lines},
	{"a guest that says wrong hellos without end writes so much and no more",
	 a_flood_of_hellos},
	{"a message that is too long is refused by its length", a_huge_message},
	{"when the machine has ended, nobody waits for it",
	 nobody_waits_for_what_has_ended},
};
TEST_MAIN(tests)
