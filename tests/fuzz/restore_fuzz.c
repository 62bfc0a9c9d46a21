/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a device's part of a saved machine: refused, or a device that a driver can
 * have brought about. What it has of guest memory is hostile as well; and what is restored
 * can be saved, and restored again. The first byte of the input is the device, the next
 * two the length of its state, and what comes behind is the beginning of guest memory.
 */
#include <linux/virtio_mmio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "vm/virtio/balloon.h"
#include "vm/virtio/block.h"
#include "vm/virtio/console.h"
#include "vm/virtio/mem.h"
#include "vm/virtio/mmio.h"
#include "vm/virtio/net.h"
#include "vm/virtio/rng.h"
#include "vm/virtio/vsock.h"

#include "tests/unit/virtio_driver.h"

#define MEMORY  (UINT64_C(2) << 20)
#define HOTPLUG (UINT64_C(16) << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
	struct memory *mem;
	struct loop *loop;
	struct worker_pool *pool;
	struct virtio_dev *dev;
};

static int make_vsock(struct world *w, struct err *e)
{
	struct vsock_config c = {.cid = 3, .mem = w->mem, .loop = w->loop};
	struct vsock *v;
	int r = vsock_new(&c, &v, e);

	if (r == 0)
		w->dev = vsock_device(v);
	return r;
}

static int make(struct world *w, unsigned which, struct err *e)
{
	switch (which) {
	case 0:
		return rng_new(w->mem, w->loop, &w->dev, e);
	case 1:
		return console_new(w->mem, w->loop, &w->dev, e);
	case 2:
		return make_vsock(w, e);
	case 3:
		return balloon_new(w->mem, w->loop, &w->dev, e);
	case 4:
		return mem_new(w->mem, w->loop, &w->dev, e);
	case 5:
		return net_new(w->mem, w->loop, 0, &w->dev, e);
	default:
		return block_new(w->mem, w->loop, w->pool, &w->dev, e);
	}
}

static void world_new(struct world *w, unsigned which)
{
	struct memory_config c = {.size = MEMORY, .hotplug = HOTPLUG, .fd = -1};
	struct err e;

	*w = (struct world){0};
	if (memory_new(-1, &c, &w->mem, &e) < 0 || loop_new(&w->loop, &e) < 0 ||
	    worker_pool_new(&w->pool, &e) < 0 || make(w, which, &e) < 0)
		abort();
}

static void world_free(struct world *w)
{
	virtio_free(w->dev);
	worker_pool_free(w->pool);
	loop_free(w->loop);
	memory_free(w->mem);
}

/* With the number and the queues that the device has. */
static void put_state(const struct world *w, struct state_writer *s, const uint8_t *p,
		      size_t len)
{
	state_begin(s, "virt", 0);
	state_put_u32(s, w->dev->ops->id);
	state_put_u32(s, w->dev->ops->queues);
	for (size_t i = 0; i < len; i++)
		state_put_u8(s, p[i]);
	state_end(s);
}

static int restore(struct world *w, struct state_writer *s)
{
	struct state_reader *r = NULL;
	const void *data = NULL;
	struct err e = {0};
	size_t len = 0;
	int n;

	if (state_finish(s, &data, &len, &e) < 0 ||
	    state_reader_new(data, len, &r, &e) < 0)
		abort();
	n = virtio_restore(w->dev, r, 0, &e);
	if (n < 0 && (!e.code || w->dev->active || w->dev->status))
		abort();
	state_reader_free(r);
	state_writer_free(s);
	return n;
}

static void use(struct world *w)
{
	struct err e;

	for (uint32_t q = 0; q < w->dev->ops->queues; q++)
		mmio_access(w->dev, VIRTIO_MMIO_QUEUE_NOTIFY, &q, sizeof(q), true);
	for (unsigned i = 0; i < 8; i++) {
		(void)loop_once(w->loop, 0, &e);
		(void)worker_pool_poll(w->pool);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct state_writer *s = state_writer_new();
	struct world w;
	size_t len;

	if (!s || size < 3) {
		state_writer_free(s);
		return 0;
	}
	world_new(&w, data[0] % 7);
	len = data[1] | (size_t)data[2] << 8;
	data += 3;
	size -= 3;
	if (len > size)
		len = size;
	if (size > len)
		(void)memory_write(w.mem, 0, data + len,
				   size - len < MEMORY ? size - len : MEMORY);
	put_state(&w, s, data, len);
	if (restore(&w, s) == 0) {
		s = state_writer_new();
		if (!s)
			abort();
		virtio_save(w.dev, s, 0);
		if (restore(&w, s) < 0)
			abort();
		use(&w);
	}
	world_free(&w);
	return 0;
}
