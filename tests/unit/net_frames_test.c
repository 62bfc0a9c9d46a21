/* SPDX-License-Identifier: Apache-2.0 */
/* The network device: frames that are sent and received. */
#include <errno.h>

#include "base/str.h"

#include "tests/unit/net_world.h"

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

static const struct test tests[] = {
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
};

NET_TEST_MAIN(tests)
