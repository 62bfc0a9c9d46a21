/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network device with a socket for a tap: each message of the pair is a frame with
 * its header. net_tap_test.c has real taps.
 */
#ifndef TESTS_UNIT_NET_WORLD_H
#define TESTS_UNIT_NET_WORLD_H

#include <endian.h>
#include <fcntl.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <signal.h>
#include <sys/socket.h>

#include "base/fd.h"
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

static const uint8_t net_mac[6] = {0x02, 1, 2, 3, 4, 5};

struct world {
	struct drv d;
	int wire; /* the other end of what the device has for a tap */
};

static inline void setup(struct world *w)
{
	struct virtio_dev *dev = NULL;
	struct err e = {0};

	w->wire = -1;
	drv_init(&w->d, 16 << 20);
	CHECK(net_new(w->d.mem, w->d.loop, 3, &dev, &e) == 0);
	drv_attach(&w->d, dev);
}

static inline void done(struct world *w)
{
	drv_done(&w->d);
	fd_close(&w->wire);
}

static inline void make_wire(int pair[2])
{
	struct err e = {0};

	if (fd_pair(pair, &e) < 0 || fcntl(pair[0], F_SETFL, O_NONBLOCK) < 0 ||
	    fcntl(pair[1], F_SETFL, O_NONBLOCK) < 0) {
		printf("Bail out! no sockets\n");
		exit(1);
	}
}

static inline void plug_mtu(struct world *w, uint16_t mtu)
{
	struct err e = {0};
	int pair[2];

	make_wire(pair);
	CHECK(net_attach(w->d.dev, &pair[0], net_mac, mtu, &e) == 0 && pair[0] < 0);
	fd_close(&w->wire);
	w->wire = pair[1];
}

static inline void plug(struct world *w)
{
	plug_mtu(w, 0);
}

/* A connected device with a driver. */
static inline void setup_with(struct world *w, uint64_t features)
{
	setup(w);
	plug(w);
	CHECK(drv_start(&w->d, features, 64));
}

/* A frame of len bytes, header included: bytes that tell their place and seed. */
static inline uint8_t byte_at(unsigned seed, uint32_t i)
{
	return i < HDR ? 0 : (uint8_t)(seed + i * 31 + (i >> 8));
}

static inline void make_frame(uint8_t *p, uint32_t len, unsigned seed)
{
	for (uint32_t i = 0; i < len; i++)
		p[i] = byte_at(seed, i);
}

/* num_buffers aside. */
static inline bool is_frame(const uint8_t *p, uint32_t len, unsigned seed)
{
	for (uint32_t i = 0; i < len; i++) {
		if (i != 10 && i != 11 && p[i] != byte_at(seed, i))
			return false;
	}
	return true;
}

static inline bool wire_send(struct world *w, uint32_t len, unsigned seed)
{
	static uint8_t buf[FRAME_MAX];

	make_frame(buf, len, seed);
	return send(w->wire, buf, len, MSG_NOSIGNAL) == (ssize_t)len;
}

/* The next frame that came out, or -1. */
static inline ssize_t wire_recv(struct world *w, uint8_t *buf)
{
	return recv(w->wire, buf, FRAME_MAX, 0);
}

static inline bool wire_gives(struct world *w, uint32_t len, unsigned seed)
{
	static uint8_t buf[FRAME_MAX];

	return wire_recv(w, buf) == (ssize_t)len && is_frame(buf, len, seed);
}

static inline uint16_t config16(struct world *w, unsigned off)
{
	uint16_t v;

	drv_config_read(&w->d, off, &v, sizeof(v));
	return le16toh(v);
}

/* A receive buffer; its address. */
static inline uint64_t put_buffer(struct world *w, uint32_t len)
{
	struct drv_part p = {drv_alloc(&w->d, len), len, true};

	(void)drv_put(&w->d, RX, &p, 1);
	return p.gpa;
}

static inline void put_frame(struct world *w, uint32_t len, unsigned seed)
{
	struct drv_part p = {drv_alloc(&w->d, len), len, false};

	make_frame(drv_at(&w->d, p.gpa, len), len, seed);
	(void)drv_put(&w->d, TX, &p, 1);
}

static inline unsigned take_used(struct world *w, unsigned queue)
{
	uint16_t head;
	uint32_t len;
	unsigned n = 0;

	drv_run(&w->d);
	for (; drv_used(&w->d, queue, &head, &len); n++)
		;
	return n;
}

#define NET_TEST_MAIN(tests)                                                             \
	int main(void)                                                                   \
	{                                                                                \
		/* A tap raises none; a socket would. */                                 \
		(void)signal(SIGPIPE, SIG_IGN);                                          \
		return tap_main(tests, sizeof(tests) / sizeof((tests)[0]));              \
	}

#endif
