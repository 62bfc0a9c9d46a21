/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>

#include "base/str.h"
#include "vm/virtio/console.h"

#include "tests/unit/tap.h"
#include "tests/unit/virtio_driver.h"

#define MEMORY (UINT64_C(64) << 20)
#define RX     0
#define TX     1
#define IN     16384
#define OUTPUT 262144 /* 64 pages */

struct world {
	struct drv d;
	struct virtio_dev *dev;
	struct sbuf out;
	unsigned calls, writable;
	bool reset; /* the device, from within the callback */
	bool nest;  /* the loop, from within the callback */
	bool renew; /* a new driver, whose notification comes within the callback */
};

static void take_output(void *arg, const void *buf, size_t len)
{
	struct world *w = arg;

	w->calls++;
	if (w->nest) {
		w->nest = false;
		drv_notify(&w->d, TX);
		drv_run(&w->d);
	}
	sbuf_add(&w->out, buf, len);
	if (w->renew) {
		struct drv_part part = {drv_buffer(&w->d, "new", 3), 3, false};

		w->renew = false;
		CHECK(drv_start(&w->d, DRV_ALL, 8));
		(void)drv_put(&w->d, TX, &part, 1);
		drv_kick(&w->d, TX);
		drv_run(&w->d);
	}
	if (w->reset)
		drv_reset(&w->d);
}

static void take_writable(void *arg)
{
	((struct world *)arg)->writable++;
}

static void begin_stopped(struct world *w)
{
	struct err e = {0};

	*w = (struct world){0};
	drv_init(&w->d, MEMORY);
	CHECK(console_new(w->d.mem, w->d.loop, &w->dev, &e) == 0);
	drv_attach(&w->d, w->dev);
	console_output(w->dev, take_output, w);
	console_writable(w->dev, take_writable, w);
}

static void begin(struct world *w)
{
	begin_stopped(w);
	CHECK(drv_find(&w->d, VIRTIO_ID_CONSOLE));
	CHECK(drv_start(&w->d, DRV_ALL, 64));
}

static void end(struct world *w)
{
	drv_done(&w->d);
	sbuf_done(&w->out);
}

static void output_goes_up(void)
{
	struct world w;

	begin(&w);
	CHECK(drv_call(&w.d, TX, "hello ", 6, NULL, 0) == 0);
	CHECK(drv_call(&w.d, TX, "world", 5, NULL, 0) == 0);
	CHECK_STR(w.out.data, "hello world");
	console_output(w.dev, NULL, NULL);
	CHECK(drv_call(&w.d, TX, "dropped", 7, NULL, 0) == 0);
	CHECK(w.out.len == 11);
	end(&w);
}

static void long_output_is_whole_and_in_order(void)
{
	static uint32_t text[75000];
	const uint32_t len = sizeof(text);
	struct world w;

	begin(&w);
	for (uint32_t i = 0; i < len / 4; i++)
		text[i] = i;
	CHECK(drv_call(&w.d, TX, text, len, NULL, 0) == 0);
	CHECK(w.out.len == len && memcmp(w.out.data, text, len) == 0);
	end(&w);
}

static void many_requests_take_turns(void)
{
	struct drv_part part;
	struct err e = {0};
	struct world w;

	begin(&w);
	part = (struct drv_part){drv_alloc(&w.d, 4096), 4096, false};
	for (int i = 0; i < 64; i++)
		(void)drv_put(&w.d, TX, &part, 1);
	drv_kick(&w.d, TX);
	(void)loop_once(w.d.loop, 0, &e);
	while (w.out.len == 0)
		(void)loop_once(w.d.loop, 0, &e);
	CHECK(w.out.len < OUTPUT);
	drv_run(&w.d);
	CHECK(w.out.len == OUTPUT);
	end(&w);
}

static void reset_while_output_is_handed_up_abandons_it(void)
{
	struct world w;
	static char text[10000];
	struct drv_part part;
	uint16_t head;
	uint32_t len;

	begin(&w);
	w.reset = true;
	part = (struct drv_part){drv_buffer(&w.d, text, sizeof(text)), sizeof(text),
				 false};
	(void)drv_put(&w.d, TX, &part, 1);
	drv_kick(&w.d, TX);
	drv_run(&w.d);
	CHECK(w.calls == 1 && !drv_used(&w.d, TX, &head, &len));
	w.reset = false;
	CHECK(drv_start(&w.d, DRV_ALL, 8));
	CHECK(drv_call(&w.d, TX, "again", 5, NULL, 0) == 0);
	end(&w);
}

static void callback_may_run_the_loop(void)
{
	struct drv_part parts[2];
	struct world w;

	begin(&w);
	w.nest = true;
	parts[0] = (struct drv_part){drv_buffer(&w.d, "first ", 6), 6, false};
	parts[1] = (struct drv_part){drv_buffer(&w.d, "second", 6), 6, false};
	(void)drv_put(&w.d, TX, &parts[0], 1);
	(void)drv_put(&w.d, TX, &parts[1], 1);
	drv_kick(&w.d, TX);
	drv_run(&w.d);
	CHECK_STR(w.out.data, "first second");
	end(&w);
}

static void a_new_driver_is_heard_whenever_it_comes(void)
{
	struct drv_part part;
	struct world w;

	begin(&w);
	w.renew = true;
	part = (struct drv_part){drv_buffer(&w.d, "old ", 4), 4, false};
	(void)drv_put(&w.d, TX, &part, 1);
	drv_kick(&w.d, TX);
	drv_run(&w.d);
	CHECK_STR(w.out.data, "old new");
	end(&w);
}

static size_t read_input(struct world *w, char *buf, uint32_t len)
{
	int64_t n = drv_call(&w->d, RX, NULL, 0, buf, len);

	return n < 0 ? 0 : (size_t)n;
}

static void input_comes_down(void)
{
	struct world w;
	char buf[64];

	begin(&w);
	CHECK(console_input(w.dev, "typed", 5) == 5);
	CHECK(read_input(&w, buf, 3) == 3 && memcmp(buf, "typ", 3) == 0);
	CHECK(read_input(&w, buf, 64) == 2 && memcmp(buf, "ed", 2) == 0);
	end(&w);
}

static void input_fills_waiting_buffers_with_one_interrupt(void)
{
	struct drv_part part;
	struct world w;
	uint16_t head;
	uint32_t len = 0;

	begin(&w);
	for (int i = 0; i < 3; i++) {
		part = (struct drv_part){drv_alloc(&w.d, 4), 4, true};
		(void)drv_put(&w.d, RX, &part, 1);
	}
	drv_kick(&w.d, RX);
	drv_run(&w.d);
	CHECK(drv_irqs(&w.d) == 0);
	CHECK(console_input(w.dev, "abcdefghij", 10) == 10);
	CHECK(drv_irqs(&w.d) == 1 && drv_isr(&w.d) == VIRTIO_MMIO_INT_VRING);
	CHECK(drv_used(&w.d, RX, &head, &len) && len == 4);
	CHECK(drv_used(&w.d, RX, &head, &len) && len == 4);
	CHECK(drv_used(&w.d, RX, &head, &len) && len == 2);
	/* Nothing waits: new buffers are no news. */
	for (int i = 0; i < 3; i++) {
		(void)drv_put(&w.d, RX, &part, 1);
		CHECK(!drv_kick(&w.d, RX));
	}
	end(&w);
}

static void input_before_the_driver_waits_for_it(void)
{
	struct world w;
	char buf[8];

	begin_stopped(&w);
	CHECK(console_input(w.dev, "early", 5) == 5);
	CHECK(drv_start(&w.d, DRV_ALL, 8));
	CHECK(read_input(&w, buf, 8) == 5 && memcmp(buf, "early", 5) == 0);
	end(&w);
}

/* Round and round its ring, of which 16384 bytes is what fits. */
static void input_is_bounded_and_tells_when_there_is_room(void)
{
	static char text[3 * IN], got[3 * IN + 999];
	size_t put = 0, out = 0, n;
	struct world w;

	begin(&w);
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)(i * 7 + (i >> 8));
	while (out < sizeof(text)) {
		n = console_input(w.dev, text + put, sizeof(text) - put);
		put += n;
		CHECK(put - out <= IN);
		CHECK(w.writable == 0);
		if (put < sizeof(text))
			CHECK(console_input(w.dev, "x", 1) == 0);
		while (out < put) {
			n = read_input(&w, got + out, 999);
			if (!n)
				break;
			out += n;
			if (w.writable)
				break;
		}
		if (put < sizeof(text))
			CHECK(w.writable == 1);
		w.writable = 0;
		if (!n)
			break;
	}
	CHECK(out == sizeof(text) && memcmp(text, got, out) == 0);
	end(&w);
}

static void resize_changes_the_configuration(void)
{
	struct virtio_console_config c;
	struct world w;

	begin(&w);
	CHECK(w.d.features & 1U << VIRTIO_CONSOLE_F_SIZE);
	CHECK(!(w.d.features & 1U << VIRTIO_CONSOLE_F_MULTIPORT));
	console_resize(w.dev, 24, 80);
	CHECK(drv_irqs(&w.d) == 1 && drv_isr(&w.d) == VIRTIO_MMIO_INT_CONFIG);
	drv_config_read(&w.d, 0, &c, sizeof(c));
	CHECK(c.rows == 24 && c.cols == 80);
	console_resize(w.dev, 24, 80); /* no news */
	CHECK(drv_irqs(&w.d) == 0);
	console_resize(w.dev, 100000, 70000);
	drv_config_read(&w.d, 0, &c, sizeof(c));
	CHECK(c.rows == UINT16_MAX && c.cols == UINT16_MAX);
	end(&w);
}

static void poke_input(struct drv *d, void *arg)
{
	(void)arg;
	(void)console_input(d->dev, "x", 1);
}

static void broken_chains_break_it(void)
{
	struct drv_part parts[3];
	struct world w;

	begin(&w);
	CHECK(drv_attack_all(&w.d, TX, NULL, NULL));
	CHECK(drv_attack_all(&w.d, RX, poke_input, NULL));
	for (int i = 0; i < 3; i++)
		parts[i] = (struct drv_part){drv_alloc(&w.d, 256), 256, i == 2};
	drv_race(&w.d, TX, parts, 3, 20);
	while (console_input(w.dev, "0123456789", 10) == 10)
		;
	drv_race(&w.d, RX, parts, 3, 20);
	CHECK(drv_start(&w.d, DRV_ALL, 8));
	CHECK(drv_call(&w.d, TX, "alive", 5, NULL, 0) == 0);
	end(&w);
}

static void input_without_room_and_endless_output_break_it(void)
{
	struct drv_part part;
	struct world w;

	begin(&w);
	part = (struct drv_part){drv_alloc(&w.d, 64), 64, false};
	(void)drv_put(&w.d, RX, &part, 1);
	(void)console_input(w.dev, "x", 1);
	CHECK(drv_broken(&w.d));
	CHECK(drv_start(&w.d, DRV_ALL, 8));
	part = (struct drv_part){drv_alloc(&w.d, 2 << 20), 2 << 20, false};
	(void)drv_put(&w.d, TX, &part, 1);
	drv_notify(&w.d, TX);
	drv_run(&w.d);
	CHECK(drv_broken(&w.d) && w.out.len == 0);
	end(&w);
}

static void size_and_waiting_input_survive_a_restore(void)
{
	static char text[IN];
	struct virtio_console_config c;
	struct state_writer *s = state_writer_new();
	struct state_reader *r = NULL;
	struct world w, v;
	struct err e = {0};
	const void *p = NULL;
	size_t len = 0;
	char buf[32];

	begin(&w);
	console_resize(w.dev, 50, 132);
	/* So that it goes over the ring's end. */
	CHECK(console_input(w.dev, text, IN - 4) == IN - 4);
	for (size_t n = 0; n < IN - 4; n += 4)
		(void)read_input(&w, buf, 4);
	CHECK(console_input(w.dev, "left over", 9) == 9);
	virtio_save(w.dev, s, 0);
	CHECK(state_finish(s, &p, &len, &e) == 0);
	CHECK(state_reader_new(p, len, &r, &e) == 0);
	begin_stopped(&v);
	CHECK(virtio_restore(v.dev, r, 0, &e) == 0);
	drv_config_read(&v.d, 0, &c, sizeof(c));
	CHECK(c.rows == 50 && c.cols == 132);
	CHECK(drv_start(&v.d, DRV_ALL, 8));
	CHECK(read_input(&v, buf, 32) == 9 && memcmp(buf, "left over", 9) == 0);
	state_reader_free(r);
	state_writer_free(s);
	end(&w);
	end(&v);
}

static const struct test tests[] = {
	{"a new driver is heard whenever it comes",
	 a_new_driver_is_heard_whenever_it_comes},
	{"output goes up to the callback, or is dropped", output_goes_up},
	{"long output is whole and in order", long_output_is_whole_and_in_order},
	{"much output lets others on the loop have their turn", many_requests_take_turns},
	{"a reset while output is handed up abandons the request",
	 reset_while_output_is_handed_up_abandons_it},
	{"the callback may run the loop, and the order stays", callback_may_run_the_loop},
	{"input comes down, as much as the guest's buffer holds", input_comes_down},
	{"input fills waiting buffers with one interrupt",
	 input_fills_waiting_buffers_with_one_interrupt},
	{"input before there is a driver waits for it",
	 input_before_the_driver_waits_for_it},
	{"input is bounded, and tells when there is room again",
	 input_is_bounded_and_tells_when_there_is_room},
	{"a new size is a changed configuration", resize_changes_the_configuration},
	{"broken chains break the device, and nothing else", broken_chains_break_it},
	{"buffers without room and requests without end break the device",
	 input_without_room_and_endless_output_break_it},
	{"size and waiting input survive a restore",
	 size_and_waiting_input_survive_a_restore},
};

TEST_MAIN(tests)
