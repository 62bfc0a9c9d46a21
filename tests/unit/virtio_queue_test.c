/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/virtio_ring.h>
#include <sched.h>
#include <time.h>

#include "base/str.h"

#include "tests/unit/tap.h"
#include "tests/unit/toy_device.h"
#include "tests/unit/virtio_driver.h"

#define MEMORY      (UINT64_C(128) << 20)
#define NO_EVENTS   (~(UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX))
#define NO_TABLES   (~(UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC))
#define SPARE       (MEMORY - 4096) /* a page that nobody else has */
#define DUELS       100000
#define DUELS_LEAST 1000
#define EVENTS(on)  ((on) ? DRV_ALL : NO_EVENTS)

struct world {
	struct drv d;
	struct toy toy;
};

static void begin_sized(struct world *w, uint64_t features, uint16_t size)
{
	struct err e = {0};

	*w = (struct world){0};
	drv_init(&w->d, MEMORY);
	CHECK(virtio_init(&w->toy.dev, &toy_ops, w->d.mem, w->d.loop, &e) == 0);
	drv_attach(&w->d, &w->toy.dev);
	CHECK(drv_start(&w->d, features, size));
}

static void begin(struct world *w, uint64_t features)
{
	begin_sized(w, features, 64);
}

static struct queue *dev_queue(struct world *w)
{
	return &w->toy.dev.queue[0];
}

static void answers_requests(void)
{
	struct world w;
	char in[8];

	for (int i = 0; i < 2; i++) {
		begin(&w, EVENTS(i));
		for (unsigned n = 0; n < 70000; n++) {
			uint32_t out = n, back;

			if (drv_call(&w.d, 0, &out, sizeof(out), in, sizeof(in)) != 4)
				break;
			memcpy(&back, in, sizeof(back));
			if (back != __builtin_bswap32(n))
				break;
		}
		/* More than 65536: indexes went all the way round. */
		CHECK(w.toy.dev.queue[0].next_used == (uint16_t)70000);
		drv_done(&w.d);
	}
}

static void put_text(struct world *w, const char *text, bool table)
{
	size_t len = strlen(text), half = len / 2;
	const struct drv_part parts[] = {
		{drv_buffer(&w->d, text, half), (uint32_t)half, false},
		{1, 0, false}, /* nothing, nowhere */
		{drv_buffer(&w->d, text + half, len - half), (uint32_t)(len - half),
		 false},
		{drv_alloc(&w->d, 3), 3, true},
		{drv_alloc(&w->d, 32), 32, true},
	};
	char got[33] = "", back[33] = "";
	uint16_t head, used;
	uint32_t n = 0;

	head = (table ? drv_put_indirect : drv_put)(&w->d, 0, parts, 5);
	drv_kick(&w->d, 0);
	CHECK(drv_wait(&w->d, 0, &used, &n) && used == head && n == len);
	memcpy(got, drv_at(&w->d, parts[3].gpa, 3), 3);
	memcpy(got + 3, drv_at(&w->d, parts[4].gpa, 32), len - 3);
	for (size_t i = 0; i < len; i++)
		back[i] = text[len - 1 - i];
	CHECK_STR(got, back);
}

static void scattered_parts_are_one_request(void)
{
	struct world w;

	begin(&w, DRV_ALL);
	put_text(&w, "to be reversed", false);
	put_text(&w, "and in a table", true);
	drv_done(&w.d);
}

/* VIRTIO 1.2, 2.7.5.3.2: normal descriptors, and then an indirect one. */
static void table_may_end_a_chain(void)
{
	struct world w;
	uint64_t out, in, gpa;
	struct vring_desc *t;
	uint16_t head;
	uint32_t len = 0;

	begin(&w, DRV_ALL);
	out = drv_buffer(&w.d, "abcd", 4);
	in = drv_alloc(&w.d, 64);
	gpa = drv_alloc(&w.d, sizeof(*t));
	t = drv_at(&w.d, gpa, sizeof(*t));
	*t = (struct vring_desc){.addr = in, .len = 64, .flags = VRING_DESC_F_WRITE};
	drv_desc(&w.d, 0, 5, out, 4, VRING_DESC_F_NEXT, 9);
	/* "The device MUST ignore the write-only flag" of it. */
	drv_desc(&w.d, 0, 9, gpa, 16, VRING_DESC_F_INDIRECT | VRING_DESC_F_WRITE, 0);
	drv_publish(&w.d, 0, 5);
	drv_kick(&w.d, 0);
	CHECK(drv_wait(&w.d, 0, &head, &len) && head == 5 && len == 4);
	CHECK(memcmp(drv_at(&w.d, in, 4), "dcba", 4) == 0);
	drv_done(&w.d);
}

/* Linux's block driver makes tables as long as the queue. */
static void chain_may_be_as_long_as_the_queue(void)
{
	struct drv_part parts[9];
	struct world w;
	uint16_t head;
	uint32_t len = 0;

	begin_sized(&w, DRV_ALL, 8);
	for (unsigned i = 0; i < 9; i++)
		parts[i] = (struct drv_part){drv_alloc(&w.d, 1), 1, i >= 4};
	for (int i = 0; i < 2; i++) {
		(void)(i ? drv_put_indirect : drv_put)(&w.d, 0, parts, 8);
		drv_kick(&w.d, 0);
		CHECK(drv_wait(&w.d, 0, &head, &len) && len == 4);
	}
	(void)drv_put_indirect(&w.d, 0, parts, 9);
	drv_notify(&w.d, 0);
	drv_run(&w.d);
	CHECK(drv_broken(&w.d));
	drv_done(&w.d);
}

static void broken_chains_break_the_device(void)
{
	struct world w;
	char in[4];

	begin(&w, DRV_ALL);
	CHECK(drv_attack_all(&w.d, 0, NULL, NULL));
	/* And a reset makes all good. */
	CHECK(drv_start(&w.d, DRV_ALL, 16));
	CHECK(drv_call(&w.d, 0, "abcd", 4, in, 4) == 4 && memcmp(in, "dcba", 4) == 0);
	drv_done(&w.d);
}

static void tables_that_were_not_agreed_on_break_it(void)
{
	struct world w;
	struct drv_part part;

	begin(&w, NO_TABLES);
	part = (struct drv_part){drv_alloc(&w.d, 64), 64, false};
	(void)drv_put_indirect(&w.d, 0, &part, 1);
	drv_notify(&w.d, 0);
	drv_run(&w.d);
	CHECK(drv_broken(&w.d));
	drv_done(&w.d);
}

static void too_many_parts_for_the_caller_are_refused(void)
{
	struct drv_part parts[3];
	struct iovec iov[2];
	struct world w;
	struct chain c;

	begin(&w, DRV_ALL);
	for (unsigned i = 0; i < 3; i++)
		parts[i] = (struct drv_part){drv_alloc(&w.d, 1), 1, false};
	(void)drv_put(&w.d, 0, parts, 2);
	(void)drv_put(&w.d, 0, parts, 3);
	CHECK(queue_pop(dev_queue(&w), &c, iov, 2) == 1 && c.out == 2 && c.out_len == 2);
	CHECK(queue_pop(dev_queue(&w), &c, iov, 2) == -EINVAL);
	drv_done(&w.d);
}

static void unpop_puts_the_last_one_back(void)
{
	struct iovec iov[2];
	struct drv_part part;
	struct world w;
	struct chain c;
	uint16_t head;

	begin(&w, DRV_ALL);
	part = (struct drv_part){drv_alloc(&w.d, 8), 8, true};
	(void)drv_put(&w.d, 0, &part, 1);
	head = drv_put(&w.d, 0, &part, 1);
	CHECK(queue_pop(dev_queue(&w), &c, iov, 2) == 1);
	CHECK(queue_pop(dev_queue(&w), &c, iov, 2) == 1 && c.head == head);
	queue_unpop(dev_queue(&w));
	CHECK(queue_pop(dev_queue(&w), &c, iov, 2) == 1 && c.head == head);
	CHECK(queue_pop(dev_queue(&w), &c, iov, 2) == 0);
	drv_done(&w.d);
}

static void what_changes_later_changes_nothing(void)
{
	struct iovec iov[2];
	struct world w;
	struct chain c;
	uint64_t gpa;

	begin(&w, DRV_ALL);
	gpa = drv_alloc(&w.d, 8);
	drv_desc(&w.d, 0, 0, gpa, 8, VRING_DESC_F_WRITE, 0);
	drv_publish(&w.d, 0, 0);
	CHECK(queue_pop(dev_queue(&w), &c, iov, 2) == 1);
	drv_desc(&w.d, 0, 0, UINT64_MAX, UINT32_MAX, VRING_DESC_F_NEXT, 99);
	CHECK(c.in == 1 && iov[0].iov_len == 8 &&
	      iov[0].iov_base == drv_at(&w.d, gpa, 8));
	drv_done(&w.d);
}

static void descriptors_change_while_they_are_read(void)
{
	struct drv_part parts[4];
	struct world w;

	begin(&w, DRV_ALL);
	for (unsigned i = 0; i < 4; i++)
		parts[i] = (struct drv_part){drv_alloc(&w.d, 512), 512, i >= 2};
	drv_race(&w.d, 0, parts, 4, 50);
	drv_done(&w.d);
}

/* ---- queue_enable ---- */

static void bad_queues_are_refused(void)
{
	static const struct {
		uint64_t desc, avail, used;
		uint16_t size;
		int r;
	} cases[] = {
		{0x1000, 0x2000, 0x3000, 8, 0},
		{0x1000, 0x2000, 0x3000, 256, 0},
		{0x1000, 0x2002, 0x3004, 1, 0},
		{0x1000, 0x2000, 0x3000, 0, -EINVAL},
		{0x1000, 0x2000, 0x3000, 6, -EINVAL},
		{0x1000, 0x2000, 0x3000, 512, -EINVAL},
		{0x1008, 0x2000, 0x3000, 8, -EINVAL},
		{0x1000, 0x2001, 0x3000, 8, -EINVAL},
		{0x1000, 0x2000, 0x3002, 8, -EINVAL},
		{MEMORY, 0x2000, 0x3000, 8, -EINVAL},
		{0x1000, MEMORY, 0x3000, 8, -EINVAL},
		{0x1000, 0x2000, MEMORY, 8, -EINVAL},
		{MEMORY - 112, 0x2000, 0x3000, 8, -EINVAL},
		{MEMORY - 128, 0x2000, 0x3000, 8, 0},
		{0x1000, MEMORY - 20, 0x3000, 8, -EINVAL},
		{0x1000, MEMORY - 22, 0x3000, 8, 0},
		{0x1000, 0x2000, MEMORY - 68, 8, -EINVAL},
		{0x1000, 0x2000, MEMORY - 72, 8, 0},
		{UINT64_MAX - 15, 0x2000, 0x3000, 8, -EINVAL},
		{0x1000, UINT64_MAX - 1, 0x3000, 8, -EINVAL},
		{0x1000, 0x2000, UINT64_MAX - 3, 8, -EINVAL},
	};
	struct world w;

	begin(&w, DRV_ALL);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct queue q = {.mem = w.d.mem, .max = TOY_MAX};

		q.size = cases[i].size;
		q.desc_gpa = cases[i].desc;
		q.avail_gpa = cases[i].avail;
		q.used_gpa = cases[i].used;
		if (queue_enable(&q, true, true) != cases[i].r ||
		    q.ready != (cases[i].r == 0)) {
			printf("# case %zu\n", i);
			tap_failed = 1;
		}
	}
	drv_done(&w.d);
}

static void unready_queue_is_empty(void)
{
	struct queue q = {.max = 8};
	struct iovec iov[1];
	struct chain c;

	CHECK(queue_pop(&q, &c, iov, 1) == 0);
	queue_push(&q, 0, 0);
	queue_stop_notify(&q);
	CHECK(!queue_want_notify(&q) && !queue_wants_interrupt(&q));
}

/* ---- notifications ---- */

static void put_one(struct world *w)
{
	struct drv_part part = {SPARE, 8, true};

	(void)drv_put(&w->d, 0, &part, 1);
}

static void working_device_is_not_notified(void)
{
	struct world w;

	for (int i = 0; i < 2; i++) {
		begin(&w, EVENTS(i));
		put_one(&w);
		CHECK(drv_kick(&w.d, 0)); /* idle: it wants to know */
		queue_stop_notify(dev_queue(&w));
		for (int n = 0; n < 20; n++) {
			put_one(&w);
			CHECK(!drv_kick(&w.d, 0));
		}
		drv_run(&w.d);
		put_one(&w);
		CHECK(drv_kick(&w.d, 0));
		drv_done(&w.d);
	}
}

static void asking_for_notifications_finds_what_came_meanwhile(void)
{
	struct iovec iov[1];
	struct world w;
	struct chain c;

	for (int i = 0; i < 2; i++) {
		begin(&w, EVENTS(i));
		queue_stop_notify(dev_queue(&w));
		CHECK(!queue_want_notify(dev_queue(&w)));
		queue_stop_notify(dev_queue(&w));
		put_one(&w);
		CHECK(queue_want_notify(dev_queue(&w)));
		CHECK(queue_pop(dev_queue(&w), &c, iov, 1) == 1);
		CHECK(!queue_want_notify(dev_queue(&w)));
		drv_done(&w.d);
	}
}

static void one_interrupt_for_a_batch(void)
{
	struct world w;

	for (int i = 0; i < 2; i++) {
		begin(&w, EVENTS(i));
		for (int n = 0; n < 20; n++)
			put_one(&w);
		drv_kick(&w.d, 0);
		drv_run(&w.d);
		CHECK(drv_irqs(&w.d) == 1 && drv_isr(&w.d) == 1);
		drv_notify(&w.d, 0); /* nothing is there */
		drv_run(&w.d);
		CHECK(drv_irqs(&w.d) == 0 && drv_isr(&w.d) == 0);
		drv_done(&w.d);
	}
}

static void interrupts_that_are_not_wanted_do_not_come(void)
{
	uint16_t head;
	struct world w;
	uint32_t len;

	for (int i = 0; i < 2; i++) {
		begin(&w, EVENTS(i));
		drv_want_irqs(&w.d, 0, false);
		for (int n = 0; n < 5; n++)
			put_one(&w);
		drv_kick(&w.d, 0);
		drv_run(&w.d);
		CHECK(drv_irqs(&w.d) == 0);
		while (drv_used(&w.d, 0, &head, &len))
			;
		drv_want_irqs(&w.d, 0, true);
		put_one(&w);
		drv_kick(&w.d, 0);
		drv_run(&w.d);
		CHECK(drv_irqs(&w.d) == 1);
		drv_done(&w.d);
	}
}

/* With event indexes the driver can ask for an interrupt after the next three. */
static void interrupt_comes_when_the_index_is_passed(void)
{
	struct world w;

	begin(&w, DRV_ALL);
	w.d.queue[0].avail->ring[64] = 2;
	for (int n = 0; n < 4; n++) {
		put_one(&w);
		drv_kick(&w.d, 0);
		drv_run(&w.d);
		CHECK(drv_irqs(&w.d) == (n == 2));
	}
	drv_done(&w.d);
}

/* 65536 pushed and not asked: any event index may have been passed. */
static void interrupt_is_not_lost_all_the_way_round(void)
{
	struct world w;

	begin(&w, DRV_ALL);
	w.d.queue[0].avail->ring[64] = 7;
	for (int n = 0; n < 65536; n++)
		queue_push(dev_queue(&w), 0, 0);
	CHECK(queue_wants_interrupt(dev_queue(&w)));
	CHECK(!queue_wants_interrupt(dev_queue(&w)));
	queue_push(dev_queue(&w), 0, 0);
	CHECK(!queue_wants_interrupt(dev_queue(&w)));
	drv_done(&w.d);
}

/* A device and a driver on two threads that both sleep whenever they may: if a fence were
 * missing, both would at some time. */
struct ping {
	struct world *w;
	int64_t answered;
};

static void *ping(void *arg)
{
	struct ping *p = arg;
	char in[4];

	for (int i = 0; i < 20000; i++) {
		if (drv_call(&p->w->d, 0, "ping", 4, in, 4) != 4)
			break;
		p->answered++;
	}
	loop_stop(p->w->d.loop);
	return NULL;
}

static void no_notification_is_lost_between_threads(void)
{
	struct err e = {0};
	struct ping p = {0};
	pthread_t thread;
	struct world w;

	for (int i = 0; i < 2; i++) {
		begin(&w, EVENTS(i));
		w.d.elsewhere = true;
		p = (struct ping){.w = &w};
		CHECK(pthread_create(&thread, NULL, ping, &p) == 0);
		CHECK(loop_run(w.d.loop, &e) == 0);
		(void)pthread_join(thread, NULL);
		CHECK(p.answered == 20000);
		drv_done(&w.d);
	}
}

/* The same without system calls between: the device's "no more" and the driver's next
 * request meet within nanoseconds, and so the other way round with interrupts. */
struct duel {
	struct world *w;
	_Atomic bool stop, kicked;
};

/* The other thread may have no processor. */
static void rest(unsigned n)
{
	if (n % 20000 == 0)
		(void)sched_yield();
}

static void *answer_by_spinning(void *arg)
{
	struct iovec iov[1];
	struct duel *u = arg;
	struct queue *q = dev_queue(u->w);
	struct chain c;

	while (!u->stop) {
		if (queue_pop(q, &c, iov, 1) == 1) {
			queue_push(q, c.head, 0);
			if (queue_wants_interrupt(q))
				u->w->toy.dev.isr = 1;
		} else if (!queue_want_notify(q)) {
			for (unsigned n = 1; !u->kicked && !u->stop; n++)
				rest(n);
			u->kicked = false;
		}
	}
	return NULL;
}

/* Waits for the next answer, by looking all the time, or when interrupted only. */
static bool spin(struct duel *u, bool by_interrupt)
{
	_Atomic uint32_t *isr = &u->w->toy.dev.isr;
	time_t end = time(NULL) + 5;
	uint16_t head;
	uint32_t len;

	if (drv_used(&u->w->d, 0, &head, &len))
		return true;
	for (unsigned n = 1;; n++) {
		if (!by_interrupt || *isr) {
			*isr = 0;
			if (drv_used(&u->w->d, 0, &head, &len))
				return true;
		}
		rest(n);
		if (n % 1000 == 0 && time(NULL) > end)
			return false;
	}
}

static void duel(uint64_t features, bool by_interrupt)
{
	struct duel u = {0};
	pthread_t thread;
	struct world w;
	time_t end = time(NULL) + 1;
	unsigned n = 0;

	begin(&w, features);
	u.w = &w;
	CHECK(pthread_create(&thread, NULL, answer_by_spinning, &u) == 0);
	/* On a busy machine there are fewer. */
	for (; n < DUELS && (n < DUELS_LEAST || time(NULL) < end); n++) {
		put_one(&w);
		if (drv_needs_kick(&w.d, 0))
			u.kicked = true;
		CHECK(spin(&u, by_interrupt));
		if (tap_failed)
			break;
	}
	u.stop = true;
	(void)pthread_join(thread, NULL);
	drv_done(&w.d);
}

static void no_notification_is_lost_within_nanoseconds(void)
{
	duel(DRV_ALL, false);
	duel(NO_EVENTS, false);
}

static void no_interrupt_is_lost_within_nanoseconds(void)
{
	duel(DRV_ALL, true);
	duel(NO_EVENTS, true);
}

/* ---- iovecs ---- */

static void iovecs_are_read_and_written_across_parts(void)
{
	char a[3] = "abc", b[1] = "d", c[4] = "efgh", buf[16] = "";
	struct iovec iov[] = {{a, 3}, {b, 1}, {NULL, 0}, {c, 4}};

	CHECK(iov_read(iov, 4, 0, buf, 16) == 8 && memcmp(buf, "abcdefgh", 8) == 0);
	CHECK(iov_read(iov, 4, 2, buf, 3) == 3 && memcmp(buf, "cde", 3) == 0);
	CHECK(iov_read(iov, 4, 8, buf, 1) == 0 && iov_read(iov, 4, 99, buf, 1) == 0);
	CHECK(iov_read(iov, 4, 0, buf, 0) == 0 && iov_read(iov, 0, 0, buf, 1) == 0);
	CHECK(iov_write(iov, 4, 1, "123456789", 9) == 7);
	CHECK(memcmp(a, "a12", 3) == 0 && b[0] == '3' && memcmp(c, "4567", 4) == 0);
}

static void iovecs_are_cut_at_the_front(void)
{
	char a[3], b[1], c[4];
	struct iovec iov[] = {{a, 3}, {b, 1}, {c, 4}};

	CHECK(iov_cut(iov, 3, 0) == 0 && iov[0].iov_len == 3);
	CHECK(iov_cut(iov, 3, 2) == 0 && iov[0].iov_base == a + 2 && iov[0].iov_len == 1);
	CHECK(iov_cut(iov, 3, 1) == 1 && iov[1].iov_len == 1);
	CHECK(iov_cut(iov + 1, 2, 3) == 1 && iov[2].iov_base == c + 2);
	CHECK(iov_cut(iov + 2, 1, 99) == 1);
}

static const struct test tests[] = {
	{"requests are answered, 70,000 of them", answers_requests},
	{"scattered parts are one request, direct or in a table",
	 scattered_parts_are_one_request},
	{"an indirect table may end a chain", table_may_end_a_chain},
	{"a chain may be as long as the queue, and no longer",
	 chain_may_be_as_long_as_the_queue},
	{"every broken chain breaks the device, and a reset mends it",
	 broken_chains_break_the_device},
	{"indirect tables that weren't agreed on break the device",
	 tables_that_were_not_agreed_on_break_it},
	{"more parts than the caller has room for are refused",
	 too_many_parts_for_the_caller_are_refused},
	{"the last request can be put back", unpop_puts_the_last_one_back},
	{"a descriptor that changes after it was taken changes nothing",
	 what_changes_later_changes_nothing},
	{"descriptors may change while they are read",
	 descriptors_change_while_they_are_read},
	{"queues of a bad size, misaligned or out of memory are refused",
	 bad_queues_are_refused},
	{"a queue that isn't ready is empty", unready_queue_is_empty},
	{"a device at work is not notified", working_device_is_not_notified},
	{"asking for notifications finds what came meanwhile",
	 asking_for_notifications_finds_what_came_meanwhile},
	{"a batch is one interrupt", one_interrupt_for_a_batch},
	{"interrupts that the driver doesn't want don't come",
	 interrupts_that_are_not_wanted_do_not_come},
	{"an interrupt comes when the event index is passed",
	 interrupt_comes_when_the_index_is_passed},
	{"an interrupt isn't lost when the index went all the way round",
	 interrupt_is_not_lost_all_the_way_round},
	{"no notification and no interrupt is lost between two threads",
	 no_notification_is_lost_between_threads},
	{"no notification is lost within nanoseconds",
	 no_notification_is_lost_within_nanoseconds},
	{"no interrupt is lost within nanoseconds",
	 no_interrupt_is_lost_within_nanoseconds},
	{"iovecs are read and written across their parts",
	 iovecs_are_read_and_written_across_parts},
	{"iovecs are cut at the front", iovecs_are_cut_at_the_front},
};

TEST_MAIN(tests)
