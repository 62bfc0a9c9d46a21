/* SPDX-License-Identifier: Apache-2.0 */
/* The vsock device as a whole: interrupts, resets, pauses, saved machines, its resources. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "vm/virtio/vsock_parts.h"

#include "tests/unit/usage.h"
#include "tests/unit/vsock_world.h"

/* ---- queues and interrupts ---- */

static void a_batch_is_one_interrupt(void)
{
	struct world w;
	struct end e;
	struct peer p;
	struct vsock_packet k, rw;
	unsigned got = 0;

	world_new(&w, NULL);
	world_start(&w, 0, 4096); /* without event indexes each interrupt is seen */
	guest_give(&w, 64);
	CHECK(open_by_guest(&w, &p, &e, 1, 2));
	e.window = 1000;
	e.echo = true;
	vm_stream_want(e.s, 1000);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_CREDIT_UPDATE, &k));
	drv_want_irqs(&w.d, TX, false);
	(void)drv_irqs(&w.d);
	rw = peer_packet(&p, VIRTIO_VSOCK_OP_RW);
	rw.len = 10;
	for (int i = 0; i < 16; i++)
		CHECK(guest_put(&w, &rw, "0123456789", 10));
	guest_kick(&w);
	CHECK(drv_irqs(&w.d) == 1);
	while (guest_take(&w, &k, NULL))
		got += k.len;
	CHECK(got == 160 && e.received == 160);
	world_done(&w);
}

static void a_full_queue_is_emptied(void)
{
	struct world w;
	struct end e;
	struct peer p;
	struct vsock_packet k;
	struct drv_part part = {0, 44, false};
	uint16_t head;
	uint32_t len;
	unsigned done = 0;

	world_begin(&w, 8, 4096);
	CHECK(open_by_guest(&w, &p, &e, 1, 2));
	/* One packet, 256 times over. */
	k = peer_packet(&p, VIRTIO_VSOCK_OP_CREDIT_REQUEST);
	CHECK(guest_put(&w, &k, NULL, 0));
	part.gpa = w.tx_gpa + (w.tx_next - 1) % TX_SLOTS * (uint64_t)(PAYLOAD + PAGE);
	guest_kick(&w);
	while (drv_used(&w.d, TX, &head, &len))
		;
	for (unsigned i = 0; i < 256; i++)
		(void)drv_put(&w.d, TX, &part, 1);
	/* Others of the loop have their turn before it goes on; no kick is needed. */
	drv_kick(&w.d, TX);
	CHECK(loop_once(w.d.loop, 0, ERR_IGNORE) == 1);
	CHECK(loop_once(w.d.loop, 0, ERR_IGNORE) == 1);
	CHECK(loop_once(w.d.loop, 0, ERR_IGNORE) == 0);
	while (drv_used(&w.d, TX, &head, &len))
		done++;
	CHECK(done == 256);
	peer_send(&p, VIRTIO_VSOCK_OP_RST);
	CHECK(e.closed == 1);
	world_done(&w);
}

/* ---- users that do odd things within calls ---- */

static void runs_the_loop(void *arg, const void *buf, size_t len)
{
	struct end *e = arg;

	end_ops.received(e, buf, len);
	guest_kick(e->w);
}

static void a_loop_within_a_call(void)
{
	struct vm_stream_ops ops = end_ops;
	struct world w;
	struct end e;
	struct peer p;
	struct vsock_packet k;

	world_begin(&w, 8, 4096);
	CHECK(open_by_guest(&w, &p, &e, 1, 2));
	ops.received = runs_the_loop;
	e.s->ops = &ops;
	e.window = 100;
	vm_stream_want(e.s, 100);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_CREDIT_UPDATE, NULL));
	k = peer_packet(&p, VIRTIO_VSOCK_OP_RW);
	k.len = 5;
	CHECK(guest_put(&w, &k, "first", 5));
	CHECK(guest_put(&w, &k, "secnd", 5));
	CHECK(guest_put(&w, &k, "third", 5));
	guest_kick(&w);
	CHECK(e.parts == 3 && e.sum == sum_add(0, "firstsecndthird", 15));
	world_done(&w);
}

static void *accepts_one(void *arg, struct vm_stream *s, uint32_t guest_port,
			 const struct vm_stream_ops **ret_ops)
{
	struct end *e = arg;

	vsock_unlisten(e->w->v, guest_port);
	e->s = s;
	*ret_ops = &end_ops;
	CHECK(vm_stream_write(s, "welcome", 7) == 7);
	vm_stream_shutdown(s);
	return e;
}

static void a_listener_may_stop_within_its_call(void)
{
	struct world w;
	struct end e;
	struct peer p;
	struct vsock_packet k;

	world_begin(&w, 8, 4096);
	end_init(&e, &w);
	CHECK(vsock_listen(w.v, 5, accepts_one, &e, ERR_IGNORE) == 0);
	peer_init(&p, &w, 5, 5);
	peer_send(&p, VIRTIO_VSOCK_OP_REQUEST);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_RESPONSE, NULL));
	/* Written before the guest knew of the stream, and so after that. */
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_RW, &k) && k.len == 7);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_SHUTDOWN, NULL));
	p.guest_port = 6;
	peer_send(&p, VIRTIO_VSOCK_OP_REQUEST);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_RST, NULL));
	world_done(&w);
}

/* ---- resets of the device ---- */

/* Each state that a stream can be in when the driver resets the device. */
static void a_reset_ends_all(void)
{
	struct world w;
	struct end e[6];
	struct peer p[6];
	struct vsock_packet k;
	struct end after;

	world_begin(&w, 64, 4096);
	for (unsigned i = 0; i < 4; i++)
		CHECK(open_by_guest(&w, &p[i], &e[i], 1 + i, 2));
	vm_stream_close(e[1].s); /* closing */
	w.keep_giving = false;
	while (guest_take(&w, &k, NULL))
		;
	while (w.rx_given != w.rx_taken) {
		CHECK(vm_stream_write(e[0].s, "x", 1) == 1);
		while (guest_take(&w, &k, NULL))
			;
	}
	CHECK(vm_stream_write(e[2].s, "held", 4) == 4); /* with data, without buffers */
	peer_shut(&p[3], 3);                            /* with a reset to send */
	CHECK(e[3].closed == 1);
	end_init(&e[4], &w);
	CHECK(vsock_connect(w.v, 9, &end_ops, &e[4], &e[4].s, ERR_IGNORE) == 0);
	drv_run(&w.d);
	CHECK(vsock_streams(w.v) == 5);
	drv_reset(&w.d);
	/* Nothing is told on the thread that resets; writing is an error at once. */
	CHECK(!e[0].closed && vm_stream_write(e[0].s, "x", 1) == -EPIPE);
	drv_run(&w.d);
	CHECK(e[0].closed == 1 && e[0].code == -ECONNRESET);
	CHECK(!e[1].closed && e[3].closed == 1);
	CHECK(e[2].closed == 1 && e[2].code == -ECONNRESET);
	CHECK(!e[4].closed && vsock_streams(w.v) == 1); /* never asked the old driver */

	world_start(&w, DRV_ALL, 4096);
	w.keep_giving = true;
	guest_give(&w, 8);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_REQUEST, &k));
	CHECK(open_by_guest(&w, &p[0], &after, 1, 2));
	world_done(&w);
}

static void *resets_in_accept(void *arg, struct vm_stream *s, uint32_t guest_port,
			      const struct vm_stream_ops **ret_ops)
{
	struct end *e = arg;

	(void)guest_port;
	e->s = s;
	*ret_ops = &end_ops;
	drv_reset(&e->w->d);
	return e;
}

static void reset_in_received(void *arg, const void *buf, size_t len)
{
	struct end *e = arg;

	(void)buf;
	e->received += len;
	drv_reset(&e->w->d);
	CHECK(drv_start(&e->w->d, DRV_ALL, 256));
}

static void a_reset_within_a_call(void)
{
	struct vm_stream_ops ops = end_ops;
	struct world w;
	struct end e;
	struct peer p;
	uint16_t head;
	uint32_t len;

	world_begin(&w, 8, 4096);
	end_init(&e, &w);
	CHECK(vsock_listen(w.v, 1, resets_in_accept, &e, ERR_IGNORE) == 0);
	peer_init(&p, &w, 1, 2);
	peer_send(&p, VIRTIO_VSOCK_OP_REQUEST);
	CHECK(e.closed == 1 && e.code == -ECONNRESET && vsock_streams(w.v) == 0);

	world_start(&w, DRV_ALL, 4096);
	guest_give(&w, 8);
	CHECK(open_by_guest(&w, &p, &e, 1, 2));
	ops.received = reset_in_received;
	e.s->ops = &ops;
	vm_stream_want(e.s, 10);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_CREDIT_UPDATE, NULL));
	peer_write(&p, "0123456789", 10);
	CHECK(e.received == 10 && e.closed == 1 && e.code == -ECONNRESET);
	/* The old queue's packet isn't given back to the new one. */
	CHECK(!drv_used(&w.d, TX, &head, &len) && !drv_broken(&w.d));
	world_done(&w);
}

static void a_pause_moves_nothing(void)
{
	struct world w;
	struct end e;
	struct peer p;
	struct vsock_packet k;
	struct virtio_dev *dev;

	world_begin(&w, 8, 4096);
	dev = vsock_device(w.v);
	CHECK(open_by_guest(&w, &p, &e, 1, 2));
	vm_stream_want(e.s, 10);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_CREDIT_UPDATE, NULL));
	dev->ops->pause(dev);
	peer_write(&p, "paused", 6);
	CHECK(vm_stream_write(e.s, "held", 4) == 4);
	CHECK(guest_has_nothing(&w) && !e.received);
	dev->ops->resume(dev);
	drv_run(&w.d);
	CHECK(e.received == 6);
	CHECK(guest_expect(&w, VIRTIO_VSOCK_OP_RW, &k) && k.len == 4);
	world_done(&w);
}

/* ---- saved machines ---- */

static void save(struct world *w, struct state_writer *sw)
{
	virtio_save(vsock_device(w->v), sw, 1);
}

/* Another machine with a copy of the memory of w, and so of the driver in it. */
static void take_over(struct world *x, struct world *w, uint32_t cid)
{
	const struct vsock_config other = {.cid = cid};

	world_new(x, &other);
	x->cid = cid;
	memcpy(drv_at(&x->d, 0, 16 << 20), drv_at(&w->d, 0, 16 << 20), 16 << 20);
	x->d.features = w->d.features;
	for (unsigned i = 0; i < 3; i++) {
		const struct drv_queue *q = &w->d.queue[i];

		x->d.queue[i] = *q;
		x->d.queue[i].desc = drv_at(&x->d, q->desc_gpa, 1);
		x->d.queue[i].avail = drv_at(&x->d, q->avail_gpa, 1);
		x->d.queue[i].used = drv_at(&x->d, q->used_gpa, 1);
	}
	x->rx_gpa = w->rx_gpa;
	x->tx_gpa = w->tx_gpa;
	x->rx_size = w->rx_size;
	x->rx_given = w->rx_given;
	x->rx_taken = w->rx_taken;
	x->tx_next = w->tx_next;
	x->tx_done = w->tx_done;
}

static void a_restored_guest_hears_of_a_reset(void)
{
	struct state_writer *sw = state_writer_new();
	struct state_reader *sr = NULL;
	struct world w, x;
	struct end e;
	struct peer p;
	struct drv_part part;
	struct virtio_vsock_event *event;
	const void *text;
	uint64_t cid = 0;
	size_t size;
	uint16_t head;
	uint32_t len;

	world_begin(&w, 8, 4096);
	CHECK(open_by_guest(&w, &p, &e, 1, 2));
	part = (struct drv_part){drv_buffer(&w.d, "\xff\xff\xff\xff", 4), 4, true};
	(void)drv_put(&w.d, EVENT, &part, 1);
	drv_notify(&w.d, EVENT);
	drv_run(&w.d);
	CHECK(!drv_used(&w.d, EVENT, &head, &len));
	save(&w, sw);
	CHECK(state_finish(sw, &text, &size, ERR_IGNORE) == 0);

	take_over(&x, &w, CID + 1);
	CHECK(state_reader_new(text, size, &sr, ERR_IGNORE) == 0);
	CHECK(virtio_restore(vsock_device(x.v), sr, 1, ERR_IGNORE) == 0);
	state_reader_free(sr);
	drv_run(&x.d);
	CHECK(drv_used(&x.d, EVENT, &head, &len) && len == 4);
	event = drv_at(&x.d, part.gpa, 4);
	CHECK(event->id == VIRTIO_VSOCK_EVENT_TRANSPORT_RESET);
	CHECK(drv_irqs(&x.d) >= 1);
	drv_config_read(&x.d, 0, &cid, sizeof(cid));
	CHECK(cid == CID + 1);

	/* Its old streams are known to nobody; new ones can be. */
	p.w = &x;
	peer_send(&p, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	CHECK(guest_expect(&x, VIRTIO_VSOCK_OP_RST, NULL));
	CHECK(open_by_guest(&x, &p, &e, 1, 2));
	CHECK(vsock_streams(w.v) == 1 && vsock_streams(x.v) == 1);
	world_done(&w);
	world_done(&x);
	state_writer_free(sw);
}

static void the_configuration_has_the_cid(void)
{
	struct vsock_config c = {.cid = 2};
	struct world w;
	struct vsock *v = NULL;
	uint64_t cid = 0;

	world_begin(&w, 0, 4096);
	CHECK(drv_find(&w.d, 19));
	drv_config_read(&w.d, 0, &cid, sizeof(cid));
	CHECK(cid == CID);
	CHECK(vsock_new(&c, &v, ERR_IGNORE) == -EINVAL);
	c.cid = UINT32_MAX;
	CHECK(vsock_new(&c, &v, ERR_IGNORE) == -EINVAL);
	world_done(&w);
}

static void a_state_with_a_reserved_cid(void)
{
	struct state_writer *sw = state_writer_new();
	struct state_reader *sr = NULL;
	struct err e = {0};
	struct world w, x;
	const void *text;
	size_t size;

	world_begin(&w, 0, 4096);
	w.v->cid = 1;
	save(&w, sw);
	CHECK(state_finish(sw, &text, &size, ERR_IGNORE) == 0);
	CHECK(state_reader_new(text, size, &sr, ERR_IGNORE) == 0);
	world_new(&x, NULL);
	CHECK(virtio_restore(vsock_device(x.v), sr, 1, &e) < 0);
	CHECK(strstr(e.text, "cid 1"));
	state_reader_free(sr);
	state_writer_free(sw);
	world_done(&w);
	world_done(&x);
}

/* ---- resources ---- */

/* However few descriptors there are left, it is made or it isn't. */
static void descriptors_run_out(void)
{
	struct vsock_config c = {.cid = CID};
	struct rlimit old, few;
	struct err e = {0};
	unsigned before, made = 0, failed = 0;
	struct drv d;
	int lowest;

	drv_init(&d, 2 << 20);
	c.mem = d.mem;
	c.loop = d.loop;
	before = count_fds();
	lowest = fcntl(0, F_DUPFD_CLOEXEC, 0);
	(void)close(lowest);
	CHECK(getrlimit(RLIMIT_NOFILE, &old) == 0);
	for (unsigned n = 0; n < 20; n++) {
		struct vsock *v = NULL;
		int r;

		few = old;
		few.rlim_cur = (rlim_t)lowest + n;
		CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
		r = vsock_new(&c, &v, &e);
		CHECK(setrlimit(RLIMIT_NOFILE, &old) == 0);
		CHECK(r == 0 || (r == -EMFILE && e.text[0]));
		made += r == 0;
		failed += r < 0;
		if (r == 0)
			virtio_free(vsock_device(v));
		CHECK(count_fds() == before);
	}
	CHECK(made >= 1 && failed >= 6);
	CHECK(loop_once(d.loop, 0, ERR_IGNORE) == 0);
	d.dev = NULL;
	drv_done(&d);
}

static const struct test tests[] = {
	{"the configuration has the guest's cid, never a reserved one",
	 the_configuration_has_the_cid},
	{"a batch of packets is answered with one interrupt", a_batch_is_one_interrupt},
	{"a reset of the device ends streams in every state", a_reset_ends_all},
	{"the device may be reset while a user is called", a_reset_within_a_call},
	{"a paused device moves nothing, and loses nothing", a_pause_moves_nothing},
	{"a restored guest is told that its streams are gone, and connects anew",
	 a_restored_guest_hears_of_a_reset},
	{"a full queue is emptied, others of the loop in between",
	 a_full_queue_is_emptied},
	{"a call may run the loop, and order is kept", a_loop_within_a_call},
	{"a listener may stop within its call, and write before it returns",
	 a_listener_may_stop_within_its_call},
	{"a state with a reserved cid is refused", a_state_with_a_reserved_cid},
	{"running out of descriptors is an error that leaks nothing",
	 descriptors_run_out},
};
TEST_MAIN(tests)
