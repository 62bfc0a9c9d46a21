/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/spec/sysctl.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/str.h"

/* The first separator says which of the two the name uses; the other one then stands for
 * itself, swapped. */
int sysctl_path(const char *key, char *buf, size_t len)
{
	size_t n = strlen(key), first = strcspn(key, "./");
	bool dots = key[first] != '/';

	if (n >= len)
		return -ENAMETOOLONG;
	memcpy(buf, key, n + 1);
	for (char *c = buf; dots && *c; c++) {
		if (*c == '.')
			*c = '/';
		else if (*c == '/')
			*c = '.';
	}
	for (const char *step = buf;; step += strcspn(step, "/") + 1) {
		size_t size = strcspn(step, "/");

		if (size == 0 || (size == 1 && *step == '.') ||
		    (size == 2 && step[0] == '.' && step[1] == '.'))
			return -EINVAL;
		if (!step[size])
			return 0;
	}
}

static bool is_ipc(const char *path)
{
	static const char *const names[] = {
		"kernel/msgmax", "kernel/msgmnb",          "kernel/msgmni",
		"kernel/sem",    "kernel/shmall",          "kernel/shmmax",
		"kernel/shmmni", "kernel/shm_rmid_forced",
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (str_eq(path, names[i]))
			return true;
	}
	return str_after(path, "fs/mqueue/") != NULL;
}

bool sysctl_is_network(const char *key)
{
	char path[PATH_MAX];

	return sysctl_path(key, path, sizeof(path)) == 0 && str_after(path, "net/");
}

const char *sysctl_refused(const struct spec *s, const char *key)
{
	char path[PATH_MAX];

	if (sysctl_path(key, path, sizeof(path)) < 0)
		return "not a sysctl's name";
	if (is_ipc(path))
		return spec_namespace(s, SPEC_NS_IPC)
			       ? NULL
			       : "not allowed in the host's ipc namespace";
	if (str_after(path, "net/"))
		return spec_namespace(s, SPEC_NS_NETWORK)
			       ? NULL
			       : "not allowed in the host's network namespace";
	if (str_after(path, "user/"))
		return spec_namespace(s, SPEC_NS_USER)
			       ? NULL
			       : "not allowed in the host's user namespace";
	if (str_eq(path, "kernel/hostname"))
		return "the hostname property is for that";
	if (str_eq(path, "kernel/domainname"))
		return spec_namespace(s, SPEC_NS_UTS)
			       ? NULL
			       : "not allowed in the host's uts namespace";
	return "not in a namespace of its own";
}
