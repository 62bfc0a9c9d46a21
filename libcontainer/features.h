/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The document that `hull features` prints (runtime-spec, features.md): what containerd,
 * CRI-O and docker ask a runtime before they use an option. It only names what works.
 */
#ifndef LIBCONTAINER_FEATURES_H
#define LIBCONTAINER_FEATURES_H

#include <stdbool.h>

#include "base/err.h"
#include "base/json.h"

/* What other parts know. "rro" among the options promises recursive read-only mounts,
 * the user namespace together with idmap promises pods with users of their own. */
struct features_options {
	const char *const *mount_options; /* sorted, NULL after the last */
	bool idmap;   /* mounts may have uidMappings and gidMappings */
	bool systemd; /* cgroups by systemd: of the system, of a user */
	bool systemd_user;
	bool selinux; /* this build can set labels */
};

/* Writes one object. No side effects; needs no privilege and no /dev/kvm. */
int features_write(struct json_writer *w, const struct features_options *o,
		   struct err *e);

#endif
