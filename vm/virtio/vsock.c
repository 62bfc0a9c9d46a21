/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device as its transport sees it: made, activated, reset, saved and freed.
 */
#include "vm/virtio/vsock.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <string.h>

#include "vm/virtio/vsock_parts.h"

#define QUEUE_MAX   256
#define STREAMS_MAX 8192
#define TIMEOUT_MS  2000
#define TABLE_BITS  11
#define NS_MS       UINT64_C(1000000)

static void config_read(struct virtio_dev *dev, unsigned off, void *buf, unsigned len)
{
	const struct virtio_vsock_config c = {.guest_cid = htole64(to_vsock(dev)->cid)};

	memcpy(buf, (const char *)&c + off, len);
}

static int activate(struct virtio_dev *dev)
{
	struct vsock *v = to_vsock(dev);

	/* Buffers that nobody asked for are no news. */
	queue_stop_notify(&dev->queue[VSOCK_RX]);
	queue_stop_notify(&dev->queue[VSOCK_EVENT]);
	v->rx_waits = false;
	loop_wake(v->waker);
	return 0;
}

static void reset(struct virtio_dev *dev)
{
	struct vsock *v = to_vsock(dev);

	v->epoch++;
	v->reset_due = false;
	memset(v->used, 0, sizeof(v->used));
	vsock_end_all(v);
}

static void notify(struct virtio_dev *dev, unsigned queue)
{
	(void)queue;
	loop_wake(to_vsock(dev)->waker);
}

static void save(struct virtio_dev *dev, struct state_writer *w)
{
	state_put_u64(w, to_vsock(dev)->cid);
}

/* A guest with a driver reads its new address when it hears that its streams are gone. */
static int restore(struct virtio_dev *dev, struct state_reader *r, struct err *e)
{
	uint64_t cid = state_get_u64(r);

	if (cid <= VSOCK_HOST_CID || cid >= UINT32_MAX)
		state_refuse(r, "vsock: cid %llu", (unsigned long long)cid);
	to_vsock(dev)->reset_due = dev->active;
	return state_check(r, e);
}

static void pause_device(struct virtio_dev *dev)
{
	atomic_store(&to_vsock(dev)->paused, true);
}

static void resume_device(struct virtio_dev *dev)
{
	atomic_store(&to_vsock(dev)->paused, false);
	loop_wake(to_vsock(dev)->waker);
}

static void free_entries(struct vsock_table *t)
{
	for (size_t i = 0; t->bucket && i < (size_t)1 << t->bits; i++) {
		while (t->bucket[i]) {
			struct vsock_entry *n = t->bucket[i];

			t->bucket[i] = n->next;
			free(n);
		}
	}
	vsock_table_done(t);
}

static void free_device(struct virtio_dev *dev)
{
	struct vsock *v = to_vsock(dev);
	struct vm_stream *s;

	loop_del(v->waker);
	loop_del(v->timer);
	while ((s = LIST_FIRST(&v->all, struct vm_stream, all)))
		stream_free(s);
	free_entries(&v->listeners);
	vsock_table_done(&v->streams);
	vsock_spares_done(&v->spares);
	free(v);
}

static const struct virtio_ops ops = {
	.name = "vsock",
	.id = VIRTIO_ID_VSOCK,
	.queues = VSOCK_QUEUES,
	.queue_max = QUEUE_MAX,
	.own_kicks = true, /* handled without the lock, as users are called */
	.config_len = sizeof(struct virtio_vsock_config),
	.config_read = config_read,
	.activate = activate,
	.reset = reset,
	.notify = notify,
	.save = save,
	.restore = restore,
	.pause = pause_device,
	.resume = resume_device,
	.free = free_device,
};

int vsock_new(const struct vsock_config *c, struct vsock **ret, struct err *e)
{
	struct vsock *v;
	int r;

	if (c->cid <= VSOCK_HOST_CID || c->cid == UINT32_MAX)
		return err_set(e, EINVAL, "vsock: cid %u is reserved", c->cid);
	v = calloc(1, sizeof(*v));
	if (!v)
		return err_set(e, ENOMEM, "vsock: no memory");
	r = virtio_init(&v->dev, &ops, c->mem, c->loop, e);
	if (r < 0) {
		free(v);
		return r;
	}
	v->cid = c->cid;
	v->count_max = c->streams ? c->streams : STREAMS_MAX;
	v->timeout_ns = (c->timeout_ms ? c->timeout_ms : TIMEOUT_MS) * NS_MS;
	v->next_port = VSOCK_PORT_FIRST;
	list_init(&v->all);
	list_init(&v->pending);
	list_init(&v->news);
	list_init(&v->timed);
	list_init(&v->starved);
	r = vsock_add_sources(v, e);
	if (r == 0 && (vsock_table_init(&v->streams, TABLE_BITS) < 0 ||
		       vsock_table_init(&v->listeners, TABLE_BITS) < 0))
		r = err_set(e, ENOMEM, "vsock: no memory");
	if (r < 0) {
		virtio_free(&v->dev);
		return r;
	}
	*ret = v;
	return 0;
}

struct virtio_dev *vsock_device(struct vsock *v)
{
	return &v->dev;
}
