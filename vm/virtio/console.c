/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output is copied out of the guest's buffers and handed up without the lock, by at most
 * OUT bytes a call; the driver may have reset the device meanwhile, which `epoch` tells.
 * Input waits in a ring of ours until the guest has buffers; the guest's notifications
 * of new ones are wanted only while some of it waits.
 */
#include "vm/virtio/console.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define RX    0
#define TX    1
#define PARTS 64
#define IN    16384 /* bytes of input that wait; a power of two */
#define OUT   4096
/* Bytes of a request (Linux's have 16 to 4096), and of a turn on the loop. */
#define REQUEST_MAX ((uint64_t)1 << 20)
#define TURN        65536

struct console {
	struct virtio_dev dev;
	struct virtio_console_config config;
	uint64_t epoch; /* resets so far */
	bool in_output; /* a callback may run the loop, and so come back here */

	vm_console_fn *output;
	void *output_arg;
	char out[OUT];

	loop_fn *writable;
	void *writable_arg;
	bool was_full; /* and somebody waits for room */
	uint32_t in_begin, in_len;
	char in[IN];
};

static struct console *console_of(struct virtio_dev *dev)
{
	return (struct console *)dev;
}

/* ---- output ---- */

static void hand_up(struct console *c, size_t len)
{
	vm_console_fn *fn = c->output;
	void *arg = c->output_arg;

	if (!fn || !len)
		return;
	c->in_output = true;
	pthread_mutex_unlock(&c->dev.lock);
	fn(arg, c->out, len);
	pthread_mutex_lock(&c->dev.lock);
	c->in_output = false;
}

/* False if the device was reset, so that the request isn't ours any more. */
static bool output_request(struct console *c, const struct chain *req)
{
	uint64_t epoch = c->epoch;
	size_t off = 0, n;

	while (off < req->out_len) {
		n = iov_read(req->iov, req->out, off, c->out, OUT);
		hand_up(c, n);
		if (c->epoch != epoch || !c->dev.active)
			return false;
		off += n;
	}
	return true;
}

static void notify_tx(struct console *c)
{
	struct queue *q = &c->dev.queue[TX];
	struct iovec iov[PARTS];
	struct chain req;
	size_t turn = 0;
	int r;

	do {
		queue_stop_notify(q);
		while (turn < TURN && (r = queue_pop(q, &req, iov, PARTS)) != 0) {
			if (r < 0 || req.out_len > REQUEST_MAX) {
				virtio_break(&c->dev, VIRTIO_BAD_REQUEST);
				return;
			}
			if (!output_request(c, &req)) {
				/* A new driver's notification may have come meanwhile. */
				virtio_kick(&c->dev, TX);
				return;
			}
			queue_push(q, req.head, 0);
			turn += req.out_len + 64;
		}
	} while (turn < TURN && queue_want_notify(q));
	virtio_signal_queue(&c->dev, TX);
	if (turn >= TURN)
		virtio_kick(&c->dev, TX);
}

/* ---- input ---- */

static size_t in_take(struct console *c, const struct iovec *iov, unsigned count)
{
	size_t done = 0, n, got;

	while (c->in_len) {
		n = IN - c->in_begin;
		if (n > c->in_len)
			n = c->in_len;
		got = iov_write(iov, count, done, c->in + c->in_begin, n);
		c->in_begin = (uint32_t)(c->in_begin + got) % IN;
		c->in_len -= (uint32_t)got;
		done += got;
		if (got < n)
			break;
	}
	return done;
}

static void pump(struct console *c)
{
	struct queue *q = &c->dev.queue[RX];
	struct iovec iov[PARTS];
	struct chain req;
	int r;

	if (!c->dev.active)
		return;
	do {
		queue_stop_notify(q);
		while (c->in_len && (r = queue_pop(q, &req, iov, PARTS)) != 0) {
			if (r < 0 || !req.in) {
				virtio_break(&c->dev, VIRTIO_BAD_REQUEST);
				return;
			}
			queue_push(q, req.head,
				   (uint32_t)in_take(c, iov + req.out, req.in));
		}
	} while (c->in_len && queue_want_notify(q));
	virtio_signal_queue(&c->dev, RX);
}

static void tell_writable(struct console *c)
{
	loop_fn *fn = c->writable;
	void *arg = c->writable_arg;

	if (!c->was_full || c->in_len > IN / 2)
		return;
	c->was_full = false;
	if (!fn)
		return;
	pthread_mutex_unlock(&c->dev.lock);
	fn(arg);
	pthread_mutex_lock(&c->dev.lock);
}

static size_t in_put(struct console *c, const char *buf, size_t len)
{
	size_t room = IN - c->in_len, n = len < room ? len : room;
	size_t end = (c->in_begin + c->in_len) % IN, first = IN - end;

	if (first > n)
		first = n;
	memcpy(c->in + end, buf, first);
	memcpy(c->in, buf + first, n - first);
	c->in_len += (uint32_t)n;
	return n;
}

size_t console_input(struct virtio_dev *dev, const void *buf, size_t len)
{
	struct console *c = console_of(dev);
	size_t done;

	pthread_mutex_lock(&dev->lock);
	done = in_put(c, buf, len);
	pump(c);
	/* What the guest took at once made room. */
	if (done < len && c->in_len < IN) {
		done += in_put(c, (const char *)buf + done, len - done);
		pump(c);
	}
	c->was_full |= done < len;
	pthread_mutex_unlock(&dev->lock);
	return done;
}

/* ---- the device ---- */

static void notify(struct virtio_dev *dev, unsigned queue)
{
	struct console *c = console_of(dev);

	if (queue == TX) {
		if (!c->in_output)
			notify_tx(c);
		return;
	}
	pump(c);
	tell_writable(c);
}

/* Input that was typed before there was a driver to read it. */
static int activate(struct virtio_dev *dev)
{
	virtio_kick(dev, RX);
	return 0;
}

static void reset(struct virtio_dev *dev)
{
	console_of(dev)->epoch++;
}

static void config_read(struct virtio_dev *dev, unsigned off, void *buf, unsigned len)
{
	memcpy(buf, (const char *)&console_of(dev)->config + off, len);
}

void console_output(struct virtio_dev *dev, vm_console_fn *fn, void *arg)
{
	struct console *c = console_of(dev);

	pthread_mutex_lock(&dev->lock);
	c->output = fn;
	c->output_arg = arg;
	pthread_mutex_unlock(&dev->lock);
}

void console_writable(struct virtio_dev *dev, loop_fn *fn, void *arg)
{
	struct console *c = console_of(dev);

	pthread_mutex_lock(&dev->lock);
	c->writable = fn;
	c->writable_arg = arg;
	pthread_mutex_unlock(&dev->lock);
}

void console_resize(struct virtio_dev *dev, unsigned rows, unsigned cols)
{
	struct console *c = console_of(dev);
	uint16_t r = htole16((uint16_t)(rows < UINT16_MAX ? rows : UINT16_MAX));
	uint16_t l = htole16((uint16_t)(cols < UINT16_MAX ? cols : UINT16_MAX));

	pthread_mutex_lock(&dev->lock);
	if (c->config.rows != r || c->config.cols != l) {
		c->config.rows = r;
		c->config.cols = l;
		virtio_signal_config(dev);
	}
	pthread_mutex_unlock(&dev->lock);
}

static void save(struct virtio_dev *dev, struct state_writer *w)
{
	struct console *c = console_of(dev);
	uint32_t first = IN - c->in_begin < c->in_len ? IN - c->in_begin : c->in_len;

	state_put_u16(w, le16toh(c->config.rows));
	state_put_u16(w, le16toh(c->config.cols));
	state_put_bytes(w, c->in + c->in_begin, first);
	state_put_bytes(w, c->in, c->in_len - first);
}

static void restore_input(struct console *c, struct state_reader *r)
{
	uint32_t len;
	const void *p = state_get_bytes(r, &len);

	if (p && in_put(c, p, len) < len)
		state_refuse(r, "more input than fits");
}

static int restore(struct virtio_dev *dev, struct state_reader *r, struct err *e)
{
	struct console *c = console_of(dev);

	c->config.rows = htole16(state_get_u16(r));
	c->config.cols = htole16(state_get_u16(r));
	c->in_begin = c->in_len = 0;
	restore_input(c, r);
	restore_input(c, r);
	return state_check(r, e);
}

static void console_free(struct virtio_dev *dev)
{
	free(console_of(dev));
}

static const struct virtio_ops ops = {
	.name = "console",
	.id = VIRTIO_ID_CONSOLE,
	.queues = 2,
	.queue_max = 64,
	.features = UINT64_C(1) << VIRTIO_CONSOLE_F_SIZE,
	.config_len = sizeof(struct virtio_console_config),
	.config_read = config_read,
	.activate = activate,
	.reset = reset,
	.notify = notify,
	.save = save,
	.restore = restore,
	.free = console_free,
};

int console_new(struct memory *mem, struct loop *loop, struct virtio_dev **ret,
		struct err *e)
{
	struct console *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return err_set(e, ENOMEM, "virtio console: no memory");
	c->config.max_nr_ports = htole32(1);
	r = virtio_init(&c->dev, &ops, mem, loop, e);
	if (r < 0) {
		free(c);
		return r;
	}
	*ret = &c->dev;
	return 0;
}
