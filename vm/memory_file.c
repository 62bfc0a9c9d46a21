/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files in guest memory, and frames given back to the host, which is another matter where
 * a file is mapped.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vm/memory_parts.h"

/* A discard that is smaller than a huge page divides a file's mapping in three, and a
 * process has 65,530 of them (vm.max_map_count) for all its machines: hostile guests must
 * not use them up. */
#define SPLITS 4096

static uint64_t boot_offset(const struct memory *m, const void *host)
{
	return (uint64_t)((const char *)host - (const char *)m->boot_host);
}

/* A file that boot memory itself is mapped from keeps what the guest has: it gets a copy. */
static int copy_file(void *host, int fd, uint64_t offset, uint64_t len)
{
	uint64_t done = 0;
	ssize_t n;

	while (done < len) {
		n = pread(fd, (char *)host + done, len - done, (off_t)(offset + done));
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			break;
		done += n < 0 ? 0 : (uint64_t)n;
	}
	memset((char *)host + done, 0, len - done);
	return 0;
}

int memory_map_file(struct memory *m, uint64_t gpa, int fd, uint64_t offset, uint64_t len)
{
	char *host = memory_at(m, gpa, len);
	struct stat st;
	uint64_t end;

	if (!host || memory_in(&m->hotplug, gpa, len) || (gpa | offset | len) % m->page)
		return -EINVAL;
	if (fstat(fd, &st) < 0)
		return -errno;
	/* A page that is wholly behind the end would be a SIGBUS. */
	end = ((uint64_t)st.st_size + m->page - 1) & -m->page;
	if (end < len || offset > end - len)
		return -EINVAL;
	if (m->shared)
		return copy_file(host, fd, offset, len);
	if (mmap(host, len, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_NORESERVE | MAP_FIXED, fd,
		 (off_t)offset) == MAP_FAILED)
		return -errno;
	for (uint64_t i = boot_offset(m, host) / MEMORY_HUGE;
	     i <= (boot_offset(m, host) + len - 1) / MEMORY_HUGE; i++)
		memory_set_bit(m->file_backed, i, true);
	return 0;
}

/* Part or all of one huge page of boot memory where a file is mapped. */
static int drop_file(struct memory *m, char *host, uint64_t len)
{
	int r;

	if (len < MEMORY_HUGE && atomic_fetch_add(&m->splits, 1) >= SPLITS) {
		(void)atomic_fetch_sub(&m->splits, 1);
		memset(host, 0, len);
		return 0;
	}
	r = memory_map_anonymous(m, host, len);
	if (r == 0 && len == MEMORY_HUGE)
		memory_set_bit(m->file_backed, boot_offset(m, host) / MEMORY_HUGE, false);
	return r;
}

static int drop(const struct memory *m, char *host, uint64_t len)
{
	return madvise(host, len, m->shared ? MADV_REMOVE : MADV_DONTNEED) < 0 ? -errno
									       : 0;
}

static int drop_boot(struct memory *m, char *host, uint64_t len)
{
	uint64_t n, plain = 0; /* bytes before host that are yet to be dropped */
	int r = 0;

	for (; len > 0 && r == 0; host += n, len -= n) {
		n = MEMORY_HUGE - boot_offset(m, host) % MEMORY_HUGE;
		if (n > len)
			n = len;
		if (!memory_bit(m->file_backed, boot_offset(m, host) / MEMORY_HUGE)) {
			plain += n;
			continue;
		}
		if (plain)
			r = drop(m, host - plain, plain);
		plain = 0;
		if (r == 0)
			r = drop_file(m, host, n);
	}
	return r == 0 && plain ? drop(m, host - plain, plain) : r;
}

int memory_discard(struct memory *m, uint64_t gpa, uint64_t len)
{
	char *host = memory_at(m, gpa, len);

	if (!host || (gpa | len) % m->page)
		return -EINVAL;
	if (memory_in(&m->hotplug, gpa, len))
		return madvise(host, len, MADV_DONTNEED) < 0 ? -errno : 0;
	return drop_boot(m, host, len);
}
