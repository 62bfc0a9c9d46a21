/* SPDX-License-Identifier: Apache-2.0 */
/* The block device: requests, and the disk behind it. */
#include <errno.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <sys/stat.h>

#include "base/str.h"

#include "tests/unit/block_world.h"

/* ---- requests ---- */

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
	{"a restored driver is told of another disk",
	 restored_driver_is_told_of_another_disk},
};

TEST_MAIN(tests)
