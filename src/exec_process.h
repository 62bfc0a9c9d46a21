/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process that exec starts: from a file or from the container's own, changed by
 * options.
 */
#ifndef SRC_EXEC_PROCESS_H
#define SRC_EXEC_PROCESS_H

#include "libcontainer/spec/spec.h"
#include "src/launch.h"

struct exec {                 /* the options of exec */
	struct launch launch; /* first: its options are shared with create */
	const char *process, *user, *cwd, *apparmor, *process_label, *cgroup;
	struct strings env, caps, gids;
	bool tty, no_new_privs, ignore_paused;
};

/* "UID" or "UID:GID", decimal numbers only: a name would be one of the image's choosing,
 * and "1" must never end up as 0 (CVE-2026-30892). Without a GID *gid is left alone; on
 * failure both are. */
int exec_parse_user(const char *text, uint32_t *uid, uint32_t *gid, struct err *e);

/* Changes a process as the options and the command (argc words; none: keep its args) say.
 * *base is not changed; the result lives in the arena. */
int exec_process_make(struct arena *a, const struct exec *o,
		      const struct spec_process *base, int argc, char **argv,
		      struct spec_process **ret, struct err *e);

#endif
