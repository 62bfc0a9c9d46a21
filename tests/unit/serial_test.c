/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/serial_reg.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vm/plan.h"
#include "vm/power.h"
#include "vm/serial.h"

#include "tests/unit/tap.h"

struct world {
	struct loop *loop;
	struct serial *s;
	size_t len;
	char out[40000];
};

static void collect(void *arg, const void *buf, size_t len)
{
	struct world *w = arg;

	CHECK(len <= sizeof(w->out) - w->len);
	memcpy(w->out + w->len, buf, len);
	w->len += len;
}

static void setup(struct world *w)
{
	struct err e;

	memset(w, 0, sizeof(*w));
	CHECK(loop_new(&w->loop, &e) == 0);
	CHECK(serial_new(w->loop, &w->s, &e) == 0);
	serial_output(w->s, collect, w);
}

static void teardown(struct world *w)
{
	serial_free(w->s);
	loop_free(w->loop);
}

static void out(struct world *w, unsigned reg, uint8_t v)
{
	serial_access(w->s, reg, &v, 1, true);
}

static uint8_t in(struct world *w, unsigned reg)
{
	uint8_t v = 0;

	serial_access(w->s, reg, &v, 1, false);
	return v;
}

static unsigned interrupts(struct world *w)
{
	uint64_t n = 0;

	return read(serial_irq_fd(w->s), &n, sizeof(n)) == sizeof(n) ? (unsigned)n : 0;
}

static void bytes_come_out_on_the_loop(void)
{
	struct world w;
	struct err e;

	setup(&w);
	for (const char *p = "hello"; *p; p++) {
		CHECK(in(&w, UART_LSR) & UART_LSR_THRE);
		out(&w, UART_TX, (uint8_t)*p);
	}
	CHECK(w.len == 0);
	CHECK(loop_once(w.loop, 0, &e) == 1);
	CHECK(w.len == 5 && memcmp(w.out, "hello", 5) == 0);
	CHECK(loop_once(w.loop, 0, &e) == 0);
	out(&w, UART_TX, '!');
	serial_flush(w.s);
	CHECK(w.len == 6 && w.out[5] == '!');
	teardown(&w);
}

/* The steps of autoconfig() and autoconfig_16550a() in drivers/tty/serial/8250. */
static void linux_finds_a_16550a(void)
{
	struct world w;

	setup(&w);
	out(&w, UART_IER, 0);
	CHECK((in(&w, UART_IER) & 0xf) == 0);
	out(&w, UART_IER, 0xf);
	CHECK((in(&w, UART_IER) & 0xf) == 0xf);
	out(&w, UART_IER, 0);
	out(&w, UART_MCR, UART_MCR_LOOP | 0x0a);
	CHECK((in(&w, UART_MSR) & 0xf0) == 0x90);
	out(&w, UART_MCR, 0);
	out(&w, UART_LCR, UART_LCR_CONF_MODE_B);
	out(&w, UART_EFR, 0);
	out(&w, UART_LCR, 0);
	out(&w, UART_FCR, UART_FCR_ENABLE_FIFO);
	CHECK(in(&w, UART_IIR) >> 6 == 3);
	/* No enhanced kind. */
	out(&w, UART_LCR, UART_LCR_CONF_MODE_A);
	CHECK(in(&w, UART_EFR) != 0);
	out(&w, UART_LCR, UART_LCR_CONF_MODE_B);
	CHECK(in(&w, UART_EFR) != 0);
	out(&w, UART_LCR, 0);
	out(&w, UART_IER, UART_IER_UUE);
	CHECK(!(in(&w, UART_IER) & UART_IER_UUE));
	/* The divisor is kept apart from what is sent. */
	out(&w, UART_LCR, UART_LCR_DLAB);
	out(&w, UART_DLL, 0x12);
	out(&w, UART_DLM, 0x34);
	CHECK(in(&w, UART_DLL) == 0x12 && in(&w, UART_DLM) == 0x34);
	out(&w, UART_LCR, 3);
	CHECK(in(&w, UART_LCR) == 3 && in(&w, UART_IER) == 0);
	out(&w, UART_SCR, 0x5a);
	CHECK(in(&w, UART_SCR) == 0x5a);
	CHECK(in(&w, UART_MSR) == (UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS));
	serial_flush(w.s);
	CHECK(w.len == 0);
	teardown(&w);
}

/* serial8250_do_startup() tests this and works around what fails. */
static void an_empty_transmitter_interrupts(void)
{
	struct world w;

	setup(&w);
	CHECK(in(&w, UART_IIR) == UART_IIR_NO_INT);
	for (unsigned i = 0; i < 2; i++) {
		out(&w, UART_IER, UART_IER_THRI);
		CHECK(interrupts(&w) == 1);
		CHECK(in(&w, UART_IIR) == UART_IIR_THRI);
		CHECK(in(&w, UART_IIR) == UART_IIR_NO_INT); /* reading answers it */
		out(&w, UART_IER, 0);
	}
	CHECK(interrupts(&w) == 0);
	out(&w, UART_IER, UART_IER_THRI);
	CHECK(interrupts(&w) == 1 && in(&w, UART_IIR) == UART_IIR_THRI);
	for (unsigned i = 0; i < 16; i++)
		out(&w, UART_TX, 'x');
	CHECK(interrupts(&w) == 1); /* one for all of them */
	CHECK(in(&w, UART_IIR) == UART_IIR_THRI);
	teardown(&w);
}

static void a_full_buffer_makes_the_guest_wait(void)
{
	struct world w;
	unsigned n = 0;

	setup(&w);
	out(&w, UART_IER, UART_IER_THRI);
	(void)interrupts(&w);
	while (in(&w, UART_LSR) & UART_LSR_THRE && n < 100000) {
		out(&w, UART_TX, (uint8_t)n);
		n++;
	}
	CHECK(n == 16384);
	CHECK(in(&w, UART_IIR) == UART_IIR_NO_INT);
	out(&w, UART_TX, 'x'); /* who doesn't wait loses it */
	(void)interrupts(&w);
	serial_flush(w.s);
	CHECK(interrupts(&w) == 1 && in(&w, UART_LSR) & UART_LSR_THRE);
	CHECK(w.len == n && (uint8_t)w.out[n - 1] == (uint8_t)(n - 1));
	teardown(&w);
}

static void its_state_is_saved(void)
{
	struct state_writer *sw = state_writer_new();
	struct state_reader *r = NULL;
	struct world a, b;
	const void *data;
	size_t len;
	struct err e;

	setup(&a);
	setup(&b);
	out(&a, UART_LCR, UART_LCR_DLAB);
	out(&a, UART_DLL, 0x77);
	out(&a, UART_LCR, 3);
	out(&a, UART_FCR, UART_FCR_ENABLE_FIFO);
	out(&a, UART_IER, UART_IER_THRI);
	out(&a, UART_MCR, UART_MCR_OUT2);
	serial_save(a.s, sw);
	CHECK(state_finish(sw, &data, &len, &e) == 0);
	CHECK(state_reader_new(data, len, &r, &e) == 0);
	serial_restore(b.s, r);
	CHECK(state_check(r, &e) == 0);
	CHECK(in(&b, UART_LCR) == 3 && in(&b, UART_IER) == UART_IER_THRI);
	CHECK(in(&b, UART_IIR) == (0xc0 | UART_IIR_THRI));
	out(&b, UART_LCR, UART_LCR_DLAB);
	CHECK(in(&b, UART_DLL) == 0x77);
	state_reader_free(r);
	state_writer_free(sw);
	teardown(&a);
	teardown(&b);
}

/* ---- power.c ---- */

struct ends {
	unsigned count;
	enum vm_end why;
};

static void ended(void *arg, enum vm_end why, const char *text)
{
	struct ends *s = arg;

	CHECK(text[0] != '\0');
	s->count++;
	s->why = why;
}

static bool ends_by(uint64_t port, uint8_t v, enum vm_end why)
{
	struct ends s = {0};
	struct power p = {.ended = ended, .arg = &s};
	struct bus b = {0};
	struct err e;

	CHECK(power_add(&p, &b, &e) == 0);
	CHECK(bus_access(&b, port, &v, 1, true));
	return s.count == 1 && s.why == why;
}

static void each_port_ends_it_as_what_it_is(void)
{
	CHECK(ends_by(PLAN_POWER_PORT, 5 << 2 | 1 << 5, VM_END_SHUTDOWN));
	CHECK(ends_by(PLAN_POWER_PORT + 2, 1, VM_END_RESET));
	CHECK(ends_by(0x64, 0xfe, VM_END_RESET));
	CHECK(ends_by(PLAN_PANIC_PORT, 1, VM_END_PANIC));
	CHECK(ends_by(PLAN_PANIC_PORT, 3, VM_END_PANIC));
}

static void other_values_end_nothing(void)
{
	struct ends s = {0};
	struct power p = {.ended = ended, .arg = &s};
	struct bus b = {0};
	struct err e;
	uint8_t v;

	CHECK(power_add(&p, &b, &e) == 0);
	for (unsigned i = 0; i < 256; i++) {
		v = (uint8_t)i;
		CHECK(bus_access(&b, PLAN_POWER_PORT + 1, &v, 1, true));
		if (!(i & 0x20))
			CHECK(bus_access(&b, PLAN_POWER_PORT, &v, 1, true));
		if (i != 1)
			CHECK(bus_access(&b, PLAN_POWER_PORT + 2, &v, 1, true));
		if (i != 0xfe)
			CHECK(bus_access(&b, 0x64, &v, 1, true));
		if (!(i & 1))
			CHECK(bus_access(&b, PLAN_PANIC_PORT, &v, 1, true));
	}
	CHECK(s.count == 0);
	CHECK(bus_access(&b, PLAN_PANIC_PORT, &v, 1, false) && v == 1);
	CHECK(bus_access(&b, 0x64, &v, 1, false) && v == 0);
	CHECK(bus_access(&b, PLAN_POWER_PORT + 1, &v, 1, false) && v == 0);
	CHECK(s.count == 0);
}

static const struct test tests[] = {
	{"bytes come out on the loop", bytes_come_out_on_the_loop},
	{"Linux finds a 16550A", linux_finds_a_16550a},
	{"an empty transmitter interrupts", an_empty_transmitter_interrupts},
	{"a full buffer makes the guest wait", a_full_buffer_makes_the_guest_wait},
	{"the serial port's state is saved", its_state_is_saved},
	{"each port ends the guest as what it is", each_port_ends_it_as_what_it_is},
	{"other values end nothing", other_values_end_nothing},
};
TEST_MAIN(tests)
