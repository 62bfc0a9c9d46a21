/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "vm/virtio/block.h"

#include "tests/unit/tap.h"
#include "tests/unit/virtio_driver.h"

#define MEMORY  (UINT64_C(64) << 20)
#define SECTORS 2048
#define SIZE    1048576 /* bytes of them */
#define WORKERS 3

struct world {
	struct drv d;
	struct virtio_dev *dev;
	struct worker_pool *pool;
	int file; /* a descriptor of our own */
};

static int file_new(uint64_t len)
{
	int fd = memfd_create("disk", MFD_CLOEXEC);

	CHECK(fd >= 0 && ftruncate(fd, (off_t)len) == 0);
	return fd;
}

static void begin_without_disk(struct world *w)
{
	struct err e = {0};

	*w = (struct world){.file = -1};
	drv_init(&w->d, MEMORY);
	CHECK(worker_pool_new(&w->pool, &e) == 0);
	CHECK(worker_pool_start(w->pool, WORKERS, NULL, NULL, &e) == 0);
	CHECK(block_new(w->d.mem, w->d.loop, w->pool, &w->dev, &e) == 0);
	drv_attach(&w->d, w->dev);
}

static int connect_copy(struct world *w, bool read_only)
{
	struct err e = {0};
	struct vm_block_config c = {.fd = fcntl(w->file, F_DUPFD_CLOEXEC, 3),
				    .read_only = read_only,
				    .serial = "a serial of twenty b"};
	int r = block_connect(w->dev, &c, &e);

	if (r < 0)
		fd_close(&c.fd);
	return r;
}

static void begin(struct world *w)
{
	begin_without_disk(w);
	w->file = file_new(SIZE);
	CHECK(connect_copy(w, false) == 0);
	CHECK(drv_start(&w->d, DRV_ALL, 256));
}

static void end(struct world *w)
{
	drv_done(&w->d);
	worker_pool_free(w->pool);
	fd_close(&w->file);
}

/* ---- requests ---- */

/* The status, or -1 if nothing came back. */
static int request(struct world *w, uint32_t type, uint64_t sector, const void *out,
		   uint32_t out_len, void *in, uint32_t in_len)
{
	struct virtio_blk_outhdr h = {.type = type, .sector = sector};
	uint64_t mark = w->d.free_gpa;
	struct drv_part parts[4];
	uint16_t head, got;
	unsigned n = 0;
	uint32_t len;
	uint8_t *status;

	parts[n++] = (struct drv_part){drv_buffer(&w->d, &h, sizeof(h)), sizeof(h),
				       false};
	if (out_len)
		parts[n++] = (struct drv_part){drv_buffer(&w->d, out, out_len), out_len,
					       false};
	if (in_len)
		parts[n++] = (struct drv_part){drv_alloc(&w->d, in_len), in_len, true};
	parts[n++] = (struct drv_part){drv_alloc(&w->d, 1), 1, true};
	status = drv_at(&w->d, parts[n - 1].gpa, 1);
	*status = 0xff;
	head = drv_put_indirect(&w->d, 0, parts, n);
	drv_kick(&w->d, 0);
	if (!drv_wait(&w->d, 0, &got, &len) || got != head)
		return -1;
	if (in_len && *status == VIRTIO_BLK_S_OK) {
		CHECK(len == in_len + 1);
		memcpy(in, drv_at(&w->d, parts[n - 2].gpa, in_len), in_len);
	}
	w->d.free_gpa = mark;
	return *status;
}

static int put_sectors(struct world *w, uint64_t sector, const void *buf, uint32_t len)
{
	return request(w, VIRTIO_BLK_T_OUT, sector, buf, len, NULL, 0);
}

static int get_sectors(struct world *w, uint64_t sector, void *buf, uint32_t len)
{
	return request(w, VIRTIO_BLK_T_IN, sector, NULL, 0, buf, len);
}

static int segment(struct world *w, uint32_t type, uint64_t sector, uint32_t sectors,
		   uint32_t flags)
{
	struct virtio_blk_discard_write_zeroes s = {
		.sector = sector, .num_sectors = sectors, .flags = flags};

	return request(w, type, 0, &s, sizeof(s), NULL, 0);
}

static void fill(char *buf, size_t len, unsigned seed)
{
	for (size_t i = 0; i < len; i++)
		buf[i] = (char)(seed + i * 13 + (i >> 9));
}

static void what_is_written_is_read(void)
{
	static char out[65536], in[65536], file[65536];
	struct world w;

	begin(&w);
	CHECK(drv_find(&w.d, VIRTIO_ID_BLOCK));
	fill(out, sizeof(out), 1);
	CHECK(put_sectors(&w, 100, out, sizeof(out)) == VIRTIO_BLK_S_OK);
	CHECK(pread(w.file, file, sizeof(file), 51200) == sizeof(file));
	CHECK(memcmp(file, out, sizeof(out)) == 0);
	CHECK(get_sectors(&w, 100, in, sizeof(in)) == VIRTIO_BLK_S_OK);
	CHECK(memcmp(in, out, sizeof(in)) == 0);
	CHECK(request(&w, VIRTIO_BLK_T_FLUSH, 0, NULL, 0, NULL, 0) == VIRTIO_BLK_S_OK);
	end(&w);
}

/* VIRTIO 1.2, 2.7.4: where parts begin and end means nothing. */
static void framing_means_nothing(void)
{
	struct virtio_blk_outhdr h = {.type = VIRTIO_BLK_T_IN, .sector = 1};
	struct drv_part parts[6];
	char text[512], *p;
	uint16_t head;
	struct world w;
	uint32_t len = 0;

	begin(&w);
	fill(text, sizeof(text), 5);
	CHECK(pwrite(w.file, text, 512, 512) == 512);
	parts[0] = (struct drv_part){drv_buffer(&w.d, &h, 3), 3, false};
	parts[1] = (struct drv_part){drv_buffer(&w.d, (char *)&h + 3, 13), 13, false};
	parts[2] = (struct drv_part){drv_alloc(&w.d, 1), 1, true};
	parts[3] = (struct drv_part){drv_alloc(&w.d, 510), 510, true};
	parts[4] = (struct drv_part){drv_alloc(&w.d, 2), 2, true}; /* and the status */
	*(char *)drv_at(&w.d, parts[4].gpa + 1, 1) = 0x55;
	(void)drv_put(&w.d, 0, parts, 5);
	drv_kick(&w.d, 0);
	CHECK(drv_wait(&w.d, 0, &head, &len) && len == 513);
	p = drv_at(&w.d, parts[4].gpa, 2);
	CHECK(p[1] == VIRTIO_BLK_S_OK && p[0] == text[511]);
	CHECK(*(char *)drv_at(&w.d, parts[2].gpa, 1) == text[0]);
	CHECK(memcmp(drv_at(&w.d, parts[3].gpa, 510), text + 1, 510) == 0);
	/* Header and data in one part. */
	h.type = VIRTIO_BLK_T_OUT;
	h.sector = 7;
	parts[0] = (struct drv_part){drv_alloc(&w.d, 528), 528, false};
	parts[1] = (struct drv_part){drv_alloc(&w.d, 1), 1, true};
	memcpy(drv_at(&w.d, parts[0].gpa, 16), &h, 16);
	memcpy(drv_at(&w.d, parts[0].gpa + 16, 512), text, 512);
	(void)drv_put(&w.d, 0, parts, 2);
	drv_kick(&w.d, 0);
	CHECK(drv_wait(&w.d, 0, &head, &len) && len == 1);
	CHECK(pread(w.file, text + 1, 1, 3584) == 1 && text[1] == text[0]);
	end(&w);
}

static void nothing_outside_the_disk_is_reached(void)
{
	static const struct {
		uint64_t sector;
		uint32_t len;
		int status;
	} cases[] = {
		{SECTORS - 1, 512, VIRTIO_BLK_S_OK},
		{SECTORS - 2, 1024, VIRTIO_BLK_S_OK},
		{SECTORS, 512, VIRTIO_BLK_S_IOERR},
		{SECTORS - 1, 1024, VIRTIO_BLK_S_IOERR},
		{UINT64_MAX, 512, VIRTIO_BLK_S_IOERR},
		{UINT64_MAX / 512, 512, VIRTIO_BLK_S_IOERR},
		{UINT64_MAX / 512 + 1, 512, VIRTIO_BLK_S_IOERR}, /* * 512 is 0 */
		{UINT64_C(1) << 54, 512, VIRTIO_BLK_S_IOERR},
		{0, 511, VIRTIO_BLK_S_IOERR},
		{0, 513, VIRTIO_BLK_S_IOERR},
	};
	char buf[1024] = {0};
	struct stat st;
	struct world w;

	begin(&w);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint64_t s = cases[i].sector;
		uint32_t sectors = cases[i].len / 512;

		CHECK(get_sectors(&w, s, buf, cases[i].len) == cases[i].status);
		CHECK(put_sectors(&w, s, buf, cases[i].len) == cases[i].status);
		if (cases[i].len % 512)
			continue;
		CHECK(segment(&w, VIRTIO_BLK_T_DISCARD, s, sectors, 0) ==
		      cases[i].status);
		CHECK(segment(&w, VIRTIO_BLK_T_WRITE_ZEROES, s, sectors, 0) ==
		      cases[i].status);
	}
	CHECK(segment(&w, VIRTIO_BLK_T_DISCARD, 0, UINT32_MAX, 0) == VIRTIO_BLK_S_IOERR);
	CHECK(segment(&w, VIRTIO_BLK_T_WRITE_ZEROES, 1, UINT32_MAX, 0) ==
	      VIRTIO_BLK_S_IOERR);
	CHECK(fstat(w.file, &st) == 0 && st.st_size == SIZE);
	CHECK(!drv_broken(&w.d));
	end(&w);
}

static void half_a_sector_at_the_end_is_not_there(void)
{
	struct world w;
	char buf[512];

	begin_without_disk(&w);
	w.file = file_new(10 * 512 + 511);
	CHECK(connect_copy(&w, false) == 0);
	CHECK(drv_start(&w.d, DRV_ALL, 64));
	CHECK(drv_config32(&w.d, 0) == 10);
	CHECK(get_sectors(&w, 9, buf, 512) == VIRTIO_BLK_S_OK);
	CHECK(get_sectors(&w, 10, buf, 512) == VIRTIO_BLK_S_IOERR);
	end(&w);
}

static void file_that_was_cut_gives_errors(void)
{
	struct world w;
	char buf[4096];

	begin(&w);
	CHECK(ftruncate(w.file, 8192) == 0);
	CHECK(get_sectors(&w, 0, buf, 4096) == VIRTIO_BLK_S_OK);
	CHECK(get_sectors(&w, 14, buf, 4096) == VIRTIO_BLK_S_IOERR);
	CHECK(get_sectors(&w, 100, buf, 4096) == VIRTIO_BLK_S_IOERR);
	end(&w);
}

static bool all_zero(struct world *w, uint64_t sector, uint32_t sectors)
{
	static char buf[65536], zeros[65536];
	size_t len = (size_t)sectors * 512;

	return pread(w->file, buf, len, (off_t)sector * 512) == (ssize_t)len &&
	       memcmp(buf, zeros, len) == 0;
}

static void discard_gives_the_space_back(void)
{
	static char buf[65536];
	struct stat before, after;
	struct world w;

	begin(&w);
	fill(buf, sizeof(buf), 3);
	CHECK(put_sectors(&w, 0, buf, sizeof(buf)) == VIRTIO_BLK_S_OK);
	CHECK(fstat(w.file, &before) == 0);
	CHECK(segment(&w, VIRTIO_BLK_T_DISCARD, 8, 64, 0) == VIRTIO_BLK_S_OK);
	CHECK(fstat(w.file, &after) == 0 && after.st_blocks < before.st_blocks);
	CHECK(all_zero(&w, 8, 64) && !all_zero(&w, 0, 8) && !all_zero(&w, 72, 8));
	/* VIRTIO 1.2, 5.2.6.2: unmap is no flag of discard. */
	CHECK(segment(&w, VIRTIO_BLK_T_DISCARD, 8, 64, 1) == VIRTIO_BLK_S_UNSUPP);
	CHECK(segment(&w, VIRTIO_BLK_T_DISCARD, 8, 0, 0) == VIRTIO_BLK_S_OK);
	end(&w);
}

static void zeroes_are_written(void)
{
	static char buf[65536];
	struct world w;

	begin(&w);
	fill(buf, sizeof(buf), 3);
	for (uint32_t unmap = 0; unmap < 2; unmap++) {
		CHECK(put_sectors(&w, 0, buf, sizeof(buf)) == VIRTIO_BLK_S_OK);
		CHECK(segment(&w, VIRTIO_BLK_T_WRITE_ZEROES, 3, 21, unmap) ==
		      VIRTIO_BLK_S_OK);
		CHECK(all_zero(&w, 3, 21) && !all_zero(&w, 0, 3) && !all_zero(&w, 24, 1));
	}
	CHECK(segment(&w, VIRTIO_BLK_T_WRITE_ZEROES, 3, 21, 2) == VIRTIO_BLK_S_UNSUPP);
	end(&w);
}

static void segments_are_counted(void)
{
	struct virtio_blk_discard_write_zeroes s[17];
	static char buf[65536];
	struct world w;

	begin(&w);
	fill(buf, sizeof(buf), 3);
	CHECK(put_sectors(&w, 0, buf, sizeof(buf)) == VIRTIO_BLK_S_OK);
	for (unsigned i = 0; i < 17; i++)
		s[i] = (struct virtio_blk_discard_write_zeroes){
			.sector = (uint64_t)i * 4, .num_sectors = 2, .flags = 0};
	CHECK(request(&w, VIRTIO_BLK_T_WRITE_ZEROES, 0, s, sizeof(s), NULL, 0) ==
	      VIRTIO_BLK_S_IOERR);
	CHECK(request(&w, VIRTIO_BLK_T_WRITE_ZEROES, 0, s, 20, NULL, 0) ==
	      VIRTIO_BLK_S_IOERR);
	CHECK(request(&w, VIRTIO_BLK_T_WRITE_ZEROES, 0, NULL, 0, NULL, 0) ==
	      VIRTIO_BLK_S_IOERR);
	CHECK(!all_zero(&w, 0, 2));
	CHECK(request(&w, VIRTIO_BLK_T_WRITE_ZEROES, 0, s, 256, NULL, 0) ==
	      VIRTIO_BLK_S_OK);
	CHECK(all_zero(&w, 0, 2) && !all_zero(&w, 2, 2) && all_zero(&w, 60, 2));
	end(&w);
}

/* A request of 255 MiB, in a buffer of one: a pause would have to wait for it. */
static void requests_without_end_are_refused(void)
{
	const uint32_t mib = 1 << 20;
	struct virtio_blk_outhdr h = {.type = VIRTIO_BLK_T_IN};
	struct drv_part parts[256];
	struct world w;
	uint16_t head;
	uint32_t len;
	uint64_t gpa;

	begin_without_disk(&w);
	w.file = file_new(UINT64_C(1) << 30);
	CHECK(connect_copy(&w, false) == 0);
	CHECK(drv_start(&w.d, DRV_ALL, 256));
	parts[0] = (struct drv_part){drv_buffer(&w.d, &h, sizeof(h)), sizeof(h), false};
	gpa = drv_alloc(&w.d, mib);
	for (unsigned i = 1; i < 255; i++)
		parts[i] = (struct drv_part){gpa, mib, true};
	parts[255] = (struct drv_part){drv_alloc(&w.d, 1), 1, true};
	(void)drv_put_indirect(&w.d, 0, parts, 256);
	drv_kick(&w.d, 0);
	CHECK(drv_wait(&w.d, 0, &head, &len) && len == 1);
	CHECK(*(uint8_t *)drv_at(&w.d, parts[255].gpa, 1) == VIRTIO_BLK_S_IOERR);
	CHECK(!drv_broken(&w.d));
	end(&w);
}

static void id_and_unknown_requests_are_answered(void)
{
	char id[20] = "";
	struct world w;

	begin(&w);
	CHECK(request(&w, VIRTIO_BLK_T_GET_ID, 0, NULL, 0, id, 20) == VIRTIO_BLK_S_OK);
	CHECK(memcmp(id, "a serial of twenty b", 20) == 0);
	CHECK(request(&w, VIRTIO_BLK_T_GET_ID, 0, NULL, 0, id, 3) == VIRTIO_BLK_S_OK);
	CHECK(request(&w, 2, 0, NULL, 0, NULL, 0) == VIRTIO_BLK_S_UNSUPP);
	CHECK(request(&w, UINT32_MAX, 0, id, 20, id, 20) == VIRTIO_BLK_S_UNSUPP);
	end(&w);
}

static void read_only_disks_stay_as_they_are(void)
{
	static char buf[4096];
	struct world w;

	begin_without_disk(&w);
	w.file = file_new(65536);
	CHECK(drv_start(&w.d, DRV_ALL, 64));
	CHECK(!(w.d.features & 1U << VIRTIO_BLK_F_RO));
	CHECK(connect_copy(&w, true) == 0);
	fill(buf, sizeof(buf), 1);
	CHECK(put_sectors(&w, 0, buf, 4096) == VIRTIO_BLK_S_IOERR);
	CHECK(segment(&w, VIRTIO_BLK_T_DISCARD, 0, 8, 0) == VIRTIO_BLK_S_IOERR);
	CHECK(segment(&w, VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 0) == VIRTIO_BLK_S_IOERR);
	CHECK(request(&w, VIRTIO_BLK_T_FLUSH, 0, NULL, 0, NULL, 0) == VIRTIO_BLK_S_OK);
	CHECK(get_sectors(&w, 0, buf, 4096) == VIRTIO_BLK_S_OK && all_zero(&w, 0, 8));
	/* The next driver is told. */
	CHECK(drv_start(&w.d, DRV_ALL, 64));
	CHECK(w.d.features & 1U << VIRTIO_BLK_F_RO);
	end(&w);
}

/* ---- connecting ---- */

static void disk_comes_and_goes(void)
{
	struct err e = {0};
	char buf[512];
	struct world w;

	begin_without_disk(&w);
	w.file = file_new(65536);
	CHECK(drv_start(&w.d, DRV_ALL, 64));
	CHECK(drv_config32(&w.d, 0) == 0);
	CHECK(get_sectors(&w, 0, buf, 512) == VIRTIO_BLK_S_IOERR);
	CHECK(block_disconnect(w.dev, &e) == -ENOENT);
	for (int i = 0; i < 3; i++) {
		(void)drv_isr(&w.d);
		(void)drv_irqs(&w.d);
		CHECK(connect_copy(&w, false) == 0);
		CHECK(connect_copy(&w, false) == -EBUSY);
		CHECK(drv_irqs(&w.d) == 1 && drv_isr(&w.d) == VIRTIO_MMIO_INT_CONFIG);
		CHECK(drv_config32(&w.d, 0) == 128);
		CHECK(get_sectors(&w, 127, buf, 512) == VIRTIO_BLK_S_OK);
		(void)drv_isr(&w.d);
		(void)drv_irqs(&w.d);
		CHECK(block_disconnect(w.dev, &e) == 0);
		CHECK(drv_irqs(&w.d) == 1 && drv_isr(&w.d) == VIRTIO_MMIO_INT_CONFIG);
		CHECK(drv_config32(&w.d, 0) == 0 && drv_config32(&w.d, 4) == 0);
		CHECK(get_sectors(&w, 0, buf, 512) == VIRTIO_BLK_S_IOERR);
	}
	end(&w);
}

static void limits_are_told(void)
{
	struct virtio_blk_config c;
	struct world w;

	begin(&w);
	drv_config_read(&w.d, 0, &c, offsetof(struct virtio_blk_config, unused1));
	CHECK(c.capacity == SECTORS && c.seg_max == 254 && c.blk_size == 512);
	CHECK(c.max_discard_seg == 16 && c.max_discard_sectors == 1U << 21);
	CHECK(c.max_write_zeroes_seg == 16 && c.max_write_zeroes_sectors == 1U << 17);
	end(&w);
}

static void refuse(struct world *w, int fd, bool read_only, const char *serial,
		   const char *why)
{
	struct vm_block_config c = {.fd = fd, .read_only = read_only, .serial = serial};
	struct err e = {0};

	CHECK(block_connect(w->dev, &c, &e) < 0);
	CHECK(strstr(e.text, why));
	CHECK(fcntl(fd, F_GETFD) >= 0); /* still the caller's */
	fd_close(&fd);
}

static void what_can_not_be_a_disk_is_refused(void)
{
	char path[FD_PATH_MAX];
	struct world w;
	int p[2];

	begin_without_disk(&w);
	w.file = file_new(4096);
	(void)fd_path(w.file, path);
	CHECK(pipe2(p, O_CLOEXEC) == 0);
	fd_close(&p[1]);
	refuse(&w, p[0], true, NULL, "regular file");
	refuse(&w, open("/", O_RDONLY | O_CLOEXEC), true, NULL, "regular file");
	refuse(&w, open(path, O_RDONLY | O_CLOEXEC), false, NULL, "for writing");
	refuse(&w, open(path, O_WRONLY | O_CLOEXEC), false, NULL, "for reading");
	refuse(&w, open(path, O_RDWR | O_APPEND | O_CLOEXEC), false, NULL, "O_APPEND");
	refuse(&w, open(path, O_RDWR | O_CLOEXEC), false, "more than twenty bytes",
	       "serial");
	end(&w);
}

/* ---- hostile drivers ---- */

static void requests_that_are_none_break_it(void)
{
	struct virtio_blk_outhdr h = {.type = VIRTIO_BLK_T_IN};
	struct drv_part out, in;
	struct world w;

	begin(&w);
	out = (struct drv_part){drv_buffer(&w.d, &h, 16), 16, false};
	in = (struct drv_part){drv_alloc(&w.d, 512), 512, true};
	for (int i = 0; i < 3; i++) {
		uint16_t head;
		uint32_t len;

		CHECK(drv_start(&w.d, DRV_ALL, 64));
		if (i == 0)
			(void)drv_put(&w.d, 0, &out, 1); /* no status */
		else if (i == 1)
			(void)drv_put(&w.d, 0, &in, 1); /* no header */
		out.len = i == 2 ? 15 : 16;
		if (i == 2)
			(void)drv_put(&w.d, 0, (struct drv_part[]){out, in}, 2);
		drv_notify(&w.d, 0);
		while (!drv_broken(&w.d))
			(void)sched_yield();
		CHECK(!drv_used(&w.d, 0, &head, &len));
	}
	end(&w);
}

static void broken_chains_break_it(void)
{
	struct drv_part parts[3];
	struct world w;
	char buf[512];

	begin(&w);
	CHECK(drv_attack_all(&w.d, 0, NULL, NULL));
	parts[0] = (struct drv_part){drv_alloc(&w.d, 16), 16, false};
	parts[1] = (struct drv_part){drv_alloc(&w.d, 512), 512, true};
	parts[2] = (struct drv_part){drv_alloc(&w.d, 1), 1, true};
	drv_race(&w.d, 0, parts, 3, 30);
	CHECK(drv_start(&w.d, DRV_ALL, 64));
	CHECK(get_sectors(&w, 0, buf, 512) == VIRTIO_BLK_S_OK);
	end(&w);
}

/* ---- threads ---- */

#define DEPTH 64

struct flood {
	struct drv_part parts[DEPTH][3];
	struct virtio_blk_outhdr *header[DEPTH];
	char *data[DEPTH];
	uint8_t *status[DEPTH];
};

/* Buffers for DEPTH requests of a page each. */
static void flood_init(struct flood *f, struct world *w)
{
	for (unsigned i = 0; i < DEPTH; i++) {
		struct drv_part *p = f->parts[i];

		p[0] = (struct drv_part){drv_alloc(&w->d, 16), 16, false};
		p[1] = (struct drv_part){drv_alloc(&w->d, 4096), 4096, true};
		p[2] = (struct drv_part){drv_alloc(&w->d, 1), 1, true};
		f->header[i] = drv_at(&w->d, p[0].gpa, 16);
		f->data[i] = drv_at(&w->d, p[1].gpa, 4096);
		f->status[i] = drv_at(&w->d, p[2].gpa, 1);
	}
}

static void flood_put(struct flood *f, struct world *w, bool write, unsigned round)
{
	for (unsigned i = 0; i < DEPTH; i++) {
		f->parts[i][1].write = !write;
		*f->header[i] = (struct virtio_blk_outhdr){
			.type = write ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_IN,
			.sector = ((uint64_t)i * 37 + round) % DEPTH * 8,
		};
		if (write)
			memset(f->data[i], (int)(round + i), 4096);
		*f->status[i] = 0xff;
		(void)drv_put_indirect(&w->d, 0, f->parts[i], 3);
	}
	drv_kick(&w->d, 0);
}

static void flood_wait(struct flood *f, struct world *w, bool write, unsigned round)
{
	uint16_t head;
	uint32_t len;

	for (unsigned i = 0; i < DEPTH && !tap_failed; i++)
		CHECK(drv_wait(&w->d, 0, &head, &len) && len == (write ? 1 : 4097));
	for (unsigned i = 0; i < DEPTH; i++) {
		CHECK(*f->status[i] == VIRTIO_BLK_S_OK);
		if (!write)
			CHECK(f->data[i][0] == (char)(round + i) &&
			      memcmp(f->data[i], f->data[i] + 1, 4095) == 0);
	}
}

static void many_requests_at_once_are_all_done(void)
{
	struct flood f = {0};
	struct world w;

	begin(&w);
	w.d.elsewhere = true; /* by interrupts alone */
	flood_init(&f, &w);
	for (unsigned round = 0; round < 200 && !tap_failed; round++) {
		uint64_t mark = w.d.free_gpa;

		flood_put(&f, &w, true, round);
		flood_wait(&f, &w, true, round);
		flood_put(&f, &w, false, round);
		flood_wait(&f, &w, false, round);
		w.d.free_gpa = mark;
	}
	end(&w);
}

static void after_a_reset_no_request_is_under_way(void)
{
	struct flood f = {0};
	struct world w;

	begin(&w);
	w.d.elsewhere = true;
	flood_init(&f, &w);
	for (unsigned round = 0; round < 500 && !tap_failed; round++) {
		uint64_t mark = w.d.free_gpa;

		flood_put(&f, &w, false, round);
		for (unsigned i = 0; i < round % 50; i++)
			(void)drv_read(&w.d, VIRTIO_MMIO_STATUS);
		drv_reset(&w.d);
		/* A plain write here is a race, if a worker isn't done. */
		for (unsigned i = 0; i < DEPTH; i++) {
			memset(f.data[i], 0x55, 4096);
			*f.status[i] = 0x55;
		}
		CHECK(drv_start(&w.d, DRV_ALL, 256));
		for (unsigned i = 0; i < DEPTH; i++)
			CHECK(*f.status[i] == 0x55 && f.data[i][4095] == 0x55);
		w.d.free_gpa = mark;
	}
	flood_put(&f, &w, true, 1);
	flood_wait(&f, &w, true, 1);
	end(&w);
}

struct storm {
	struct world *w;
	_Atomic bool stop;
	_Atomic unsigned rounds;
};

static void *flood_and_reset(void *arg)
{
	struct storm *s = arg;
	struct flood f = {0};

	flood_init(&f, s->w);
	for (unsigned round = 0; !s->stop; round++, s->rounds++) {
		uint64_t mark = s->w->d.free_gpa;

		if (!drv_start(&s->w->d, DRV_ALL, 256))
			break;
		flood_put(&f, s->w, round & 1, round);
		for (unsigned i = 0; i < round % 64; i++)
			(void)drv_read(&s->w->d, VIRTIO_MMIO_STATUS);
		if (round % 3 == 0) {
			drv_write(&s->w->d, VIRTIO_MMIO_QUEUE_SEL, 0);
			drv_write(&s->w->d, VIRTIO_MMIO_QUEUE_READY, 0);
		}
		s->w->d.free_gpa = mark;
	}
	return NULL;
}

static void disk_is_exchanged_and_paused_under_a_storm(void)
{
	struct err e = {0};
	pthread_t thread;
	struct storm s;
	struct world w;

	begin(&w);
	w.d.elsewhere = true;
	s = (struct storm){.w = &w};
	CHECK(pthread_create(&thread, NULL, flood_and_reset, &s) == 0);
	for (int i = 0; i < 300 || s.rounds < 500; i++) {
		CHECK(block_disconnect(w.dev, &e) == 0);
		w.dev->ops->pause(w.dev);
		CHECK(connect_copy(&w, i % 2) == 0);
		w.dev->ops->resume(w.dev);
		while (s.rounds < (unsigned)i) /* side by side */
			(void)sched_yield();
	}
	s.stop = true;
	(void)pthread_join(thread, NULL);
	end(&w);
}

static void paused_disk_does_nothing(void)
{
	struct err e = {0};
	uint16_t head;
	struct flood f = {0};
	struct world w;
	uint32_t len;

	begin(&w);
	flood_init(&f, &w);
	w.dev->ops->pause(w.dev);
	flood_put(&f, &w, true, 0);
	drv_notify(&w.d, 0);
	/* Nor does anything that would start it else. */
	CHECK(block_disconnect(w.dev, &e) == 0 && connect_copy(&w, false) == 0);
	CHECK(worker_stopping(*(struct worker_source **)(w.dev + 1)));
	CHECK(!drv_used(&w.d, 0, &head, &len) && *f.status[0] == 0xff);
	w.dev->ops->resume(w.dev);
	flood_wait(&f, &w, true, 0);
	end(&w);
}

static void one_busy_disk_does_not_stop_another(void)
{
	struct virtio_dev *other = NULL;
	struct err e = {0};
	struct storm s;
	struct world w, v = {.file = -1};
	pthread_t thread;
	char buf[512];

	begin(&w);
	drv_init(&v.d, MEMORY);
	CHECK(block_new(v.d.mem, v.d.loop, w.pool, &other, &e) == 0);
	v.dev = other;
	v.file = file_new(65536);
	drv_attach(&v.d, other);
	CHECK(connect_copy(&v, false) == 0 && drv_start(&v.d, DRV_ALL, 64));
	w.d.elsewhere = v.d.elsewhere = true;
	s = (struct storm){.w = &w};
	CHECK(pthread_create(&thread, NULL, flood_and_reset, &s) == 0);
	for (int i = 0; (i < 200 || s.rounds < 200) && !tap_failed; i++)
		CHECK(get_sectors(&v, 5, buf, 512) == VIRTIO_BLK_S_OK);
	s.stop = true;
	(void)pthread_join(thread, NULL);
	drv_done(&v.d);
	fd_close(&v.file);
	end(&w);
}

/* ---- saved state ---- */

static void restored_driver_is_told_of_another_disk(void)
{
	struct state_writer *s = state_writer_new();
	struct state_reader *r = NULL;
	struct err e = {0};
	const void *p = NULL;
	struct world w, v;
	size_t len = 0;

	begin(&w);
	w.dev->ops->pause(w.dev);
	virtio_save(w.dev, s, 0);
	CHECK(state_finish(s, &p, &len, &e) == 0);
	for (int i = 0; i < 2; i++) {
		begin_without_disk(&v);
		v.file = file_new(i ? 65536 : SIZE);
		CHECK(connect_copy(&v, false) == 0);
		CHECK(state_reader_new(p, len, &r, &e) == 0);
		CHECK(virtio_restore(v.dev, r, 0, &e) == 0);
		CHECK((drv_isr(&v.d) & VIRTIO_MMIO_INT_CONFIG ? 1 : 0) == i);
		CHECK((drv_irqs(&v.d) > 0) == (i == 1));
		state_reader_free(r);
		end(&v);
	}
	state_writer_free(s);
	end(&w);
}

static int count(const char *path)
{
	DIR *d = opendir(path);
	int n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		(void)closedir(d);
	return n;
}

static void nothing_is_left(void)
{
	int fds = count("/proc/self/fd"), threads = count("/proc/self/task");
	struct flood f = {0};
	struct world w;

	for (int i = 0; i < 50; i++) {
		begin(&w);
		flood_init(&f, &w);
		flood_put(&f, &w, i & 1, 0);
		end(&w);
	}
	CHECK(count("/proc/self/fd") == fds && count("/proc/self/task") == threads);
}

static const struct test tests[] = {
	{"requests without end are refused", requests_without_end_are_refused},
	{"what is written is in the file, and is read", what_is_written_is_read},
	{"where parts begin and end means nothing", framing_means_nothing},
	{"nothing outside the disk is reached, by any request",
	 nothing_outside_the_disk_is_reached},
	{"half a sector at the end isn't there", half_a_sector_at_the_end_is_not_there},
	{"a file that was cut gives errors", file_that_was_cut_gives_errors},
	{"discard gives the space back", discard_gives_the_space_back},
	{"zeroes are written", zeroes_are_written},
	{"segments are counted, and none is half", segments_are_counted},
	{"the id is told, and unknown requests are refused",
	 id_and_unknown_requests_are_answered},
	{"a read-only disk stays as it is", read_only_disks_stay_as_they_are},
	{"a disk comes and goes, and each time the driver is told", disk_comes_and_goes},
	{"limits are told", limits_are_told},
	{"what can't be a disk is refused, and remains the caller's",
	 what_can_not_be_a_disk_is_refused},
	{"requests without header or status break the device",
	 requests_that_are_none_break_it},
	{"broken chains break the device, and nothing else", broken_chains_break_it},
	{"many requests at once are all done", many_requests_at_once_are_all_done},
	{"after a reset no request is under way", after_a_reset_no_request_is_under_way},
	{"disks are exchanged and paused under a storm of requests and resets",
	 disk_is_exchanged_and_paused_under_a_storm},
	{"a paused disk does nothing", paused_disk_does_nothing},
	{"one busy disk doesn't stop another", one_busy_disk_does_not_stop_another},
	{"a restored driver is told of another disk",
	 restored_driver_is_told_of_another_disk},
	{"no thread and no descriptor is left", nothing_is_left},
};

TEST_MAIN(tests)
