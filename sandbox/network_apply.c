/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/neighbour.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/netlink.h"
#include "base/str.h"
#include "sandbox/network.h"

/* The links that are there, before they are given their names. */
#define HERE_MAX 16

struct here {
	uint32_t index;
	bool loopback;
	uint8_t mac[6]; /* before it was given another */
	char name[IFNAMSIZ];
};

struct writer {
	struct netlink netlink;
	const struct network *network;
	struct here here[HERE_MAX];
	size_t here_count;
	struct err *e;
};

static size_t ip_len(const struct network_ip *ip)
{
	return ip->family == AF_INET ? 4 : ip->family == AF_INET6 ? 16 : 0;
}

static void put_ip(struct nl_request *q, uint16_t type, const struct network_ip *ip)
{
	if (ip->family)
		nl_put(q, type, ip->bytes, ip_len(ip));
}

/* What is there already is as good as made. */
static int call(struct writer *w, struct nl_request *q, const char *what,
		const char *whose)
{
	int r = netlink_call(&w->netlink, q, w->e);

	return r == -EEXIST ? 0 : r < 0 ? err_wrap(w->e, "%s %s", what, whose) : 0;
}

/* ---- links ---- */

static int see_link(const struct nlmsghdr *m, void *arg)
{
	const struct ifinfomsg *i = NLMSG_DATA(m);
	struct nl_attrs a = nl_attrs(m, sizeof(*i));
	const void *mac = nl_get(a, IFLA_ADDRESS, 6);
	const char *name = nl_get(a, IFLA_IFNAME, 1);
	struct writer *w = arg;
	struct here *h = &w->here[w->here_count];

	if (m->nlmsg_type != RTM_NEWLINK || w->here_count == HERE_MAX || !mac || !name)
		return 0;
	*h = (struct here){0};
	h->index = (uint32_t)i->ifi_index;
	h->loopback = (i->ifi_flags & IFF_LOOPBACK) != 0;
	memcpy(h->mac, mac, sizeof(h->mac));
	memcpy(h->name, name, strnlen(name, IFNAMSIZ - 1));
	w->here_count++;
	return 0;
}

static int find_here(struct writer *w)
{
	const struct ifinfomsg any = {.ifi_family = AF_UNSPEC};
	struct nl_request q;

	nl_begin(&q, RTM_GETLINK, 0, &any, sizeof(any));
	return netlink_dump(&w->netlink, &q, see_link, w, w->e);
}

static uint32_t index_with(const struct writer *w, const uint8_t mac[6])
{
	for (size_t i = 0; i < w->here_count; i++) {
		const struct here *h = &w->here[i];

		if (!h->loopback && memcmp(h->mac, mac, sizeof(h->mac)) == 0)
			return h->index;
	}
	return 0;
}

static uint32_t index_loopback(const struct writer *w)
{
	for (size_t i = 0; i < w->here_count; i++) {
		if (w->here[i].loopback)
			return w->here[i].index;
	}
	return 0;
}

/* Its number among those that aren't loopback is its device's. */
static uint32_t index_here(const struct writer *w, const struct network_link *l)
{
	uint8_t device[6] = NETWORK_DEVICE_MAC;
	uint32_t index;

	if (l->loopback)
		return index_loopback(w);
	for (const struct network_link *p = w->network->links; p < l; p++)
		device[5] += !p->loopback;
	index = index_with(w, l->mac);
	return index ? index : index_with(w, device);
}

static uint32_t index_named(const struct writer *w, const char *name)
{
	for (size_t i = 0; name && i < w->network->links_count; i++) {
		if (str_eq(w->network->links[i].name, name))
			return index_here(w, &w->network->links[i]);
	}
	return 0;
}

static int change_link(struct writer *w, struct nl_request *q, const char *name)
{
	int r = netlink_call(&w->netlink, q, w->e);

	return r < 0 ? err_wrap(w->e, "interface %s", name) : 0;
}

static int set_up(struct writer *w, const struct network_link *l, bool up)
{
	const struct ifinfomsg i = {
		.ifi_index = (int)index_here(w, l),
		.ifi_flags = up ? IFF_UP : 0,
		.ifi_change = IFF_UP,
	};
	struct nl_request q;

	if (i.ifi_index == 0)
		return err_set(w->e, ENODEV,
			       "interface %s: there is none with its MAC address",
			       l->name);
	nl_begin(&q, RTM_SETLINK, 0, &i, sizeof(i));
	return change_link(w, &q, l->name);
}

/* One that has the name of another gives it up for a while. */
static int make_way(struct writer *w, const struct here *h)
{
	const struct ifinfomsg i = {.ifi_index = (int)h->index};
	uint32_t other = index_named(w, h->name);
	char name[IFNAMSIZ];
	struct nl_request q;

	if (other == 0 || other == h->index)
		return 0;
	(void)snprintf(name, sizeof(name), "spare%u", h->index);
	nl_begin(&q, RTM_SETLINK, 0, &i, sizeof(i));
	nl_put_string(&q, IFLA_IFNAME, name);
	return change_link(w, &q, h->name);
}

/* While it is down. */
static int set_link(struct writer *w, const struct network_link *l)
{
	const struct ifinfomsg i = {.ifi_index = (int)index_here(w, l)};
	struct nl_request q;

	nl_begin(&q, RTM_SETLINK, 0, &i, sizeof(i));
	nl_put_string(&q, IFLA_IFNAME, l->name);
	nl_put(&q, IFLA_ADDRESS, l->mac, sizeof(l->mac));
	nl_put_u32(&q, IFLA_MTU, l->mtu);
	return change_link(w, &q, l->name);
}

static int set_links(struct writer *w)
{
	const struct network *n = w->network;
	int r = 0;

	for (size_t i = 0; r == 0 && i < n->links_count; i++) {
		if (!n->links[i].loopback)
			r = set_up(w, &n->links[i], false);
	}
	for (size_t i = 0; r == 0 && i < w->here_count; i++) {
		if (!w->here[i].loopback)
			r = make_way(w, &w->here[i]);
	}
	for (size_t i = 0; r == 0 && i < n->links_count; i++) {
		if (!n->links[i].loopback)
			r = set_link(w, &n->links[i]);
	}
	return r;
}

static int add_address(struct writer *w, const struct network_link *l,
		       const struct network_address *a)
{
	struct ifaddrmsg i = {
		.ifa_family = a->local.family,
		.ifa_prefixlen = a->local.prefix,
		.ifa_scope = a->scope,
		.ifa_index = index_here(w, l),
	};
	struct nl_request q;

	nl_begin(&q, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &i, sizeof(i));
	put_ip(&q, IFA_LOCAL, &a->local);
	put_ip(&q, IFA_ADDRESS, a->peer.family ? &a->peer : &a->local);
	put_ip(&q, IFA_BROADCAST, &a->broadcast);
	/* Whether another has it was found out where it was read. */
	nl_put_u32(&q, IFA_FLAGS,
		   a->flags | (a->local.family == AF_INET6 ? IFA_F_NODAD : 0));
	return call(w, &q, "an address of interface", l->name);
}

static int apply_link(struct writer *w, const struct network_link *l)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < l->addresses_count; i++)
		r = add_address(w, l, &l->addresses[i]);
	return r == 0 && l->up ? set_up(w, l, true) : r;
}

/* ---- routes ---- */

/* struct rtvia: the family, and the address behind it. */
static void put_gateway(struct nl_request *q, const struct network_hop *h, uint8_t family)
{
	uint8_t via[sizeof(sa_family_t) + 16];
	sa_family_t other = h->gateway.family;

	if (other == family || !other) {
		put_ip(q, RTA_GATEWAY, &h->gateway);
		return;
	}
	memcpy(via, &other, sizeof(other));
	memcpy(via + sizeof(other), h->gateway.bytes, ip_len(&h->gateway));
	nl_put(q, RTA_VIA, via, sizeof(other) + ip_len(&h->gateway));
}

/* struct rtnexthop begins as an attribute does, with its length, and holds attributes. */
static void put_hops(const struct writer *w, struct nl_request *q,
		     const struct network_route *r)
{
	size_t all = nl_nest(q, RTA_MULTIPATH);

	for (size_t i = 0; i < r->hops_count; i++) {
		const struct network_hop *h = &r->hops[i];
		struct rtnexthop hop = {
			.rtnh_flags = h->onlink ? RTNH_F_ONLINK : 0,
			.rtnh_hops = h->weight,
			.rtnh_ifindex = (int)index_named(w, h->link),
		};
		size_t at = q->head.nlmsg_len;

		nl_put(q, 0, (const char *)&hop + RTA_LENGTH(0),
		       sizeof(hop) - RTA_LENGTH(0));
		if (!q->overflow)
			memcpy(q->bytes + at + 2, (const char *)&hop + 2, 2);
		put_gateway(q, h, r->destination.family);
		nl_nest_end(q, at);
	}
	nl_nest_end(q, all);
}

static int add_route(struct writer *w, const struct network_route *r)
{
	const struct network_hop *first = r->hops_count ? &r->hops[0] : NULL;
	struct rtmsg i = {
		.rtm_family = r->destination.family,
		.rtm_dst_len = r->destination.prefix,
		.rtm_tos = r->tos,
		.rtm_table = r->table < 256 ? (uint8_t)r->table : RT_TABLE_COMPAT,
		.rtm_protocol = r->protocol,
		.rtm_scope = r->scope,
		.rtm_type = r->type,
		.rtm_flags = r->hops_count == 1 && first->onlink ? RTNH_F_ONLINK : 0,
	};
	struct nl_request q;

	nl_begin(&q, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_APPEND, &i, sizeof(i));
	nl_put_u32(&q, RTA_TABLE, r->table);
	if (r->destination.prefix)
		put_ip(&q, RTA_DST, &r->destination);
	put_ip(&q, RTA_PREFSRC, &r->source);
	if (r->metric)
		nl_put_u32(&q, RTA_PRIORITY, r->metric);
	if (r->mtu) {
		size_t at = nl_nest(&q, RTA_METRICS);

		nl_put_u32(&q, RTAX_MTU, r->mtu);
		nl_nest_end(&q, at);
	}
	if (r->hops_count > 1) {
		put_hops(w, &q, r);
	} else if (first && first->link) {
		nl_put_u32(&q, RTA_OIF, index_named(w, first->link));
		put_gateway(&q, first, r->destination.family);
	}
	return call(w, &q, "a route by",
		    first && first->link ? first->link : "no interface");
}

static bool has_gateway(const struct network_route *r)
{
	for (size_t i = 0; i < r->hops_count; i++) {
		if (r->hops[i].gateway.family)
			return true;
	}
	return false;
}

/* A gateway must be within reach by then: routes without one go first. */
static int add_routes(struct writer *w)
{
	int r = 0;

	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; r == 0 && i < w->network->routes_count; i++) {
			if (has_gateway(&w->network->routes[i]) == (pass == 1))
				r = add_route(w, &w->network->routes[i]);
		}
	}
	return r;
}

/* ---- neighbours ---- */

static int add_neighbour(struct writer *w, const struct network_neighbour *n)
{
	struct ndmsg i = {
		.ndm_family = n->address.family,
		.ndm_ifindex = (int)index_named(w, n->link),
		.ndm_state = NUD_PERMANENT,
	};
	struct nl_request q;

	nl_begin(&q, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &i, sizeof(i));
	put_ip(&q, NDA_DST, &n->address);
	nl_put(&q, NDA_LLADDR, n->mac, sizeof(n->mac));
	return call(w, &q, "a neighbour on", n->link);
}

static int apply(struct writer *w)
{
	const struct network *n = w->network;
	int r = find_here(w);

	if (r == 0)
		r = set_links(w);
	for (size_t i = 0; r == 0 && i < n->links_count; i++)
		r = apply_link(w, &n->links[i]);
	if (r == 0)
		r = add_routes(w);
	for (size_t i = 0; r == 0 && i < n->neighbours_count; i++)
		r = add_neighbour(w, &n->neighbours[i]);
	return r;
}

int network_apply(const struct network *n, struct err *e)
{
	struct writer w = {.netlink = NETLINK_INIT, .network = n, .e = e};
	int r = netlink_open(&w.netlink, e);

	if (r < 0)
		return r;
	r = apply(&w);
	netlink_close(&w.netlink);
	return r < 0 ? err_wrap(e, "set up the network") : 0;
}
