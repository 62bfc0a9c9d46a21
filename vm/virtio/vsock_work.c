/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the device does on the loop's thread, and when: it is woken, kicked by the driver,
 * or a timeout is over, and work() does all that there is to do. It is also the only
 * place that calls users from: the lock is let go of for each call, and everything looked
 * at again afterwards, since the user may have done anything to any stream, and a vCPU
 * may have reset the device.
 */
#include <endian.h>
#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "vm/virtio/vsock_parts.h"

#define NS_SEC UINT64_C(1000000000)

static uint64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_SEC + (uint64_t)t.tv_nsec;
}

/* ---- the end of all streams ---- */

void vsock_end_all(struct vsock *v)
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
	virtio_break(&v->dev, "made a malformed packet or buffer");
	vsock_end_all(v);
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
			vsock_end_all(v);
		if (v->reset_due && vsock_runs(v))
			send_reset_event(v);
		vsock_take_packets(v);
		do {
			vsock_flush(v);
			vsock_tell_users(v);
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

int vsock_add_sources(struct vsock *v, struct err *e)
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
