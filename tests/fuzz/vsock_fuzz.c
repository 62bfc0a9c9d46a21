/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any sequence of a guest's packets and buffers and of its user's calls, from within
 * callbacks too: nobody gets more than was wanted, or hears anything after the end, and
 * when the device is reset, every stream has ended once.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vm/virtio/vsock.h"
#include "vm/virtio/vsock_parts.h"

#include "tests/unit/virtio_driver.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CID    3
#define ENDS   12
#define QUEUE  32
#define STEPS  400
#define MEMORY (UINT64_C(2) << 20)
#define SLOT   UINT64_C(8192)

struct fuzz;

struct end {
	struct fuzz *f;
	struct vm_stream *s; /* NULL: it has ended, or was never */
	uint64_t wanted;     /* at most as much may come */
};

struct fuzz {
	const uint8_t *in;
	size_t left;
	struct drv d;
	struct vsock *v;
	struct end end[ENDS];
	unsigned depth;    /* callbacks under way */
	uint32_t ports[4]; /* of our connections, as the guest heard of them */
	uint64_t slots;
	unsigned slot;
	bool paused, listens[4];
};

static void must(bool good)
{
	if (!good)
		abort();
}

static uint8_t byte(struct fuzz *f)
{
	if (!f->left)
		return 0;
	f->left--;
	return *f->in++;
}

static uint32_t word(struct fuzz *f)
{
	return (uint32_t)byte(f) | (uint32_t)byte(f) << 8 | (uint32_t)byte(f) << 16 |
	       (uint32_t)byte(f) << 24;
}

/* Numbers on the edges, or any. */
static uint32_t number(struct fuzz *f)
{
	static const uint32_t edges[] = {0,     1,          2,          44,
					 100,   4096,       65535,      65536,
					 65537, 0x7fffffff, 0x80000000, UINT32_MAX};
	uint8_t b = byte(f);

	if (b < sizeof(edges) / sizeof(edges[0]))
		return edges[b];
	return b < 200 ? b : word(f);
}

/* ---- the user ---- */

static const struct vm_stream_ops ops;
static void user_acts(struct fuzz *f, uint8_t what);

static struct end *new_end(struct fuzz *f)
{
	for (unsigned i = 0; i < ENDS; i++) {
		if (!f->end[i].s) {
			f->end[i] = (struct end){.f = f};
			return &f->end[i];
		}
	}
	return NULL;
}

static void want(struct end *e, uint32_t n)
{
	if (n > e->wanted)
		e->wanted = n;
	vm_stream_want(e->s, n);
}

static void connect_guest(struct fuzz *f)
{
	struct end *e = new_end(f);

	if (e && vsock_connect(f->v, byte(f) % 4, &ops, e, &e->s, ERR_IGNORE) < 0)
		e->s = NULL;
}

static void reset_device(struct fuzz *f)
{
	drv_reset(&f->d);
	if (byte(f) % 4 == 0)
		return;
	must(drv_start(&f->d, byte(f) % 2 ? DRV_ALL : 0, QUEUE));
	drv_rewind(&f->d);
	f->slots = drv_alloc(&f->d, SLOT * QUEUE);
}

/* Something that a callback might do. */
static void reacts(struct fuzz *f)
{
	uint8_t what = byte(f);

	if (f->depth < 3 && what) {
		f->depth++;
		user_acts(f, what);
		f->depth--;
	}
}

static void *accepts(void *arg, struct vm_stream *s, uint32_t guest_port,
		     const struct vm_stream_ops **ret_ops)
{
	struct fuzz *f = arg;
	struct end *e = new_end(f);

	(void)guest_port;
	if (!e || byte(f) % 8 == 0)
		return NULL;
	e->s = s;
	*ret_ops = &ops;
	reacts(f);
	if (e->s != s || byte(f) % 16)
		return e;
	e->s = NULL;
	return NULL;
}

static void on_connected(void *arg)
{
	struct end *e = arg;

	must(e->s);
	reacts(e->f);
}

static void on_received(void *arg, const void *buf, size_t len)
{
	struct end *e = arg;
	uint64_t sum = 0;

	must(e->s && len && len <= e->wanted);
	e->wanted -= len;
	for (size_t i = 0; i < len; i++)
		sum += ((const uint8_t *)buf)[i];
	if (sum % 2)
		(void)vm_stream_write(e->s, buf, len);
	reacts(e->f);
}

static void on_event(void *arg)
{
	struct end *e = arg;

	must(e->s);
	reacts(e->f);
}

static void on_closed(void *arg, int code)
{
	struct end *e = arg;

	must(e->s && code <= 0);
	e->s = NULL;
	reacts(e->f);
}

static const struct vm_stream_ops ops = {
	.connected = on_connected,
	.received = on_received,
	.writable = on_event,
	.peer_shutdown = on_event,
	.closed = on_closed,
};

static void toggle_listen(struct fuzz *f)
{
	unsigned port = byte(f) % 4;

	if (f->listens[port])
		vsock_unlisten(f->v, port);
	else
		must(vsock_listen(f->v, port, accepts, f, ERR_IGNORE) == 0);
	f->listens[port] = !f->listens[port];
}

static void toggle_pause(struct fuzz *f)
{
	struct virtio_dev *dev = vsock_device(f->v);

	(f->paused ? dev->ops->resume : dev->ops->pause)(dev);
	f->paused = !f->paused;
}

static void user_acts(struct fuzz *f, uint8_t what)
{
	static const char data[100000];
	struct end *e = &f->end[byte(f) % ENDS];
	uint32_t n;

	switch (what % 9) {
	case 0:
		if (e->s) {
			n = number(f) % sizeof(data);
			must(vm_stream_write(e->s, data, n) <= (ssize_t)n);
		}
		break;
	case 1:
	case 2:
		if (e->s)
			want(e, number(f));
		break;
	case 3:
		if (e->s)
			vm_stream_shutdown(e->s);
		break;
	case 4:
		if (e->s)
			vm_stream_close(e->s);
		e->s = NULL;
		break;
	case 5:
		connect_guest(f);
		break;
	case 6:
		toggle_listen(f);
		break;
	case 7:
		if (byte(f) % 8 == 0)
			reset_device(f);
		break;
	default:
		if (byte(f) % 4 == 0)
			toggle_pause(f);
		else
			drv_run(&f->d); /* a loop within the loop */
		break;
	}
}

/* ---- the guest ---- */

/* A packet that may well fit a stream. */
static struct virtio_vsock_hdr header(struct fuzz *f)
{
	uint8_t b = byte(f), c = byte(f);

	return (struct virtio_vsock_hdr){
		.src_cid = c < 250 ? CID : number(f),
		.dst_cid = c < 240 ? 2 : number(f),
		.src_port = b % 4,
		.dst_port = b & 0x80 ? f->ports[b >> 2 & 3] : (b >> 2) % 4,
		.type = c < 230 ? 1 : (uint16_t)number(f),
		.op = byte(f) % 9,
		.flags = c % 4,
		.buf_alloc = number(f),
		.fwd_cnt = number(f),
		.len = 0,
	};
}

static void put_packet(struct fuzz *f)
{
	struct virtio_vsock_hdr h = header(f);
	uint64_t gpa = f->slots + SLOT * (f->slot++ % QUEUE);
	uint32_t len = number(f) % 4000;
	struct drv_part part[3] = {{gpa, 44, false}, {gpa + 44, len, false}, {0}};
	uint8_t how = byte(f);
	unsigned count = len ? 2 : 1;

	h.len = how == 0 ? number(f) : len;
	memcpy(drv_at(&f->d, gpa, 44), &h, 44);
	memset(drv_at(&f->d, gpa + 44, len + 1), how, len + 1);
	if (how % 16 == 1) { /* in other parts */
		uint32_t cut = byte(f) % 44;

		part[0].len = cut;
		part[1] = (struct drv_part){gpa + cut, 44 - cut + len, false};
		count = 2;
	} else if (how == 2) {
		part[count++] = (struct drv_part){gpa, number(f), true};
	}
	if (how & 0x20 && f->d.features & UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC &&
	    f->d.free_gpa < MEMORY - 8192)
		(void)drv_put_indirect(&f->d, VSOCK_TX, part, count);
	else
		(void)drv_put(&f->d, VSOCK_TX, part, count);
	if (how & 0x40)
		drv_notify(&f->d, VSOCK_TX);
	else if (how & 0x80)
		(void)drv_kick(&f->d, VSOCK_TX);
}

static void put_buffers(struct fuzz *f)
{
	unsigned queue = byte(f) % 16 == 0 ? VSOCK_EVENT : VSOCK_RX;
	unsigned count = byte(f) % 8 + 1;
	struct drv_part part = {f->slots, 0, true};

	part.len = byte(f) < 250 ? 45 + number(f) % 4000 : number(f) % 60;
	part.write = byte(f) != 255;
	while (count--)
		(void)drv_put(&f->d, queue, &part, 1);
	drv_notify(&f->d, queue);
}

static void take_packets(struct fuzz *f)
{
	uint16_t head;
	uint32_t len;

	for (unsigned i = 0; i < QUEUE && drv_used(&f->d, VSOCK_RX, &head, &len); i++) {
		struct virtio_vsock_hdr h;

		must(len >= 44);
		/* The buffers are all the same: this is of the last that was used. */
		memcpy(&h, drv_at(&f->d, f->slots, 44), 44);
		f->ports[h.dst_port % 4] = h.src_port;
	}
	while (drv_used(&f->d, VSOCK_TX, &head, &len))
		;
}

static void raw_chain(struct fuzz *f)
{
	unsigned queue = byte(f) % 3;

	drv_desc(&f->d, queue, byte(f) % QUEUE, word(f) % (2 * MEMORY), number(f),
		 byte(f) % 8, byte(f) % (QUEUE + 1));
	if (byte(f) % 2)
		drv_publish(&f->d, queue, byte(f) % (QUEUE + 1));
	drv_notify(&f->d, queue);
}

static void guest_acts(struct fuzz *f, uint8_t what)
{
	if (!f->d.dev->active) {
		if (what % 4 == 0)
			reset_device(f);
		return;
	}
	switch (what % 16) {
	case 0:
		raw_chain(f);
		break;
	case 1:
	case 2:
	case 3:
		put_buffers(f);
		break;
	case 4:
		take_packets(f);
		break;
	default:
		put_packet(f);
		break;
	}
}

static void save_and_restore(struct fuzz *f)
{
	struct state_writer *w = state_writer_new();
	struct state_reader *r = NULL;
	const void *text;
	size_t len;

	virtio_save(f->d.dev, w, 0);
	must(state_finish(w, &text, &len, ERR_IGNORE) == 0);
	must(state_reader_new(text, len, &r, ERR_IGNORE) == 0);
	(void)virtio_restore(f->d.dev, r, 0, ERR_IGNORE);
	state_reader_free(r);
	state_writer_free(w);
}

/* All deadlines are over. */
static void time_passes(struct fuzz *f)
{
	struct vsock_link *n = f->v->timed.head.next;

	for (; n != &f->v->timed.head; n = n->next) {
		struct vm_stream *s = (void *)((char *)n -
					       offsetof(struct vm_stream, timed));

		s->deadline = 0;
	}
	loop_timer_set(f->v->timer, 1);
	(void)loop_once(f->d.loop, 1, ERR_IGNORE);
	drv_run(&f->d);
}

static void step(struct fuzz *f)
{
	uint8_t what = byte(f);

	if (what < 140)
		guest_acts(f, byte(f));
	else if (what < 200)
		user_acts(f, byte(f));
	else if (what < 250)
		drv_run(&f->d);
	else if (what < 252)
		save_and_restore(f);
	else if (what == 252)
		time_passes(f);
}

static void finish(struct fuzz *f)
{
	if (f->paused)
		toggle_pause(f);
	f->left = 0;
	drv_run(&f->d);
	drv_reset(&f->d);
	drv_run(&f->d);
	for (unsigned i = 0; i < ENDS; i++) {
		/* Connections that no driver has seen yet may be left. */
		if (f->end[i].s)
			vm_stream_close(f->end[i].s);
	}
	drv_run(&f->d);
	must(vsock_streams(f->v) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vsock_config c = {.cid = CID, .streams = 16};
	struct fuzz f = {.in = data, .left = size};
	struct err e = {0};

	drv_init(&f.d, MEMORY);
	c.mem = f.d.mem;
	c.loop = f.d.loop;
	must(vsock_new(&c, &f.v, &e) == 0);
	drv_attach(&f.d, vsock_device(f.v));
	for (unsigned i = 0; i < 3; i++) {
		f.listens[i] = true;
		must(vsock_listen(f.v, i, accepts, &f, &e) == 0);
	}
	must(drv_start(&f.d, DRV_ALL, QUEUE));
	drv_rewind(&f.d);
	f.slots = drv_alloc(&f.d, SLOT * QUEUE);
	for (unsigned i = 0; i < STEPS && f.left; i++)
		step(&f);
	finish(&f);
	drv_done(&f.d);
	return 0;
}
