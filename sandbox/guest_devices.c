/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/guest_devices.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/str.h"

struct range {
	char type;
	unsigned major, first, last;
};

/* What no guest is without. */
static const struct range always[] = {
	{'c', 1, 3, 3},      /* null */
	{'c', 1, 5, 5},      /* zero */
	{'c', 1, 7, 9},      /* full, random, urandom */
	{'c', 1, 11, 11},    /* kmsg */
	{'c', 5, 0, 2},      /* tty, console, ptmx */
	{'c', 10, 200, 200}, /* net/tun */
	{'c', 10, 229, 229}, /* fuse */
	{'c', 10, 237, 237}, /* loop-control */
};

/* Numbers that mean the same in all kernels; which of them the guest has it knows. Those
 * of misc (10) below 128 are given out as drivers come. */
static const struct range fixed[] = {
	{'c', 1, 0, 255},    /* memory devices */
	{'c', 4, 0, 255},    /* consoles, serial lines */
	{'c', 5, 0, 255},    /* tty, console, ptmx */
	{'c', 7, 0, 255},    /* the consoles' memory */
	{'c', 10, 128, 254}, /* misc */
	{'b', 1, 0, 255},    /* ram */
	{'b', 7, 0, 255},    /* loop */
};

static bool in_ranges(const struct range *v, size_t count, const struct spec_device *d)
{
	char type = d->type[0];

	if (type == 'u')
		type = 'c';

	for (size_t i = 0; i < count; i++) {
		if (type == v[i].type && d->major == v[i].major &&
		    d->minor >= v[i].first && d->minor <= v[i].last)
			return true;
	}
	return false;
}

/* The last rule that speaks of all devices decides, as in the kernel's filter. */
bool guest_devices_allow_all(const struct spec *s)
{
	const struct spec_resources *r = s->linux_->resources;
	bool all = false;

	for (size_t i = 0; r && i < r->devices_count; i++) {
		const struct spec_device_rule *d = &r->devices[i];

		if ((!d->type || str_eq(d->type, "a")) &&
		    (!d->major.set || d->major.v == -1) &&
		    (!d->minor.set || d->minor.v == -1))
			all = d->allow;
	}
	return all;
}

bool guest_devices_has(const struct spec_device *d)
{
	return d->type[0] == 'p' || in_ranges(always, ARRAY_LEN(always), d);
}

bool guest_devices_has_node(mode_t mode, dev_t rdev)
{
	const struct spec_device d = {
		.type = S_ISBLK(mode) ? "b" : "c",
		.major = major(rdev),
		.minor = minor(rdev),
	};

	return guest_devices_has(&d);
}

static bool is_here(const struct spec_device *d)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/sys/dev/%s/%" PRId64 ":%" PRId64,
		       d->type[0] == 'b' ? "block" : "char", d->major, d->minor);
	return access(path, F_OK) == 0;
}

static bool is_guests(const struct spec_device *d, bool all)
{
	if (d->type[0] == 'p')
		return true;
	return in_ranges(all ? fixed : always, all ? ARRAY_LEN(fixed) : ARRAY_LEN(always),
			 d) &&
	       is_here(d);
}

int guest_devices_adjust(struct spec *s, struct err *e)
{
	bool all = guest_devices_allow_all(s);
	struct spec_device *v = s->linux_->devices;
	size_t kept = 0;

	for (size_t i = 0; i < s->linux_->devices_count; i++) {
		if (is_guests(&v[i], all))
			v[kept++] = v[i];
		else if (!all)
			return err_set(e, ENODEV,
				       "linux.devices[%zu]: %.100s: the guest's kernel "
				       "doesn't have it",
				       i, v[i].path);
	}
	s->linux_->devices_count = kept;
	return 0;
}
