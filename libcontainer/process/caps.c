/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's interface is used as it is (capset(2), prctl(2)): libcap's calls allocate,
 * which a child after clone may not.
 */
#include "libcontainer/process/caps.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/str.h"

/* By number; none was ever taken out or will be (linux/capability.h). */
static const char *const names[] = {
	"CAP_CHOWN",
	"CAP_DAC_OVERRIDE",
	"CAP_DAC_READ_SEARCH",
	"CAP_FOWNER",
	"CAP_FSETID",
	"CAP_KILL",
	"CAP_SETGID",
	"CAP_SETUID",
	"CAP_SETPCAP",
	"CAP_LINUX_IMMUTABLE",
	"CAP_NET_BIND_SERVICE",
	"CAP_NET_BROADCAST",
	"CAP_NET_ADMIN",
	"CAP_NET_RAW",
	"CAP_IPC_LOCK",
	"CAP_IPC_OWNER",
	"CAP_SYS_MODULE",
	"CAP_SYS_RAWIO",
	"CAP_SYS_CHROOT",
	"CAP_SYS_PTRACE",
	"CAP_SYS_PACCT",
	"CAP_SYS_ADMIN",
	"CAP_SYS_BOOT",
	"CAP_SYS_NICE",
	"CAP_SYS_RESOURCE",
	"CAP_SYS_TIME",
	"CAP_SYS_TTY_CONFIG",
	"CAP_MKNOD",
	"CAP_LEASE",
	"CAP_AUDIT_WRITE",
	"CAP_AUDIT_CONTROL",
	"CAP_SETFCAP",
	"CAP_MAC_OVERRIDE",
	"CAP_MAC_ADMIN",
	"CAP_SYSLOG",
	"CAP_WAKE_ALARM",
	"CAP_BLOCK_SUSPEND",
	"CAP_AUDIT_READ",
	"CAP_PERFMON",
	"CAP_BPF",
	"CAP_CHECKPOINT_RESTORE",
};

#define BITS 64 /* of a mask, and of the kernel's sets */

const char *caps_name(unsigned number)
{
	return number < ARRAY_LEN(names) ? names[number] : NULL;
}

int caps_number(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (str_eq(names[i], name))
			return (int)i;
	}
	return -EINVAL;
}

unsigned caps_last(void)
{
	unsigned low = 0, high = BITS, mid;

	/* The kernel answers EINVAL to numbers that it doesn't know. */
	while (high - low > 1) {
		mid = (low + high) / 2;
		if (prctl(PR_CAPBSET_READ, mid, 0, 0, 0) < 0)
			high = mid;
		else
			low = mid;
	}
	return low;
}

/* Names that were left out, each once. */
struct left_out {
	const char *v[32];
	size_t count;
};

static void leave_out(struct left_out *l, const char *name)
{
	for (size_t i = 0; i < l->count; i++) {
		if (str_eq(l->v[i], name))
			return;
	}
	if (l->count < ARRAY_LEN(l->v))
		l->v[l->count++] = name;
}

static uint64_t to_mask(const struct strings *s, uint64_t known, struct left_out *l)
{
	uint64_t mask = 0, bit;
	int n;

	for (size_t i = 0; i < s->count; i++) {
		n = caps_number(s->v[i]);
		bit = n < 0 ? 0 : UINT64_C(1) << n & known;
		if (!bit)
			leave_out(l, s->v[i]);
		mask |= bit;
	}
	return mask;
}

static void tell_left_out(const struct left_out *l, const struct log *log)
{
	AUTO_SBUF text = {0};

	if (l->count == 0)
		return;
	for (size_t i = 0; i < l->count; i++)
		sbuf_addf(&text, "%s%s", i > 0 ? " " : "", l->v[i]);
	log_warn(log, "ignoring unknown or unavailable capabilities: [%s]",
		 text.data ? text.data : "");
}

/* What the running kernel knows of our names. All of them, as a rule: two calls then. */
static uint64_t known_mask(void)
{
	unsigned last = ARRAY_LEN(names) - 1;

	if (prctl(PR_CAPBSET_READ, last, 0, 0, 0) < 0)
		last = caps_last();
	return (UINT64_C(2) << last) - 1;
}

void caps_make(const struct spec_capabilities *s, struct caps *ret, const struct log *log)
{
	struct left_out l = {.count = 0};
	uint64_t known;

	*ret = (struct caps){0};
	if (!s)
		return;
	known = known_mask();
	ret->bounding = to_mask(&s->bounding, known, &l);
	ret->effective = to_mask(&s->effective, known, &l);
	ret->inheritable = to_mask(&s->inheritable, known, &l);
	ret->permitted = to_mask(&s->permitted, known, &l);
	ret->ambient = to_mask(&s->ambient, known, &l);
	tell_left_out(&l, log);
}

/* For errors: also a number that is newer than our names. */
static const char *name_of(unsigned number, char buf[24])
{
	const char *name = caps_name(number);

	if (!name)
		(void)snprintf(buf, 24, "CAP_%u", number);
	return name ? name : buf;
}

int caps_drop_bounding(const struct caps *c, struct err *e)
{
	char buf[24];
	int present;

	/* Up to the first that the kernel doesn't know: also those that we don't. */
	for (unsigned i = 0; i < BITS; i++) {
		if (c->bounding & UINT64_C(1) << i)
			continue;
		if (prctl(PR_CAPBSET_DROP, i, 0, 0, 0) == 0)
			continue;
		if (errno == EINVAL)
			return 0;
		/* Who may not drop it needn't, if it isn't there. */
		present = errno == EPERM ? prctl(PR_CAPBSET_READ, i, 0, 0, 0) : 1;
		if (present < 0)
			return 0;
		if (present == 0)
			continue;
		errno = EPERM;
		return err_sys(e, "drop %s from the bounding set", name_of(i, buf));
	}
	return 0;
}

static void raise_ambient(const struct caps *c, const struct log *log)
{
	struct err why;
	char buf[24];

	for (unsigned i = 0; i < BITS; i++) {
		if (!(c->ambient & UINT64_C(1) << i) ||
		    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0) == 0)
			continue;
		(void)err_sys(&why, "can't raise ambient capability %s", name_of(i, buf));
		log_warn(log, "%s", why.text);
	}
}

int caps_apply(const struct caps *c, const struct log *log, struct err *e)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	for (unsigned i = 0; i < 2; i++)
		data[i] = (struct __user_cap_data_struct){
			.effective = (uint32_t)(c->effective >> 32 * i),
			.permitted = (uint32_t)(c->permitted >> 32 * i),
			.inheritable = (uint32_t)(c->inheritable >> 32 * i),
		};
	if (syscall(SYS_capset, &head, data) < 0)
		return err_sys(e, "set capabilities");
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return err_sys(e, "clear ambient capabilities");
	raise_ambient(c, log);
	return 0;
}
