/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device and its queues. All work is done on the loop's thread by work(), which is
 * also the only place that calls users from: it lets go of the lock for each call, and
 * looks again at everything afterwards, since the user may have done anything to any
 * stream, and a vCPU may have reset the device.
 */
#include "vm/virtio/vsock.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "vm/virtio/vsock_parts.h"

#define QUEUE_MAX   256
#define STREAMS_MAX 8192
#define TIMEOUT_MS  2000
#define TABLE_BITS  11
#define NS_MS       UINT64_C(1000000)
#define NS_SEC      UINT64_C(1000000000)
#define PACKETS_TURN                                                                     \
	256             /* from the guest, before other sources of the loop have theirs */
#define PACKETS_WAIT 32 /* and before it gets its interrupts */

/* Our ends of the streams that we open, above those that services listen on. */
#define PORT_FIRST UINT32_C(0x40000000)
#define PORT_LAST  UINT32_C(0xfffffffe)

struct listener {
	struct vsock_entry entry; /* first */
	vm_accept_fn *fn;
	void *arg;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_SEC + (uint64_t)t.tv_nsec;
}

/* ---- the end of all streams ---- */

/* Those that nobody but the user knows of yet may stay: a guest resets the device as the
 * first thing, and a connection to it may have been asked for before. */
static void end_all(struct vsock *v)
{
	struct vsock_link *n = v->all.head.next, *next;

	for (; n != &v->all.head; n = next) {
		struct vm_stream *s = (void *)((char *)n -
					       offsetof(struct vm_stream, all));

		next = n->next;
		if (s->state == STREAM_CONNECTING && s->due & DUE_REQUEST)
			continue;
		stream_end(s, -ECONNRESET, false);
		stream_release(s);
	}
	v->reply_count = 0;
	if (!list_is_empty(&v->news))
		loop_wake(v->waker);
}

void vsock_break(struct vsock *v)
{
	virtio_break_for(&v->dev, "made a malformed packet or buffer");
	end_all(v);
}

/* ---- calls to the users ---- */

static void call_user(struct vm_stream *s, unsigned news)
{
	const struct vm_stream_ops *ops = s->ops;
	struct vsock *v = s->vsock;
	void *arg = s->arg;
	int code = s->code;

	if (news == NEWS_CLOSED)
		s->ops = NULL;
	vsock_unlock(v);
	if (news == NEWS_CONNECTED && ops->connected)
		ops->connected(arg);
	else if (news == NEWS_PEER_SHUTDOWN && ops->peer_shutdown)
		ops->peer_shutdown(arg);
	else if (news == NEWS_WRITABLE && ops->writable)
		ops->writable(arg);
	else if (news == NEWS_CLOSED && ops->closed)
		ops->closed(arg, code);
	vsock_lock(v);
}

static void tell_users(struct vsock *v)
{
	struct vm_stream *s;

	while ((s = LIST_FIRST(&v->news, struct vm_stream, in_news))) {
		list_remove(&s->in_news);
		s->calls++;
		while (s->ops && s->news) {
			unsigned first = s->news & -(unsigned)s->news;

			s->news &= (uint8_t)~first;
			call_user(s, first);
		}
		s->calls--;
		stream_release(s);
	}
}

/* ---- packets from the guest ---- */

static void accepted(struct vm_stream *s, void *arg, const struct vm_stream_ops *ops)
{
	if (s->closed)
		return;
	if (!arg || !ops) {
		stream_end(s, 0, true);
		return;
	}
	s->ops = ops;
	s->arg = arg;
	if (s->state == STREAM_ACCEPTING) {
		s->state = STREAM_OPEN;
		stream_due(s, DUE_RESPONSE);
	} else {
		/* The device was reset meanwhile. */
		stream_add_news(s, NEWS_CLOSED);
	}
}

static void request(struct vsock *v, const struct vsock_packet *p)
{
	const struct listener *l = (const void *)vsock_table_find(&v->listeners,
								  p->dst_port, 0);
	const struct vm_stream_ops *ops = NULL;
	struct vm_stream *s = NULL;
	vm_accept_fn *fn;
	void *arg;

	if (l)
		s = stream_new(v, STREAM_ACCEPTING, p->dst_port, p->src_port);
	if (!s) {
		vsock_reply_reset(v, p);
		return;
	}
	s->peer_buf_alloc = p->buf_alloc;
	s->peer_fwd_cnt = p->fwd_cnt;
	/* It may stop listening while it is asked. */
	fn = l->fn;
	arg = l->arg;
	s->calls++;
	vsock_unlock(v);
	arg = fn(arg, s, p->src_port, &ops);
	vsock_lock(v);
	accepted(s, arg, ops);
	s->calls--;
	stream_release(s);
}

static void packet(struct vsock *v, const struct vsock_packet *p, struct chain *c)
{
	struct vm_stream *s = NULL;

	if (p->type != VIRTIO_VSOCK_TYPE_STREAM || p->dst_cid != VSOCK_HOST_CID ||
	    p->src_cid != v->cid) {
		vsock_reply_reset(v, p);
		return;
	}
	s = (void *)vsock_table_find(&v->streams, p->dst_port, p->src_port);
	/* The guest forgets a stream when it has our shutdown, while its program may take
	 * its time to answer; another may have its port by then. */
	if (s && p->op == VIRTIO_VSOCK_OP_REQUEST && s->state == STREAM_CLOSING &&
	    !s->due) {
		stream_end(s, 0, false);
		stream_release(s);
		s = NULL;
	}
	if (s) {
		s->calls++;
		stream_packet(s, p, c);
		s->calls--;
		stream_release(s);
	} else if (p->op == VIRTIO_VSOCK_OP_REQUEST) {
		request(v, p);
	} else {
		vsock_reply_reset(v, p);
	}
}

/* Takes one packet: false if there is none. */
static bool take_packet(struct vsock *v)
{
	struct queue *q = &v->dev.queue[VSOCK_TX];
	struct iovec iov[VSOCK_IOV];
	uint32_t epoch = v->epoch;
	struct vsock_packet p;
	struct chain c;
	int r;

	while ((r = queue_pop(q, &c, iov, VSOCK_IOV)) == 0) {
		if (!queue_want_notify(q))
			return false;
	}
	if (r < 0 || vsock_packet_get(&c, &p) < 0) {
		vsock_break(v);
		return false;
	}
	packet(v, &p, &c);
	tell_users(v);
	/* If it was reset during a call, the queue is another, or none. */
	if (v->epoch == epoch && v->dev.active) {
		queue_push(q, c.head, 0);
		v->used[VSOCK_TX] = true;
	}
	return true;
}

/* Takes packets as long as answers can be held. */
static void take_packets(struct vsock *v)
{
	queue_stop_notify(&v->dev.queue[VSOCK_TX]);
	for (unsigned n = 1; vsock_runs(v); n++) {
		if (v->reply_count == VSOCK_REPLIES)
			vsock_flush(v);
		if (v->reply_count == VSOCK_REPLIES || !take_packet(v))
			return;
		if (n % PACKETS_WAIT == 0) {
			vsock_flush(v);
			vsock_signal(v);
		}
		if (n == PACKETS_TURN) {
			loop_wake(v->waker);
			return;
		}
	}
}

/* ---- events to the guest ---- */

static void send_reset_event(struct vsock *v)
{
	const struct virtio_vsock_event event = {
		.id = htole32(VIRTIO_VSOCK_EVENT_TRANSPORT_RESET),
	};
	struct queue *q = &v->dev.queue[VSOCK_EVENT];
	struct iovec iov[VSOCK_IOV];
	struct chain c;
	int r;

	while ((r = queue_pop(q, &c, iov, VSOCK_IOV)) == 0) {
		if (!queue_want_notify(q))
			return;
	}
	if (r < 0 || c.in_len < sizeof(event)) {
		vsock_break(v);
		return;
	}
	(void)iov_write(c.iov + c.out, c.in, 0, &event, sizeof(event));
	queue_push(q, c.head, sizeof(event));
	v->used[VSOCK_EVENT] = true;
	v->reset_due = false;
	queue_stop_notify(q);
}

/* ---- all of it ---- */

static void work(struct vsock *v)
{
	v->again = true;
	if (v->busy)
		return; /* a user runs the loop within a call */
	v->busy = true;
	vsock_lock(v);
	while (v->again) {
		v->again = false;
		if (!v->dev.active)
			end_all(v);
		if (v->reset_due && vsock_runs(v))
			send_reset_event(v);
		take_packets(v);
		do {
			vsock_flush(v);
			tell_users(v);
		} while (!list_is_empty(&v->news));
		vsock_flush(v);
	}
	vsock_signal(v);
	v->busy = false;
	/* What the last flush caused. */
	if (!list_is_empty(&v->news))
		loop_wake(v->waker);
	vsock_unlock(v);
}

void vsock_finish(struct vsock *v)
{
	if (v->busy)
		return;
	vsock_flush(v);
	vsock_signal(v);
	if (!list_is_empty(&v->news))
		loop_wake(v->waker);
}

static void woken(void *arg)
{
	work(arg);
}

static void kicked(void *arg, uint32_t events)
{
	struct virtio_kick *k = arg;
	unsigned queue = (unsigned)(k - k->dev->kick_source);
	uint64_t count;

	(void)events;
	if (read(k->dev->kick[queue], &count, sizeof(count)) > 0)
		work(to_vsock(k->dev));
}

/* ---- timeouts: all are as long, so the first to begin is the first to end ---- */

static void set_timer(struct vsock *v, uint64_t now)
{
	const struct vm_stream *s = LIST_FIRST(&v->timed, struct vm_stream, timed);

	if (s)
		loop_timer_set(v->timer, s->deadline > now ? s->deadline - now : 1);
}

void vsock_set_deadline(struct vm_stream *s)
{
	struct vsock *v = s->vsock;
	bool first = list_is_empty(&v->timed);
	uint64_t now = now_ns();

	s->deadline = now + v->timeout_ns;
	list_append(&v->timed, &s->timed);
	if (first)
		set_timer(v, now);
}

static void timed_out(void *arg)
{
	struct vsock *v = arg;
	uint64_t now = now_ns();
	struct vm_stream *s;

	vsock_lock(v);
	while ((s = LIST_FIRST(&v->timed, struct vm_stream, timed)) &&
	       s->deadline <= now) {
		bool asked = !(s->due & DUE_REQUEST);

		stream_end(s, s->state == STREAM_CONNECTING ? -ETIMEDOUT : 0, asked);
		stream_release(s);
	}
	set_timer(v, now);
	vsock_unlock(v);
	work(v);
}

/* ---- what users ask for ---- */

int vsock_listen(struct vsock *v, uint32_t port, vm_accept_fn *fn, void *arg,
		 struct err *e)
{
	struct listener *l = calloc(1, sizeof(*l));
	bool taken;

	if (!l)
		return err_set(e, ENOMEM, "vsock: no memory for a listener");
	l->entry.host_port = port;
	l->fn = fn;
	l->arg = arg;
	vsock_lock(v);
	taken = vsock_table_find(&v->listeners, port, 0);
	if (!taken)
		vsock_table_add(&v->listeners, &l->entry);
	vsock_unlock(v);
	if (taken) {
		free(l);
		return err_set(e, EADDRINUSE, "vsock: port %u is listened on already",
			       port);
	}
	return 0;
}

void vsock_unlisten(struct vsock *v, uint32_t port)
{
	struct vsock_entry *l;

	vsock_lock(v);
	l = vsock_table_find(&v->listeners, port, 0);
	if (l)
		vsock_table_remove(&v->listeners, l);
	vsock_unlock(v);
	free(l);
}

/* The guest may have a stream to one of these too, if somebody listens there. */
static uint32_t free_port(struct vsock *v, uint32_t guest_port)
{
	uint32_t port;

	do {
		port = v->next_port;
		v->next_port = port == PORT_LAST ? PORT_FIRST : port + 1;
	} while (vsock_table_find(&v->streams, port, guest_port) ||
		 vsock_table_find(&v->listeners, port, 0));
	return port;
}

int vsock_connect(struct vsock *v, uint32_t guest_port, const struct vm_stream_ops *ops,
		  void *arg, struct vm_stream **ret, struct err *e)
{
	struct vm_stream *s;
	bool full;

	vsock_lock(v);
	full = v->count >= v->count_max;
	s = stream_new(v, STREAM_CONNECTING, free_port(v, guest_port), guest_port);
	if (s) {
		s->ops = ops;
		s->arg = arg;
		vsock_set_deadline(s);
		stream_due(s, DUE_REQUEST);
		*ret = s;
		/* Not now: what the user wants at first is to go with the request. */
		if (!v->busy)
			loop_wake(v->waker);
	}
	vsock_unlock(v);
	if (s)
		return 0;
	return full ? err_set(e, EMFILE, "vsock: %u streams are open", v->count_max)
		    : err_set(e, ENOMEM, "vsock: no memory for a stream");
}

unsigned vsock_streams(struct vsock *v)
{
	unsigned n;

	vsock_lock(v);
	n = v->count;
	vsock_unlock(v);
	return n;
}

/* ---- the device as its transport sees it ---- */

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
	end_all(v);
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

static int add_sources(struct vsock *v, struct err *e)
{
	struct loop *l = v->dev.loop;
	int r = loop_waker(l, woken, v, &v->waker, e);

	if (r == 0)
		r = loop_timer(l, timed_out, v, &v->timer, e);
	for (unsigned i = 0; r == 0 && i < VSOCK_QUEUES; i++)
		r = loop_add(l, v->dev.kick[i], EPOLLIN, kicked, &v->dev.kick_source[i],
			     &v->dev.kick_source[i].source, e);
	return r;
}

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
	v->next_port = PORT_FIRST;
	list_init(&v->all);
	list_init(&v->pending);
	list_init(&v->news);
	list_init(&v->timed);
	list_init(&v->starved);
	r = add_sources(v, e);
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
