/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <unistd.h>

#include "base/str.h"
#include "vm/virtio/mmio.h"

#include "tests/unit/tap.h"
#include "tests/unit/toy_device.h"
#include "tests/unit/virtio_driver.h"

#define MEMORY      (UINT64_C(4) << 20)

#define ACK         VIRTIO_CONFIG_S_ACKNOWLEDGE
#define DRIVER      VIRTIO_CONFIG_S_DRIVER
#define FEATURES_OK VIRTIO_CONFIG_S_FEATURES_OK
#define DRIVER_OK   VIRTIO_CONFIG_S_DRIVER_OK
#define FAILED      VIRTIO_CONFIG_S_FAILED
#define NEEDS_RESET VIRTIO_CONFIG_S_NEEDS_RESET
#define VERSION_1   (UINT64_C(1) << VIRTIO_F_VERSION_1)

struct world {
	struct drv d;
	struct toy toy;
};

static void begin(struct world *w)
{
	struct err e = {0};

	*w = (struct world){0};
	drv_init(&w->d, MEMORY);
	CHECK(virtio_init(&w->toy.dev, &toy_ops, w->d.mem, w->d.loop, &e) == 0);
	drv_attach(&w->d, &w->toy.dev);
}

static uint32_t status(struct world *w, uint32_t v)
{
	drv_write(&w->d, VIRTIO_MMIO_STATUS, v);
	return drv_read(&w->d, VIRTIO_MMIO_STATUS);
}

static void accept_features(struct world *w, uint32_t sel, uint32_t v)
{
	drv_write(&w->d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, sel);
	drv_write(&w->d, VIRTIO_MMIO_DRIVER_FEATURES, v);
}

static void driver_finds_the_device(void)
{
	struct world w;

	begin(&w);
	CHECK(drv_find(&w.d, TOY_ID));
	CHECK(drv_read(&w.d, VIRTIO_MMIO_VENDOR_ID) != 0);
	CHECK(drv_offered(&w.d) ==
	      (VERSION_1 | UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX |
	       UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC | UINT64_C(1) << TOY_FEATURE));
	drv_write(&w.d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 2);
	CHECK(drv_read(&w.d, VIRTIO_MMIO_DEVICE_FEATURES) == 0);
	drv_done(&w.d);
	CHECK(w.toy.freed == 1);
}

static void status_is_walked_in_order(void)
{
	struct world w;

	begin(&w);
	CHECK(status(&w, DRIVER_OK) == 0);
	CHECK(status(&w, FEATURES_OK) == 0);
	CHECK(status(&w, ACK) == ACK);
	CHECK(status(&w, ACK | FEATURES_OK) == ACK);
	CHECK(status(&w, ACK | DRIVER) == (ACK | DRIVER));
	CHECK(status(&w, ACK | DRIVER | DRIVER_OK) == (ACK | DRIVER));
	accept_features(&w, 1, VERSION_1 >> 32);
	CHECK(status(&w, ACK | DRIVER | FEATURES_OK) == (ACK | DRIVER | FEATURES_OK));
	CHECK(status(&w, ACK) == (ACK | DRIVER | FEATURES_OK)); /* none is taken back */
	CHECK(!w.toy.dev.active && w.toy.activated == 0);
	CHECK(status(&w, 0xf | NEEDS_RESET | 0xffffff00) == 0xf);
	CHECK(w.toy.dev.active && w.toy.activated == 1);
	CHECK(status(&w, 0xf) == 0xf && w.toy.activated == 1);
	CHECK(status(&w, 0) == 0 && !w.toy.dev.active);
	drv_done(&w.d);
}

static void features_that_are_not_offered_are_refused(void)
{
	static const struct {
		uint32_t sel, v;
		bool good;
	} cases[] = {
		{0, 0, true},
		{0, 1U << TOY_FEATURE, true},
		{0, 1U << (TOY_FEATURE + 1), false},
		{1, (VERSION_1 >> 32) | 2, false},
		{1, 0, false}, /* no VERSION_1: a legacy driver */
		{2, 0, true},
		{2, 1, false},
		{UINT32_MAX, 1, false},
	};
	struct world w;

	begin(&w);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		drv_reset(&w.d);
		(void)status(&w, ACK | DRIVER);
		accept_features(&w, 1, VERSION_1 >> 32);
		accept_features(&w, cases[i].sel, cases[i].v);
		CHECK(status(&w, ACK | DRIVER | FEATURES_OK) ==
		      (cases[i].good ? ACK | DRIVER | FEATURES_OK : ACK | DRIVER));
	}
	/* A driver may choose again. */
	accept_features(&w, 1, VERSION_1 >> 32);
	accept_features(&w, 0, 0);
	CHECK(status(&w, ACK | DRIVER | FEATURES_OK) & FEATURES_OK);
	drv_done(&w.d);
}

static void features_are_settled_by_features_ok(void)
{
	struct world w;

	begin(&w);
	accept_features(&w, 1, 1); /* too early */
	CHECK(drv_negotiate(&w.d, VERSION_1));
	accept_features(&w, 0, 1U << TOY_FEATURE);
	drv_ok(&w.d);
	CHECK(w.toy.dev.features == VERSION_1);
	drv_done(&w.d);
}

static void device_that_hides_a_feature_refuses_it(void)
{
	struct world w;

	begin(&w);
	w.toy.dev.offered &= ~(UINT64_C(1) << TOY_FEATURE);
	CHECK(!(drv_offered(&w.d) & 1U << TOY_FEATURE));
	(void)status(&w, ACK | DRIVER);
	accept_features(&w, 1, VERSION_1 >> 32);
	accept_features(&w, 0, 1U << TOY_FEATURE);
	CHECK(status(&w, ACK | DRIVER | FEATURES_OK) == (ACK | DRIVER));
	drv_done(&w.d);
}

static void failed_driver_has_only_reset_left(void)
{
	struct world w;

	begin(&w);
	CHECK(drv_start(&w.d, DRV_ALL, 8));
	CHECK(status(&w, 0xf | FAILED) == (0xf | FAILED) && !w.toy.dev.active);
	drv_notify(&w.d, 0);
	drv_run(&w.d);
	CHECK(w.toy.notified == 0);
	CHECK(status(&w, 0) == 0);
	(void)status(&w, ACK | DRIVER | FAILED);
	accept_features(&w, 1, VERSION_1 >> 32);
	CHECK(status(&w, 0xf | FAILED) == (ACK | DRIVER | FAILED));
	drv_done(&w.d);
}

static void refused_activation_needs_a_reset(void)
{
	struct world w;

	begin(&w);
	w.toy.refuse = true;
	CHECK(!drv_start(&w.d, DRV_ALL, 8) && drv_broken(&w.d) && !w.toy.dev.active);
	CHECK(drv_irqs(&w.d) > 0 && drv_isr(&w.d) == VIRTIO_MMIO_INT_CONFIG);
	w.toy.refuse = false;
	CHECK(drv_start(&w.d, DRV_ALL, 8) && drv_isr(&w.d) == 0);
	drv_done(&w.d);
}

/* ---- queues ---- */

static void queues_are_set_up_only_when_it_is_time(void)
{
	struct queue *q;
	struct world w;

	begin(&w);
	q = &w.toy.dev.queue[0];
	(void)status(&w, ACK | DRIVER);
	CHECK(!drv_set_queue(&w.d, 0, 8) && q->size == 0 && q->desc_gpa == 0);
	CHECK(drv_negotiate(&w.d, DRV_ALL));
	CHECK(drv_set_queue(&w.d, 0, 8) && q->ready && q->size == 8);
	/* It is ready: none of its registers counts. */
	(void)drv_set_queue_at(&w.d, 0, 16, 0x10000, 0x20000, 0x30000);
	CHECK(q->size == 8 && q->desc_gpa == w.toy.dev.queue[0].desc_gpa &&
	      q->desc_gpa != 0x10000 && q->avail_gpa != 0x20000 &&
	      q->used_gpa != 0x30000);
	/* Not yet in use, it may be taken back and changed. */
	drv_write(&w.d, VIRTIO_MMIO_QUEUE_READY, 0);
	CHECK(drv_read(&w.d, VIRTIO_MMIO_QUEUE_READY) == 0);
	CHECK(drv_set_queue(&w.d, 0, 16) && q->size == 16);
	drv_ok(&w.d);
	CHECK(!drv_set_queue(&w.d, 1, 8) && !w.toy.dev.queue[1].ready);
	CHECK(!drv_broken(&w.d));
	drv_done(&w.d);
}

static void address_registers_are_two_halves(void)
{
	struct queue *q;
	struct world w;

	begin(&w);
	q = &w.toy.dev.queue[1];
	CHECK(drv_negotiate(&w.d, DRV_ALL));
	CHECK(!drv_set_queue_at(&w.d, 1, 8, UINT64_C(0x1234567890ab0000),
				UINT64_C(0xfedcba9876540000),
				UINT64_C(0x0fedcba987650000)));
	CHECK(q->desc_gpa == UINT64_C(0x1234567890ab0000) &&
	      q->avail_gpa == UINT64_C(0xfedcba9876540000) &&
	      q->used_gpa == UINT64_C(0x0fedcba987650000));
	CHECK(drv_broken(&w.d)); /* nothing is there */
	drv_done(&w.d);
}

static void queue_that_is_not_there_reads_as_none(void)
{
	struct world w;

	begin(&w);
	CHECK(drv_negotiate(&w.d, DRV_ALL));
	drv_write(&w.d, VIRTIO_MMIO_QUEUE_SEL, TOY_QUEUES - 1);
	CHECK(drv_read(&w.d, VIRTIO_MMIO_QUEUE_NUM_MAX) == TOY_MAX);
	for (uint32_t i = TOY_QUEUES; i < 40; i++) {
		drv_write(&w.d, VIRTIO_MMIO_QUEUE_SEL, i);
		CHECK(drv_read(&w.d, VIRTIO_MMIO_QUEUE_NUM_MAX) == 0);
		drv_write(&w.d, VIRTIO_MMIO_QUEUE_NUM, 8);
		drv_write(&w.d, VIRTIO_MMIO_QUEUE_READY, 1);
		CHECK(drv_read(&w.d, VIRTIO_MMIO_QUEUE_READY) == 0);
	}
	drv_write(&w.d, VIRTIO_MMIO_QUEUE_SEL, UINT32_MAX);
	CHECK(drv_read(&w.d, VIRTIO_MMIO_QUEUE_NUM_MAX) == 0);
	drv_ok(&w.d);
	drv_notify(&w.d, TOY_QUEUES);
	drv_notify(&w.d, UINT32_MAX);
	drv_run(&w.d);
	CHECK(!drv_broken(&w.d) && w.toy.notified == 0);
	drv_done(&w.d);
}

static void stopping_a_used_queue_needs_a_reset(void)
{
	struct world w;
	char in[4];

	begin(&w);
	CHECK(drv_start(&w.d, DRV_ALL, 8));
	CHECK(drv_call(&w.d, 0, "abcd", 4, in, 4) == 4);
	drv_write(&w.d, VIRTIO_MMIO_QUEUE_SEL, 0);
	drv_write(&w.d, VIRTIO_MMIO_QUEUE_READY, 0);
	CHECK(drv_broken(&w.d) && !w.toy.dev.active);
	w.toy.notified = 0;
	drv_notify(&w.d, 0);
	drv_run(&w.d);
	CHECK(w.toy.notified == 0);
	CHECK(drv_start(&w.d, DRV_ALL, 8));
	drv_done(&w.d);
}

static void rings_may_overlap_and_only_the_guest_suffers(void)
{
	struct drv_part part;
	struct world w;

	begin(&w);
	part = (struct drv_part){drv_alloc(&w.d, 64), 64, true};
	for (uint64_t off = 0; off < 256; off += 4) {
		CHECK(drv_negotiate(&w.d, DRV_ALL));
		CHECK(drv_set_queue_at(&w.d, 0, 8, 0x1000, 0x1000 + off, 0x1000 + off));
		drv_ok(&w.d);
		for (int i = 0; i < 8; i++) {
			(void)drv_put(&w.d, 0, &part, 1);
			drv_notify(&w.d, 0);
			drv_run(&w.d);
		}
	}
	drv_done(&w.d);
}

static void kicks_before_driver_ok_are_for_nothing(void)
{
	struct world w;

	begin(&w);
	CHECK(drv_negotiate(&w.d, DRV_ALL) && drv_set_queue(&w.d, 0, 8));
	drv_notify(&w.d, 0);
	drv_run(&w.d);
	CHECK(w.toy.notified == 0);
	drv_ok(&w.d);
	drv_notify(&w.d, 0);
	drv_notify(&w.d, 1); /* not set up */
	drv_run(&w.d);
	CHECK(w.toy.notified == 1);
	drv_done(&w.d);
}

static void without_a_loop_a_kick_is_handled_at_once(void)
{
	struct toy toy = {0};
	struct err e = {0};
	struct drv d;
	char in[4];

	drv_init(&d, MEMORY);
	CHECK(virtio_init(&toy.dev, &toy_ops, d.mem, NULL, &e) == 0);
	drv_attach(&d, &toy.dev);
	CHECK(drv_start(&d, DRV_ALL, 8));
	CHECK(drv_call(&d, 1, "abcd", 4, in, 4) == 4 && memcmp(in, "dcba", 4) == 0);
	drv_done(&d);
}

static void reset_forgets_everything(void)
{
	struct world w;
	char in[4];

	begin(&w);
	CHECK(drv_start(&w.d, DRV_ALL, 8));
	CHECK(drv_call(&w.d, 0, "abcd", 4, in, 4) == 4);
	drv_write(&w.d, VIRTIO_MMIO_QUEUE_SEL, 1);
	w.toy.reset = 0;
	drv_write(&w.d, VIRTIO_MMIO_STATUS, 0);
	CHECK(w.toy.reset == 1 && !w.toy.dev.active && w.toy.dev.features == 0);
	CHECK(drv_read(&w.d, VIRTIO_MMIO_STATUS) == 0);
	CHECK(drv_read(&w.d, VIRTIO_MMIO_INTERRUPT_STATUS) == 0);
	for (unsigned i = 0; i < TOY_QUEUES; i++) {
		const struct queue *q = &w.toy.dev.queue[i];

		CHECK(!q->ready && !q->desc && !q->avail && !q->used && !q->size &&
		      !q->next_avail && !q->next_used && q->max == TOY_MAX);
	}
	CHECK(w.toy.dev.queue_sel == 0);
	drv_done(&w.d);
	CHECK(w.toy.reset >= 2);
}

/* ---- the configuration ---- */

static void configuration_is_read_in_any_width(void)
{
	struct world w;
	uint64_t v = 0;
	uint8_t b = 0;
	uint16_t h = 0;

	begin(&w);
	w.toy.config[0] = UINT64_C(0x1122334455667788);
	w.toy.config[1] = UINT64_C(0x99aabbccddeeff00);
	mmio_access(&w.toy.dev, VIRTIO_MMIO_CONFIG, &v, 8, false);
	mmio_access(&w.toy.dev, VIRTIO_MMIO_CONFIG + 1, &b, 1, false);
	mmio_access(&w.toy.dev, VIRTIO_MMIO_CONFIG + 2, &h, 2, false);
	CHECK(v == w.toy.config[0] && b == 0x77 && h == 0x5566);
	CHECK(drv_config32(&w.d, 4) == 0x11223344);
	/* Past the end: the part that is there, and zeros. */
	v = 0;
	mmio_access(&w.toy.dev, VIRTIO_MMIO_CONFIG + 12, &v, 8, false);
	CHECK(v == 0x99aabbcc);
	CHECK(drv_config32(&w.d, 16) == 0 && drv_config32(&w.d, 0xefc) == 0);
	drv_done(&w.d);
}

static void configuration_is_written_by_a_driver_only(void)
{
	struct world w;
	uint64_t v = 42;

	begin(&w);
	mmio_access(&w.toy.dev, VIRTIO_MMIO_CONFIG, &v, 8, true);
	CHECK(w.toy.config[0] == 0);
	(void)status(&w, ACK | DRIVER);
	mmio_access(&w.toy.dev, VIRTIO_MMIO_CONFIG, &v, 8, true);
	CHECK(w.toy.config[0] == 42);
	mmio_access(&w.toy.dev, VIRTIO_MMIO_CONFIG + 12, &v, 8, true);
	mmio_access(&w.toy.dev, VIRTIO_MMIO_CONFIG + 16, &v, 8, true);
	CHECK(w.toy.config[1] == 0);
	drv_done(&w.d);
}

static void change_config(struct world *w)
{
	pthread_mutex_lock(&w->toy.dev.lock);
	w->toy.config[0]++;
	virtio_signal_config(&w->toy.dev);
	pthread_mutex_unlock(&w->toy.dev.lock);
}

static void changed_configuration_interrupts_and_counts(void)
{
	struct world w;
	uint32_t gen;

	begin(&w);
	CHECK(drv_start(&w.d, DRV_ALL, 8));
	gen = drv_read(&w.d, VIRTIO_MMIO_CONFIG_GENERATION);
	change_config(&w);
	CHECK(drv_read(&w.d, VIRTIO_MMIO_CONFIG_GENERATION) != gen);
	CHECK(drv_irqs(&w.d) == 1);
	CHECK(drv_read(&w.d, VIRTIO_MMIO_INTERRUPT_STATUS) == VIRTIO_MMIO_INT_CONFIG);
	drv_write(&w.d, VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_VRING);
	CHECK(drv_read(&w.d, VIRTIO_MMIO_INTERRUPT_STATUS) == VIRTIO_MMIO_INT_CONFIG);
	CHECK(drv_isr(&w.d) == VIRTIO_MMIO_INT_CONFIG);
	CHECK(drv_isr(&w.d) == 0);
	drv_done(&w.d);
}

/* The driver has read the old one, and no interrupt may come before DRIVER_OK. */
static void change_during_set_up_is_told_at_driver_ok(void)
{
	struct world w;

	begin(&w);
	CHECK(drv_negotiate(&w.d, DRV_ALL) && drv_set_queue(&w.d, 0, 8));
	(void)drv_config32(&w.d, 0);
	change_config(&w);
	CHECK(drv_irqs(&w.d) == 0);
	drv_ok(&w.d);
	CHECK(drv_irqs(&w.d) == 1 && drv_isr(&w.d) == VIRTIO_MMIO_INT_CONFIG);
	drv_done(&w.d);
}

static uint32_t isr_at_pulse;

static void look_at_isr(struct virtio_dev *dev, uint32_t bits)
{
	atomic_fetch_or(&dev->isr, bits);
	isr_at_pulse = dev->isr;
}

static void breaking_interrupts_once(void)
{
	struct world w;

	begin(&w);
	CHECK(drv_start(&w.d, DRV_ALL, 8));
	for (int i = 0; i < 3; i++) {
		pthread_mutex_lock(&w.toy.dev.lock);
		virtio_break(&w.toy.dev, "broke the rules");
		pthread_mutex_unlock(&w.toy.dev.lock);
	}
	CHECK(drv_broken(&w.d) && drv_irqs(&w.d) == 1 &&
	      drv_isr(&w.d) == VIRTIO_MMIO_INT_CONFIG);
	/* Whoever replaces interrupt() gets the bits. */
	CHECK(drv_start(&w.d, DRV_ALL, 8));
	w.toy.dev.interrupt = look_at_isr;
	change_config(&w);
	CHECK(isr_at_pulse == VIRTIO_MMIO_INT_CONFIG);
	drv_done(&w.d);
}

/* ---- accesses ---- */

static void other_widths_of_registers_are_ignored(void)
{
	static const unsigned widths[] = {1, 2, 8};
	struct world w;
	uint64_t v;

	begin(&w);
	CHECK(drv_start(&w.d, DRV_ALL, 8));
	for (size_t i = 0; i < ARRAY_LEN(widths); i++) {
		for (uint64_t off = 0; off + widths[i] <= VIRTIO_MMIO_CONFIG; off++) {
			v = 0;
			mmio_access(&w.toy.dev, off, &v, widths[i], false);
			CHECK(v == 0);
			mmio_access(&w.toy.dev, off, &v, widths[i], true);
		}
	}
	for (uint64_t off = 1; off < 0xfc; off += off % 4 == 3 ? 2 : 1) {
		uint32_t half = 0;

		mmio_access(&w.toy.dev, off, &half, 4, true);
	}
	CHECK(drv_read(&w.d, VIRTIO_MMIO_STATUS) == 0xf && w.toy.dev.queue[0].ready);
	drv_done(&w.d);
}

static void every_register_takes_anything(void)
{
	static const uint32_t values[] = {0, 1, 2, 0x80000000, UINT32_MAX};
	struct world w;

	begin(&w);
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		for (uint64_t off = 0; off < VIRTIO_MMIO_CONFIG; off += 4) {
			drv_write(&w.d, off, values[i]);
			(void)drv_read(&w.d, off);
		}
	}
	CHECK(drv_start(&w.d, DRV_ALL, 8));
	drv_done(&w.d);
}

static void shared_memory_regions_are_told(void)
{
	struct world w;

	begin(&w);
	drv_write(&w.d, VIRTIO_MMIO_SHM_SEL, 1);
	CHECK(drv_read(&w.d, VIRTIO_MMIO_SHM_LEN_LOW) == 0x1000);
	CHECK(drv_read(&w.d, VIRTIO_MMIO_SHM_LEN_HIGH) == 2);
	CHECK(drv_read(&w.d, VIRTIO_MMIO_SHM_BASE_LOW) == 0x56789000);
	CHECK(drv_read(&w.d, VIRTIO_MMIO_SHM_BASE_HIGH) == 0x1234);
	drv_write(&w.d, VIRTIO_MMIO_SHM_SEL, 0);
	for (uint64_t off = VIRTIO_MMIO_SHM_LEN_LOW; off <= VIRTIO_MMIO_SHM_BASE_HIGH;
	     off += 4)
		CHECK(drv_read(&w.d, off) == UINT32_MAX);
	drv_done(&w.d);
}

/* ---- saved state ---- */

static void save(struct world *w, void **ret, size_t *ret_len)
{
	struct state_writer *s = state_writer_new();
	struct err e = {0};
	const void *p = NULL;

	virtio_save(&w->toy.dev, s, 3);
	CHECK(state_finish(s, &p, ret_len, &e) == 0);
	*ret = malloc(*ret_len);
	if (*ret)
		memcpy(*ret, p, *ret_len);
	state_writer_free(s);
}

static int restore(struct world *w, const void *data, size_t len, struct err *e)
{
	struct state_reader *r = NULL;
	int ret = state_reader_new(data, len, &r, e);

	if (ret == 0)
		ret = virtio_restore(&w->toy.dev, r, 3, e);
	state_reader_free(r);
	return ret;
}

static void device_goes_on_after_a_restore(void)
{
	AUTO_FREE void *state = NULL;
	struct world w, v;
	struct drv_part parts[2];
	struct err e = {0};
	uint16_t head;
	uint32_t n = 0;
	char in[4];
	size_t len;

	begin(&w);
	CHECK(drv_start(&w.d, DRV_ALL, 8));
	for (int i = 0; i < 5; i++)
		CHECK(drv_call(&w.d, 0, "abcd", 4, in, 4) == 4);
	parts[0] = (struct drv_part){drv_buffer(&w.d, "wxyz", 4), 4, false};
	parts[1] = (struct drv_part){drv_alloc(&w.d, 4), 4, true};
	(void)drv_put(&w.d, 0, parts, 2);
	drv_notify(&w.d, 0); /* which is not yet seen when the machine stops */
	w.toy.own = 77;
	w.toy.dev.isr = VIRTIO_MMIO_INT_VRING;
	save(&w, &state, &len);

	begin(&v);
	memcpy(drv_at(&v.d, 0, MEMORY), drv_at(&w.d, 0, MEMORY), MEMORY);
	CHECK(restore(&v, state, len, &e) == 0);
	CHECK(v.toy.own == 77 && v.toy.activated == 1 && v.toy.dev.active);
	CHECK(v.toy.dev.features == w.toy.dev.features && v.toy.dev.status == 0xf);
	CHECK(drv_irqs(&v.d) == 1); /* again: it may have been lost */
	/* The same driver, on the new device. */
	v.d.features = w.d.features;
	v.d.queue[0] = w.d.queue[0];
	v.d.queue[0].desc = drv_at(&v.d, w.d.queue[0].desc_gpa, 1);
	v.d.queue[0].avail = drv_at(&v.d, w.d.queue[0].avail_gpa, 1);
	v.d.queue[0].used = drv_at(&v.d, w.d.queue[0].used_gpa, 1);
	v.d.free_gpa = w.d.free_gpa;
	CHECK(drv_wait(&v.d, 0, &head, &n) && n == 4);
	CHECK(memcmp(drv_at(&v.d, parts[1].gpa, 4), "zyxw", 4) == 0);
	CHECK(drv_call(&v.d, 0, "abcd", 4, in, 4) == 4);
	drv_done(&w.d);
	drv_done(&v.d);
}

static void state_that_makes_no_sense_is_refused(void)
{
	AUTO_FREE void *state = NULL;
	struct world w, v;
	size_t len;

	for (int i = 0; i < 9; i++) {
		struct err e = {0};

		begin(&w);
		begin(&v);
		CHECK(drv_start(&w.d, DRV_ALL, 8));
		if (i == 1)
			w.toy.dev.features |= UINT64_C(1) << 50;
		else if (i == 2)
			w.toy.dev.features &= ~VERSION_1;
		else if (i == 3)
			w.toy.dev.status = DRIVER_OK;
		else if (i == 4)
			w.toy.dev.queue[1].size = 7;
		else if (i == 5)
			w.toy.dev.queue[0].desc_gpa = MEMORY;
		else if (i == 6)
			v.toy.refuse = true;
		else if (i == 7)
			w.toy.dev.status = ACK | DRIVER; /* too early for queues */
		else if (i == 8)
			w.toy.dev.queue[1].event_idx = false; /* as negotiated */
		save(&w, &state, &len);
		CHECK((restore(&v, state, len, &e) == 0) == (i == 0));
		if (i > 0) {
			CHECK(e.code && strstr(e.text, "toy"));
			CHECK(!v.toy.dev.active && v.toy.dev.status == 0 &&
			      !v.toy.dev.queue[0].ready);
		}
		str_free(&state);
		drv_done(&w.d);
		drv_done(&v.d);
	}
}

/* The driver waits for an interrupt to hear of it. */
static void a_broken_device_still_says_so_after_a_restore(void)
{
	AUTO_FREE void *state = NULL;
	struct world w, v;
	struct err e = {0};
	size_t len;

	begin(&w);
	begin(&v);
	CHECK(drv_start(&w.d, DRV_ALL, 8));
	virtio_break(&w.toy.dev, "broke the rules");
	save(&w, &state, &len);
	CHECK(restore(&v, state, len, &e) == 0);
	CHECK(drv_broken(&v.d) && drv_irqs(&v.d) == 1);
	CHECK(drv_isr(&v.d) & VIRTIO_MMIO_INT_CONFIG);
	str_free(&state);
	drv_done(&w.d);
	drv_done(&v.d);
}

/* ---- remarks ---- */

static void note(void *arg, const char *what)
{
	*(const char **)arg = what;
}

static void whoever_runs_it_hears_why_it_broke(void)
{
	const char *what = "nothing";
	struct world w;

	begin(&w);
	w.toy.dev.remark = note;
	w.toy.dev.remark_arg = &what;
	CHECK(drv_negotiate(&w.d, DRV_ALL));
	CHECK(!drv_set_queue_at(&w.d, 0, 8, MEMORY, 0x1000, 0x2000));
	CHECK_STR(what,
		  "the guest's driver set up a queue that can't be: the device "
		  "stops until it is reset");
	what = "nothing";
	virtio_break(&w.toy.dev, "broke the rules"); /* it is already */
	CHECK_STR(what, "nothing");
	CHECK(drv_start(&w.d, DRV_ALL, 8));
	drv_write(&w.d, VIRTIO_MMIO_QUEUE_READY, 0);
	CHECK(strstr(what, "stopped a queue in use") != NULL);
	drv_done(&w.d);
}

/* ---- descriptors ---- */

static void all_descriptors_are_close_on_exec_and_closed(void)
{
	struct world w;
	int fds[3];

	begin(&w);
	fds[0] = w.toy.dev.irq_fd;
	fds[1] = w.toy.dev.kick[0];
	fds[2] = w.toy.dev.kick[1];
	CHECK(w.toy.dev.kick[2] == -1);
	for (int i = 0; i < 3; i++) {
		CHECK(fcntl(fds[i], F_GETFD) == FD_CLOEXEC);
		CHECK(fcntl(fds[i], F_GETFL) & O_NONBLOCK);
	}
	drv_done(&w.d);
	for (int i = 0; i < 3; i++)
		CHECK(fcntl(fds[i], F_GETFD) < 0);
	virtio_free(NULL);
}

static const struct test tests[] = {
	{"a driver finds the device and what it offers", driver_finds_the_device},
	{"the status is walked in order", status_is_walked_in_order},
	{"features that aren't offered, or no VERSION_1, are refused",
	 features_that_are_not_offered_are_refused},
	{"FEATURES_OK settles the features", features_are_settled_by_features_ok},
	{"a feature that the device hides is refused",
	 device_that_hides_a_feature_refuses_it},
	{"a driver that failed can only reset", failed_driver_has_only_reset_left},
	{"a device that isn't activated needs a reset", refused_activation_needs_a_reset},
	{"queues are set up between FEATURES_OK and DRIVER_OK, and not while ready",
	 queues_are_set_up_only_when_it_is_time},
	{"queue addresses are two halves, and checked", address_registers_are_two_halves},
	{"a queue that isn't there reads as none", queue_that_is_not_there_reads_as_none},
	{"stopping a queue that is in use leaves the device needing a reset",
	 stopping_a_used_queue_needs_a_reset},
	{"rings may overlap, and only the guest suffers",
	 rings_may_overlap_and_only_the_guest_suffers},
	{"kicks before DRIVER_OK, or of queues not set up, are for nothing",
	 kicks_before_driver_ok_are_for_nothing},
	{"without a loop a kick is handled at once",
	 without_a_loop_a_kick_is_handled_at_once},
	{"a reset forgets everything", reset_forgets_everything},
	{"the configuration is read in any width, never past its end",
	 configuration_is_read_in_any_width},
	{"the configuration is written by a driver only, never past its end",
	 configuration_is_written_by_a_driver_only},
	{"a changed configuration interrupts and has a new generation",
	 changed_configuration_interrupts_and_counts},
	{"a change while the driver sets itself up is told at DRIVER_OK",
	 change_during_set_up_is_told_at_driver_ok},
	{"a device that breaks interrupts once", breaking_interrupts_once},
	{"accesses of another width or alignment are ignored",
	 other_widths_of_registers_are_ignored},
	{"every register takes anything", every_register_takes_anything},
	{"shared memory regions are told, missing ones as all ones",
	 shared_memory_regions_are_told},
	{"a device goes on where it was after a restore", device_goes_on_after_a_restore},
	{"a broken device still says so after a restore",
	 a_broken_device_still_says_so_after_a_restore},
	{"whoever runs it hears why it broke", whoever_runs_it_hears_why_it_broke},
	{"state that makes no sense is refused, and the device is as new",
	 state_that_makes_no_sense_is_refused},
	{"all descriptors are close-on-exec and closed in the end",
	 all_descriptors_are_close_on_exec_and_closed},
};

TEST_MAIN(tests)
