/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What virtio-mem plugs in and out: a slot of KVM's for each block, so that a guest which
 * touches what it wasn't given, or has given back, leaves KVM and is stopped.
 */
#include <errno.h>
#include <sys/mman.h>

#include "vm/memory_parts.h"

struct memory_range memory_hotplug_range(const struct memory *m)
{
	return m->hotplug;
}

uint64_t memory_block_size(const struct memory *m)
{
	return m->block;
}

/* Whether all blocks of a range, which is in the hotplug range, are in this state. */
static bool all_are(const struct memory *m, uint64_t gpa, uint64_t len, bool plugged)
{
	uint64_t first = (gpa - m->hotplug.gpa) / m->block;
	uint64_t last = (gpa - m->hotplug.gpa + len - 1) / m->block;

	for (uint64_t i = first; i <= last; i++)
		if (memory_bit(m->plugged, i) != plugged)
			return false;
	return true;
}

bool memory_is_plugged(const struct memory *m, uint64_t gpa, uint64_t len)
{
	return memory_in(&m->hotplug, gpa, len) && all_are(m, gpa, len, true);
}

static int check_blocks(const struct memory *m, uint64_t gpa, uint64_t len, bool plugged)
{
	if (!memory_in(&m->hotplug, gpa, len) || (gpa - m->hotplug.gpa) % m->block ||
	    len % m->block)
		return -EINVAL;
	return all_are(m, gpa, len, plugged) ? 0 : -EBUSY;
}

static int set_block(struct memory *m, uint64_t i, bool plug)
{
	uint64_t off = i * m->block;
	int r;

	/* Known as plugged only while the guest has it. */
	if (!plug)
		memory_set_bit(m->plugged, i, false);
	r = memory_slot(m, MEMORY_SLOT_HOTPLUG + (uint32_t)i, m->hotplug.gpa + off,
			plug ? m->block : 0, (char *)m->hotplug.host + off);
	memory_set_bit(m->plugged, i, r < 0 ? !plug : plug);
	return r;
}

/* All blocks, or none of them. */
static int set_blocks(struct memory *m, uint64_t gpa, uint64_t len, bool plug)
{
	uint64_t first = (gpa - m->hotplug.gpa) / m->block, count = len / m->block;
	int r = 0;

	for (uint64_t i = 0; i < count; i++) {
		r = set_block(m, first + i, plug);
		if (r == 0)
			continue;
		while (i-- > 0)
			(void)set_block(m, first + i, !plug);
		break;
	}
	return r;
}

static int drop(const struct memory *m, uint64_t gpa, uint64_t len)
{
	void *host = (char *)m->hotplug.host + (gpa - m->hotplug.gpa);

	return madvise(host, len, MADV_DONTNEED) < 0 ? -errno : 0;
}

int memory_plug(struct memory *m, uint64_t gpa, uint64_t len)
{
	int r;

	(void)pthread_mutex_lock(&m->lock);
	r = check_blocks(m, gpa, len, false);
	/* A device that held a pointer may have written since it was plugged out. */
	if (r == 0)
		r = drop(m, gpa, len);
	if (r == 0)
		r = set_blocks(m, gpa, len, true);
	(void)pthread_mutex_unlock(&m->lock);
	return r;
}

int memory_unplug(struct memory *m, uint64_t gpa, uint64_t len)
{
	int r;

	(void)pthread_mutex_lock(&m->lock);
	r = check_blocks(m, gpa, len, true);
	if (r == 0)
		r = set_blocks(m, gpa, len, false);
	if (r == 0)
		r = drop(m, gpa, len);
	(void)pthread_mutex_unlock(&m->lock);
	return r;
}
