/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A driver that does anything to a virtio device: registers, rings, descriptors and
 * buffers, in any order, beside what makes a device get as far as its requests. The first
 * byte of the input is the device, each of the others begins a step.
 *
 * A device is a row of `devices`: how it is made, and (or NULL) what the host does to it,
 * with some bytes of the input. All happens on one thread, so that an input always does
 * the same.
 */
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "vm/virtio/balloon.h"
#include "vm/virtio/block.h"
#include "vm/virtio/console.h"
#include "vm/virtio/mem.h"
#include "vm/virtio/mmio.h"
#include "vm/virtio/net.h"
#include "vm/virtio/rng.h"

#include "tests/unit/toy_device.h"
#include "tests/unit/virtio_driver.h"

#define MEMORY    (UINT64_C(4) << 20)
#define STEPS_MAX 512
#define DISK      65536
#define HOTPLUG   (UINT64_C(64) << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *p;
	size_t len;
};

struct world {
	struct drv d;
	struct worker_pool *pool;
	struct toy toy;
};

struct device {
	int (*make)(struct world *w, struct virtio_dev **ret, struct err *e);
	void (*host)(struct virtio_dev *dev, const void *buf, size_t len);
};

/* ---- devices ---- */

static int make_toy(struct world *w, struct virtio_dev **ret, struct err *e)
{
	*ret = &w->toy.dev;
	return virtio_init(*ret, &toy_ops, w->d.mem, w->d.loop, e);
}

static int make_rng(struct world *w, struct virtio_dev **ret, struct err *e)
{
	return rng_new(w->d.mem, w->d.loop, ret, e);
}

static int make_console(struct world *w, struct virtio_dev **ret, struct err *e)
{
	return console_new(w->d.mem, w->d.loop, ret, e);
}

static void type(struct virtio_dev *dev, const void *buf, size_t len)
{
	(void)console_input(dev, buf, len);
	console_resize(dev, (unsigned)len, 80);
}

static int make_block(struct world *w, struct virtio_dev **ret, struct err *e)
{
	return block_new(w->d.mem, w->d.loop, w->pool, ret, e);
}

static void exchange_disk(struct virtio_dev *dev, const void *buf, size_t len)
{
	struct vm_block_config c = {.fd = memfd_create("disk", MFD_CLOEXEC),
				    .read_only = len & 1};

	(void)block_disconnect(dev, ERR_IGNORE);
	if (c.fd < 0 || ftruncate(c.fd, DISK) < 0 ||
	    pwrite(c.fd, buf, len, 0) != (ssize_t)len ||
	    block_connect(dev, &c, ERR_IGNORE) < 0)
		fd_close(&c.fd);
}

static int make_net(struct world *w, struct virtio_dev **ret, struct err *e)
{
	return net_new(w->d.mem, w->d.loop, 0, ret, e);
}

/* A socket that gets what it sends is a tap that echoes; the input is its first frame. */
static int echo_new(const void *frame, size_t len)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	socklen_t n = sizeof(a);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(sa_family_t)) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &n) < 0 ||
	    connect(fd, (struct sockaddr *)&a, n) < 0 || send(fd, frame, len, 0) < 0)
		fd_close(&fd);
	return fd;
}

static void exchange_tap(struct virtio_dev *dev, const void *buf, size_t len)
{
	static const uint8_t mac[6] = {2, 1, 2, 3, 4, 5};
	AUTO_FD fd = -1;

	if (len == 1) {
		dev->ops->pause(dev);
		dev->ops->resume(dev);
		return;
	}
	net_disconnect(dev);
	fd = len ? echo_new(buf, len) : -1;
	if (fd >= 0)
		(void)net_attach(dev, &fd, mac, len & 1 ? 1500 : 0, ERR_IGNORE);
}

static int make_balloon(struct world *w, struct virtio_dev **ret, struct err *e)
{
	return balloon_new(w->d.mem, w->d.loop, ret, e);
}

static void ask_balloon(struct virtio_dev *dev, const void *buf, size_t len)
{
	(void)buf;
	(void)balloon_request(dev, len * 4096, ERR_IGNORE);
	(void)balloon_size(dev);
}

/* The only one whose memory has a range to plug in. */
static int make_mem(struct world *w, struct virtio_dev **ret, struct err *e)
{
	struct memory_config c = {.size = MEMORY, .hotplug = HOTPLUG, .fd = -1};

	memory_free(w->d.mem);
	w->d.mem = NULL;
	return memory_new(-1, &c, &w->d.mem, e) < 0
		       ? -e->code
		       : mem_new(w->d.mem, w->d.loop, ret, e);
}

static void ask_mem(struct virtio_dev *dev, const void *buf, size_t len)
{
	(void)buf;
	(void)mem_request(dev, len << 20, ERR_IGNORE);
	if (mem_plugged(dev) > HOTPLUG || mem_plugged(dev) & ((2 << 20) - 1))
		abort();
}

static const struct device devices[] = {
	{make_toy, NULL},         {make_rng, NULL},
	{make_console, type},     {make_block, exchange_disk},
	{make_net, exchange_tap}, {make_balloon, ask_balloon},
	{make_mem, ask_mem},
};

/* ---- input ---- */

static uint32_t take(struct input *in, size_t bytes)
{
	uint32_t v = 0;

	if (bytes > in->len)
		bytes = in->len;
	memcpy(&v, in->p, bytes);
	in->p += bytes;
	in->len -= bytes;
	return v;
}

static const void *take_bytes(struct input *in, size_t *len)
{
	const void *p = in->p;

	if (*len > in->len)
		*len = in->len;
	in->p += *len;
	in->len -= *len;
	return p;
}

/* ---- steps ---- */

static void step_write(struct world *w, struct input *in)
{
	uint64_t off = (uint64_t)take(in, 1) * 4;

	drv_write(&w->d, off, take(in, 4));
}

static void step_read(struct world *w, struct input *in)
{
	for (uint64_t off = 0; off < 0x120; off += 4)
		(void)drv_read(&w->d, off);
	(void)in;
}

/* Any width, aligned or not, up to the end of the block. */
static void step_access(struct world *w, struct input *in)
{
	uint32_t v = take(in, 2);
	unsigned len = 1U << (v >> 12 & 3);
	uint64_t off = v & 0xfff;
	char data[8] = {0};

	if (off > MMIO_LEN - len)
		off = MMIO_LEN - len;
	for (unsigned i = 0; i < len; i++)
		data[i] = (char)(v >> 15 ? take(in, 1) : 0);
	mmio_access(w->d.dev, off, data, len, v >> 15);
}

static void step_memory(struct world *w, struct input *in)
{
	uint64_t gpa = take(in, 3) % (MEMORY - 256);
	size_t len = take(in, 1);
	const void *p = take_bytes(in, &len);

	if (len)
		memcpy(drv_at(&w->d, gpa, len), p, len);
}

static void step_start(struct world *w, struct input *in)
{
	static const uint64_t wanted[] = {
		DRV_ALL, ~(UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX),
		~(UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC), 0};
	uint32_t v = take(in, 1);

	drv_rewind(&w->d);
	(void)drv_start(&w->d, wanted[v & 3], (uint16_t)(1U << (v >> 2 & 7)));
}

static unsigned queue_of(struct world *w, uint32_t v)
{
	return v % w->d.dev->ops->queues;
}

/* Where a driver can reach its rings. */
static bool has_rings(const struct drv_queue *q)
{
	return q->size && q->desc && q->avail && q->used;
}

/* A chain that is good but for its content: a few bytes of the input in each buffer. */
static void step_request(struct world *w, struct input *in)
{
	uint32_t v = take(in, 1), lens;
	unsigned queue = queue_of(w, v), count = 1 + (v >> 4 & 7);
	struct drv_part parts[8];

	if (!has_rings(&w->d.queue[queue]))
		return;
	drv_rewind(&w->d);
	lens = take(in, 1);
	for (unsigned i = 0; i < count; i++) {
		size_t len = take(in, 1), all = lens >> i & 1 ? 4096 : len;
		const void *p = take_bytes(in, &len);

		parts[i] = (struct drv_part){drv_alloc(&w->d, 4096), (uint32_t)all,
					     i >= (lens >> 5)};
		if (len)
			memcpy(drv_at(&w->d, parts[i].gpa, len), p, len);
	}
	(void)(v & 8 ? drv_put_indirect : drv_put)(&w->d, queue, parts, count);
	drv_notify(&w->d, queue);
}

/* Descriptors as they come, with addresses that are mostly in memory. */
static void step_descriptors(struct world *w, struct input *in)
{
	uint32_t v = take(in, 1);
	unsigned queue = queue_of(w, v), count = 1 + (v >> 4);
	struct drv_queue *q = &w->d.queue[queue];

	if (!has_rings(q))
		return;
	for (unsigned i = 0; i < count; i++) {
		uint32_t at = take(in, 1), flags = take(in, 1);
		uint64_t gpa = take(in, 3);
		uint32_t len = take(in, 2);

		if (flags & 0x80)
			len <<= 16;
		if (flags & 0x40)
			gpa = ~gpa;
		drv_desc(&w->d, queue, (uint16_t)(at % q->size), gpa, len, flags & 7,
			 (uint16_t)(at + (flags >> 3 & 3)));
	}
	drv_publish(&w->d, queue, (uint16_t)take(in, 1));
}

static void step_publish(struct world *w, struct input *in)
{
	uint32_t v = take(in, 1);
	unsigned queue = queue_of(w, v);

	if (has_rings(&w->d.queue[queue]))
		drv_publish(&w->d, queue, (uint16_t)take(in, 2));
}

static void step_used(struct world *w, struct input *in)
{
	unsigned queue = queue_of(w, take(in, 1));
	uint16_t head;
	uint32_t len;

	if (has_rings(&w->d.queue[queue]))
		while (drv_used(&w->d, queue, &head, &len))
			;
}

static void step_attack(struct world *w, struct input *in)
{
	uint32_t v = take(in, 2);
	unsigned queue = queue_of(w, v >> 8);

	if (w->d.queue[queue].size < 8 || !has_rings(&w->d.queue[queue]))
		return;
	drv_rewind(&w->d);
	drv_attacks[v % drv_attacks_count].put(&w->d, queue);
	drv_notify(&w->d, queue);
}

static void step_set_queue(struct world *w, struct input *in)
{
	unsigned queue = take(in, 1) % VIRTIO_QUEUES_MAX;
	uint64_t desc = (uint64_t)take(in, 2) << 4, avail = (uint64_t)take(in, 2) << 4;

	(void)drv_negotiate(&w->d, DRV_ALL);
	(void)drv_set_queue_at(&w->d, queue, (uint16_t)(take(in, 2) % 2048), desc, avail,
			       (uint64_t)take(in, 2) << 4);
	drv_ok(&w->d);
}

static void step_notify(struct world *w, struct input *in)
{
	drv_notify(&w->d, take(in, 1));
}

/* Notifications that a device gives itself, for its turns, might never end. */
static void step_run(struct world *w, struct input *in)
{
	unsigned left = 64;

	(void)in;
	do {
		(void)worker_pool_poll(w->pool);
	} while (left-- && loop_once(w->d.loop, 0, ERR_IGNORE) > 0);
}

typedef void step_fn(struct world *w, struct input *in);

static step_fn *const steps[] = {
	step_write,     step_read,    step_access, step_memory, step_start,
	step_request,   step_publish, step_used,   step_attack, step_descriptors,
	step_set_queue, step_notify,  step_run,
};

static void step(struct world *w, const struct device *device, struct input *in)
{
	uint32_t op = take(in, 1) % (ARRAY_LEN(steps) + 1);
	const void *p;
	size_t len;

	if (op < ARRAY_LEN(steps)) {
		steps[op](w, in);
	} else if (device->host) {
		len = take(in, 1);
		p = take_bytes(in, &len);
		device->host(w->d.dev, p, len);
	}
}

/* What holds whatever a driver does. */
static void check(const struct virtio_dev *dev)
{
	uint32_t ok = VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK;

	if (dev->active &&
	    ((dev->status & ok) != ok || dev->status & VIRTIO_CONFIG_S_NEEDS_RESET ||
	     dev->features & ~dev->ops->features & 0xffffff ||
	     !virtio_has(dev, VIRTIO_F_VERSION_1)))
		abort();
	for (unsigned i = 0; i < dev->ops->queues; i++) {
		const struct queue *q = &dev->queue[i];

		if (q->ready &&
		    (!q->size || q->size > q->max ||
		     !memory_at(dev->mem, q->desc_gpa, 16 * (uint64_t)q->size)))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	const struct device *device = &devices[take(&in, 1) % ARRAY_LEN(devices)];
	struct virtio_dev *dev = NULL;
	static struct world w;
	struct err e = {0};

	w = (struct world){0};
	drv_init(&w.d, MEMORY);
	if (worker_pool_new(&w.pool, &e) < 0 || device->make(&w, &dev, &e) < 0)
		abort();
	drv_attach(&w.d, dev);
	for (unsigned i = 0; in.len && i < STEPS_MAX; i++)
		step(&w, device, &in);
	step_run(&w, &in);
	check(dev);
	drv_done(&w.d);
	worker_pool_free(w.pool);
	return 0;
}
