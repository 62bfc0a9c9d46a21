/* SPDX-License-Identifier: Apache-2.0 */
/*
 * u32 without a key, which takes every frame: it is in kernels that lack matchall. It comes
 * after all filters of others, so that what they police or drop on a pod's link stays so.
 */
#include "sandbox/tc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/tc_act/tc_mirred.h>
#include <string.h>
#include <sys/socket.h>

#include "base/str.h"

/* The last but a few. */
#define PRIORITY 0xfff0U

/* Of a u32 handle, what isn't the number of a table. */
#define U32_WITHIN     0xfffffU

#define INGRESS        TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)
#define INGRESS_HANDLE TC_H_MAKE(TC_H_CLSACT, 0)

/* An action's cookie (at most 16 bytes), which the kernel keeps for who made it. */
struct cookie {
	uint8_t name[2];
	uint8_t side; /* enum tc_side */
	uint8_t made;
	int32_t pid;
	uint64_t start_time;
};
_Static_assert(sizeof(struct cookie) == 16, "TC_COOKIE_MAX_SIZE");

static const uint8_t cookie_name[2] = {'h', 'v'};

/* ---- what is there ---- */

struct look {
	uint32_t link;
	struct tc_found *found;
};

static bool is_kind(struct nl_attrs a, const char *kind)
{
	const char *p = nl_get(a, TCA_KIND, 1);
	size_t len = nl_len(a, TCA_KIND);

	return p && len == strlen(kind) + 1 && memcmp(p, kind, len) == 0;
}

/* What an attribute has in it. */
static struct nl_attrs within(struct nl_attrs a, unsigned type)
{
	const void *p = nl_get(a, type, sizeof(struct rtattr));

	return (struct nl_attrs){p, p ? nl_len(a, type) : 0};
}

static int see_qdisc(const struct nlmsghdr *m, void *arg)
{
	const struct tcmsg *t = NLMSG_DATA(m);
	struct nl_attrs a = nl_attrs(m, sizeof(*t));
	const struct look *l = arg;

	if (m->nlmsg_type != RTM_NEWQDISC || m->nlmsg_len < NLMSG_LENGTH(sizeof(*t)) ||
	    (uint32_t)t->tcm_ifindex != l->link || t->tcm_parent != TC_H_INGRESS)
		return 0;
	l->found->qdisc = true;
	l->found->ingress = is_kind(a, "ingress");
	return 0;
}

/* Filters of a priority are shown after one without a handle, which stands for all of them;
 * u32 shows its tables as well. */
static bool is_table(struct nl_attrs a, uint32_t handle)
{
	return handle == 0 || (is_kind(a, "u32") && (handle & U32_WITHIN) == 0);
}

static void take_cookie(struct tc_found *f, const struct cookie *c, uint32_t handle,
			uint32_t to)
{
	f->ours = true;
	f->handle = handle;
	f->made = c->made;
	f->side = (enum tc_side)c->side;
	f->owner = (struct tc_owner){.pid = c->pid, .start_time = c->start_time};
	f->to = to;
}

static int see_filter(const struct nlmsghdr *m, void *arg)
{
	const struct tcmsg *t = NLMSG_DATA(m);
	struct nl_attrs a = nl_attrs(m, sizeof(*t)), act;
	const struct look *l = arg;
	const struct tc_mirred *mirred;
	struct cookie c = {0};
	const void *p;

	if (m->nlmsg_type != RTM_NEWTFILTER || m->nlmsg_len < NLMSG_LENGTH(sizeof(*t)) ||
	    (uint32_t)t->tcm_ifindex != l->link)
		return 0;
	act = within(within(within(a, TCA_OPTIONS), TCA_U32_ACT), 1);
	p = nl_get(act, TCA_ACT_COOKIE, sizeof(c));
	if (p)
		memcpy(&c, p, sizeof(c));
	mirred = nl_get(within(act, TCA_ACT_OPTIONS), TCA_MIRRED_PARMS, sizeof(*mirred));
	if (is_kind(a, "u32") && mirred && memcmp(c.name, cookie_name, 2) == 0)
		take_cookie(l->found, &c, t->tcm_handle, mirred->ifindex);
	else if (!is_table(a, t->tcm_handle))
		l->found->others = true;
	return 0;
}

int tc_look(struct netlink *n, uint32_t link, struct tc_found *ret, struct err *e)
{
	struct tcmsg t = {.tcm_family = AF_UNSPEC, .tcm_ifindex = (int)link};
	struct look l = {.link = link, .found = ret};
	struct nl_request q;
	int r;

	*ret = (struct tc_found){0};
	nl_begin(&q, RTM_GETQDISC, 0, &t, sizeof(t));
	r = netlink_dump(n, &q, see_qdisc, &l, e);
	if (r < 0 || !ret->qdisc)
		return r;
	t.tcm_parent = INGRESS;
	nl_begin(&q, RTM_GETTFILTER, 0, &t, sizeof(t));
	return netlink_dump(n, &q, see_filter, &l, e);
}

/* ---- made and taken away ---- */

/* 1: it has been made; 0: there was one. */
static int add_qdisc(struct netlink *n, uint32_t link, struct err *e)
{
	const struct tcmsg t = {.tcm_family = AF_UNSPEC,
				.tcm_ifindex = (int)link,
				.tcm_handle = INGRESS_HANDLE,
				.tcm_parent = TC_H_INGRESS};
	struct nl_request q;
	int r;

	nl_begin(&q, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, &t, sizeof(t));
	nl_put_string(&q, TCA_KIND, "ingress");
	r = netlink_call(n, &q, e);
	return r == 0 ? 1 : r == -EEXIST ? 0 : err_wrap(e, "an ingress qdisc");
}

static struct tcmsg filter_of(uint32_t link)
{
	return (struct tcmsg){.tcm_family = AF_UNSPEC,
			      .tcm_ifindex = (int)link,
			      .tcm_parent = INGRESS,
			      .tcm_info = TC_H_MAKE(PRIORITY << 16, htons(ETH_P_ALL))};
}

static void put_redirect(struct nl_request *q, uint32_t to, const struct cookie *c)
{
	const struct tc_mirred mirred = {
		.action = TC_ACT_STOLEN, .eaction = TCA_EGRESS_REDIR, .ifindex = to};
	size_t all = nl_nest(q, TCA_U32_ACT), first = nl_nest(q, 1), options;

	nl_put_string(q, TCA_ACT_KIND, "mirred");
	options = nl_nest(q, TCA_ACT_OPTIONS | NLA_F_NESTED);
	nl_put(q, TCA_MIRRED_PARMS, &mirred, sizeof(mirred));
	nl_nest_end(q, options);
	nl_put(q, TCA_ACT_COOKIE, c, sizeof(*c));
	nl_nest_end(q, first);
	nl_nest_end(q, all);
}

static int add_filter(struct netlink *n, uint32_t link, uint32_t to,
		      const struct cookie *c, struct err *e)
{
	const struct tc_u32_sel every = {.flags = TC_U32_TERMINAL};
	const struct tcmsg t = filter_of(link);
	struct nl_request q;
	size_t options;
	int r;

	nl_begin(&q, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, &t, sizeof(t));
	nl_put_string(&q, TCA_KIND, "u32");
	options = nl_nest(&q, TCA_OPTIONS);
	nl_put(&q, TCA_U32_SEL, &every, sizeof(every));
	put_redirect(&q, to, c);
	nl_nest_end(&q, options);
	r = netlink_call(n, &q, e);
	return r < 0 ? err_wrap(e, "redirect frames") : 0;
}

int tc_redirect(struct netlink *n, uint32_t link, uint32_t to, enum tc_side side,
		const struct tc_owner *o, struct err *e)
{
	struct cookie c = {
		.side = (uint8_t)side, .pid = o->pid, .start_time = o->start_time};
	int r = add_qdisc(n, link, e);

	if (r < 0)
		return r;
	memcpy(c.name, cookie_name, sizeof(c.name));
	c.made = r == 1;
	return add_filter(n, link, to, &c, e);
}

/* What has gone meanwhile, with its link for instance, is gone. */
static int call_gone(struct netlink *n, struct nl_request *q, const char *what,
		     struct err *e)
{
	int r = netlink_call(n, q, e);

	return r == 0 || r == -ENOENT || r == -ENODEV || r == -EINVAL
		       ? 0
		       : err_wrap(e, "remove %s", what);
}

int tc_stop(struct netlink *n, uint32_t link, const struct tc_found *f, struct err *e)
{
	struct tcmsg t = filter_of(link);
	struct nl_request q;
	int r = 0;

	t.tcm_handle = f->handle;
	if (f->ours) {
		nl_begin(&q, RTM_DELTFILTER, 0, &t, sizeof(t));
		nl_put_string(&q, TCA_KIND, "u32");
		r = call_gone(n, &q, "a filter", e);
	}
	if (r < 0 || !f->ingress || f->others || (f->ours && !f->made))
		return r;
	t = (struct tcmsg){.tcm_family = AF_UNSPEC,
			   .tcm_ifindex = (int)link,
			   .tcm_handle = INGRESS_HANDLE,
			   .tcm_parent = TC_H_INGRESS};
	nl_begin(&q, RTM_DELQDISC, 0, &t, sizeof(t));
	return call_gone(n, &q, "an ingress qdisc", e);
}
