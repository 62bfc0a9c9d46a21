/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/virtio_fs.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <sys/file.h>

#include "vm/virtio/fs/device.h"

#include "tests/unit/fs_client.h"
#include "tests/unit/tap.h"
#include "tests/unit/virtio_driver.h"

#define IO (1U << 20)

static struct world world;
static struct drv d;
static struct virtio_dev *dev;
static uint64_t unique;

static void begin(enum vm_fs kind, unsigned workers)
{
	AUTO_FD proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct fs_device_config c = {
		.kind = kind, .tag = "shared", .proc_fd = proc, .workers = workers};
	struct err e = {0};

	world_make(&world);
	drv_init(&d, 64 << 20);
	if (fs_device_new(&c, d.mem, d.loop, &dev, &e) < 0 ||
	    fs_device_attach(dev, &(struct vm_tree_config){.name = "", .fd = world.tree},
			     &e) < 0 ||
	    fs_device_spawn(dev, NULL, NULL, &e) < 0) {
		printf("# %s\n", e.text);
		abort();
	}
	drv_attach(&d, dev);
	CHECK(drv_start(&d, DRV_ALL, 512));
}

static void end(void)
{
	drv_done(&d);
	world_end(&world);
}

/* A request in the driver's memory: [header+args+data] -> [reply]; its pieces. */
struct request {
	uint64_t in, out;
	uint32_t in_len, out_len;
	uint16_t head;
};

static struct request make(uint32_t op, uint64_t nodeid, const void *args,
			   size_t args_len, const void *more, size_t more_len,
			   uint32_t out_len)
{
	uint8_t buf[8192];
	struct fuse_in_header h = {.len = (uint32_t)(sizeof(h) + args_len + more_len),
				   .opcode = op,
				   .nodeid = nodeid};
	struct request r = {.in_len = h.len, .out_len = out_len + 16};

	h.unique = ++unique;
	if (h.len > sizeof(buf))
		abort();
	memcpy(buf, &h, sizeof(h));
	if (args_len)
		memcpy(buf + sizeof(h), args, args_len);
	if (more_len)
		memcpy(buf + sizeof(h) + args_len, more, more_len);
	r.in = drv_buffer(&d, buf, h.len);
	r.out = drv_buffer(&d, NULL, r.out_len);
	return r;
}

static void put(unsigned queue, struct request *r)
{
	struct drv_part parts[2] = {{r->in, r->in_len, false},
				    {r->out, r->out_len, true}};

	r->head = drv_put_indirect(&d, queue, parts, 2);
	(void)drv_kick(&d, queue);
}

static void *answer(const struct request *r, int *ret_error)
{
	struct fuse_out_header *h = drv_at(&d, r->out, r->out_len);

	*ret_error = h->error;
	return h + 1;
}

/* There and back: the error, and the payload. */
static int call(uint32_t op, uint64_t nodeid, const void *args, size_t args_len,
		const void *more, size_t more_len, uint32_t out_len, void **ret)
{
	struct request r = make(op, nodeid, args, args_len, more, more_len, out_len);
	uint16_t got;
	uint32_t len;
	int e;

	put(1, &r);
	if (!drv_wait(&d, 1, &got, &len) || got != r.head)
		return -99999;
	*ret = answer(&r, &e);
	return e;
}

static bool fuse_init(void)
{
	struct fuse_init_in in = {
		.major = 7, .minor = 41, .flags = 0x7fffffff, .flags2 = 0xffffffff};
	void *p;

	return call(FUSE_INIT, 0, &in, sizeof(in), NULL, 0, 64, &p) == 0;
}

static uint64_t make_file(const char *name, uint64_t *ret_fh)
{
	struct fuse_create_in in = {.flags = O_RDWR, .mode = S_IFREG | 0644};
	uint8_t *p;

	if (call(FUSE_CREATE, 1, &in, sizeof(in), name, strlen(name) + 1, 144,
		 (void **)&p) != 0)
		return 0;
	*ret_fh = ((struct fuse_open_out *)(void *)(p + 128))->fh;
	return ((struct fuse_entry_out *)(void *)p)->nodeid;
}

static void config_has_tag_and_queues(void)
{
	struct virtio_fs_config c;

	begin(VM_FS_PRIVATE, 3);
	CHECK(drv_find(&d, VIRTIO_ID_FS));
	drv_config_read(&d, 0, &c, sizeof(c));
	CHECK(memcmp(c.tag, "shared\0\0", 8) == 0);
	CHECK(drv_config32(&d, 36) == 3);
	end();
}

/* As Linux does: a part for each page, 258 of them. */
static void a_mebibyte_goes_in_one_request(void)
{
	struct drv_part parts[2 + IO / 4096 + 1];
	struct fuse_write_in w = {.size = IO};
	struct fuse_read_in rd = {.size = IO};
	struct fuse_in_header h = {.opcode = FUSE_WRITE, .unique = 77};
	struct fuse_out_header *oh;
	uint64_t data = 0, out = 0, n = 0;
	unsigned wrong = 0;
	uint32_t *word;
	unsigned c = 0;
	uint16_t got;
	uint32_t len;

	begin(VM_FS_PRIVATE, 2);
	CHECK(fuse_init());
	n = make_file("big", &w.fh);
	h.nodeid = n;
	h.len = sizeof(h) + sizeof(w) + IO;
	data = drv_alloc(&d, IO);
	word = drv_at(&d, data, IO);
	for (uint32_t i = 0; i < IO / 4; i++)
		word[i] = i * 2654435761U;
	parts[c++] = (struct drv_part){drv_buffer(&d, &h, sizeof(h)), sizeof(h), false};
	parts[c++] = (struct drv_part){drv_buffer(&d, &w, sizeof(w)), sizeof(w), false};
	for (unsigned i = 0; i < IO / 4096; i++)
		parts[c++] = (struct drv_part){data + (uint64_t)i * 4096, 4096, false};
	out = drv_buffer(&d, NULL, 24);
	parts[c++] = (struct drv_part){out, 24, true};
	(void)drv_put_indirect(&d, 2, parts, c);
	(void)drv_kick(&d, 2);
	CHECK(drv_wait(&d, 2, &got, &len) && len == 24);
	oh = drv_at(&d, out, 24);
	CHECK(oh->error == 0 && oh->unique == 77 && oh->len == 24);

	/* And back, to other pages. */
	rd.fh = w.fh;
	h = (struct fuse_in_header){.opcode = FUSE_READ,
				    .unique = 78,
				    .nodeid = n,
				    .len = sizeof(h) + sizeof(rd)};
	data = drv_alloc(&d, IO);
	c = 0;
	parts[c++] = (struct drv_part){drv_buffer(&d, &h, sizeof(h)), sizeof(h), false};
	parts[c++] = (struct drv_part){drv_buffer(&d, &rd, sizeof(rd)), sizeof(rd),
				       false};
	out = drv_buffer(&d, NULL, 16);
	parts[c++] = (struct drv_part){out, 16, true};
	for (unsigned i = 0; i < IO / 4096; i++)
		parts[c++] = (struct drv_part){data + (uint64_t)i * 4096, 4096, true};
	(void)drv_put_indirect(&d, 2, parts, c);
	(void)drv_kick(&d, 2);
	CHECK(drv_wait(&d, 2, &got, &len) && len == 16 + IO);
	word = drv_at(&d, data, IO);
	for (uint32_t i = 0; i < IO / 4; i++)
		wrong += word[i] != i * 2654435761U;
	CHECK(wrong == 0);
	end();
}

static void many_requests_are_under_way(void)
{
	struct request r[64];
	struct fuse_getattr_in in = {0};
	bool back[64] = {false};
	uint16_t got;
	uint32_t len;
	int e;

	begin(VM_FS_PRIVATE, 4);
	CHECK(fuse_init());
	for (unsigned i = 0; i < 64; i++) {
		r[i] = make(FUSE_GETATTR, 1, &in, sizeof(in), NULL, 0, 104);
		put(1 + i % 4, &r[i]);
	}
	for (unsigned n = 0; n < 64; n++) {
		unsigned q = 1 + n % 4;

		CHECK(drv_wait(&d, q, &got, &len) && len == 16 + 104);
		for (unsigned i = q - 1; i < 64; i += 4) {
			if (r[i].head == got && !back[i]) {
				back[i] = true;
				break;
			}
		}
	}
	for (unsigned i = 0; i < 64; i++) {
		(void)answer(&r[i], &e);
		CHECK(back[i] && e == 0);
	}
	end();
}

static struct request lock_request(uint64_t n, uint64_t fh, uint32_t op, uint32_t type)
{
	struct fuse_lk_in in = {.fh = fh,
				.owner = 1,
				.lk_flags = FUSE_LK_FLOCK,
				.lk = {.end = INT64_MAX, .type = type}};

	return make(op, n, &in, sizeof(in), NULL, 0, 0);
}

static bool has_parked(void *arg)
{
	(void)arg;
	return fs_counts(fs_device_server(dev)).parked == 1;
}

/* A guest that waits for a lock on "f" which the host has: its request, on that queue. */
static struct request begin_waiting(unsigned workers, unsigned queue, uint64_t *ret_node,
				    int *ret_host)
{
	struct request r;
	uint64_t fh = 0;

	begin(VM_FS_SHARED, workers);
	CHECK(fuse_init());
	*ret_node = make_file("f", &fh);
	*ret_host = openat(world.tree, "f", O_RDWR | O_CLOEXEC);
	CHECK(flock(*ret_host, LOCK_EX) == 0);
	r = lock_request(*ret_node, fh, FUSE_SETLKW, F_WRLCK);
	put(queue, &r);
	CHECK(drv_until(&d, has_parked, NULL));
	return r;
}

static void waiting_locks_take_no_worker(void)
{
	AUTO_FD host = -1;
	struct request r;
	uint64_t n = 0;
	uint16_t got;
	uint32_t len;
	void *p;
	int e;

	r = begin_waiting(1, 2, &n, &host);
	/* The only worker is free for others. */
	CHECK(call(FUSE_STATFS, 1, NULL, 0, NULL, 0, 80, &p) == 0);
	CHECK(!drv_used(&d, 2, &got, &len));
	CHECK(flock(host, LOCK_UN) == 0);
	CHECK(drv_wait(&d, 2, &got, &len) && got == r.head && len == 16);
	(void)answer(&r, &e);
	CHECK(e == 0 && flock(host, LOCK_EX | LOCK_NB) < 0);
	end();
}

static void interrupt_ends_waiting(void)
{
	struct fuse_interrupt_in in;
	AUTO_FD host = -1;
	struct request r, intr;
	uint64_t n = 0;
	uint16_t got;
	uint32_t len;
	int e;

	r = begin_waiting(2, 1, &n, &host);
	in.unique = unique;
	intr = make(FUSE_INTERRUPT, 0, &in, sizeof(in), NULL, 0, 0);
	put(0, &intr);
	CHECK(drv_wait(&d, 0, &got, &len) && len == 0);
	CHECK(drv_wait(&d, 1, &got, &len) && got == r.head);
	(void)answer(&r, &e);
	CHECK(e == -EINTR);
	end();
}

static void reset_forgets_waiting_locks(void)
{
	AUTO_FD host = -1;
	struct fs_counts c;
	uint64_t n = 0;
	void *p;

	(void)begin_waiting(2, 1, &n, &host);
	drv_reset(&d);
	c = fs_counts(fs_device_server(dev));
	CHECK(c.parked == 0 && c.handles == 0 && c.inodes == 2 && c.fds == 1);
	CHECK(flock(host, LOCK_UN) == 0);
	/* The next driver finds a new device. */
	CHECK(drv_start(&d, DRV_ALL, 512));
	CHECK(call(FUSE_STATFS, 1, NULL, 0, NULL, 0, 80, &p) == -EIO);
	CHECK(fuse_init());
	CHECK(call(FUSE_STATFS, 1, NULL, 0, NULL, 0, 80, &p) == 0);
	end();
}

static void pause_keeps_requests(void)
{
	struct fuse_getattr_in in = {0};
	struct request r;
	uint16_t got;
	uint32_t len;

	begin(VM_FS_PRIVATE, 2);
	CHECK(fuse_init());
	dev->ops->pause(dev);
	r = make(FUSE_GETATTR, 1, &in, sizeof(in), NULL, 0, 104);
	put(1, &r);
	for (int i = 0; i < 100; i++)
		drv_run(&d);
	CHECK(!drv_used(&d, 1, &got, &len));
	dev->ops->resume(dev);
	CHECK(drv_wait(&d, 1, &got, &len) && got == r.head);
	end();
}

static void detach_answers_waiting_locks(void)
{
	AUTO_FD host = -1;
	struct request r;
	struct err e = {0};
	uint64_t n = 0;
	uint16_t got;
	uint32_t len;
	void *p;
	int error;

	r = begin_waiting(2, 1, &n, &host);
	CHECK(fs_device_detach(dev, "", &e) == 0);
	CHECK(drv_wait(&d, 1, &got, &len) && got == r.head);
	(void)answer(&r, &error);
	CHECK(error == -ESTALE);
	CHECK(call(FUSE_STATFS, n, NULL, 0, NULL, 0, 80, &p) == -ESTALE);
	CHECK(fs_counts(fs_device_server(dev)).fds == 0);
	end();
}

/* One after the other on this queue; an error that is none in FUSE: no answer came. */
static int call_on(unsigned queue, uint32_t op, uint64_t nodeid, const void *args,
		   size_t args_len)
{
	struct request r = make(op, nodeid, args, args_len, NULL, 0, 128);
	uint16_t got;
	uint32_t len;
	int e;

	put(queue, &r);
	if (!drv_wait(&d, queue, &got, &len) || got != r.head || len == 0)
		return 99999;
	(void)answer(&r, &e);
	return e;
}

static void any_queue_takes_any_request(void)
{
	const struct fuse_forget_in forget = {.nlookup = UINT64_MAX};
	struct fuse_interrupt_in intr = {.unique = 1};
	uint64_t n, fh;

	begin(VM_FS_SHARED, 2);
	/* Before INIT, and what has no answer. */
	for (unsigned q = 0; q < 5; q++) {
		CHECK(call_on(q, FUSE_LOOKUP, 1, "f", 2) == -EIO);
		CHECK(call_on(q, FUSE_FORGET, 1, &forget, sizeof(forget)) == 99999);
		CHECK(call_on(q, FUSE_INTERRUPT, 0, &intr, sizeof(intr)) == 99999);
	}
	CHECK(fuse_init());
	n = make_file("f", &fh);
	CHECK(n != 0);
	for (unsigned q = 0; q < 5; q++) {
		CHECK(call_on(q, FUSE_LOOKUP, 1, "f", 2) == 0);
		CHECK(call_on(q, FUSE_INTERRUPT, 0, &intr, sizeof(intr)) == 99999);
		CHECK(call_on(q, FUSE_FORGET, 1, &forget, sizeof(forget)) == 99999);
	}
	CHECK(call_on(3, FUSE_FORGET, n, &forget, sizeof(forget)) == 99999);
	CHECK(call_on(0, FUSE_DESTROY, 0, NULL, 0) == 0);
	for (unsigned q = 0; q < 5; q++) {
		CHECK(call_on(q, FUSE_LOOKUP, 1, "f", 2) == -EIO);
		CHECK(call_on(q, FUSE_FORGET, n, &forget, sizeof(forget)) == 99999);
		CHECK(call_on(q, FUSE_DESTROY, 0, NULL, 0) == -EIO);
	}
	CHECK(fuse_init());
	CHECK(call_on(0, FUSE_LOOKUP, 1, "f", 2) == 0);
	end();
}

/* The reply goes where the request is, and the data where its header is. */
static void replies_may_overlap_requests(void)
{
	struct fuse_read_in rd = {.size = 4096};
	struct fuse_write_in wr = {.size = 100};
	struct fuse_out_header *h;
	struct drv_part parts[2];
	struct request r;
	uint16_t got;
	uint32_t len;
	uint64_t n;

	begin(VM_FS_PRIVATE, 2);
	CHECK(fuse_init());
	n = make_file("f", &wr.fh);
	rd.fh = wr.fh;
	r = make(FUSE_WRITE, n, &wr, sizeof(wr), (char[100]){"text"}, 100, 8);
	put(1, &r);
	CHECK(drv_wait(&d, 1, &got, &len) && len == 24);
	for (uint32_t shift = 0; shift < 120; shift += 8) {
		r = make(FUSE_READ, n, &rd, sizeof(rd), NULL, 0, 4096);
		parts[0] = (struct drv_part){r.in, r.in_len, false};
		parts[1] = (struct drv_part){r.in + shift % 80, 400, true};
		(void)drv_put_indirect(&d, 1, parts, 2);
		(void)drv_kick(&d, 1);
		CHECK(drv_wait(&d, 1, &got, &len) && len == 116);
		h = drv_at(&d, r.in + shift % 80, 116);
		CHECK(h->len == 116 && h->error == 0 && h->unique == unique);
		CHECK(memcmp(h + 1, "text", 4) == 0);
	}
	end();
}

static void broken_chains_break_the_device(void)
{
	begin(VM_FS_PRIVATE, 2);
	CHECK(drv_attack_all(&d, 0, NULL, NULL));
	CHECK(drv_attack_all(&d, 1, NULL, NULL));
	end();
}

static void races_of_the_driver_harm_nobody(void)
{
	struct fuse_getattr_in in = {0};
	struct request r;
	struct drv_part parts[2];

#ifdef __SANITIZE_THREAD__
	SKIP("the guest's memory is raced for on purpose");
#endif
	begin(VM_FS_PRIVATE, 2);
	r = make(FUSE_GETATTR, 1, &in, sizeof(in), NULL, 0, 104);
	parts[0] = (struct drv_part){r.in, r.in_len, false};
	parts[1] = (struct drv_part){r.out, r.out_len, true};
	drv_race(&d, 1, parts, 2, 200);
	drv_race(&d, 0, parts, 2, 200);
	end();
}

static void nothing_is_left(void)
{
	unsigned fds = count_fds();

	for (int i = 0; i < 20; i++) {
		begin(VM_FS_SHARED, 4);
		CHECK(fuse_init());
		end();
	}
	CHECK(count_fds() == fds);
}

static const struct test tests[] = {
	{"the configuration has the tag and the number of queues",
	 config_has_tag_and_queues},
	{"a mebibyte is written and read by one request of 258 parts",
	 a_mebibyte_goes_in_one_request},
	{"many requests are under way on all queues", many_requests_are_under_way},
	{"a lock that waits takes no worker, and comes when it is free",
	 waiting_locks_take_no_worker},
	{"INTERRUPT ends waiting for a lock", interrupt_ends_waiting},
	{"a reset forgets the guest, locks that wait included",
	 reset_forgets_waiting_locks},
	{"a paused device begins nothing, a resumed one goes on", pause_keeps_requests},
	{"detaching a tree answers what waits for its locks",
	 detach_answers_waiting_locks},
	{"any queue takes any request, before INIT and after DESTROY too",
	 any_queue_takes_any_request},
	{"a reply may be where its request is", replies_may_overlap_requests},
	{"chains against the rules break the device", broken_chains_break_the_device},
	{"descriptors that change meanwhile harm nobody",
	 races_of_the_driver_harm_nobody},
	{"twenty devices made and freed leave nothing", nothing_is_left},
};
TEST_MAIN(tests)
