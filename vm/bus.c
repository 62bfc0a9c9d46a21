/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/bus.h"

#include <errno.h>
#include <string.h>

int bus_add(struct bus *b, uint64_t base, uint64_t len, bus_fn *fn, void *arg,
	    struct err *e)
{
	struct bus_range *r = b->range;
	unsigned at = 0;

	if (len == 0 || base > UINT64_MAX - len)
		return err_set(e, EINVAL, "bus: no such range: %#llx+%#llx",
			       (unsigned long long)base, (unsigned long long)len);
	if (b->count == BUS_RANGES)
		return err_set(e, ENOSPC, "bus: more than %d ranges", BUS_RANGES);
	while (at < b->count && r[at].base < base)
		at++;
	if ((at > 0 && base - r[at - 1].base < r[at - 1].len) ||
	    (at < b->count && r[at].base - base < len))
		return err_set(e, EEXIST, "bus: %#llx+%#llx is taken already",
			       (unsigned long long)base, (unsigned long long)len);
	memmove(&r[at + 1], &r[at], (b->count - at) * sizeof(*r));
	r[at] = (struct bus_range){.base = base, .len = len, .fn = fn, .arg = arg};
	b->count++;
	return 0;
}

/* The last range that begins at addr or before. */
static const struct bus_range *find(const struct bus *b, uint64_t addr)
{
	unsigned low = 0, high = b->count, mid;

	while (low < high) {
		mid = (low + high) / 2;
		if (b->range[mid].base <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? &b->range[low - 1] : NULL;
}

bool bus_access(const struct bus *b, uint64_t addr, void *data, unsigned len, bool write)
{
	const struct bus_range *r = find(b, addr);

	/* KVM splits what crosses a page, so a guest can make odd lengths. */
	if (!r || (len != 1 && len != 2 && len != 4 && len != 8) || len > r->len ||
	    addr - r->base > r->len - len)
		return false;
	if (!write)
		memset(data, 0, len);
	r->fn(r->arg, addr - r->base, data, len, write);
	return true;
}
