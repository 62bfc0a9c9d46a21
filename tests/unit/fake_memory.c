/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest memory without KVM: boot memory from 0, with the guard of an unmapped page behind.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "vm/memory.h"

struct memory {
	char *host;
	uint64_t size;
};

int memory_new(int vm_fd, const struct memory_config *c, struct memory **ret,
	       struct err *e)
{
	struct memory *m = calloc(1, sizeof(*m));

	(void)vm_fd;
	if (!m)
		return err_set(e, ENOMEM, "memory");
	m->size = c->size;
	m->host = mmap(NULL, m->size + 4096, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (m->host == MAP_FAILED ||
	    mprotect(m->host, m->size, PROT_READ | PROT_WRITE) < 0)
		abort();
	*ret = m;
	return 0;
}

void memory_free(struct memory *m)
{
	if (!m)
		return;
	(void)munmap(m->host, m->size + 4096);
	free(m);
}

void *memory_at(const struct memory *m, uint64_t gpa, uint64_t len)
{
	if (!len || len > m->size || gpa > m->size - len)
		return NULL;
	return m->host + gpa;
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
