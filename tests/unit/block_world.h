/* SPDX-License-Identifier: Apache-2.0 */
/* A block device with a disk in memory and workers, and requests to it. */
#ifndef TESTS_UNIT_BLOCK_WORLD_H
#define TESTS_UNIT_BLOCK_WORLD_H

#include <fcntl.h>
#include <linux/virtio_blk.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
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

static inline int file_new(uint64_t len)
{
	int fd = memfd_create("disk", MFD_CLOEXEC);

	CHECK(fd >= 0 && ftruncate(fd, (off_t)len) == 0);
	return fd;
}

static inline void begin_without_disk(struct world *w)
{
	struct err e = {0};

	*w = (struct world){.file = -1};
	drv_init(&w->d, MEMORY);
	CHECK(worker_pool_new(&w->pool, &e) == 0);
	CHECK(worker_pool_start(w->pool, WORKERS, NULL, NULL, &e) == 0);
	CHECK(block_new(w->d.mem, w->d.loop, w->pool, &w->dev, &e) == 0);
	drv_attach(&w->d, w->dev);
}

static inline int connect_copy(struct world *w, bool read_only)
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

static inline void begin(struct world *w)
{
	begin_without_disk(w);
	w->file = file_new(SIZE);
	CHECK(connect_copy(w, false) == 0);
	CHECK(drv_start(&w->d, DRV_ALL, 256));
}

static inline void end(struct world *w)
{
	drv_done(&w->d);
	worker_pool_free(w->pool);
	fd_close(&w->file);
}

/* ---- requests ---- */

/* The status, or -1 if nothing came back. */
static inline int request(struct world *w, uint32_t type, uint64_t sector,
			  const void *out, uint32_t out_len, void *in, uint32_t in_len)
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

static inline int put_sectors(struct world *w, uint64_t sector, const void *buf,
			      uint32_t len)
{
	return request(w, VIRTIO_BLK_T_OUT, sector, buf, len, NULL, 0);
}

static inline int get_sectors(struct world *w, uint64_t sector, void *buf, uint32_t len)
{
	return request(w, VIRTIO_BLK_T_IN, sector, NULL, 0, buf, len);
}

static inline int segment(struct world *w, uint32_t type, uint64_t sector,
			  uint32_t sectors, uint32_t flags)
{
	struct virtio_blk_discard_write_zeroes s = {
		.sector = sector, .num_sectors = sectors, .flags = flags};

	return request(w, type, 0, &s, sizeof(s), NULL, 0);
}

static inline void fill(char *buf, size_t len, unsigned seed)
{
	for (size_t i = 0; i < len; i++)
		buf[i] = (char)(seed + i * 13 + (i >> 9));
}

#endif
