/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See mem.h. Which blocks are plugged in is known by memory.h alone, so that what the
 * guest is told and what it can access are never two things.
 */
#include "vm/virtio/mem.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mem.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE_SIZE 128
#define BIT(n)     (UINT64_C(1) << (n))
#define MIB        (UINT64_C(1) << 20)

/* How much more address space than asked for the guest may use: it adds memory in blocks
 * of its own, which may be partly in use where it was to give memory back. */
#define USABLE_EXTRA (512 * MIB)

_Static_assert(sizeof(struct virtio_mem_config) == 56, "VIRTIO 1.2, 5.15.4");
_Static_assert(sizeof(struct virtio_mem_req) == 24, "VIRTIO 1.2, 5.15.6");
_Static_assert(sizeof(struct virtio_mem_resp) == 10, "VIRTIO 1.2, 5.15.6");

struct mem {
	struct virtio_dev dev;
	struct memory_range range; /* all that could be plugged in */
	uint64_t block;
	uint64_t usable, plugged, requested; /* bytes */
};

static struct mem *mem_of(struct virtio_dev *dev)
{
	return (struct mem *)dev;
}

/* ---- requests ---- */

/* What a request is about: whole blocks within what may be used, or nothing. */
struct blocks {
	uint64_t gpa, len;
};

static bool is_usable(const struct mem *m, uint64_t gpa, uint64_t len)
{
	return len > 0 && len <= m->usable && gpa >= m->range.gpa &&
	       gpa - m->range.gpa <= m->usable - len;
}

static bool blocks_get(const struct mem *m, const struct virtio_mem_req *req,
		       struct blocks *ret)
{
	uint64_t gpa = le64toh(req->u.plug.addr);
	uint64_t len = le16toh(req->u.plug.nb_blocks) * m->block;

	if (!is_usable(m, gpa, len) || (gpa - m->range.gpa) % m->block)
		return false;
	*ret = (struct blocks){gpa, len};
	return true;
}

/* The usable part only grows, but for when nothing is plugged in. */
static uint64_t usable_for(const struct mem *m, uint64_t requested)
{
	uint64_t want = 0;

	if (requested)
		want = (requested + USABLE_EXTRA + m->block - 1) / m->block * m->block;
	return want < m->range.len ? want : m->range.len;
}

static uint16_t answer(int r)
{
	if (r == -EINVAL || r == -EBUSY) /* not there, or in that state already */
		return VIRTIO_MEM_RESP_ERROR;
	return r < 0 ? VIRTIO_MEM_RESP_BUSY : VIRTIO_MEM_RESP_ACK;
}

static uint16_t plug(struct mem *m, const struct virtio_mem_req *req)
{
	struct blocks b;
	int r;

	if (!blocks_get(m, req, &b))
		return VIRTIO_MEM_RESP_ERROR;
	if (m->plugged > m->requested || b.len > m->requested - m->plugged)
		return VIRTIO_MEM_RESP_NACK;
	r = memory_plug(m->dev.mem, b.gpa, b.len);
	m->plugged += r == 0 ? b.len : 0;
	return answer(r);
}

static uint16_t unplug(struct mem *m, const struct virtio_mem_req *req)
{
	struct blocks b;
	int r;

	if (!blocks_get(m, req, &b))
		return VIRTIO_MEM_RESP_ERROR;
	r = memory_unplug(m->dev.mem, b.gpa, b.len);
	m->plugged -= r == 0 ? b.len : 0;
	return answer(r);
}

/* Bytes from gpa on, up to end, that are as the first block is. */
static uint64_t run_of(const struct mem *m, uint64_t gpa, uint64_t end, bool *ret_plugged)
{
	uint64_t len = m->block;

	*ret_plugged = memory_is_plugged(m->dev.mem, gpa, m->block);
	while (len < end - gpa &&
	       memory_is_plugged(m->dev.mem, gpa + len, m->block) == *ret_plugged)
		len += m->block;
	return len;
}

static uint16_t unplug_all(struct mem *m)
{
	uint64_t end = m->range.gpa + m->range.len, len;
	bool plugged;
	int r = 0;

	for (uint64_t gpa = m->range.gpa; gpa < end && r == 0; gpa += len) {
		len = run_of(m, gpa, end, &plugged);
		if (!plugged)
			continue;
		r = memory_unplug(m->dev.mem, gpa, len);
		m->plugged -= r == 0 ? len : 0;
	}
	if (r == 0)
		m->usable = usable_for(m, m->requested);
	return r < 0 ? VIRTIO_MEM_RESP_BUSY : VIRTIO_MEM_RESP_ACK;
}

static uint16_t state(const struct mem *m, const struct virtio_mem_req *req,
		      uint16_t *ret_state)
{
	struct blocks b;
	bool plugged;

	if (!blocks_get(m, req, &b))
		return VIRTIO_MEM_RESP_ERROR;
	if (run_of(m, b.gpa, b.gpa + b.len, &plugged) < b.len)
		*ret_state = VIRTIO_MEM_STATE_MIXED;
	else
		*ret_state = plugged ? VIRTIO_MEM_STATE_PLUGGED
				     : VIRTIO_MEM_STATE_UNPLUGGED;
	return VIRTIO_MEM_RESP_ACK;
}

static struct virtio_mem_resp handle(struct mem *m, const struct virtio_mem_req *req)
{
	uint16_t type = VIRTIO_MEM_RESP_ERROR, blocks = 0;
	struct virtio_mem_resp resp = {0};

	switch (le16toh(req->type)) {
	case VIRTIO_MEM_REQ_PLUG:
		type = plug(m, req);
		break;
	case VIRTIO_MEM_REQ_UNPLUG:
		type = unplug(m, req);
		break;
	case VIRTIO_MEM_REQ_UNPLUG_ALL:
		type = unplug_all(m);
		break;
	case VIRTIO_MEM_REQ_STATE:
		type = state(m, req, &blocks);
		break;
	default:
		break;
	}
	resp.type = htole16(type);
	resp.u.state.state = htole16(blocks);
	return resp;
}

/* ---- the device ---- */

/* One request a turn: each is some calls of KVM's, which wait for vCPUs. */
static void mem_notify(struct virtio_dev *dev, unsigned queue)
{
	struct queue *q = &dev->queue[queue];
	struct iovec iov[QUEUE_SIZE];
	struct virtio_mem_req req;
	struct virtio_mem_resp resp;
	struct chain c;
	int r;

	queue_stop_notify(q);
	r = queue_pop(q, &c, iov, QUEUE_SIZE);
	if (r > 0 && (c.out_len < sizeof(req) || c.in_len < sizeof(resp)))
		r = -EINVAL;
	if (r < 0) {
		virtio_break(dev, VIRTIO_BAD_REQUEST);
		return;
	}
	if (r > 0) {
		(void)iov_read(c.iov, c.out, 0, &req, sizeof(req));
		resp = handle(mem_of(dev), &req);
		(void)iov_write(c.iov + c.out, c.in, 0, &resp, sizeof(resp));
		queue_push(q, c.head, sizeof(resp));
	}
	virtio_signal_queue(dev, queue);
	if (queue_want_notify(q))
		virtio_kick(dev, queue);
}

static void mem_config_read(struct virtio_dev *dev, unsigned off, void *buf, unsigned len)
{
	const struct mem *m = mem_of(dev);
	const struct virtio_mem_config c = {
		.block_size = htole64(m->block),
		.addr = htole64(m->range.gpa),
		.region_size = htole64(m->range.len),
		.usable_region_size = htole64(m->usable),
		.plugged_size = htole64(m->plugged),
		.requested_size = htole64(m->requested),
	};

	memcpy(buf, (const char *)&c + off, len);
}

/* VIRTIO 1.2, 5.15.5: it would read what isn't there. */
static int mem_activate(struct virtio_dev *dev)
{
	return virtio_has(dev, VIRTIO_MEM_F_UNPLUGGED_INACCESSIBLE) ? 0 : -EINVAL;
}

/* ---- saved machines ---- */

static void mem_save(struct virtio_dev *dev, struct state_writer *w)
{
	const struct mem *m = mem_of(dev);
	uint64_t end = m->range.gpa + m->range.len, len;
	uint32_t runs = 0;
	bool plugged;

	state_put_u64(w, m->range.gpa);
	state_put_u64(w, m->range.len);
	state_put_u64(w, m->block);
	state_put_u64(w, m->usable);
	state_put_u64(w, m->requested);
	for (uint64_t gpa = m->range.gpa; gpa < end; gpa += len) {
		len = run_of(m, gpa, end, &plugged);
		runs += plugged;
	}
	state_put_u32(w, runs);
	for (uint64_t gpa = m->range.gpa; gpa < end; gpa += len) {
		len = run_of(m, gpa, end, &plugged);
		if (plugged) {
			state_put_u64(w, gpa);
			state_put_u64(w, len);
		}
	}
}

/* A device that nothing is plugged into. */
static void restore_runs(struct mem *m, struct state_reader *r)
{
	uint32_t runs = state_get_u32(r);

	for (uint32_t i = 0; i < runs; i++) {
		uint64_t gpa = state_get_u64(r), len = state_get_u64(r);

		if (state_check(r, ERR_IGNORE) < 0)
			return;
		if (!is_usable(m, gpa, len) || memory_plug(m->dev.mem, gpa, len) < 0) {
			state_refuse(r, "memory plugged in at %#llx",
				     (unsigned long long)gpa);
			return;
		}
		m->plugged += len;
	}
}

/* What is plugged in comes back as zeros: its content is not a device's state. */
static int mem_restore(struct virtio_dev *dev, struct state_reader *r, struct err *e)
{
	struct mem *m = mem_of(dev);

	if (unplug_all(m) != VIRTIO_MEM_RESP_ACK)
		state_refuse(r, "there is memory that can't be plugged out");
	if (state_get_u64(r) != m->range.gpa || state_get_u64(r) != m->range.len ||
	    state_get_u64(r) != m->block)
		state_refuse(r, "another range of memory could be plugged in");
	m->usable = state_get_u64(r);
	m->requested = state_get_u64(r);
	if (m->usable > m->range.len || m->requested > m->range.len ||
	    m->requested % m->block)
		state_refuse(r, "a size of %llu bytes", (unsigned long long)m->requested);
	restore_runs(m, r);
	if (state_check(r, e) == 0)
		return 0;
	m->requested = 0;
	(void)unplug_all(m);
	return -e->code;
}

static void mem_free(struct virtio_dev *dev)
{
	free(mem_of(dev));
}

static const struct virtio_ops mem_ops = {
	.name = "mem",
	.id = VIRTIO_ID_MEM,
	.queues = 1,
	.queue_max = QUEUE_SIZE,
	.features = BIT(VIRTIO_MEM_F_UNPLUGGED_INACCESSIBLE),
	.config_len = sizeof(struct virtio_mem_config),
	.config_read = mem_config_read,
	.activate = mem_activate,
	.notify = mem_notify,
	.save = mem_save,
	.restore = mem_restore,
	.free = mem_free,
};

int mem_new(struct memory *mem, struct loop *loop, struct virtio_dev **ret, struct err *e)
{
	struct mem *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return err_set(e, ENOMEM, "mem: no memory");
	r = virtio_init(&m->dev, &mem_ops, mem, loop, e);
	if (r < 0) {
		free(m);
		return r;
	}
	m->range = memory_hotplug_range(mem);
	m->block = m->range.len ? memory_block_size(mem) : 2 * MIB;
	*ret = &m->dev;
	return 0;
}

/* ---- what is asked of it ---- */

int mem_request(struct virtio_dev *dev, uint64_t bytes, struct err *e)
{
	struct mem *m = mem_of(dev);
	uint64_t usable;

	if (bytes > m->range.len)
		return err_set(
			e, ERANGE, "%llu bytes of memory to plug in are more than %llu",
			(unsigned long long)bytes, (unsigned long long)m->range.len);
	bytes = (bytes + m->block - 1) / m->block * m->block;
	pthread_mutex_lock(&dev->lock);
	m->requested = bytes;
	usable = usable_for(m, bytes);
	if (usable > m->usable)
		m->usable = usable;
	virtio_signal_config(dev);
	pthread_mutex_unlock(&dev->lock);
	return 0;
}

uint64_t mem_plugged(struct virtio_dev *dev)
{
	uint64_t n;

	pthread_mutex_lock(&dev->lock);
	n = mem_of(dev)->plugged;
	pthread_mutex_unlock(&dev->lock);
	return n;
}
