/* SPDX-License-Identifier: Apache-2.0 */
#include <endian.h>
#include <errno.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mem.h>
#include <linux/virtio_mmio.h>

#include "vm/virtio/mem.h"

#include "tests/unit/tap.h"
#include "tests/unit/virtio_driver.h"

#define MIB     (UINT64_C(1) << 20)
#define GIB     (UINT64_C(1) << 30)
#define BIT(n)  (UINT64_C(1) << (n))
#define BLOCK   (2 * MIB)
#define HOTPLUG (2 * GIB)

struct world {
	struct drv d;
	uint64_t gpa; /* of the range */
};

static void setup_idle(struct world *w, uint64_t hotplug)
{
	struct memory_config c = {.size = 16 * MIB, .hotplug = hotplug, .fd = -1};
	struct virtio_dev *dev = NULL;
	struct err e = {0};

	drv_init(&w->d, c.size);
	memory_free(w->d.mem);
	w->d.mem = NULL;
	CHECK(memory_new(-1, &c, &w->d.mem, &e) == 0);
	CHECK(mem_new(w->d.mem, w->d.loop, &dev, &e) == 0);
	drv_attach(&w->d, dev);
	w->gpa = memory_hotplug_range(w->d.mem).gpa;
}

static void setup(struct world *w)
{
	setup_idle(w, HOTPLUG);
	CHECK(drv_start(&w->d, DRV_ALL, 16));
}

static struct virtio_mem_config config(struct world *w)
{
	struct virtio_mem_config c;

	drv_config_read(&w->d, 0, &c, sizeof(c));
	return c;
}

static void request(struct world *w, uint64_t bytes)
{
	struct err e = {0};

	CHECK(mem_request(w->d.dev, bytes, &e) == 0);
}

/* A request of the driver's; the answer's type, and the state. */
static int ask_state(struct world *w, uint16_t type, uint64_t gpa, uint16_t blocks,
		     uint16_t *ret_state)
{
	struct virtio_mem_req req = {
		.type = htole16(type),
		.u.plug = {.addr = htole64(gpa), .nb_blocks = htole16(blocks)},
	};
	struct virtio_mem_resp resp = {.type = 99};

	if (drv_call(&w->d, 0, &req, sizeof(req), &resp, sizeof(resp)) !=
	    (int64_t)sizeof(resp))
		return -1;
	*ret_state = le16toh(resp.u.state.state);
	return le16toh(resp.type);
}

static int ask(struct world *w, uint16_t type, uint64_t gpa, uint16_t blocks)
{
	uint16_t state;

	return ask_state(w, type, gpa, blocks, &state);
}

static int plug(struct world *w, uint64_t off, uint16_t blocks)
{
	return ask(w, VIRTIO_MEM_REQ_PLUG, w->gpa + off, blocks);
}

static int unplug(struct world *w, uint64_t off, uint16_t blocks)
{
	return ask(w, VIRTIO_MEM_REQ_UNPLUG, w->gpa + off, blocks);
}

/* The state of blocks, or -1 where the device wouldn't say. */
static int state_of(struct world *w, uint64_t off, uint16_t blocks)
{
	uint16_t state = 99;
	int r = ask_state(w, VIRTIO_MEM_REQ_STATE, w->gpa + off, blocks, &state);

	return r == VIRTIO_MEM_RESP_ACK ? state : -1;
}

static void tells_its_range(void)
{
	struct virtio_mem_config c;
	struct world w;

	setup_idle(&w, HOTPLUG);
	CHECK(drv_find(&w.d, VIRTIO_ID_MEM));
	CHECK(drv_offered(&w.d) & BIT(VIRTIO_MEM_F_UNPLUGGED_INACCESSIBLE));
	CHECK(!(drv_offered(&w.d) & BIT(VIRTIO_MEM_F_ACPI_PXM)));
	c = config(&w);
	CHECK(le64toh(c.block_size) == BLOCK && le64toh(c.addr) == w.gpa);
	CHECK(w.gpa % GIB == 0 && le64toh(c.region_size) == HOTPLUG);
	CHECK(c.usable_region_size == 0 && c.plugged_size == 0 && c.requested_size == 0);
	drv_done(&w.d);
}

static void drivers_that_would_touch_anything_are_refused(void)
{
	struct world w;

	setup_idle(&w, HOTPLUG);
	CHECK(!drv_start(&w.d, 0, 16) && drv_broken(&w.d));
	CHECK(drv_start(&w.d, DRV_ALL, 16));
	drv_done(&w.d);
}

static void a_request_is_told(void)
{
	struct virtio_mem_config c;
	struct err e = {0};
	struct world w;

	setup(&w);
	(void)drv_irqs(&w.d);
	request(&w, 100 * MIB + 1);
	CHECK(drv_irqs(&w.d) == 1 && drv_isr(&w.d) == VIRTIO_MMIO_INT_CONFIG);
	c = config(&w);
	CHECK(le64toh(c.requested_size) == 102 * MIB);
	CHECK(le64toh(c.usable_region_size) == 614 * MIB);
	/* The usable part doesn't shrink under the driver, and ends with the range. */
	request(&w, MIB);
	c = config(&w);
	CHECK(le64toh(c.requested_size) == BLOCK);
	CHECK(le64toh(c.usable_region_size) == 614 * MIB);
	request(&w, HOTPLUG);
	c = config(&w);
	CHECK(le64toh(c.usable_region_size) == HOTPLUG);
	CHECK(mem_request(w.d.dev, HOTPLUG + 1, &e) == -ERANGE);
	CHECK(mem_request(w.d.dev, UINT64_MAX, &e) == -ERANGE);
	drv_done(&w.d);
}

static void blocks_are_plugged_in_and_out(void)
{
	struct world w;
	uint8_t *p;

	setup(&w);
	request(&w, 10 * BLOCK);
	CHECK(memory_at(w.d.mem, w.gpa, 1) == NULL);
	CHECK(plug(&w, 0, 4) == VIRTIO_MEM_RESP_ACK);
	CHECK(plug(&w, 100 * BLOCK, 2) == VIRTIO_MEM_RESP_ACK);
	CHECK(mem_plugged(w.d.dev) == 6 * BLOCK);
	CHECK(le64toh(config(&w).plugged_size) == 6 * BLOCK);
	p = drv_at(&w.d, w.gpa, 4 * BLOCK);
	CHECK(memory_at(w.d.mem, w.gpa, 4 * BLOCK + 1) == NULL);
	memset(p, 1, 4 * BLOCK);
	CHECK(unplug(&w, BLOCK, 2) == VIRTIO_MEM_RESP_ACK);
	CHECK(mem_plugged(w.d.dev) == 4 * BLOCK);
	CHECK(memory_at(w.d.mem, w.gpa + BLOCK, 1) == NULL);
	CHECK(memory_at(w.d.mem, w.gpa + 3 * BLOCK, BLOCK) == p + 3 * BLOCK);
	CHECK(p[0] == 1 && p[4 * BLOCK - 1] == 1);
	CHECK(plug(&w, BLOCK, 2) == VIRTIO_MEM_RESP_ACK);
	CHECK(p[BLOCK] == 0 && p[3 * BLOCK - 1] == 0);
	drv_done(&w.d);
}

static void states_are_told(void)
{
	struct world w;

	setup(&w);
	request(&w, 10 * BLOCK);
	CHECK(plug(&w, 2 * BLOCK, 3) == VIRTIO_MEM_RESP_ACK);
	CHECK(state_of(&w, 2 * BLOCK, 3) == VIRTIO_MEM_STATE_PLUGGED);
	CHECK(state_of(&w, 0, 2) == VIRTIO_MEM_STATE_UNPLUGGED);
	CHECK(state_of(&w, 0, 3) == VIRTIO_MEM_STATE_MIXED);
	CHECK(state_of(&w, 4 * BLOCK, 2) == VIRTIO_MEM_STATE_MIXED);
	CHECK(state_of(&w, 5 * BLOCK, 200) == VIRTIO_MEM_STATE_UNPLUGGED);
	CHECK(state_of(&w, HOTPLUG, 1) == -1 && state_of(&w, 1, 1) == -1 &&
	      state_of(&w, 0, 0) == -1);
	drv_done(&w.d);
}

static void no_more_than_was_asked_for(void)
{
	struct world w;

	setup(&w);
	CHECK(plug(&w, 0, 1) == VIRTIO_MEM_RESP_ERROR); /* nothing is usable */
	request(&w, 4 * BLOCK);
	CHECK(plug(&w, 0, 5) == VIRTIO_MEM_RESP_NACK);
	CHECK(plug(&w, 0, 3) == VIRTIO_MEM_RESP_ACK);
	CHECK(plug(&w, 3 * BLOCK, 2) == VIRTIO_MEM_RESP_NACK);
	request(&w, BLOCK);
	CHECK(plug(&w, 3 * BLOCK, 1) == VIRTIO_MEM_RESP_NACK);
	CHECK(mem_plugged(w.d.dev) == 3 * BLOCK);
	CHECK(unplug(&w, 0, 3) == VIRTIO_MEM_RESP_ACK);
	CHECK(plug(&w, 0, 1) == VIRTIO_MEM_RESP_ACK);
	drv_done(&w.d);
}

static void wrong_blocks_are_errors(void)
{
	static const struct {
		uint64_t off; /* from the range's beginning, modulo 2^64 */
		uint16_t blocks;
	} wrong[] = {
		{0, 0},
		{1, 1},
		{MIB, 1},
		{4096, 2},
		{-BLOCK, 1},
		{-BLOCK, 2},
		{HOTPLUG, 1},
		{HOTPLUG - BLOCK, 2},
		{0, UINT16_MAX},
		{UINT64_MAX - BLOCK + 1, UINT16_MAX},
		{INT64_MAX, 1},
		{1032 * MIB + 512 * MIB, 1}, /* just behind what is usable */
		{1032 * MIB + 510 * MIB, 2},
	};
	struct world w;

	setup(&w);
	request(&w, 1032 * MIB);
	CHECK(plug(&w, 8 * BLOCK, 8) == VIRTIO_MEM_RESP_ACK);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		CHECK(plug(&w, wrong[i].off, wrong[i].blocks) == VIRTIO_MEM_RESP_ERROR);
		CHECK(unplug(&w, wrong[i].off, wrong[i].blocks) == VIRTIO_MEM_RESP_ERROR);
		CHECK(state_of(&w, wrong[i].off, wrong[i].blocks) == -1);
	}
	CHECK(plug(&w, 1542 * MIB, 1) == VIRTIO_MEM_RESP_ACK);
	CHECK(unplug(&w, 1542 * MIB, 1) == VIRTIO_MEM_RESP_ACK);
	/* Blocks that are in that state already, in part or as a whole. */
	CHECK(plug(&w, 8 * BLOCK, 8) == VIRTIO_MEM_RESP_ERROR);
	CHECK(plug(&w, 7 * BLOCK, 2) == VIRTIO_MEM_RESP_ERROR);
	CHECK(unplug(&w, 0, 1) == VIRTIO_MEM_RESP_ERROR);
	CHECK(unplug(&w, 15 * BLOCK, 2) == VIRTIO_MEM_RESP_ERROR);
	CHECK(ask(&w, 4, w.gpa, 1) == VIRTIO_MEM_RESP_ERROR);
	CHECK(ask(&w, UINT16_MAX, w.gpa, 1) == VIRTIO_MEM_RESP_ERROR);
	CHECK(mem_plugged(w.d.dev) == 8 * BLOCK && !drv_broken(&w.d));
	CHECK(state_of(&w, 8 * BLOCK, 8) == VIRTIO_MEM_STATE_PLUGGED);
	drv_done(&w.d);
}

static void all_is_plugged_out(void)
{
	struct world w;

	setup(&w);
	request(&w, 600 * MIB);
	CHECK(plug(&w, 0, 4) == VIRTIO_MEM_RESP_ACK);
	CHECK(plug(&w, 500 * BLOCK, 4) == VIRTIO_MEM_RESP_ACK);
	request(&w, 2 * BLOCK);
	CHECK(ask(&w, VIRTIO_MEM_REQ_UNPLUG_ALL, 0, 0) == VIRTIO_MEM_RESP_ACK);
	CHECK(mem_plugged(w.d.dev) == 0 && memory_at(w.d.mem, w.gpa, 1) == NULL);
	CHECK(le64toh(config(&w).usable_region_size) == 516 * MIB);
	CHECK(plug(&w, 0, 2) == VIRTIO_MEM_RESP_ACK);
	request(&w, 0);
	CHECK(ask(&w, VIRTIO_MEM_REQ_UNPLUG_ALL, 0, 0) == VIRTIO_MEM_RESP_ACK);
	CHECK(config(&w).usable_region_size == 0);
	drv_done(&w.d);
}

static void blocks_stay_when_the_driver_goes(void)
{
	struct world w;

	setup(&w);
	request(&w, 4 * BLOCK);
	CHECK(plug(&w, 0, 4) == VIRTIO_MEM_RESP_ACK);
	memset(memory_at(w.d.mem, w.gpa, BLOCK), 7, BLOCK);
	CHECK(drv_start(&w.d, DRV_ALL, 16));
	CHECK(le64toh(config(&w).plugged_size) == 4 * BLOCK);
	CHECK(*(uint8_t *)memory_at(w.d.mem, w.gpa, 1) == 7);
	drv_done(&w.d);
}

static void without_a_range_nothing_is_plugged_in(void)
{
	struct err e = {0};
	struct world w;

	setup_idle(&w, 0);
	CHECK(drv_start(&w.d, DRV_ALL, 16));
	CHECK(config(&w).region_size == 0 && config(&w).block_size != 0);
	CHECK(mem_request(w.d.dev, 0, &e) == 0);
	CHECK(mem_request(w.d.dev, 1, &e) == -ERANGE);
	CHECK(plug(&w, 0, 1) == VIRTIO_MEM_RESP_ERROR);
	CHECK(ask(&w, VIRTIO_MEM_REQ_UNPLUG_ALL, 0, 0) == VIRTIO_MEM_RESP_ACK);
	CHECK(state_of(&w, 0, 1) == -1);
	drv_done(&w.d);
}

/* Buffers of a request may be what the request plugs out. */
static void requests_in_plugged_memory(void)
{
	struct virtio_mem_req req = {.type = htole16(VIRTIO_MEM_REQ_UNPLUG)};
	struct drv_part parts[2];
	struct world w;
	uint16_t head;
	uint32_t len = 0;

	setup(&w);
	request(&w, 4 * BLOCK);
	CHECK(plug(&w, 0, 1) == VIRTIO_MEM_RESP_ACK);
	req.u.unplug.addr = htole64(w.gpa);
	req.u.unplug.nb_blocks = htole16(1);
	CHECK(memory_write(w.d.mem, w.gpa, &req, sizeof(req)) == 0);
	parts[0] = (struct drv_part){w.gpa, sizeof(req), false};
	parts[1] = (struct drv_part){w.gpa + 64, 10, true};
	(void)drv_put(&w.d, 0, parts, 2);
	drv_kick(&w.d, 0);
	CHECK(drv_wait(&w.d, 0, &head, &len) && len == 10);
	CHECK(mem_plugged(w.d.dev) == 0 && !drv_broken(&w.d));
	/* What was written after it is gone is not there for the next. */
	CHECK(plug(&w, 0, 1) == VIRTIO_MEM_RESP_ACK);
	CHECK(*(uint32_t *)memory_at(w.d.mem, w.gpa + 64, 4) == 0);
	drv_done(&w.d);
}

static void broken_requests_break_it(void)
{
	static const struct {
		uint32_t out, in;
	} wrong[] = {{23, 10}, {24, 9}, {24, 0}, {0, 64}, {1, 1}};
	struct drv_part whole[2];
	struct world w;

	setup(&w);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct drv_part parts[2];
		unsigned n = 0;

		CHECK(drv_start(&w.d, DRV_ALL, 16));
		if (wrong[i].out)
			parts[n++] = (struct drv_part){drv_alloc(&w.d, 64), wrong[i].out,
						       false};
		if (wrong[i].in)
			parts[n++] = (struct drv_part){drv_alloc(&w.d, 64), wrong[i].in,
						       true};
		(void)drv_put(&w.d, 0, parts, n);
		drv_kick(&w.d, 0);
		drv_run(&w.d);
		CHECK(drv_broken(&w.d));
	}
	CHECK(drv_attack_all(&w.d, 0, NULL, NULL));
	whole[0] = (struct drv_part){drv_alloc(&w.d, 64), 24, false};
	whole[1] = (struct drv_part){drv_alloc(&w.d, 64), 10, true};
	drv_race(&w.d, 0, whole, 2, 10);
	drv_done(&w.d);
}

/* ---- saved machines ---- */

static struct state_reader *save(struct world *w, struct state_writer *s)
{
	struct state_reader *r = NULL;
	struct err e = {0};
	const void *p = NULL;
	size_t len = 0;

	virtio_save(w->d.dev, s, 6);
	CHECK(state_finish(s, &p, &len, &e) == 0);
	CHECK(state_reader_new(p, len, &r, &e) == 0);
	return r;
}

static void it_is_restored_as_it_was(void)
{
	struct state_writer *s = state_writer_new();
	struct state_reader *r;
	struct err e = {0};
	struct world w, v;

	setup(&w);
	request(&w, 600 * MIB);
	CHECK(plug(&w, BLOCK, 4) == VIRTIO_MEM_RESP_ACK);
	CHECK(plug(&w, 500 * BLOCK, 3) == VIRTIO_MEM_RESP_ACK);
	r = save(&w, s);
	setup_idle(&v, HOTPLUG);
	CHECK(virtio_restore(v.d.dev, r, 6, &e) == 0);
	CHECK(mem_plugged(v.d.dev) == 7 * BLOCK);
	CHECK(memory_is_plugged(v.d.mem, v.gpa + BLOCK, 4 * BLOCK) &&
	      memory_is_plugged(v.d.mem, v.gpa + 500 * BLOCK, 3 * BLOCK));
	CHECK(!memory_is_plugged(v.d.mem, v.gpa, BLOCK) &&
	      !memory_is_plugged(v.d.mem, v.gpa + 5 * BLOCK, BLOCK));
	CHECK(le64toh(config(&v).requested_size) == 600 * MIB);
	CHECK(le64toh(config(&v).usable_region_size) == 1112 * MIB);
	state_reader_free(r);
	state_writer_free(s);
	drv_done(&v.d);
	drv_done(&w.d);
}

static void another_range_is_not_restored(void)
{
	struct state_writer *s = state_writer_new();
	struct state_reader *r;
	struct err e = {0};
	struct world w, v;

	setup(&w);
	request(&w, 600 * MIB);
	CHECK(plug(&w, BLOCK, 4) == VIRTIO_MEM_RESP_ACK);
	r = save(&w, s);
	setup_idle(&v, HOTPLUG / 2);
	CHECK(virtio_restore(v.d.dev, r, 6, &e) < 0);
	CHECK(mem_plugged(v.d.dev) == 0 && memory_at(v.d.mem, v.gpa + BLOCK, 1) == NULL);
	state_reader_free(r);
	state_writer_free(s);
	drv_done(&v.d);
	drv_done(&w.d);
}

static const struct test tests[] = {
	{"it tells its range", tells_its_range},
	{"drivers that would touch what isn't plugged in are refused",
	 drivers_that_would_touch_anything_are_refused},
	{"a request is told, and the usable part grows", a_request_is_told},
	{"blocks are plugged in and out, and come back as zeros",
	 blocks_are_plugged_in_and_out},
	{"states are told", states_are_told},
	{"no more is plugged in than was asked for", no_more_than_was_asked_for},
	{"wrong blocks are errors, and change nothing", wrong_blocks_are_errors},
	{"all is plugged out, and the usable part shrinks", all_is_plugged_out},
	{"blocks stay when the driver goes", blocks_stay_when_the_driver_goes},
	{"without a range nothing is plugged in", without_a_range_nothing_is_plugged_in},
	{"a request may lie in the block that it plugs out", requests_in_plugged_memory},
	{"broken and changing requests do no harm", broken_requests_break_it},
	{"it is restored as it was", it_is_restored_as_it_was},
	{"another range is not restored", another_range_is_not_restored},
};

TEST_MAIN(tests)
