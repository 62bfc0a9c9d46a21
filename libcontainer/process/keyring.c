/* SPDX-License-Identifier: Apache-2.0 */
/* The session keyring (session-keyring(7), keyctl(2)). See plan.h. */
#include <errno.h>
#include <linux/keyctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "libcontainer/process/plan.h"

/* Search rights: include/linux/key.h, the fields of keyctl_setperm(3). */
#define SEARCH_BY_USER  0x00080000U
#define SEARCH_BY_OTHER 0x00000008U

/* Without search rights another process that joins by name would get a keyring of its
 * own; the ids of a user namespace are others than the keyring's owner. */
static int let_search(uint32_t right, struct err *e)
{
	const int key = KEY_SPEC_SESSION_KEYRING;
	char text[512] = "";
	unsigned long perm;
	char *p = text;
	long n = syscall(SYS_keyctl, KEYCTL_DESCRIBE, key, text, sizeof(text) - 1);

	if (n < 0)
		return err_sys(e, "describe the session keyring");
	/* "type;uid;gid;perm;name" */
	for (int field = 0; field < 3 && p; field++) {
		p = strchr(p, ';');
		p = p ? p + 1 : NULL;
	}
	if (!p)
		return err_set(e, EPROTO, "describe the session keyring: not understood");
	perm = strtoul(p, NULL, 16);
	if ((perm & right) == right)
		return 0;
	if (syscall(SYS_keyctl, KEYCTL_SETPERM, key, perm | right) < 0)
		return err_sys(e, "set the session keyring's rights");
	return 0;
}

int keyring_join(const char *name, bool in_userns, const struct log *log, struct err *e)
{
	/* It returns the keyring's id, or 0 if that is the session's already. */
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name) >= 0)
		return let_search(in_userns ? SEARCH_BY_OTHER : SEARCH_BY_USER, e);
	if (errno != ENOSYS)
		return err_sys(e, "unable to join session keyring");
	log_warn(log, "no session keyring of its own: keyctl: ENOSYS");
	return 0;
}
