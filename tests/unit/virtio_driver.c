/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vm/virtio/mmio.h"

#include "tests/unit/virtio_driver_parts.h"

#define PAGE UINT64_C(4096)

/* Each queue's rings have a place of their own, whatever is allocated. */
#define HOME_DESC  (QUEUE_SIZE_MAX * UINT64_C(16))
#define HOME_AVAIL PAGE
#define HOME_LEN   (HOME_DESC + HOME_AVAIL + 3 * PAGE)
#define HOME(n)    (PAGE + HOME_LEN * (n))
#define HOMES_END  HOME(VIRTIO_QUEUES_MAX)

void drv_die(const char *what, const char *why)
{
	printf("Bail out! %s: %s\n", what, why);
	exit(1);
}

/* ---- a world ---- */

void drv_init(struct drv *d, uint64_t memory_size)
{
	struct memory_config c = {.size = memory_size, .fd = -1};
	struct err e = {0};

	*d = (struct drv){.memory_size = memory_size, .free_gpa = HOMES_END};
	if (memory_new(-1, &c, &d->mem, &e) < 0 || loop_new(&d->loop, &e) < 0)
		drv_die("drv_init", e.text);
}

void drv_attach(struct drv *d, struct virtio_dev *dev)
{
	if (!dev)
		drv_die("drv_attach", "no device");
	d->dev = dev;
}

void drv_done(struct drv *d)
{
	virtio_free(d->dev);
	loop_free(d->loop);
	memory_free(d->mem);
	*d = (struct drv){0};
}

/* ---- memory ---- */

void *drv_at(struct drv *d, uint64_t gpa, uint64_t len)
{
	void *p = memory_at(d->mem, gpa, len);

	if (!p)
		drv_die("drv_at", "not in memory");
	return p;
}

uint64_t drv_alloc(struct drv *d, uint64_t len)
{
	uint64_t gpa = d->free_gpa;

	d->free_gpa += (len + PAGE - 1) / PAGE * PAGE;
	if (len)
		memset(drv_at(d, gpa, len), 0, len);
	return gpa;
}

uint64_t drv_buffer(struct drv *d, const void *data, uint64_t len)
{
	uint64_t gpa = drv_alloc(d, len);

	if (data && len)
		memcpy(drv_at(d, gpa, len), data, len);
	return gpa;
}

void drv_rewind(struct drv *d)
{
	d->free_gpa = HOMES_END;
}

/* ---- registers ---- */

uint32_t drv_read(struct drv *d, uint64_t off)
{
	uint32_t v = 0;

	mmio_access(d->dev, off, &v, sizeof(v), false);
	return v;
}

void drv_write(struct drv *d, uint64_t off, uint32_t v)
{
	mmio_access(d->dev, off, &v, sizeof(v), true);
}

static unsigned config_step(unsigned off, unsigned len)
{
	return off % 4 == 0 && len >= 4 ? 4 : 1;
}

void drv_config_read(struct drv *d, unsigned off, void *buf, unsigned len)
{
	char *p = buf;

	memset(buf, 0, len);
	for (unsigned n; len; len -= n, off += n, p += n) {
		n = config_step(off, len);
		mmio_access(d->dev, VIRTIO_MMIO_CONFIG + (uint64_t)off, p, n, false);
	}
}

uint32_t drv_config32(struct drv *d, unsigned off)
{
	uint32_t v;

	drv_config_read(d, off, &v, sizeof(v));
	return v;
}

void drv_config_write(struct drv *d, unsigned off, const void *buf, unsigned len)
{
	const char *p = buf;
	char word[4];

	for (unsigned n; len; len -= n, off += n, p += n) {
		n = config_step(off, len);
		memcpy(word, p, n);
		mmio_access(d->dev, VIRTIO_MMIO_CONFIG + (uint64_t)off, word, n, true);
	}
}

bool drv_find(struct drv *d, uint32_t id)
{
	return drv_read(d, VIRTIO_MMIO_MAGIC_VALUE) == 0x74726976 &&
	       drv_read(d, VIRTIO_MMIO_VERSION) == 2 &&
	       drv_read(d, VIRTIO_MMIO_DEVICE_ID) == id;
}

uint64_t drv_offered(struct drv *d)
{
	uint64_t v;

	drv_write(d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	v = (uint64_t)drv_read(d, VIRTIO_MMIO_DEVICE_FEATURES) << 32;
	drv_write(d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	return v | drv_read(d, VIRTIO_MMIO_DEVICE_FEATURES);
}

static void add_status(struct drv *d, uint32_t bit)
{
	drv_write(d, VIRTIO_MMIO_STATUS, drv_read(d, VIRTIO_MMIO_STATUS) | bit);
}

bool drv_negotiate(struct drv *d, uint64_t want)
{
	drv_reset(d);
	add_status(d, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	add_status(d, VIRTIO_CONFIG_S_DRIVER);
	d->features = drv_offered(d) & (want | UINT64_C(1) << VIRTIO_F_VERSION_1);
	drv_write(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	drv_write(d, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(d->features >> 32));
	drv_write(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	drv_write(d, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)d->features);
	add_status(d, VIRTIO_CONFIG_S_FEATURES_OK);
	return drv_read(d, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_FEATURES_OK;
}

static void write64(struct drv *d, uint64_t off, uint64_t v)
{
	drv_write(d, off, (uint32_t)v);
	drv_write(d, off + 4, (uint32_t)(v >> 32));
}

bool drv_set_queue_at(struct drv *d, unsigned queue, uint16_t size, uint64_t desc_gpa,
		      uint64_t avail_gpa, uint64_t used_gpa)
{
	d->queue[queue] = (struct drv_queue){
		.size = size,
		.desc_gpa = desc_gpa,
		.avail_gpa = avail_gpa,
		.used_gpa = used_gpa,
		.desc = memory_at(d->mem, desc_gpa, 16 * (uint64_t)size),
		.avail = memory_at(d->mem, avail_gpa, 6 + 2 * (uint64_t)size),
		.used = memory_at(d->mem, used_gpa, 6 + 8 * (uint64_t)size),
	};
	drv_write(d, VIRTIO_MMIO_QUEUE_SEL, queue);
	drv_write(d, VIRTIO_MMIO_QUEUE_NUM, size);
	write64(d, VIRTIO_MMIO_QUEUE_DESC_LOW, desc_gpa);
	write64(d, VIRTIO_MMIO_QUEUE_AVAIL_LOW, avail_gpa);
	write64(d, VIRTIO_MMIO_QUEUE_USED_LOW, used_gpa);
	drv_write(d, VIRTIO_MMIO_QUEUE_READY, 1);
	return drv_read(d, VIRTIO_MMIO_QUEUE_READY) == 1;
}

bool drv_set_queue(struct drv *d, unsigned queue, uint16_t size)
{
	uint64_t home = HOME((uint64_t)queue);

	memset(drv_at(d, home, HOME_LEN), 0, HOME_LEN);
	return drv_set_queue_at(d, queue, size, home, home + HOME_DESC,
				home + HOME_DESC + HOME_AVAIL);
}

void drv_ok(struct drv *d)
{
	add_status(d, VIRTIO_CONFIG_S_DRIVER_OK);
}

void drv_reset(struct drv *d)
{
	drv_write(d, VIRTIO_MMIO_STATUS, 0);
	(void)drv_irqs(d);
}

bool drv_start(struct drv *d, uint64_t want, uint16_t size)
{
	if (!drv_negotiate(d, want))
		return false;
	for (unsigned i = 0; i < d->dev->ops->queues; i++) {
		if (!drv_set_queue(d, i, size))
			return false;
	}
	drv_ok(d);
	return !drv_broken(d);
}

bool drv_broken(struct drv *d)
{
	return drv_read(d, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET;
}
