/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's network: devices that came after the boot, and what they are to have. */
#include "sandbox/network.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "sandbox/guest/server.h"
#include "vm/plan.h"

#define BIND "/sys/bus/platform/drivers/virtio-mmio/bind"

/* The kernel has looked for it before it was connected (plan.h), or found it by now. On
 * return the interface is there. */
static int find_device(unsigned number, struct err *e)
{
	AUTO_FD fd = open(BIND, O_WRONLY | O_CLOEXEC);
	char name[32];
	int n = snprintf(name, sizeof(name), "LNRO0005:%02x", PLAN_NET0 + number);

	if (fd < 0)
		return err_sys(e, "open " BIND);
	if (write(fd, name, (size_t)n) < 0 && errno != EBUSY)
		return err_sys(e, "find network device %u", number);
	return 0;
}

int ask_network(struct guest *g, struct channel *c, const struct json *request,
		struct err *e)
{
	AUTO_ARENA a = {0};
	struct network n = {0};
	const struct json *v = json_get(request, "network");
	unsigned devices = 0;
	int r;

	(void)g;
	if (!v)
		return err_set(e, EPROTO, "the request has no \"network\"");
	r = network_parse(&a, "network", v, &n, e);
	for (size_t i = 0; r == 0 && i < n.links_count; i++) {
		if (n.links[i].loopback)
			continue;
		if (devices == PLAN_NETS)
			return err_set(e, E2BIG, "more than %d network devices",
				       PLAN_NETS);
		r = find_device(devices++, e);
	}
	if (r == 0)
		r = network_apply(&n, e);
	return r < 0 ? r : answer_empty(c, e);
}
