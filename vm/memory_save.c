/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest memory in a file and out of it: boot memory first, then the range that virtio-mem
 * fills, so that an offset in the file says what it is. Pages of zeros are holes.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vm/memory_parts.h"

#define CHUNK ((uint64_t)64 << 10)

/* A page that nobody has touched is not made by looking at it: it is the kernel's page of
 * zeros. */
static bool is_zero(const char *p, uint64_t len)
{
	return p[0] == 0 && memcmp(p, p + 1, len - 1) == 0;
}

static int write_all(int fd, const char *p, uint64_t len, uint64_t offset)
{
	ssize_t n;

	for (; len > 0; p += n, len -= (uint64_t)n, offset += (uint64_t)n) {
		n = pwrite(fd, p, len, (off_t)offset);
		if (n < 0 && errno == EINTR)
			n = 0;
		else if (n <= 0)
			return n < 0 ? -errno : -EIO;
	}
	return 0;
}

/* What isn't zero, in pieces that are as long as they go on. */
static int write_sparse(int fd, const char *p, uint64_t len, uint64_t page,
			uint64_t offset)
{
	uint64_t n;
	int r = 0;

	for (; len > 0 && r == 0; p += n, len -= n, offset += n) {
		n = page;
		if (is_zero(p, page))
			continue;
		while (n < len && n < CHUNK && !is_zero(p + n, page))
			n += page;
		r = write_all(fd, p, n, offset);
	}
	return r;
}

static bool block_plugged(const struct memory *m, uint64_t i)
{
	return memory_bit(m->plugged, i);
}

int memory_save(const struct memory *m, int fd)
{
	int r;

	if (ftruncate(fd, 0) < 0 ||
	    ftruncate(fd, (off_t)(m->boot_size + m->hotplug.len)) < 0)
		return -errno;
	r = write_sparse(fd, m->boot_host, m->boot_size, m->page, 0);
	for (uint64_t i = 0; i * m->block < m->hotplug.len && r == 0; i++)
		if (block_plugged(m, i))
			r = write_sparse(fd, (char *)m->hotplug.host + i * m->block,
					 m->block, m->page, m->boot_size + i * m->block);
	return r;
}

/* The data of [offset, offset + len) of the file, to host, which is zeros. */
static int read_data(int fd, char *host, uint64_t len, uint64_t offset)
{
	const uint64_t end = offset + len;
	off_t data = (off_t)offset, hole;
	ssize_t n;

	for (;;) {
		data = lseek(fd, data, SEEK_DATA);
		if (data < 0)
			return errno == ENXIO ? 0 : -errno;
		if ((uint64_t)data >= end)
			return 0;
		hole = lseek(fd, data, SEEK_HOLE);
		if (hole < 0)
			return -errno;
		for (; data < hole && (uint64_t)data < end; data += n) {
			n = pread(fd, host + ((uint64_t)data - offset),
				  end - (uint64_t)data, data);
			if (n < 0 && errno == EINTR)
				n = 0;
			else if (n <= 0)
				return n < 0 ? -errno : -EIO;
		}
	}
}

int memory_load_plugged(struct memory *m, int fd)
{
	struct stat st;
	int r = 0;

	if (fstat(fd, &st) < 0)
		return -errno;
	for (uint64_t i = 0; i * m->block < m->hotplug.len && r == 0; i++) {
		uint64_t offset = m->boot_size + i * m->block;

		if (!block_plugged(m, i))
			continue;
		if ((uint64_t)st.st_size < offset + m->block)
			return -EINVAL;
		r = read_data(fd, (char *)m->hotplug.host + i * m->block, m->block,
			      offset);
	}
	return r;
}

bool memory_any_plugged(const struct memory *m)
{
	for (uint64_t i = 0; i * m->block < m->hotplug.len; i++)
		if (block_plugged(m, i))
			return true;
	return false;
}
