/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layout: boot memory lies contiguous in our address space, in two ranges in the guest's;
 * the hotplug range has a mapping of its own. Both begin at a huge page here as there, so
 * that a huge page of ours can be one of the guest's.
 */
#include "vm/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vm/kvm.h"
#include "vm/memory_parts.h"

#define MEMORY_MOST (UINT64_C(1) << 44) /* so that no address of ours overflows */

int memory_slot(const struct memory *m, uint32_t slot, uint64_t gpa, uint64_t len,
		void *host)
{
	return m->vm_fd < 0 ? 0 : kvm_set_slot(m->vm_fd, slot, gpa, len, host);
}

/* Advice that this kernel was built without is no error: the guest runs the same. Pages
 * that are to be merged are left as the host has them: no two huge ones are equal. */
static void advise(const struct memory *m, void *host, uint64_t len)
{
	if (m->small_pages)
		(void)madvise(host, len, MADV_NOHUGEPAGE);
	else if (!m->mergeable)
		(void)madvise(host, len, MADV_HUGEPAGE);
	if (m->mergeable)
		(void)madvise(host, len, MADV_MERGEABLE);
}

int memory_map_anonymous(const struct memory *m, void *host, uint64_t len)
{
	void *p = mmap(host, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);

	if (p == MAP_FAILED)
		return -errno;
	advise(m, host, len);
	return 0;
}

/* Address space that begins at a huge page, or NULL and errno. */
static void *reserve(uint64_t len)
{
	uint64_t all = len + MEMORY_HUGE, before;
	char *p = mmap(NULL, all, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		       -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	before = -(uintptr_t)p % MEMORY_HUGE;
	if (before)
		(void)munmap(p, before);
	(void)munmap(p + before + len, all - before - len);
	return p + before;
}

static int map_file(const struct memory *m, int fd, struct err *e)
{
	int how = m->shared ? MAP_SHARED : MAP_PRIVATE;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, "memory: look at the file");
	/* Past its end there would be SIGBUS. */
	if ((uint64_t)st.st_size < m->boot_size)
		return err_set(e, EINVAL, "memory: the file has %lld bytes, not %llu",
			       (long long)st.st_size, (unsigned long long)m->boot_size);
	if (mmap(m->boot_host, m->boot_size, PROT_READ | PROT_WRITE,
		 how | MAP_NORESERVE | MAP_FIXED, fd, 0) == MAP_FAILED)
		return err_sys(e, "memory: map the file");
	advise(m, m->boot_host, m->boot_size);
	return 0;
}

static int boot_map(struct memory *m, const struct memory_config *c, struct err *e)
{
	uint64_t words = (c->size / MEMORY_HUGE + 63) / 64;
	int r;

	m->file_backed = calloc(words, sizeof(*m->file_backed));
	if (!m->file_backed)
		return err_set(e, ENOMEM, "memory: no memory");
	m->boot_size = c->size;
	m->boot_host = reserve(c->size);
	if (!m->boot_host)
		return err_sys(e, "memory: reserve %llu bytes of address space",
			       (unsigned long long)c->size);
	if (c->fd < 0) {
		r = memory_map_anonymous(m, m->boot_host, c->size);
		return r < 0 ? err_code(e, r, "memory: map boot memory") : 0;
	}
	for (uint64_t i = 0; i < words && !m->shared; i++)
		atomic_store(&m->file_backed[i], UINT64_MAX);
	return map_file(m, c->fd, e);
}

static int boot_register(struct memory *m, struct err *e)
{
	uint64_t low = m->boot_size < MEMORY_HOLE_BEGIN ? m->boot_size
							: MEMORY_HOLE_BEGIN;
	int r;

	m->boot[m->boots++] = (struct memory_range){0, low, m->boot_host};
	if (low < m->boot_size)
		m->boot[m->boots++] = (struct memory_range){
			MEMORY_HOLE_END, m->boot_size - low, (char *)m->boot_host + low};
	for (unsigned i = 0; i < m->boots; i++) {
		r = memory_slot(m, MEMORY_SLOT_BOOT + i, m->boot[i].gpa, m->boot[i].len,
				m->boot[i].host);
		if (r < 0)
			return err_code(e, r, "memory: register %llu bytes at %#llx",
					(unsigned long long)m->boot[i].len,
					(unsigned long long)m->boot[i].gpa);
	}
	/* Never right behind: a guest would put what spans both into one buffer, which is
	 * none here. */
	m->top = m->boots < 2 ? MEMORY_HOLE_END
			      : (m->boot[1].gpa + m->boot[1].len + MEMORY_ALIGN) &
					-MEMORY_ALIGN;
	return 0;
}

static int hotplug_reserve(struct memory *m, uint64_t len, struct err *e)
{
	void *host;
	int r;

	for (m->block = MEMORY_HUGE; len / m->block > MEMORY_BLOCKS;)
		m->block *= 2;
	if (len % m->block)
		return err_set(e, EINVAL,
			       "memory: %llu bytes to plug in are no multiple of %llu",
			       (unsigned long long)len, (unsigned long long)m->block);
	host = reserve(len);
	if (!host)
		return err_sys(e, "memory: reserve %llu bytes of address space",
			       (unsigned long long)len);
	m->hotplug = (struct memory_range){m->top, len, host};
	r = memory_map_anonymous(m, host, len);
	if (r < 0)
		return err_code(e, r, "memory: map what can be plugged in");
	m->top += (len + MEMORY_ALIGN - 1) & -MEMORY_ALIGN;
	return 0;
}

static int check_config(const struct memory_config *c, struct err *e)
{
	if (c->size == 0 || c->size % MEMORY_HUGE)
		return err_set(e, EINVAL, "memory: %llu bytes are no multiple of 2 MiB",
			       (unsigned long long)c->size);
	if (c->size > MEMORY_MOST || c->hotplug > MEMORY_MOST)
		return err_set(e, EINVAL, "memory: more than 16 TiB");
	return 0;
}

int memory_new(int vm_fd, const struct memory_config *c, struct memory **ret,
	       struct err *e)
{
	struct memory *m;
	int r = check_config(c, e);

	if (r < 0)
		return r;
	m = calloc(1, sizeof(*m));
	if (!m)
		return err_set(e, ENOMEM, "memory: no memory");
	(void)pthread_mutex_init(&m->lock, NULL);
	m->vm_fd = vm_fd;
	m->page = (uint64_t)sysconf(_SC_PAGESIZE);
	m->shared = c->fd >= 0 && c->shared;
	m->small_pages = c->small_pages;
	m->mergeable = c->mergeable;
	r = boot_map(m, c, e);
	if (r == 0)
		r = boot_register(m, e);
	if (r == 0 && c->hotplug)
		r = hotplug_reserve(m, c->hotplug, e);
	if (r < 0) {
		memory_free(m);
		return r;
	}
	*ret = m;
	return 0;
}

void memory_free(struct memory *m)
{
	if (!m)
		return;
	if (m->boot_host)
		(void)munmap(m->boot_host, m->boot_size);
	if (m->hotplug.host)
		(void)munmap(m->hotplug.host, m->hotplug.len);
	(void)pthread_mutex_destroy(&m->lock);
	free((void *)m->file_backed);
	free(m);
}

void *memory_at(const struct memory *m, uint64_t gpa, uint64_t len)
{
	for (unsigned i = 0; i < m->boots; i++)
		if (memory_in(&m->boot[i], gpa, len))
			return (char *)m->boot[i].host + (gpa - m->boot[i].gpa);
	if (memory_is_plugged(m, gpa, len))
		return (char *)m->hotplug.host + (gpa - m->hotplug.gpa);
	return NULL;
}

int memory_read(const struct memory *m, uint64_t gpa, void *buf, size_t len)
{
	const void *p = memory_at(m, gpa, len);

	if (!p)
		return -EFAULT;
	memcpy(buf, p, len);
	return 0;
}

int memory_write(const struct memory *m, uint64_t gpa, const void *buf, size_t len)
{
	void *p = memory_at(m, gpa, len);

	if (!p)
		return -EFAULT;
	memcpy(p, buf, len);
	return 0;
}

unsigned memory_ranges(const struct memory *m, struct memory_range ret[2])
{
	memcpy(ret, m->boot, m->boots * sizeof(*ret));
	return m->boots;
}

int memory_add_window(struct memory *m, uint64_t len, void *host, uint64_t *ret_gpa,
		      struct err *e)
{
	int r = 0;

	if (len == 0 || len % m->page || len > MEMORY_MOST)
		return err_set(e, EINVAL, "memory: a window of %llu bytes",
			       (unsigned long long)len);
	(void)pthread_mutex_lock(&m->lock);
	if (m->windows == MEMORY_WINDOWS)
		r = err_set(e, ENOSPC, "memory: more than %d windows", MEMORY_WINDOWS);
	if (r == 0) {
		r = memory_slot(m, MEMORY_SLOT_WINDOW + m->windows, m->top, len, host);
		if (r < 0)
			(void)err_code(e, r, "memory: register a window of %llu bytes",
				       (unsigned long long)len);
	}
	if (r == 0) {
		*ret_gpa = m->top;
		m->windows++;
		m->top += (len + MEMORY_ALIGN - 1) & -MEMORY_ALIGN;
	}
	(void)pthread_mutex_unlock(&m->lock);
	return r;
}

uint64_t memory_end(const struct memory *m)
{
	return m->top;
}
