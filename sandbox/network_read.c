/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/if_arp.h>
#include <linux/neighbour.h>
#include <string.h>
#include <sys/socket.h>

#include "base/netlink.h"
#include "base/str.h"
#include "sandbox/network.h"

#define TRIES 8 /* at reading a network that is being changed */

/* Flags of addresses that aren't the kernel's findings about them. */
#define CHOSEN_FLAGS (IFA_F_NOPREFIXROUTE | IFA_F_HOMEADDRESS | IFA_F_MCAUTOJOIN)

struct reader {
	struct netlink netlink;
	struct arena *arena;
	const struct log *log;
	struct network *network;
	size_t links_room, routes_room, neighbours_room;
	struct err *e;
};

/* A list in the arena that has room for one more element. */
static void *grown(struct arena *a, void *v, size_t count, size_t *room, size_t size)
{
	size_t more = *room ? *room * 2 : 8;
	void *p;

	if (count < *room)
		return v;
	p = arena_array(a, more, size);
	if (!p)
		return NULL;
	if (count)
		memcpy(p, v, count * size);
	*room = more;
	return p;
}

static size_t ip_len(uint8_t family)
{
	return family == AF_INET ? 4 : family == AF_INET6 ? 16 : 0;
}

/* An address out of an attribute; of no family if it isn't there. */
static struct network_ip read_ip(struct nl_attrs a, unsigned type, uint8_t family,
				 uint8_t prefix)
{
	struct network_ip ip = {0};
	size_t len = ip_len(family);
	const void *p = len ? nl_get(a, type, len) : NULL;

	if (p) {
		ip.family = family;
		ip.prefix = prefix;
		memcpy(ip.bytes, p, len);
	}
	return ip;
}

static struct network_link *link_of(const struct network *n, uint32_t index)
{
	for (size_t i = 0; i < n->links_count; i++) {
		if (n->links[i].index == index)
			return &n->links[i];
	}
	return NULL;
}

/* ---- links ---- */

static int see_link(const struct nlmsghdr *m, void *arg)
{
	const struct ifinfomsg *i = NLMSG_DATA(m);
	struct nl_attrs a = nl_attrs(m, sizeof(*i));
	const char *name = nl_get(a, IFLA_IFNAME, 1);
	struct network_link l = {.index = (uint32_t)i->ifi_index};
	const uint8_t *mac = nl_get(a, IFLA_ADDRESS, sizeof(l.mac));
	struct reader *r = arg;
	struct network *n = r->network;

	if (m->nlmsg_type != RTM_NEWLINK || !name || nl_len(a, IFLA_IFNAME) > IFNAMSIZ)
		return 0;
	memcpy(l.name, name, strnlen(name, IFNAMSIZ - 1));
	l.loopback = i->ifi_type == ARPHRD_LOOPBACK;
	l.up = (i->ifi_flags & IFF_UP) != 0;
	l.mtu = nl_get_u32(a, IFLA_MTU, 0);
	if (i->ifi_type == ARPHRD_ETHER && mac)
		memcpy(l.mac, mac, sizeof(l.mac));
	else if (!l.loopback && !l.up) /* tunl0 and its like, which are always there */
		return 0;
	else if (!l.loopback)
		return err_set(r->e, ENOTSUP,
			       "interface %s is no Ethernet interface: a guest can't "
			       "have it",
			       l.name);
	n->links = grown(r->arena, n->links, n->links_count, &r->links_room, sizeof(l));
	if (!n->links)
		return -ENOMEM;
	n->links[n->links_count++] = l;
	return 0;
}

/* ---- addresses ---- */

/* A link has few: each is a list of exactly as many. */
static int add_address(struct reader *r, struct network_link *l,
		       const struct network_address *address)
{
	struct network_address *more = arena_array(r->arena, l->addresses_count + 1,
						   sizeof(*more));

	if (!more)
		return -ENOMEM;
	if (l->addresses_count)
		memcpy(more, l->addresses, l->addresses_count * sizeof(*more));
	more[l->addresses_count++] = *address;
	l->addresses = more;
	return 0;
}

/* 127.0.0.1 and ::1 */
static bool is_given(const struct network_link *l, const struct network_ip *ip)
{
	static const uint8_t v4[4] = {127, 0, 0, 1}, v6[16] = {[15] = 1};

	return l->loopback && memcmp(ip->bytes, ip->family == AF_INET ? v4 : v6,
				     ip_len(ip->family)) == 0;
}

static int see_address(const struct nlmsghdr *m, void *arg)
{
	const struct ifaddrmsg *i = NLMSG_DATA(m);
	struct nl_attrs a = nl_attrs(m, sizeof(*i));
	uint32_t flags = nl_get_u32(a, IFA_FLAGS, i->ifa_flags);
	struct reader *r = arg;
	struct network_link *l = link_of(r->network, i->ifa_index);
	struct network_address address = {
		.local = read_ip(a, IFA_LOCAL, i->ifa_family, i->ifa_prefixlen),
		.peer = read_ip(a, IFA_ADDRESS, i->ifa_family, i->ifa_prefixlen),
		.broadcast = read_ip(a, IFA_BROADCAST, i->ifa_family, 32),
		.scope = i->ifa_scope,
		.flags = flags & CHOSEN_FLAGS,
	};

	/* What isn't permanent was given by a router, which will do so again. */
	if (m->nlmsg_type != RTM_NEWADDR || !l || !(flags & IFA_F_PERMANENT))
		return 0;
	if (!address.local.family) {
		address.local = address.peer;
		address.peer.family = AF_UNSPEC;
	} else if (memcmp(&address.local, &address.peer, sizeof(address.local)) == 0) {
		address.peer.family = AF_UNSPEC;
	}
	if (!address.local.family || is_given(l, &address.local))
		return 0;
	return add_address(r, l, &address);
}

/* ---- routes ---- */

/* What the kernel makes by itself. */
static bool is_own_route(const struct rtmsg *i, uint32_t table)
{
	return table == RT_TABLE_LOCAL || i->rtm_protocol == RTPROT_KERNEL ||
	       i->rtm_protocol == RTPROT_REDIRECT || i->rtm_protocol == RTPROT_RA ||
	       i->rtm_flags & RTM_F_CLONED;
}

static bool read_hop(const struct reader *r, struct nl_attrs a, uint8_t family,
		     uint32_t index, uint8_t flags, struct network_hop *ret)
{
	const struct network_link *l = link_of(r->network, index);
	const struct rtvia *via = nl_get(a, RTA_VIA, sizeof(*via));

	*ret = (struct network_hop){
		.link = l ? l->name : NULL,
		.gateway = read_ip(a, RTA_GATEWAY, family, 0),
		.onlink = (flags & RTNH_F_ONLINK) != 0,
	};
	/* IPv4 by a gateway that has IPv6 (RFC 5549) */
	if (via && ip_len((uint8_t)via->rtvia_family) &&
	    nl_len(a, RTA_VIA) >= sizeof(*via) + ip_len((uint8_t)via->rtvia_family)) {
		ret->gateway.family = (uint8_t)via->rtvia_family;
		memcpy(ret->gateway.bytes, via->rtvia_addr, ip_len(ret->gateway.family));
	}
	return l || index == 0;
}

static int read_hops(struct reader *r, const struct rtmsg *i, struct nl_attrs a,
		     struct network_route *route)
{
	size_t len = nl_len(a, RTA_MULTIPATH);
	const struct rtnexthop *h = nl_get(a, RTA_MULTIPATH, sizeof(*h));
	size_t room = h ? len / sizeof(*h) : 1, step;

	route->hops = arena_array(r->arena, room, sizeof(*route->hops));
	if (!route->hops)
		return -ENOMEM;
	if (!h) {
		route->hops_count = 1;
		return read_hop(r, a, i->rtm_family, nl_get_u32(a, RTA_OIF, 0),
				(uint8_t)i->rtm_flags, &route->hops[0]);
	}
	for (; len >= sizeof(*h) && RTNH_OK(h, (int)len) && route->hops_count < room;
	     h = RTNH_NEXT(h)) {
		const struct nl_attrs own = {(const void *)RTNH_DATA(h),
					     h->rtnh_len - sizeof(*h)};
		struct network_hop *hop = &route->hops[route->hops_count++];

		if (!read_hop(r, own, i->rtm_family, (uint32_t)h->rtnh_ifindex,
			      h->rtnh_flags, hop))
			return 0;
		hop->weight = h->rtnh_hops;
		step = (size_t)RTNH_ALIGN(h->rtnh_len);
		if (len < step)
			break;
		len -= step;
	}
	return 1;
}

static uint32_t read_mtu(struct nl_attrs a)
{
	const void *p = nl_get(a, RTA_METRICS, 1);

	return p ? nl_get_u32((struct nl_attrs){p, nl_len(a, RTA_METRICS)}, RTAX_MTU, 0)
		 : 0;
}

static int see_route(const struct nlmsghdr *m, void *arg)
{
	const struct rtmsg *i = NLMSG_DATA(m);
	struct nl_attrs a = nl_attrs(m, sizeof(*i));
	struct reader *r = arg;
	struct network *n = r->network;
	struct network_route route = {
		.destination = read_ip(a, RTA_DST, i->rtm_family, i->rtm_dst_len),
		.source = read_ip(a, RTA_PREFSRC, i->rtm_family, 0),
		.table = nl_get_u32(a, RTA_TABLE, i->rtm_table),
		.metric = nl_get_u32(a, RTA_PRIORITY, 0),
		.mtu = read_mtu(a),
		.type = i->rtm_type,
		.scope = i->rtm_scope,
		.protocol = i->rtm_protocol,
		.tos = i->rtm_tos,
	};
	int err;

	if (m->nlmsg_type != RTM_NEWROUTE || !ip_len(i->rtm_family) ||
	    is_own_route(i, route.table))
		return 0;
	route.destination.family = i->rtm_family;
	err = read_hops(r, i, a, &route);
	if (err <= 0) {
		if (err == 0)
			log_warn(r->log,
				 "a route by an interface that the guest doesn't "
				 "have is left out");
		return err;
	}
	n->routes = grown(r->arena, n->routes, n->routes_count, &r->routes_room,
			  sizeof(route));
	if (!n->routes)
		return -ENOMEM;
	n->routes[n->routes_count++] = route;
	return 0;
}

/* ---- neighbours ---- */

static int see_neighbour(const struct nlmsghdr *m, void *arg)
{
	const struct ndmsg *i = NLMSG_DATA(m);
	struct nl_attrs a = nl_attrs(m, sizeof(*i));
	struct reader *r = arg;
	struct network *n = r->network;
	const struct network_link *l = link_of(n, (uint32_t)i->ndm_ifindex);
	struct network_neighbour found = {
		.link = l ? l->name : NULL,
		.address = read_ip(a, NDA_DST, i->ndm_family, 0),
	};
	const void *mac = nl_get(a, NDA_LLADDR, sizeof(found.mac));

	if (m->nlmsg_type != RTM_NEWNEIGH || !l || l->loopback || !mac ||
	    !found.address.family || !(i->ndm_state & NUD_PERMANENT))
		return 0;
	memcpy(found.mac, mac, sizeof(found.mac));
	n->neighbours = grown(r->arena, n->neighbours, n->neighbours_count,
			      &r->neighbours_room, sizeof(found));
	if (!n->neighbours)
		return -ENOMEM;
	n->neighbours[n->neighbours_count++] = found;
	return 0;
}

/* ---- all of it ---- */

static int ask(struct reader *r, uint16_t type, const void *body, size_t len,
	       int (*see)(const struct nlmsghdr *m, void *arg))
{
	struct nl_request q;

	nl_begin(&q, type, 0, body, len);
	return netlink_dump(&r->netlink, &q, see, r, r->e);
}

/* A link without an address that is down is nobody's: leave it out. Names that routes and
 * neighbours point to stay where they are. */
static void drop_unused(struct network *n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n->links_count; i++) {
		const struct network_link *l = &n->links[i];

		if (l->loopback ? l->addresses_count > 0 : l->up || l->addresses_count)
			n->links[kept++] = *l;
	}
	n->links_count = kept;
}

/* Routes and neighbours name links by a pointer into the list of links, which moves when
 * links are dropped: names of their own. */
static int own_names(struct reader *r)
{
	struct network *n = r->network;

	for (size_t i = 0; i < n->routes_count; i++) {
		for (size_t j = 0; j < n->routes[i].hops_count; j++) {
			const char **name = &n->routes[i].hops[j].link;

			if (*name && !(*name = arena_strdup(r->arena, *name)))
				return -ENOMEM;
		}
	}
	for (size_t i = 0; i < n->neighbours_count; i++) {
		const char **name = &n->neighbours[i].link;

		if (!(*name = arena_strdup(r->arena, *name)))
			return -ENOMEM;
	}
	return 0;
}

static int read_once(struct reader *r)
{
	const struct ifinfomsg link = {.ifi_family = AF_UNSPEC};
	const struct ifaddrmsg address = {.ifa_family = AF_UNSPEC};
	const struct rtmsg route = {.rtm_family = AF_UNSPEC};
	const struct ndmsg neighbour = {.ndm_family = AF_UNSPEC};
	int err;

	*r->network = (struct network){0};
	r->links_room = r->routes_room = r->neighbours_room = 0;
	err = ask(r, RTM_GETLINK, &link, sizeof(link), see_link);
	if (err == 0)
		err = ask(r, RTM_GETADDR, &address, sizeof(address), see_address);
	if (err == 0)
		err = ask(r, RTM_GETROUTE, &route, sizeof(route), see_route);
	if (err == 0)
		err = ask(r, RTM_GETNEIGH, &neighbour, sizeof(neighbour), see_neighbour);
	if (err == 0 && own_names(r) < 0)
		err = err_code(r->e, ENOMEM, "names");
	if (err == 0)
		drop_unused(r->network);
	return err;
}

int network_read(struct arena *a, struct network *ret, const struct log *log,
		 struct err *e)
{
	struct reader r = {
		.netlink = NETLINK_INIT, .arena = a, .log = log, .network = ret, .e = e};
	int err = netlink_open(&r.netlink, e);

	if (err < 0)
		return err;
	for (int i = 0; i < TRIES; i++) {
		err = read_once(&r);
		if (err != -EAGAIN)
			break;
	}
	netlink_close(&r.netlink);
	return err < 0 ? err_wrap(e, "read the network") : 0;
}
