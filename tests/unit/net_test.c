/* SPDX-License-Identifier: Apache-2.0 */
/* The network device with a socket for a tap: each message of the pair is a frame with
 * its header. tap_test.c has real taps. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "vm/virtio/net.h"

#include "tests/unit/tap.h"
#include "tests/unit/virtio_driver.h"

#define RX         0
#define TX         1
#define HDR        ((uint32_t)sizeof(struct virtio_net_hdr_mrg_rxbuf))
#define BIT(n)     (UINT64_C(1) << (n))
#define PLAIN      (BIT(VIRTIO_RING_F_EVENT_IDX) | BIT(VIRTIO_NET_F_GUEST_CSUM))
#define MERGEABLE  (PLAIN | BIT(VIRTIO_NET_F_MRG_RXBUF))
#define STATUS_OFF 6
#define MTU_OFF    10
#define FRAME_MAX  66000

static const uint8_t mac[6] = {0x02, 1, 2, 3, 4, 5};

struct world {
	struct drv d;
	int wire; /* the other end of what the device has for a tap */
};

static void setup(struct world *w)
{
	struct virtio_dev *dev = NULL;
	struct err e = {0};

	w->wire = -1;
	drv_init(&w->d, 16 << 20);
	CHECK(net_new(w->d.mem, w->d.loop, 3, &dev, &e) == 0);
	drv_attach(&w->d, dev);
}

static void done(struct world *w)
{
	drv_done(&w->d);
	fd_close(&w->wire);
}

static void make_wire(int pair[2])
{
	struct err e = {0};

	if (fd_pair(pair, &e) < 0 || fcntl(pair[0], F_SETFL, O_NONBLOCK) < 0 ||
	    fcntl(pair[1], F_SETFL, O_NONBLOCK) < 0) {
		printf("Bail out! no sockets\n");
		exit(1);
	}
}

static void plug_mtu(struct world *w, uint16_t mtu)
{
	struct err e = {0};
	int pair[2];

	make_wire(pair);
	CHECK(net_attach(w->d.dev, &pair[0], mac, mtu, &e) == 0 && pair[0] < 0);
	fd_close(&w->wire);
	w->wire = pair[1];
}

static void plug(struct world *w)
{
	plug_mtu(w, 0);
}

/* A connected device with a driver. */
static void setup_with(struct world *w, uint64_t features)
{
	setup(w);
	plug(w);
	CHECK(drv_start(&w->d, features, 64));
}

/* A frame of len bytes, header included: bytes that tell their place and seed. */
static uint8_t byte_at(unsigned seed, uint32_t i)
{
	return i < HDR ? 0 : (uint8_t)(seed + i * 31 + (i >> 8));
}

static void make_frame(uint8_t *p, uint32_t len, unsigned seed)
{
	for (uint32_t i = 0; i < len; i++)
		p[i] = byte_at(seed, i);
}

/* num_buffers aside. */
static bool is_frame(const uint8_t *p, uint32_t len, unsigned seed)
{
	for (uint32_t i = 0; i < len; i++) {
		if (i != 10 && i != 11 && p[i] != byte_at(seed, i))
			return false;
	}
	return true;
}

static bool wire_send(struct world *w, uint32_t len, unsigned seed)
{
	static uint8_t buf[FRAME_MAX];

	make_frame(buf, len, seed);
	return send(w->wire, buf, len, MSG_NOSIGNAL) == (ssize_t)len;
}

/* The next frame that came out, or -1. */
static ssize_t wire_recv(struct world *w, uint8_t *buf)
{
	return recv(w->wire, buf, FRAME_MAX, 0);
}

static bool wire_gives(struct world *w, uint32_t len, unsigned seed)
{
	static uint8_t buf[FRAME_MAX];

	return wire_recv(w, buf) == (ssize_t)len && is_frame(buf, len, seed);
}

static uint16_t config16(struct world *w, unsigned off)
{
	uint16_t v;

	drv_config_read(&w->d, off, &v, sizeof(v));
	return le16toh(v);
}

/* A receive buffer; its address. */
static uint64_t put_buffer(struct world *w, uint32_t len)
{
	struct drv_part p = {drv_alloc(&w->d, len), len, true};

	(void)drv_put(&w->d, RX, &p, 1);
	return p.gpa;
}

static void put_frame(struct world *w, uint32_t len, unsigned seed)
{
	struct drv_part p = {drv_alloc(&w->d, len), len, false};

	make_frame(drv_at(&w->d, p.gpa, len), len, seed);
	(void)drv_put(&w->d, TX, &p, 1);
}

static unsigned take_used(struct world *w, unsigned queue)
{
	uint16_t head;
	uint32_t len;
	unsigned n = 0;

	drv_run(&w->d);
	for (; drv_used(&w->d, queue, &head, &len); n++)
		;
	return n;
}

/* ---- link ---- */

static void waits_with_its_link_down(void)
{
	static const uint8_t want[6] = {0x02, 'h', 'u', 'l', 'l', 3};
	struct world w;
	uint8_t got[6];

	setup(&w);
	CHECK(drv_find(&w.d, VIRTIO_ID_NET));
	CHECK(drv_offered(&w.d) & BIT(VIRTIO_NET_F_STATUS));
	CHECK(!(drv_offered(&w.d) & BIT(VIRTIO_NET_F_MTU)));
	drv_config_read(&w.d, 0, got, 6);
	CHECK(memcmp(got, want, 6) == 0);
	CHECK(config16(&w, STATUS_OFF) == 0);
	CHECK(!net_connected(w.d.dev));
	done(&w);
}

static void connecting_is_told(void)
{
	struct world w;
	uint8_t got[6];

	setup(&w);
	CHECK(drv_start(&w.d, DRV_ALL, 64));
	(void)drv_irqs(&w.d);
	plug(&w);
	CHECK(drv_irqs(&w.d) == 1 && drv_isr(&w.d) == VIRTIO_MMIO_INT_CONFIG);
	CHECK(config16(&w, STATUS_OFF) == VIRTIO_NET_S_LINK_UP);
	drv_config_read(&w.d, 0, got, 6);
	CHECK(memcmp(got, mac, 6) == 0);
	net_disconnect(w.d.dev);
	CHECK(drv_irqs(&w.d) == 1 && drv_isr(&w.d) == VIRTIO_MMIO_INT_CONFIG);
	CHECK(config16(&w, STATUS_OFF) == 0);
	net_disconnect(w.d.dev);
	CHECK(drv_irqs(&w.d) == 0);
	plug(&w);
	CHECK(drv_irqs(&w.d) == 1 && net_connected(w.d.dev));
	done(&w);
}

static void mtu_is_for_drivers_that_come_later(void)
{
	struct world w;

	setup(&w);
	plug_mtu(&w, 9000);
	CHECK(drv_offered(&w.d) & BIT(VIRTIO_NET_F_MTU));
	CHECK(drv_start(&w.d, DRV_ALL, 64) && config16(&w, MTU_OFF) == 9000);
	net_disconnect(w.d.dev);
	plug_mtu(&w, 1400);
	CHECK(config16(&w, MTU_OFF) == 9000);
	drv_reset(&w.d);
	CHECK(config16(&w, MTU_OFF) == 1400);
	net_disconnect(w.d.dev);
	plug_mtu(&w, 0);
	CHECK(!(drv_offered(&w.d) & BIT(VIRTIO_NET_F_MTU)));
	done(&w);
}

static void nonsense_is_not_connected(void)
{
	static const uint8_t many[6] = {0x01, 0, 0x5e, 0, 0, 1}, none[6];
	struct err e = {0};
	struct world w;
	int pair[2];

	setup(&w);
	make_wire(pair);
	CHECK(net_attach(w.d.dev, &pair[0], many, 0, &e) == -EINVAL && pair[0] >= 0);
	CHECK(net_attach(w.d.dev, &pair[0], none, 0, &e) == -EINVAL);
	CHECK(net_attach(w.d.dev, &pair[0], mac, 67, &e) == -EINVAL);
	CHECK(net_connect(w.d.dev, &pair[0], mac, 0, &e) < 0 && pair[0] >= 0);
	CHECK(net_attach(w.d.dev, &pair[0], mac, 68, &e) == 0);
	CHECK(net_attach(w.d.dev, &pair[1], mac, 0, &e) == -EBUSY && pair[1] >= 0);
	fd_close(&pair[1]);
	done(&w);
}

static void a_tap_that_goes_takes_the_link_down(void)
{
	struct world w;

	setup_with(&w, MERGEABLE);
	(void)put_buffer(&w, 66000);
	drv_kick(&w.d, RX);
	drv_run(&w.d);
	(void)drv_irqs(&w.d);
	fd_close(&w.wire);
	drv_run(&w.d);
	CHECK(!net_connected(w.d.dev) && config16(&w, STATUS_OFF) == 0);
	CHECK(drv_irqs(&w.d) == 1);
	put_frame(&w, 100, 1);
	drv_kick(&w.d, TX);
	CHECK(take_used(&w, TX) == 1);

	/* The buffer that was taken serves the next tap. */
	plug(&w);
	CHECK(wire_send(&w, 60000, 5));
	CHECK(take_used(&w, RX) == 1);
	done(&w);
}

/* ---- sending ---- */

static void sends_frames_as_they_lie(void)
{
	struct world w;
	struct drv_part p[3];
	uint8_t frame[1000];

	setup_with(&w, DRV_ALL);
	make_frame(frame, sizeof(frame), 7);
	frame[1] = VIRTIO_NET_HDR_GSO_TCPV4; /* a header is not ours to look at */
	p[0] = (struct drv_part){drv_buffer(&w.d, frame, 5), 5, false};
	p[1] = (struct drv_part){drv_buffer(&w.d, frame + 5, 20), 20, false};
	p[2] = (struct drv_part){drv_buffer(&w.d, frame + 25, 975), 975, false};
	(void)drv_put(&w.d, TX, p, 3);
	(void)drv_put_indirect(&w.d, TX, p, 3);
	drv_kick(&w.d, TX);
	CHECK(take_used(&w, TX) == 2);
	for (int i = 0; i < 2; i++) {
		uint8_t got[FRAME_MAX];

		CHECK(wire_recv(&w, got) == sizeof(frame));
		CHECK(memcmp(got, frame, sizeof(frame)) == 0);
	}
	done(&w);
}

static void sends_the_largest_frames(void)
{
	struct world w;

	setup_with(&w, DRV_ALL);
	put_frame(&w, HDR + 14 + 65536, 1);
	drv_kick(&w.d, TX);
	CHECK(take_used(&w, TX) == 1 && wire_gives(&w, HDR + 14 + 65536, 1));
	done(&w);
}

static void drops_what_is_no_frame(void)
{
	struct world w;

	setup_with(&w, DRV_ALL);
	put_frame(&w, 1, 1);
	put_frame(&w, HDR, 1);
	put_frame(&w, HDR + 13, 1);
	put_frame(&w, HDR + 18 + 65537, 1);
	put_frame(&w, 4 << 20, 1);
	put_frame(&w, HDR + 14, 2);
	drv_kick(&w.d, TX);
	CHECK(take_used(&w, TX) == 6 && !drv_broken(&w.d));
	CHECK(wire_gives(&w, HDR + 14, 2));
	CHECK(!wire_gives(&w, 1, 1) && errno == EAGAIN);
	done(&w);
}

static void sends_nowhere_without_a_link(void)
{
	struct world w;

	setup(&w);
	CHECK(drv_start(&w.d, DRV_ALL, 64));
	put_frame(&w, 100, 1);
	drv_kick(&w.d, TX);
	CHECK(take_used(&w, TX) == 1 && !drv_broken(&w.d));
	done(&w);
}

static void a_full_tap_is_waited_for(void)
{
	unsigned sent = 0, got = 0, given;
	struct world w;

	setup_with(&w, DRV_ALL);
	for (; sent < 60; sent++)
		put_frame(&w, 60000, sent);
	drv_kick(&w.d, TX);
	given = take_used(&w, TX);
	CHECK(given > 0 && given < 60);
	while (got < given && wire_gives(&w, 60000, got))
		got++;
	CHECK(got == given);
	for (int i = 0; i < 60 && got < 60; i++) {
		given += take_used(&w, TX);
		while (got < given && wire_gives(&w, 60000, got))
			got++;
	}
	CHECK(got == 60 && given == 60);
	done(&w);
}

static void frames_that_wait_go_with_the_tap(void)
{
	struct world w;
	unsigned given;

	setup_with(&w, DRV_ALL);
	for (unsigned i = 0; i < 60; i++)
		put_frame(&w, 60000, i);
	drv_kick(&w.d, TX);
	given = take_used(&w, TX);
	CHECK(given < 60);
	net_disconnect(w.d.dev);
	CHECK(given + take_used(&w, TX) == 60);
	done(&w);
}

/* ---- receiving ---- */

static void receives_into_the_buffers(void)
{
	static const uint64_t features[] = {PLAIN, MERGEABLE, DRV_ALL, 0};
	struct world w;

	for (size_t i = 0; i < ARRAY_LEN(features); i++) {
		uint16_t head = 99;
		uint32_t len = 0;
		uint64_t gpa;
		uint8_t *p;

		setup_with(&w, features[i]);
		gpa = put_buffer(&w, 66000);
		(void)put_buffer(&w, 66000);
		drv_kick(&w.d, RX);
		drv_run(&w.d);
		CHECK(wire_send(&w, HDR + 1000, 3));
		CHECK(drv_wait(&w.d, RX, &head, &len));
		CHECK(head == 0 && len == HDR + 1000);
		p = drv_at(&w.d, gpa, 66000);
		CHECK(is_frame(p, len, 3) && p[10] == 1 && p[11] == 0);
		done(&w);
	}
}

static void large_frames_take_several_buffers(void)
{
	struct world w;
	uint64_t gpa[50];
	uint8_t all[9000] = {0};
	unsigned n = 0;

	setup_with(&w, DRV_ALL);
	for (int i = 0; i < 50; i++)
		gpa[i] = put_buffer(&w, 1500);
	drv_kick(&w.d, RX);
	drv_run(&w.d);
	CHECK(wire_send(&w, 4000, 1) && wire_send(&w, 100, 2) && wire_send(&w, 3000, 3));
	drv_run(&w.d);
	/* 3 buffers, 1, and 2 that are filled to the brim. */
	for (uint32_t want[] = {1500, 1500, 1000, 100, 1500, 1500}; n < 6; n++) {
		uint16_t head = 99;
		uint32_t len = 0;

		CHECK(drv_used(&w.d, RX, &head, &len) && head == n && len == want[n]);
		memcpy(all + (size_t)n * 1500, drv_at(&w.d, gpa[n], 1500), 1500);
	}
	CHECK(is_frame(all, 4000, 1) && all[10] == 3);
	CHECK(is_frame(all + 4500, 100, 2) && all[4510] == 1);
	CHECK(is_frame(all + 6000, 3000, 3) && all[6010] == 2);
	CHECK(take_used(&w, RX) == 0);
	done(&w);
}

static void a_header_over_several_parts(void)
{
	struct world w;
	struct drv_part p[3];
	uint16_t head;
	uint32_t len = 0;

	setup_with(&w, PLAIN);
	p[0] = (struct drv_part){drv_alloc(&w.d, 11), 11, true};
	p[1] = (struct drv_part){drv_alloc(&w.d, 1), 1, true};
	p[2] = (struct drv_part){drv_alloc(&w.d, 2000), 2000, true};
	(void)drv_put(&w.d, RX, p, 3);
	drv_kick(&w.d, RX);
	drv_run(&w.d);
	CHECK(wire_send(&w, 500, 1));
	CHECK(drv_wait(&w.d, RX, &head, &len) && len == 500);
	CHECK(*(uint8_t *)drv_at(&w.d, p[0].gpa + 10, 1) == 1);
	CHECK(*(uint8_t *)drv_at(&w.d, p[1].gpa, 1) == 0);
	CHECK(*(uint8_t *)drv_at(&w.d, p[2].gpa + 5, 1) == byte_at(1, 17));
	done(&w);
}

static void without_buffers_frames_wait_outside(void)
{
	struct world w;
	uint64_t gpa[40];

	setup_with(&w, MERGEABLE);
	for (unsigned i = 0; i < 40; i++)
		CHECK(wire_send(&w, 200, i));
	drv_run(&w.d);
	CHECK(take_used(&w, RX) == 0);
	for (unsigned i = 0; i < 40; i++) {
		gpa[i] = put_buffer(&w, 2048);
		drv_kick(&w.d, RX);
		drv_run(&w.d);
	}
	CHECK(take_used(&w, RX) == 40);
	for (unsigned i = 0; i < 40; i++)
		CHECK(is_frame(drv_at(&w.d, gpa[i], 200), 200, i));
	done(&w);
}

/* Enough for a frame of 64 KiB before it is read, else its end would be lost. */
static void waits_for_room_for_the_largest_frame(void)
{
	struct world w;
	unsigned buffers = 0;

	setup_with(&w, DRV_ALL);
	CHECK(wire_send(&w, HDR + 14 + 65536, 9));
	for (; buffers < 42; buffers++) {
		(void)put_buffer(&w, 1536);
		drv_kick(&w.d, RX);
		CHECK(take_used(&w, RX) == 0);
	}
	(void)put_buffer(&w, 1536);
	drv_kick(&w.d, RX);
	CHECK(take_used(&w, RX) == 43);
	done(&w);
}

/* A ring that can't hold as much is no reason to wait for ever. */
static void small_rings_receive_small_frames(void)
{
	struct world w;

	setup(&w);
	plug(&w);
	CHECK(drv_start(&w.d, DRV_ALL, 4));
	for (int i = 0; i < 4; i++)
		(void)put_buffer(&w, 1536);
	drv_kick(&w.d, RX);
	drv_run(&w.d);
	CHECK(wire_send(&w, 60000, 1) && wire_send(&w, 3000, 2));
	CHECK(take_used(&w, RX) == 2);
	done(&w);
}

static void frames_that_do_not_fit_are_dropped(void)
{
	struct world w;
	uint64_t gpa;

	setup_with(&w, PLAIN);
	gpa = put_buffer(&w, 1526);
	drv_kick(&w.d, RX);
	drv_run(&w.d);
	CHECK(wire_send(&w, 1527, 1) && wire_send(&w, 60000, 2) &&
	      wire_send(&w, HDR + 13, 3) && wire_send(&w, 1, 4) &&
	      wire_send(&w, 1526, 5));
	CHECK(take_used(&w, RX) == 1 && !drv_broken(&w.d));
	CHECK(is_frame(drv_at(&w.d, gpa, 1526), 1526, 5));
	done(&w);
}

static void flags_are_for_those_who_know_them(void)
{
	for (int csum = 0; csum < 2; csum++) {
		uint8_t frame[100] = {VIRTIO_NET_HDR_F_DATA_VALID};
		struct world w;
		uint64_t gpa;

		setup_with(&w, csum ? PLAIN : 0);
		gpa = put_buffer(&w, 2000);
		drv_kick(&w.d, RX);
		CHECK(send(w.wire, frame, sizeof(frame), 0) == sizeof(frame));
		CHECK(take_used(&w, RX) == 1);
		CHECK(*(uint8_t *)drv_at(&w.d, gpa, 1) ==
		      (csum ? VIRTIO_NET_HDR_F_DATA_VALID : 0));
		done(&w);
	}
}

static void a_batch_is_one_interrupt(void)
{
	struct world w;

	setup_with(&w, PLAIN);
	for (unsigned i = 0; i < 20; i++)
		CHECK(wire_send(&w, 200, i));
	for (unsigned i = 0; i < 20; i++)
		(void)put_buffer(&w, 2048);
	(void)drv_irqs(&w.d);
	drv_kick(&w.d, RX);
	drv_run(&w.d);
	CHECK(drv_irqs(&w.d) == 1 && take_used(&w, RX) == 20);
	for (unsigned i = 0; i < 20; i++)
		put_frame(&w, 200, i);
	drv_kick(&w.d, TX);
	drv_run(&w.d);
	CHECK(drv_irqs(&w.d) == 1 && take_used(&w, TX) == 20);
	done(&w);
}

/* ---- turns ---- */

struct turn {
	struct world *w;
	unsigned calls, used_at_first;
};

static void count_turn(void *arg)
{
	struct turn *t = arg;

	if (t->calls++ == 0)
		t->used_at_first = t->w->d.queue[TX].used->idx;
}

static void others_have_their_turn(void)
{
	struct loop_source *s = NULL;
	struct err e = {0};
	struct world w;
	struct turn t = {.w = &w};

	setup(&w); /* without a tap, which takes them as fast as can be */
	CHECK(drv_start(&w.d, DRV_ALL, 256));
	CHECK(loop_waker(w.d.loop, count_turn, &t, &s, &e) == 0);
	for (unsigned i = 0; i < 250; i++)
		put_frame(&w, 64, i);
	drv_notify(&w.d, TX);
	loop_wake(s);
	CHECK(loop_once(w.d.loop, 0, &e) == 2);
	CHECK(t.calls == 1 && t.used_at_first <= 128);
	CHECK(w.d.queue[TX].used->idx == 128);
	CHECK(take_used(&w, TX) == 250);
	loop_del(s);
	done(&w);
}

/* ---- pause, save, restore ---- */

static void pausing_stops_the_traffic(void)
{
	struct world w;

	setup_with(&w, MERGEABLE);
	for (int i = 0; i < 4; i++)
		(void)put_buffer(&w, 2000);
	drv_kick(&w.d, RX);
	drv_run(&w.d);
	w.d.dev->ops->pause(w.d.dev);
	CHECK(wire_send(&w, 300, 1));
	put_frame(&w, 300, 2);
	drv_notify(&w.d, TX);
	drv_notify(&w.d, RX);
	CHECK(take_used(&w, RX) == 0 && take_used(&w, TX) == 0);
	w.d.dev->ops->resume(w.d.dev);
	CHECK(take_used(&w, RX) == 1 && take_used(&w, TX) == 1);
	CHECK(wire_gives(&w, 300, 2));
	done(&w);
}

/* Saves the device of w and frees it; a new one is restored, on the same memory. */
static void migrate(struct world *w)
{
	struct state_writer *s = state_writer_new();
	struct state_reader *r = NULL;
	struct virtio_dev *dev = NULL;
	struct err e = {0};
	const void *p = NULL;
	size_t len = 0;

	w->d.dev->ops->pause(w->d.dev);
	virtio_save(w->d.dev, s, 7);
	CHECK(state_finish(s, &p, &len, &e) == 0);
	CHECK(state_reader_new(p, len, &r, &e) == 0);
	virtio_free(w->d.dev);
	CHECK(net_new(w->d.mem, w->d.loop, 1, &dev, &e) == 0);
	w->d.dev = dev;
	CHECK(virtio_restore(dev, r, 7, &e) == 0);
	if (e.code)
		printf("# %s\n", e.text);
	dev->ops->resume(dev);
	state_reader_free(r);
	state_writer_free(s);
}

static void a_restored_device_has_its_buffers(void)
{
	struct world w;
	uint64_t gpa[8];
	uint8_t got[6];

	setup_with(&w, MERGEABLE);
	for (int i = 0; i < 8; i++)
		gpa[i] = put_buffer(&w, 2000);
	drv_kick(&w.d, RX);
	CHECK(wire_send(&w, 300, 1));
	CHECK(take_used(&w, RX) == 1);
	(void)drv_isr(&w.d);
	migrate(&w);
	CHECK(drv_isr(&w.d) & VIRTIO_MMIO_INT_CONFIG);
	CHECK(config16(&w, STATUS_OFF) == 0);
	drv_config_read(&w.d, 0, got, 6);
	CHECK(memcmp(got, mac, 6) == 0);
	plug(&w);
	CHECK(wire_send(&w, 300, 2) && wire_send(&w, 2500, 3));
	CHECK(take_used(&w, RX) == 3 && !drv_broken(&w.d));
	CHECK(is_frame(drv_at(&w.d, gpa[1], 300), 300, 2));
	CHECK(is_frame(drv_at(&w.d, gpa[2], 2000), 2000, 3));
	put_frame(&w, 300, 4);
	drv_kick(&w.d, TX);
	CHECK(take_used(&w, TX) == 1 && wire_gives(&w, 300, 4));
	done(&w);
}

/* As connecting does. */
static void addresses_and_mtus_that_cant_be_are_not_restored(void)
{
	static const struct {
		uint8_t mac0;
		uint16_t mtu;
		bool good;
	} tries[] = {{2, 0, true}, {2, 68, true}, {2, 67, false}, {3, 0, false}};
	struct world w;

	setup_with(&w, MERGEABLE);
	for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
		struct state_writer *s = state_writer_new();
		struct state_reader *r = NULL;
		const uint8_t saved[6] = {tries[i].mac0, 1};
		struct err e = {0};
		const void *p = NULL;
		size_t len = 0;

		state_begin(s, "net ", 0);
		state_put_bytes(s, saved, sizeof(saved));
		state_put_u16(s, tries[i].mtu);
		state_put_u16(s, tries[i].mtu);
		state_put_u16(s, 0);
		state_end(s);
		CHECK(state_finish(s, &p, &len, &e) == 0);
		CHECK(state_reader_new(p, len, &r, &e) == 0);
		state_enter(r, "net ", 0);
		CHECK((w.d.dev->ops->restore(w.d.dev, r, &e) == 0) == tries[i].good);
		state_reader_free(r);
		state_writer_free(s);
	}
	done(&w);
}

/* ---- hostile ---- */

static void broken_chains_break_it(void)
{
	struct world w;

	setup_with(&w, DRV_ALL);
	CHECK(drv_attack_all(&w.d, TX, NULL, NULL));
	CHECK(drv_attack_all(&w.d, RX, NULL, NULL));
	CHECK(drv_start(&w.d, DRV_ALL, 64));
	put_frame(&w, 100, 1);
	drv_kick(&w.d, TX);
	CHECK(take_used(&w, TX) == 1 && wire_gives(&w, 100, 1));
	done(&w);
}

static void buffers_of_the_wrong_kind_break_it(void)
{
	static const struct {
		unsigned queue;
		uint32_t len;
		bool write;
	} wrong[] = {
		{TX, 100, true}, {RX, 2000, false}, {RX, HDR - 1, true}, {RX, 1, true}};
	struct world w;

	setup_with(&w, DRV_ALL);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct drv_part p = {drv_alloc(&w.d, 4096), wrong[i].len, wrong[i].write};

		CHECK(drv_start(&w.d, DRV_ALL, 64));
		(void)drv_put(&w.d, wrong[i].queue, &p, 1);
		drv_kick(&w.d, wrong[i].queue);
		drv_run(&w.d);
		CHECK(drv_broken(&w.d) && net_connected(w.d.dev));
		CHECK(wire_send(&w, 100, 1));
		drv_run(&w.d);
	}
	done(&w);
}

/* Thousands of parts, and one buffer a thousand times. */
static void the_same_buffer_many_times(void)
{
	struct world w;
	struct drv_part p[64];

	setup_with(&w, DRV_ALL);
	for (int i = 0; i < 64; i++)
		p[i] = (struct drv_part){drv_alloc(&w.d, 16), 16, true};
	for (int round = 0; round < 20; round++) {
		uint16_t head = drv_put_indirect(&w.d, RX, p, 64);

		for (int i = 0; i < 63; i++)
			drv_publish(&w.d, RX, head);
		drv_notify(&w.d, RX);
		CHECK(wire_send(&w, 3000, 1));
		(void)take_used(&w, RX);
	}
	CHECK(!drv_broken(&w.d));
	done(&w);
}

static void survives_changing_descriptors(void)
{
	struct world w;
	struct drv_part out = {0, 200, false}, in = {0, 3000, true};

	setup_with(&w, DRV_ALL);
	out.gpa = drv_alloc(&w.d, 4096);
	in.gpa = drv_alloc(&w.d, 4096);
	drv_race(&w.d, TX, &out, 1, 20);
	for (int i = 0; i < 20; i++) {
		for (int n = 0; n < 10; n++)
			(void)wire_send(&w, 2000, 1);
		drv_race(&w.d, RX, &in, 1, 1);
	}
	CHECK(drv_start(&w.d, DRV_ALL, 64));
	done(&w);
}

/* ---- other threads ---- */

struct watcher {
	struct drv_queue *q;
	_Atomic bool stop, partial;
};

static void *watch_used(void *arg)
{
	struct watcher *v = arg;

	while (!v->stop) {
		if (__atomic_load_n(&v->q->used->idx, __ATOMIC_ACQUIRE) % 3 != 0)
			v->partial = true;
	}
	return NULL;
}

/* VIRTIO 1.2, 5.1.6.4.1: a driver that polls must not find half a packet. */
static void all_of_a_packet_is_seen_at_once(void)
{
	struct watcher v = {0};
	struct world w;
	pthread_t t;

	setup(&w);
	plug(&w);
	CHECK(drv_start(&w.d, DRV_ALL, 256));
	v.q = &w.d.queue[RX];
	CHECK(pthread_create(&t, NULL, watch_used, &v) == 0);
	for (int i = 0; i < 30; i++) {
		for (int n = 0; n < 60; n++)
			(void)put_buffer(&w, 1500);
		drv_kick(&w.d, RX);
		for (int n = 0; n < 10; n++)
			(void)wire_send(&w, 4500, 1);
		(void)take_used(&w, RX);
		drv_rewind(&w.d);
	}
	v.stop = true;
	(void)pthread_join(t, NULL);
	CHECK(!v.partial && v.q->used->idx > 100);
	done(&w);
}

struct vcpu {
	struct world *w;
	unsigned rounds;
	_Atomic bool over;
};

/* A driver that comes and goes, on its own thread. */
static void *restart(void *arg)
{
	struct vcpu *v = arg;

	for (unsigned i = 0; i < v->rounds; i++) {
		drv_rewind(&v->w->d);
		if (!drv_start(&v->w->d, DRV_ALL, 64))
			break;
		for (int n = 0; n < 50; n++)
			(void)put_buffer(v->w, 2000);
		drv_kick(&v->w->d, RX);
		for (int n = 0; n < 10; n++)
			put_frame(v->w, 200, 1);
		drv_kick(&v->w->d, TX);
		(void)config16(v->w, STATUS_OFF);
		if (i % 3 == 0)
			sched_yield();
	}
	drv_reset(&v->w->d);
	v->over = true;
	return NULL;
}

static void drivers_come_and_go_under_traffic(void)
{
	struct world w;
	struct vcpu v = {.w = &w, .rounds = 300};
	uint8_t buf[FRAME_MAX];
	struct err e = {0};
	pthread_t t;

	setup(&w);
	plug(&w);
	w.d.elsewhere = true;
	CHECK(pthread_create(&t, NULL, restart, &v) == 0);
	for (unsigned i = 0; !v.over; i++) {
		(void)wire_send(&w, 3000, 1);
		(void)loop_once(w.d.loop, 0, &e);
		while (wire_recv(&w, buf) > 0)
			;
		if (i % 50 == 49) {
			net_disconnect(w.d.dev);
			plug(&w);
		}
	}
	(void)pthread_join(t, NULL);
	w.d.elsewhere = false;
	CHECK(drv_start(&w.d, DRV_ALL, 64));
	put_frame(&w, 100, 3);
	drv_kick(&w.d, TX);
	CHECK(take_used(&w, TX) == 1 && wire_gives(&w, 100, 3));
	done(&w);
}

static const struct test tests[] = {
	{"it waits with its link down and an address of its own",
	 waits_with_its_link_down},
	{"connecting and disconnecting are told by a configuration interrupt",
	 connecting_is_told},
	{"an MTU is told to drivers that come later, and never changes under one",
	 mtu_is_for_drivers_that_come_later},
	{"no nonsense is connected, nor a second tap", nonsense_is_not_connected},
	{"a tap that goes away takes the link down", a_tap_that_goes_takes_the_link_down},
	{"a frame is sent from its parts as it lies", sends_frames_as_they_lie},
	{"frames of 64 KiB are sent", sends_the_largest_frames},
	{"what is no frame is dropped and given back", drops_what_is_no_frame},
	{"without a link frames are dropped and given back",
	 sends_nowhere_without_a_link},
	{"a full tap is waited for, and no frame is lost", a_full_tap_is_waited_for},
	{"frames that wait for a tap go with it", frames_that_wait_go_with_the_tap},
	{"a frame is received into a buffer, whatever the features",
	 receives_into_the_buffers},
	{"large frames take several buffers, and leave the others for the next",
	 large_frames_take_several_buffers},
	{"a header may lie over several parts", a_header_over_several_parts},
	{"without buffers frames wait outside, in order",
	 without_buffers_frames_wait_outside},
	{"nothing is read before the largest frame fits",
	 waits_for_room_for_the_largest_frame},
	{"a ring too small for that receives what fits",
	 small_rings_receive_small_frames},
	{"frames that don't fit are dropped, those that just fit are not",
	 frames_that_do_not_fit_are_dropped},
	{"checksum flags are for drivers that know them",
	 flags_are_for_those_who_know_them},
	{"a batch is one interrupt", a_batch_is_one_interrupt},
	{"a busy queue lets others have their turn", others_have_their_turn},
	{"a paused device neither sends nor receives", pausing_stops_the_traffic},
	{"a restored device has its buffers and address, its link down",
	 a_restored_device_has_its_buffers},
	{"addresses and MTUs that can't be are not restored",
	 addresses_and_mtus_that_cant_be_are_not_restored},
	{"broken chains break it until it is reset", broken_chains_break_it},
	{"buffers of the wrong kind or size break it",
	 buffers_of_the_wrong_kind_break_it},
	{"the same buffer many times is the driver's own trouble",
	 the_same_buffer_many_times},
	{"descriptors that change under it do no harm", survives_changing_descriptors},
	{"all buffers of a packet are seen at once", all_of_a_packet_is_seen_at_once},
	{"drivers may come and go under traffic", drivers_come_and_go_under_traffic},
};

int main(void)
{
	/* A tap raises none; a socket would. */
	(void)signal(SIGPIPE, SIG_IGN);
	return tap_main(tests, sizeof(tests) / sizeof(tests[0]));
}
