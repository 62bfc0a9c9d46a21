/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any idle worker serves any queue. Per queue there is a lock, held while a request is
 * taken or given back, never while it is carried out. Workers never take dev.lock: a
 * reset on a vCPU's thread waits for them with it held.
 *
 * A lock that has to wait (lock.c) leaves the worker; its request is given back later, by
 * whichever thread finds that it can be: at the latest by a timer's turn.
 */
#include "vm/virtio/fs/device.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_fs.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/timerfd.h>

#include "base/fd.h"
#include "vm/virtio/fs/fs.h"
#include "vm/worker.h"

/* The first is for requests that mustn't wait behind others (FORGET, INTERRUPT). Linux
 * before 6.11 uses one more, later ones spread their CPUs over all. */
#define QUEUES             5
#define QUEUE_SIZE         1024 /* a request of 1 MiB has 260 parts in one entry */
#define WORKERS            2
#define TURN               64 /* requests of one queue, while others may wait */

#define TOKEN(queue, head) ((uint64_t)(queue) << 16 | (head))

struct fs_device {
	struct virtio_dev dev;
	struct fs *fs;
	char tag[FS_TAG_MAX];
	unsigned workers, request_queues;
	bool paused;

	struct worker_pool *pool;
	pthread_key_t worker_key; /* a thread's struct fs_worker */
	bool has_key;
	int timer_fd; /* owned: when a waiting lock is due */
	struct worker_source *timer;
	struct fs_queue {
		struct fs_device *d;
		unsigned index;
		pthread_mutex_t lock;
		struct worker_source *source;
		_Atomic bool help; /* asked for, and not yet come */
	} queue[QUEUES];

	void *dax_host; /* owned */
	uint64_t dax_len, dax_gpa;

	/* While workers are made. */
	int (*enter)(void *arg, enum vm_thread kind, struct err *e);
	void *enter_arg;
};

static struct fs_device *device_of(struct virtio_dev *dev)
{
	return (struct fs_device *)dev;
}

/* ---- requests ---- */

static void give_back(struct fs_queue *q, uint16_t head, uint32_t written)
{
	(void)pthread_mutex_lock(&q->lock);
	queue_push(&q->d->dev.queue[q->index], head, written);
	virtio_signal_queue(&q->d->dev, q->index);
	(void)pthread_mutex_unlock(&q->lock);
}

/* A waiting lock's answer. Not after a reset, which has forgotten it first. */
static void done(void *arg, uint64_t token, uint32_t written)
{
	struct fs_device *d = arg;

	if (d->dev.active)
		give_back(&d->queue[token >> 16], (uint16_t)token, written);
}

static void set_timer(struct fs_device *d, int ms)
{
	struct itimerspec t = {
		.it_value = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L},
	};

	(void)timerfd_settime(d->timer_fd, 0, &t, NULL);
}

static void poll_locks(struct fs_device *d)
{
	int ms = fs_poll(pthread_getspecific(d->worker_key));

	if (ms >= 0)
		set_timer(d, ms);
}

/* There is more than the caller does itself: whoever is idle first comes, too. */
static void ask_for_help(struct fs_queue *q)
{
	if (!atomic_exchange(&q->help, true))
		worker_again(q->source);
}

/* 1: a request, 0: there is none and a notification comes when there is, or -EINVAL.
 * While it is carried out others take what comes. */
static int take(struct fs_queue *q, struct chain *c, struct iovec iov[QUEUE_SIZE])
{
	struct queue *vq = &q->d->dev.queue[q->index];
	int r;

	if (!q->d->dev.active || !vq->ready)
		return 0;
	do {
		queue_stop_notify(vq);
		r = queue_pop(vq, c, iov, QUEUE_SIZE);
	} while (r == 0 && queue_want_notify(vq));
	if (r > 0 && (queue_pending(vq) || queue_want_notify(vq)))
		ask_for_help(q);
	return r;
}

/* False if there is no more to do. */
static bool serve_one(struct fs_queue *q, struct fs_worker *w)
{
	struct iovec iov[QUEUE_SIZE];
	struct fs_device *d = q->d;
	struct chain c;
	int r;

	(void)pthread_mutex_lock(&q->lock);
	r = take(q, &c, iov);
	if (r < 0)
		virtio_break(&d->dev, VIRTIO_BAD_REQUEST);
	(void)pthread_mutex_unlock(&q->lock);
	if (r <= 0)
		return false;
	r = fs_handle(w, c.iov, c.out, c.iov + c.out, c.in, TOKEN(q->index, c.head));
	if (r == -EINPROGRESS)
		set_timer(d, 1);
	else
		give_back(q, c.head, (uint32_t)r);
	return true;
}

static void serve(void *arg)
{
	struct fs_queue *q = arg;
	struct fs_worker *w = pthread_getspecific(q->d->worker_key);
	int left = TURN;

	q->help = false;
	while (left > 0 && !worker_stopping(q->source) && serve_one(q, w))
		left--;
	if (left == 0)
		worker_again(q->source);
	poll_locks(q->d);
}

static void timer(void *arg)
{
	poll_locks(arg);
}

/* ---- the device ---- */

/* Requests that are there already are looked at. */
static void start(struct fs_device *d)
{
	if (!d->dev.active || d->paused)
		return;
	worker_start(d->timer);
	for (unsigned i = 0; i < QUEUES; i++)
		worker_start(d->queue[i].source);
	/* What waited before a pause is due. */
	set_timer(d, 1);
}

static void stop(struct fs_device *d)
{
	for (unsigned i = 0; i < QUEUES; i++)
		worker_stop(d->queue[i].source);
	worker_stop(d->timer);
}

static int activate(struct virtio_dev *dev)
{
	start(device_of(dev));
	return 0;
}

static void reset(struct virtio_dev *dev)
{
	stop(device_of(dev));
	if (device_of(dev)->fs) /* not if making it failed half-way */
		fs_reset(device_of(dev)->fs);
}

static void pause_device(struct virtio_dev *dev)
{
	(void)pthread_mutex_lock(&dev->lock);
	device_of(dev)->paused = true;
	stop(device_of(dev));
	(void)pthread_mutex_unlock(&dev->lock);
}

static void resume(struct virtio_dev *dev)
{
	(void)pthread_mutex_lock(&dev->lock);
	device_of(dev)->paused = false;
	start(device_of(dev));
	(void)pthread_mutex_unlock(&dev->lock);
}

static void config_read(struct virtio_dev *dev, unsigned off, void *buf, unsigned len)
{
	struct virtio_fs_config c = {
		.num_request_queues = htole32(device_of(dev)->request_queues),
	};

	memcpy(c.tag, device_of(dev)->tag, sizeof(c.tag));
	memcpy(buf, (const char *)&c + off, len);
}

static int shm(struct virtio_dev *dev, unsigned id, uint64_t *ret_gpa, uint64_t *ret_len)
{
	struct fs_device *d = device_of(dev);

	if (id != VIRTIO_FS_SHMCAP_ID_CACHE || d->dax_len == 0)
		return -ENOENT;
	*ret_gpa = d->dax_gpa;
	*ret_len = d->dax_len;
	return 0;
}

static void save(struct virtio_dev *dev, struct state_writer *w)
{
	fs_save(device_of(dev)->fs, w);
}

/* The transport has activated the device already. */
static int restore(struct virtio_dev *dev, struct state_reader *r, struct err *e)
{
	int ret;

	stop(device_of(dev));
	ret = fs_restore(device_of(dev)->fs, r, e);
	start(device_of(dev));
	return ret;
}

static void device_free(struct virtio_dev *dev)
{
	struct fs_device *d = device_of(dev);

	worker_source_free(d->timer);
	for (unsigned i = 0; i < QUEUES; i++) {
		worker_source_free(d->queue[i].source);
		(void)pthread_mutex_destroy(&d->queue[i].lock);
	}
	worker_pool_free(d->pool);
	if (d->has_key)
		fs_worker_free(pthread_getspecific(d->worker_key)); /* fs_device_poll() */
	fs_free(d->fs);
	fd_close(&d->timer_fd);
	if (d->has_key)
		(void)pthread_key_delete(d->worker_key);
	if (d->dax_host)
		(void)munmap(d->dax_host, d->dax_len);
	free(d);
}

static const struct virtio_ops ops = {
	.name = "fs",
	.id = VIRTIO_ID_FS,
	.queues = QUEUES,
	.queue_max = QUEUE_SIZE,
	.own_kicks = true,
	.config_len = sizeof(struct virtio_fs_config),
	.config_read = config_read,
	.activate = activate,
	.reset = reset,
	.pause = pause_device,
	.resume = resume,
	.save = save,
	.restore = restore,
	.shm = shm,
	.free = device_free,
};

/* ---- set-up ---- */

static int make_window(struct fs_device *d, struct memory *mem, uint64_t len,
		       struct err *e)
{
	void *p;

	if (len == 0)
		return 0;
	p = mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
		 0);
	if (p == MAP_FAILED)
		return err_sys(e, "map a DAX window");
	d->dax_host = p;
	d->dax_len = len;
	return memory_add_window(mem, len, p, &d->dax_gpa, e);
}

static int make_sources(struct fs_device *d, struct err *e)
{
	int r = worker_pool_new(&d->pool, e);

	if (r < 0)
		return r;
	d->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (d->timer_fd < 0)
		return err_sys(e, "timerfd_create");
	r = worker_source_new(d->pool, d->timer_fd, timer, d, &d->timer, e);
	for (unsigned i = 0; i < QUEUES && r == 0; i++)
		r = worker_source_new(d->pool, d->dev.kick[i], serve, &d->queue[i],
				      &d->queue[i].source, e);
	return r;
}

static void worker_end(void *w)
{
	fs_worker_free(w);
}

static int set_up(struct fs_device *d, const struct fs_device_config *c,
		  struct memory *mem, struct err *e)
{
	struct fs_config fs = {
		.kind = c->kind,
		.proc_fd = c->proc_fd,
		.max_fds = c->max_fds,
		.devices = c->devices,
		.done = done,
		.arg = d,
	};
	int r = make_window(d, mem, c->dax_len, e);

	if (r < 0)
		return r;
	fs.dax_host = d->dax_host;
	fs.dax_len = d->dax_len;
	r = fs_new(&fs, &d->fs, e);
	if (r < 0)
		return r;
	r = pthread_key_create(&d->worker_key, worker_end);
	if (r != 0)
		return err_code(e, r, "pthread_key_create");
	d->has_key = true;
	return make_sources(d, e);
}

/* Frees d on failure. */
static int set_up_device(struct fs_device *d, const struct fs_device_config *c,
			 struct memory *mem, struct loop *loop, struct err *e)
{
	int r = virtio_init(&d->dev, &ops, mem, loop, e);

	if (r < 0) {
		device_free(&d->dev);
		return r;
	}
	r = set_up(d, c, mem, e);
	if (r < 0)
		virtio_free(&d->dev);
	return r;
}

int fs_device_new(const struct fs_device_config *c, struct memory *mem, struct loop *loop,
		  struct virtio_dev **ret, struct err *e)
{
	struct fs_device *d;
	size_t tag_len = strlen(c->tag);
	int r;

	if (tag_len == 0 || tag_len > FS_TAG_MAX)
		return err_set(e, EINVAL, "virtio fs: tag '%s': 1 to %d bytes", c->tag,
			       FS_TAG_MAX);
	d = calloc(1, sizeof(*d));
	if (!d)
		return err_set(e, ENOMEM, "virtio fs: no memory");
	memcpy(d->tag, c->tag, tag_len);
	d->timer_fd = -1;
	d->workers = c->workers ? c->workers : WORKERS;
	d->request_queues = d->workers < QUEUES - 1 ? d->workers : QUEUES - 1;
	for (unsigned i = 0; i < QUEUES; i++) {
		d->queue[i].d = d;
		d->queue[i].index = i;
		(void)pthread_mutex_init(&d->queue[i].lock, NULL);
	}
	r = set_up_device(d, c, mem, loop, e);
	if (r < 0)
		return err_wrap(e, "virtio fs");
	*ret = &d->dev;
	return 0;
}

static int enter_worker(void *arg, struct err *e)
{
	struct fs_device *d = arg;
	struct fs_worker *w;
	int r = fs_worker_new(d->fs, &w, e);

	if (r < 0)
		return r;
	r = pthread_setspecific(d->worker_key, w);
	if (r != 0) {
		fs_worker_free(w);
		return err_code(e, r, "pthread_setspecific");
	}
	return d->enter ? d->enter(d->enter_arg, VM_THREAD_FS, e) : 0;
}

int fs_device_spawn(struct virtio_dev *dev,
		    int (*enter)(void *arg, enum vm_thread kind, struct err *e),
		    void *arg, struct err *e)
{
	struct fs_device *d = device_of(dev);

	d->enter = enter;
	d->enter_arg = arg;
	if (worker_pool_start(d->pool, d->workers, enter_worker, d, e) < 0)
		return err_wrap(e, "virtio fs");
	return 0;
}

unsigned fs_device_poll(struct virtio_dev *dev)
{
	struct fs_device *d = device_of(dev);

	if (!pthread_getspecific(d->worker_key) && enter_worker(d, ERR_IGNORE) < 0)
		return 0;
	return worker_pool_poll(d->pool);
}

int fs_device_attach(struct virtio_dev *dev, const struct vm_tree_config *c,
		     struct err *e)
{
	return fs_attach(device_of(dev)->fs, c, e);
}

/* With the device's lock, so that no reset takes the queues away from under the answers to
 * waiting locks. Workers don't need it to finish what they do. */
int fs_device_detach(struct virtio_dev *dev, const char *name, struct err *e)
{
	int r;

	(void)pthread_mutex_lock(&dev->lock);
	r = fs_detach(device_of(dev)->fs, name, e);
	(void)pthread_mutex_unlock(&dev->lock);
	return r;
}

struct fs *fs_device_server(struct virtio_dev *dev)
{
	return device_of(dev)->fs;
}
