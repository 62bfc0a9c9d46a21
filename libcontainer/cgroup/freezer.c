/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/cgroup/freezer.h"

#include <errno.h>

#include "base/file.h"
#include "libcontainer/cgroup/events.h"

#define PATIENCE_MS 2000

int freezer_get(int dir)
{
	char text[8];
	ssize_t n = file_read_line(dir, "cgroup.freeze", text, sizeof(text));

	if (n == -ENOENT || n == -ENODEV)
		return 0;
	return n < 0 ? (int)n : text[0] == '1';
}

int freezer_set(int dir, bool freeze)
{
	int r;

	r = file_write(dir, "cgroup.freeze", freeze ? "1" : "0");
	if (r < 0)
		return r;
	r = cgroup_events_wait(dir, "frozen", freeze, cgroup_events_now() + PATIENCE_MS);
	if (r < 0 && freeze)
		(void)file_write(dir, "cgroup.freeze", "0");
	return r;
}
