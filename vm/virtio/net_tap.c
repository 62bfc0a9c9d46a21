/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include "base/str.h"
#include "vm/virtio/net.h"
#include "vm/virtio/net_parts.h"

static const struct {
	short flag;
	const char *name;
} needed[] = {
	{IFF_TAP, "IFF_TAP"},
	{IFF_NO_PI, "IFF_NO_PI"},
	{IFF_VNET_HDR, "IFF_VNET_HDR"},
};

/* The description is ours alone: it was handed over. */
static int set_flags(int fd, struct err *e)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return err_sys(e, "tap: fcntl");
	return 0;
}

int net_tap_prepare(int fd, struct err *e)
{
	const unsigned long all = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
	struct ifreq ifr = {0};
	int header = NET_HEADER;

	if (ioctl(fd, TUNGETIFF, &ifr) < 0)
		return err_sys(e, "tap: this descriptor is none (TUNGETIFF)");
	for (size_t i = 0; i < ARRAY_LEN(needed); i++) {
		if (!(ifr.ifr_flags & needed[i].flag))
			return err_set(e, EINVAL, "tap: it was made without %s",
				       needed[i].name);
	}
	if (ioctl(fd, TUNSETVNETHDRSZ, &header) < 0)
		return err_sys(e, "tap: TUNSETVNETHDRSZ");
	if (ioctl(fd, TUNSETOFFLOAD, all) < 0)
		return err_sys(e, "tap: TUNSETOFFLOAD");
	return set_flags(fd, e);
}

void net_tap_offload(int fd, uint64_t features)
{
	static const struct {
		unsigned feature, flag;
	} flags[] = {
		{VIRTIO_NET_F_GUEST_TSO4, TUN_F_TSO4},
		{VIRTIO_NET_F_GUEST_TSO6, TUN_F_TSO6},
		{VIRTIO_NET_F_GUEST_ECN, TUN_F_TSO_ECN},
	};
	unsigned long set = 0;

	/* The others need it (VIRTIO 1.2, 5.1.3.1). */
	if (features >> VIRTIO_NET_F_GUEST_CSUM & 1) {
		set = TUN_F_CSUM;
		for (size_t i = 0; i < ARRAY_LEN(flags); i++)
			set |= features >> flags[i].feature & 1 ? flags[i].flag : 0;
	}
	/* It took all of them before; and a socket has none. */
	(void)ioctl(fd, TUNSETOFFLOAD, set);
}
