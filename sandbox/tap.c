/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/str.h"

/* The kernel finds a number that is free. */
#define NAME      "hull%d"

#define LINKS_MAX 256 /* that are looked at for what was left */

struct job {
	int netns;
	const struct tc_owner *owner;
	bool make;
	struct arena *arena;
	struct network *network;
	struct sandbox_tap *taps;
	size_t count;
	const struct log *log;
	struct err *e;
	int r;
};

/* ---- what is there ---- */

struct links {
	uint32_t index[LINKS_MAX];
	size_t count;
	bool more;
};

static int see_link(const struct nlmsghdr *m, void *arg)
{
	const struct ifinfomsg *i = NLMSG_DATA(m);
	struct links *l = arg;

	if (m->nlmsg_type != RTM_NEWLINK || m->nlmsg_len < NLMSG_LENGTH(sizeof(*i)) ||
	    i->ifi_type != ARPHRD_ETHER)
		return 0;
	if (l->count < LINKS_MAX)
		l->index[l->count++] = (uint32_t)i->ifi_index;
	else
		l->more = true;
	return 0;
}

static int find_links(struct netlink *n, struct links *ret, struct err *e)
{
	const struct ifinfomsg any = {.ifi_family = AF_UNSPEC};
	struct nl_request q;
	int r = -EAGAIN;

	for (int i = 0; r == -EAGAIN && i < 8; i++) {
		ret->count = 0;
		ret->more = false;
		nl_begin(&q, RTM_GETLINK, 0, &any, sizeof(any));
		r = netlink_dump(n, &q, see_link, ret, e);
	}
	if (r < 0)
		return err_wrap(e, "find network interfaces");
	return ret->more ? err_set(e, E2BIG, "more than %d network interfaces", LINKS_MAX)
			 : 0;
}

static bool same_owner(const struct tc_owner *a, const struct tc_owner *b)
{
	return a->pid == b->pid && a->start_time == b->start_time;
}

/* A tap ends with its process: one that is still there belongs to a sandbox that lives. */
static bool is_others(const struct tc_found *f, const struct tc_owner *o)
{
	return f->ours && f->side == TC_LINK && f->to && !same_owner(&f->owner, o);
}

static int refuse_others(struct netlink *n, const struct links *l,
			 const struct tc_owner *o, struct err *e)
{
	struct tc_found f;
	int r;

	for (size_t i = 0; i < l->count; i++) {
		r = tc_look(n, l->index[i], &f, e);
		if (r < 0)
			return r;
		if (is_others(&f, o))
			return err_set(e, EBUSY,
				       "the network namespace is another sandbox's, of "
				       "process %d",
				       f.owner.pid);
	}
	return 0;
}

/* ---- taken away ---- */

/* The other end of a filter of ours, and in use by none but the owner. */
static int delete_tap(struct netlink *n, uint32_t index, struct err *e)
{
	const struct ifinfomsg i = {.ifi_family = AF_UNSPEC, .ifi_index = (int)index};
	struct nl_request q;
	int r;

	nl_begin(&q, RTM_DELLINK, 0, &i, sizeof(i));
	r = netlink_call(n, &q, e);
	return r < 0 && r != -ENODEV ? err_wrap(e, "remove a tap") : 0;
}

static int stop_link(struct netlink *n, uint32_t link, const struct tc_owner *o,
		     struct err *e)
{
	struct tc_found f;
	int r = tc_look(n, link, &f, e);

	/* A tap's own goes with it. */
	if (r < 0 || !f.qdisc || is_others(&f, o) || (f.ours && f.side == TC_TAP))
		return r;
	r = tc_stop(n, link, &f, e);
	return r == 0 && f.ours && f.to ? delete_tap(n, f.to, e) : r;
}

static int unmake(struct netlink *n, const struct links *l, const struct tc_owner *o,
		  struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < l->count; i++)
		r = stop_link(n, l->index[i], o, e);
	return r;
}

/* ---- made ---- */

/* In the namespace of the thread that opens the device. */
static int open_tap(struct sandbox_tap *t, uint32_t *ret_index, struct err *e)
{
	struct ifreq ifr = {.ifr_name = NAME,
			    .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	int header = sizeof(struct virtio_net_hdr_mrg_rxbuf);
	AUTO_FD s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	AUTO_FD fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return err_sys(e, "open /dev/net/tun");
	if (ioctl(fd, TUNSETIFF, &ifr) < 0)
		return err_sys(e, "make a tap");
	if (ioctl(fd, TUNSETVNETHDRSZ, &header) < 0)
		return err_sys(e, "a tap's header");
	if (s < 0 || ioctl(s, SIOCGIFINDEX, &ifr) < 0)
		return err_sys(e, "a tap's index");
	*ret_index = (uint32_t)ifr.ifr_ifindex;
	t->fd = fd_take(&fd);
	return 0;
}

/* It has no IPv6 address, else the guest would hear the host's kernel speak on it. A kernel
 * without IPv6 refuses the whole. */
static void keep_silent(struct netlink *n, uint32_t tap)
{
	const struct ifinfomsg i = {.ifi_index = (int)tap};
	const uint8_t none = IN6_ADDR_GEN_MODE_NONE;
	struct nl_request q;
	size_t all, inet6;

	nl_begin(&q, RTM_SETLINK, 0, &i, sizeof(i));
	all = nl_nest(&q, IFLA_AF_SPEC);
	inet6 = nl_nest(&q, AF_INET6);
	nl_put(&q, IFLA_INET6_ADDR_GEN_MODE, &none, sizeof(none));
	nl_nest_end(&q, inet6);
	nl_nest_end(&q, all);
	(void)netlink_call(n, &q, ERR_IGNORE);
}

static int bring_up(struct netlink *n, uint32_t tap, uint32_t mtu, struct err *e)
{
	const unsigned flags = IFF_UP | IFF_NOARP;
	const struct ifinfomsg i = {
		.ifi_index = (int)tap, .ifi_flags = flags, .ifi_change = flags};
	struct nl_request q;
	int r;

	keep_silent(n, tap);
	nl_begin(&q, RTM_SETLINK, 0, &i, sizeof(i));
	nl_put_u32(&q, IFLA_MTU, mtu);
	r = netlink_call(n, &q, e);
	return r < 0 ? err_wrap(e, "bring a tap up") : 0;
}

static int make_one(struct netlink *n, const struct network_link *l,
		    const struct tc_owner *o, struct sandbox_tap *t, struct err *e)
{
	uint32_t tap = 0;
	int r = open_tap(t, &tap, e);

	memcpy(t->mac, l->mac, sizeof(t->mac));
	t->mtu = l->mtu;
	if (r == 0)
		r = bring_up(n, tap, l->mtu, e);
	if (r == 0)
		r = tc_redirect(n, tap, l->index, TC_TAP, o, e);
	/* From here on frames are the guest's. */
	if (r == 0)
		r = tc_redirect(n, l->index, tap, TC_LINK, o, e);
	return r < 0 ? err_wrap(e, "interface %s", l->name) : 0;
}

static int make_all(struct job *j, struct netlink *n)
{
	const struct network *net = j->network;
	size_t wanted = 0;
	int r = 0;

	for (size_t i = 0; i < net->links_count; i++)
		wanted += !net->links[i].loopback;
	if (wanted > SANDBOX_TAPS_MAX)
		return err_set(j->e, E2BIG,
			       "the network namespace has %zu Ethernet interfaces: a "
			       "sandbox can have %d",
			       wanted, SANDBOX_TAPS_MAX);
	for (size_t i = 0; r == 0 && i < net->links_count; i++) {
		if (!net->links[i].loopback)
			r = make_one(n, &net->links[i], j->owner, &j->taps[j->count++],
				     j->e);
	}
	return r;
}

/* ---- in the namespace ---- */

static int work(struct job *j, struct netlink *n, struct links *l)
{
	int r = find_links(n, l, j->e);

	if (r == 0 && j->make)
		r = refuse_others(n, l, j->owner, j->e);
	if (r == 0)
		r = unmake(n, l, j->owner, j->e);
	if (r < 0 || !j->make)
		return r;
	r = network_read(j->arena, j->network, j->log, j->e);
	if (r < 0)
		return r;
	r = make_all(j, n);
	if (r == 0)
		return 0;
	for (size_t i = 0; i < j->count; i++)
		fd_close(&j->taps[i].fd);
	(void)unmake(n, l, j->owner, ERR_IGNORE);
	return r;
}

static void *run(void *arg)
{
	AUTO_NETLINK n = NETLINK_INIT;
	struct job *j = arg;
	struct links l;

	if (setns(j->netns, CLONE_NEWNET) < 0) {
		j->r = err_sys(j->e, "enter the network namespace");
		return NULL;
	}
	j->r = netlink_open(&n, j->e);
	if (j->r == 0)
		j->r = work(j, &n, &l);
	return NULL;
}

/* A thread, as the namespace of one is its own, and it can't fail to leave it. */
static int run_there(struct job *j)
{
	pthread_t thread;
	int r = pthread_create(&thread, NULL, run, j);

	if (r)
		return err_code(j->e, r, "start a thread");
	(void)pthread_join(thread, NULL);
	return j->r < 0 ? err_wrap(j->e, "network") : 0;
}

int sandbox_taps_make(int netns_fd, const struct tc_owner *o, struct arena *a,
		      struct network *ret_network,
		      struct sandbox_tap ret[SANDBOX_TAPS_MAX], size_t *ret_count,
		      const struct log *log, struct err *e)
{
	struct job j = {.netns = netns_fd,
			.owner = o,
			.make = true,
			.arena = a,
			.network = ret_network,
			.taps = ret,
			.log = log,
			.e = e};
	int r;

	for (size_t i = 0; i < SANDBOX_TAPS_MAX; i++)
		ret[i] = (struct sandbox_tap){.fd = -1};
	r = run_there(&j);
	*ret_count = r < 0 ? 0 : j.count;
	return r;
}

int sandbox_taps_unmake(int netns_fd, const struct tc_owner *o, struct err *e)
{
	return run_there(&(struct job){.netns = netns_fd, .owner = o, .e = e});
}
