/* SPDX-License-Identifier: Apache-2.0 */
/* The network device: its link, whose turn it is, and that it is paused and saved. */
#include <errno.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>

#include "base/str.h"

#include "tests/unit/net_world.h"

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
	CHECK(memcmp(got, net_mac, 6) == 0);
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
	CHECK(net_attach(w.d.dev, &pair[0], net_mac, 67, &e) == -EINVAL);
	CHECK(net_connect(w.d.dev, &pair[0], net_mac, 0, &e) < 0 && pair[0] >= 0);
	CHECK(net_attach(w.d.dev, &pair[0], net_mac, 68, &e) == 0);
	CHECK(net_attach(w.d.dev, &pair[1], net_mac, 0, &e) == -EBUSY && pair[1] >= 0);
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
	CHECK(memcmp(got, net_mac, 6) == 0);
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

static const struct test tests[] = {
	{"it waits with its link down and an address of its own",
	 waits_with_its_link_down},
	{"connecting and disconnecting are told by a configuration interrupt",
	 connecting_is_told},
	{"an MTU is told to drivers that come later, and never changes under one",
	 mtu_is_for_drivers_that_come_later},
	{"no nonsense is connected, nor a second tap", nonsense_is_not_connected},
	{"a tap that goes away takes the link down", a_tap_that_goes_takes_the_link_down},
	{"a busy queue lets others have their turn", others_have_their_turn},
	{"a paused device neither sends nor receives", pausing_stops_the_traffic},
	{"a restored device has its buffers and address, its link down",
	 a_restored_device_has_its_buffers},
	{"addresses and MTUs that can't be are not restored",
	 addresses_and_mtus_that_cant_be_are_not_restored},
};

NET_TEST_MAIN(tests)
