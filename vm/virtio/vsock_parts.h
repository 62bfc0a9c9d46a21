/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the vsock device share: its state, and that of a stream. All of it is
 * guarded by the device's lock, but for what the loop's thread alone uses. Only that
 * thread frees a stream that somebody may still look at: a reset by a vCPU takes streams
 * out of use, and leaves it to the loop to tell their users.
 */
#ifndef VM_VIRTIO_VSOCK_PARTS_H
#define VM_VIRTIO_VSOCK_PARTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "vm/virtio/virtio.h"
#include "vm/virtio/vsock_list.h"
#include "vm/virtio/vsock_packet.h"
#include "vm/virtio/vsock_ring.h"
#include "vm/virtio/vsock_table.h"
#include "vm/vm.h"

enum {
	VSOCK_RX, /* to the guest */
	VSOCK_TX, /* from the guest */
	VSOCK_EVENT,
	VSOCK_QUEUES,
};

#define VSOCK_IOV     128 /* parts of a packet; Linux makes 18 at most */
#define VSOCK_REPLIES 256

/* Our ends of the streams that we open, above those that services listen on. */
#define VSOCK_PORT_FIRST UINT32_C(0x40000000)
#define VSOCK_PORT_LAST  UINT32_C(0xfffffffe)

/* A reset for a packet that belongs to no stream. */
struct vsock_reply {
	uint64_t src_cid, dst_cid;
	uint32_t src_port, dst_port;
	uint16_t type;
};

struct vsock_listener {
	struct vsock_entry entry; /* first */
	vm_accept_fn *fn;
	void *arg;
};

struct vsock {
	struct virtio_dev dev; /* first */
	uint64_t cid;
	uint64_t timeout_ns;
	unsigned count, count_max; /* of streams */
	bool reset_due;            /* the guest must hear that all streams are gone */
	bool rx_waits;             /* for buffers: the driver's kick is wanted */
	bool used[VSOCK_QUEUES];   /* since the last interrupt */
	uint32_t epoch;            /* resets so far */

	struct vsock_table streams, listeners;
	struct vsock_spares spares;
	struct vsock_list all, pending, news, timed, starved; /* of streams */
	struct vsock_reply reply[VSOCK_REPLIES];
	unsigned reply_first, reply_count;

	/* The loop's thread only. */
	struct loop_source *waker, *timer;
	uint32_t next_port;
	bool busy, again;
	_Atomic bool paused;
};

enum stream_state {
	STREAM_CONNECTING, /* by us; its request is due, or was sent */
	STREAM_ACCEPTING,  /* the listener is being asked */
	STREAM_OPEN,
	STREAM_CLOSING, /* its user has left: what is held goes out, then a shutdown, then
			 * the guest answers with a reset */
	STREAM_RESET,   /* out of the table, and no more than a reset to send */
	STREAM_GONE,    /* freed when its user knows */
};

/* Packets to send; data is what the ring has. */
enum {
	DUE_REQUEST = 1 << 0,
	DUE_RESPONSE = 1 << 1,
	DUE_RESET = 1 << 2,
	DUE_STOP = 1 << 3,     /* a shutdown of the guest's sending, ahead of our data */
	DUE_SHUTDOWN = 1 << 4, /* after our data */
	DUE_CREDIT = 1 << 5,
};

/* What the user is to be told, in this order. */
enum {
	NEWS_CONNECTED = 1 << 0,
	NEWS_PEER_SHUTDOWN = 1 << 1,
	NEWS_WRITABLE = 1 << 2,
	NEWS_CLOSED = 1 << 3,
};

struct vm_stream {
	struct vsock_entry entry; /* first */
	struct vsock *vsock;
	enum stream_state state;
	const struct vm_stream_ops *ops; /* NULL: no user (yet, or any more) */
	void *arg;
	unsigned calls; /* into user code that are under way, or other uses */
	struct vsock_link all, pending, in_news, timed;
	struct vsock_link starved; /* blocked without a ring to wait in */
	uint8_t due, news;
	bool blocked;       /* the user waits for room */
	bool shut;          /* the user writes no more */
	bool closed;        /* the user closed it while being asked to accept it */
	uint32_t peer_shut; /* VIRTIO_VSOCK_SHUTDOWN_* of the guest, all so far */
	int code;           /* of NEWS_CLOSED */
	uint64_t deadline;

	/* From the guest, counters that wrap: received; wanted in all; and what it was
	 * told of that, which it must not exceed. received <= advertised <= granted. */
	uint32_t received, granted, advertised;

	/* To the guest: sent, and what it said of itself. */
	uint32_t sent, peer_buf_alloc, peer_fwd_cnt;
	struct vsock_ring ring;
};

static inline struct vsock *to_vsock(struct virtio_dev *dev)
{
	return (struct vsock *)dev;
}

/* Queues are used only then. */
static inline bool vsock_runs(const struct vsock *v)
{
	return v->dev.active && !atomic_load(&v->paused);
}

static inline void vsock_lock(struct vsock *v)
{
	pthread_mutex_lock(&v->dev.lock);
}

static inline void vsock_unlock(struct vsock *v)
{
	pthread_mutex_unlock(&v->dev.lock);
}

/* All below is called with the lock held. */

/* ---- vsock_work.c ---- */

/* Makes the sources of the loop, once: there's no lock to hold yet. */
int vsock_add_sources(struct vsock *v, struct err *e);

/* Those that nobody but the user knows of yet may stay: a guest resets the device as the
 * first thing, and a connection to it may have been asked for before. */
void vsock_end_all(struct vsock *v);

/* The driver broke the rules: all streams end. The loop's thread only. */
void vsock_break(struct vsock *v);

/* After a call from the user: sends what it caused and interrupts the guest, unless the
 * call came from within one of ours, after which both are done for all calls at once. */
void vsock_finish(struct vsock *v);

/* Starts the time in which the guest must answer. */
void vsock_set_deadline(struct vm_stream *s);

/* ---- vsock_receive.c ---- */

/* Takes packets as long as answers can be held. */
void vsock_take_packets(struct vsock *v);

/* ---- vsock_users.c ---- */

/* Calls users until there is no news for any, without the lock meanwhile. */
void vsock_tell_users(struct vsock *v);

/* ---- vsock_stream.c ---- */

/* A stream in the table, wanting nothing; NULL: no memory, or too many. */
struct vm_stream *stream_new(struct vsock *v, enum stream_state state, uint32_t host_port,
			     uint32_t guest_port);

/* Takes it out of use, whatever its state: its user will hear code; the guest gets a
 * reset if tell_guest. Doesn't free it. */
void stream_end(struct vm_stream *s, int code, bool tell_guest);

/* Frees it if it is gone and nobody refers to it any more. */
void stream_release(struct vm_stream *s);
void stream_free(struct vm_stream *s);

void stream_add_news(struct vm_stream *s, unsigned news);

/* Handles a packet of this stream; calls the user's received(). s->calls is held. */
void stream_packet(struct vm_stream *s, const struct vsock_packet *p, struct chain *c);

/* ---- vsock_send.c ---- */

/* How much the guest has room for. */
uint32_t stream_credit(const struct vm_stream *s);

/* Adds to what is due, and to the streams that take turns if there is something to send. */
void stream_due(struct vm_stream *s, unsigned due);

/* Answers a packet that belongs to no stream. There must be room, see VSOCK_REPLIES. */
void vsock_reply_reset(struct vsock *v, const struct vsock_packet *p);

/* Sends what is due, a packet a stream in turn, until there is nothing, or no buffer. */
void vsock_flush(struct vsock *v);

/* Sends from the user's memory as far as buffers and credit go, if nobody waits. */
size_t stream_send_directly(struct vm_stream *s, const void *buf, size_t len);

/* One interrupt a queue for what was used since the last. */
void vsock_signal(struct vsock *v);

#endif
