/* SPDX-License-Identifier: Apache-2.0 */
#include "base/netlink.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"

#define ANSWER_MAX 32768 /* what the kernel fills at most (netlink.rst, Dumps) */

int netlink_open(struct netlink *n, struct err *e)
{
	static const int on = 1;
	struct sockaddr_nl any = {.nl_family = AF_NETLINK};
	AUTO_FD fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		return err_sys(e, "open a netlink socket");
	if (bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0)
		return err_sys(e, "bind a netlink socket");
	/* Words for what went wrong, and filters that are obeyed; older kernels do
	 * without. */
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	n->fd = fd_take(&fd);
	n->sequence = 0;
	return 0;
}

void netlink_close(struct netlink *n)
{
	fd_close(&n->fd);
}

/* ---- requests ---- */

/* Room for len bytes, zeroed up to the next multiple of 4; NULL if there is none. */
static void *extend(struct nl_request *r, size_t len)
{
	size_t at = r->head.nlmsg_len;
	void *p = r->bytes + at;

	if (len > sizeof(r->bytes) - at || NLMSG_ALIGN(len) > sizeof(r->bytes) - at) {
		r->overflow = true;
		return NULL;
	}
	memset(p, 0, NLMSG_ALIGN(len));
	r->head.nlmsg_len += (uint32_t)NLMSG_ALIGN(len);
	return p;
}

void nl_begin(struct nl_request *r, uint16_t type, uint16_t flags, const void *body,
	      size_t len)
{
	void *p;

	r->overflow = false;
	r->head = (struct nlmsghdr){
		.nlmsg_len = NLMSG_HDRLEN,
		.nlmsg_type = type,
		.nlmsg_flags = flags | NLM_F_REQUEST,
	};
	p = extend(r, len);
	if (p)
		memcpy(p, body, len);
}

void nl_put(struct nl_request *r, uint16_t type, const void *data, size_t len)
{
	struct rtattr *a;

	if (len > UINT16_MAX - RTA_LENGTH(0)) {
		r->overflow = true;
		return;
	}
	a = extend(r, RTA_LENGTH(len));
	if (!a)
		return;
	a->rta_type = type;
	a->rta_len = (uint16_t)RTA_LENGTH(len);
	if (len)
		memcpy(RTA_DATA(a), data, len);
}

void nl_put_u32(struct nl_request *r, uint16_t type, uint32_t v)
{
	nl_put(r, type, &v, sizeof(v));
}

void nl_put_string(struct nl_request *r, uint16_t type, const char *s)
{
	nl_put(r, type, s, strlen(s) + 1);
}

size_t nl_nest(struct nl_request *r, uint16_t type)
{
	size_t at = r->head.nlmsg_len;

	nl_put(r, type, NULL, 0);
	return at;
}

void nl_nest_end(struct nl_request *r, size_t at)
{
	if (!r->overflow)
		((struct rtattr *)(void *)(r->bytes + at))->rta_len =
			(uint16_t)(r->head.nlmsg_len - at);
}

/* ---- answers ---- */

static int send_request(struct netlink *n, struct nl_request *r, uint16_t flags,
			struct err *e)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	ssize_t sent;

	if (r->overflow)
		return err_set(e, EMSGSIZE, "a netlink request is too long");
	r->head.nlmsg_flags |= flags;
	r->head.nlmsg_seq = ++n->sequence;
	do {
		sent = sendto(n->fd, r->bytes, r->head.nlmsg_len, 0,
			      (struct sockaddr *)&kernel, sizeof(kernel));
	} while (sent < 0 && errno == EINTR);
	return sent < 0 ? err_sys(e, "ask the kernel by netlink") : 0;
}

/* One datagram of the kernel's. */
static ssize_t receive(const struct netlink *n, void *buf, size_t len, struct err *e)
{
	struct sockaddr_nl from = {0};
	socklen_t from_len = sizeof(from);
	ssize_t got;

	for (;;) {
		got = recvfrom(n->fd, buf, len, MSG_TRUNC, (struct sockaddr *)&from,
			       &from_len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_sys(e, "hear from the kernel by netlink");
		if ((size_t)got > len)
			return err_set(e, EMSGSIZE, "a netlink answer is too long");
		/* Any process may send to the socket. */
		if (from.nl_pid == 0)
			return got;
	}
}

/* The code of NLMSG_ERROR or NLMSG_DONE, with the kernel's words if it has some. */
static int finish(const struct nlmsghdr *m, struct err *e)
{
	const struct nlmsgerr *answer = NLMSG_DATA(m);
	struct nl_attrs a;
	const char *words;
	size_t skip;
	int code;

	if (m->nlmsg_len < NLMSG_LENGTH(sizeof(int)))
		return err_set(e, EPROTO, "a netlink answer is too short");
	code = answer->error;
	if (code >= 0)
		return 0;
	skip = sizeof(*answer);
	if (m->nlmsg_type == NLMSG_DONE)
		skip = sizeof(int);
	else if (!(m->nlmsg_flags & NLM_F_CAPPED) &&
		 answer->msg.nlmsg_len >= NLMSG_HDRLEN)
		skip += answer->msg.nlmsg_len - NLMSG_HDRLEN;
	a = nl_attrs(m, skip);
	words = m->nlmsg_flags & NLM_F_ACK_TLVS ? nl_get(a, NLMSGERR_ATTR_MSG, 1) : NULL;
	if (!words)
		return err_code(e, code, "netlink");
	return err_code(e, code, "netlink: %.*s",
			(int)strnlen(words, nl_len(a, NLMSGERR_ATTR_MSG)), words);
}

struct answer {
	uint32_t sequence;
	int (*visit)(const struct nlmsghdr *m, void *arg); /* NULL: wait for the end */
	void *arg;
	bool over, changed;
};

/* The messages of one datagram; 0 to go on, or -errno. The length is signed as NLMSG_NEXT
 * may step behind the end, and wider than the headers' so that neither is converted. */
static int take(struct answer *a, const struct nlmsghdr *m, ssize_t len, struct err *e)
{
	int r;

	for (; NLMSG_OK(m, len) && !a->over; m = NLMSG_NEXT(m, len)) {
		if (m->nlmsg_seq != a->sequence)
			continue;
		a->changed |= (m->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
		if (m->nlmsg_type == NLMSG_ERROR || m->nlmsg_type == NLMSG_DONE) {
			a->over = true;
			return finish(m, e);
		}
		r = a->visit ? a->visit(m, a->arg) : 0;
		if (r < 0)
			return e->code == -r ? r : err_code(e, r, "netlink");
	}
	return 0;
}

static int converse(struct netlink *n, struct answer *a, struct err *e)
{
	_Alignas(struct nlmsghdr) char buf[ANSWER_MAX];
	ssize_t len;
	int r = 0;

	while (r == 0 && !a->over) {
		len = receive(n, buf, sizeof(buf), e);
		r = len < 0 ? (int)len : take(a, (const void *)buf, len, e);
	}
	return r;
}

int netlink_call(struct netlink *n, struct nl_request *r, struct err *e)
{
	struct answer a = {0};
	int err = send_request(n, r, NLM_F_ACK, e);

	a.sequence = n->sequence;
	return err < 0 ? err : converse(n, &a, e);
}

int netlink_dump(struct netlink *n, struct nl_request *r,
		 int (*visit)(const struct nlmsghdr *m, void *arg), void *arg,
		 struct err *e)
{
	struct answer a = {.visit = visit, .arg = arg};
	int err;

	e->code = 0;
	err = send_request(n, r, NLM_F_DUMP, e);

	a.sequence = n->sequence;
	if (err == 0)
		err = converse(n, &a, e);
	if (err == 0 && a.changed)
		return err_set(e, EAGAIN, "the network changed while it was read");
	return err;
}

/* ---- attributes ---- */

struct nl_attrs nl_attrs(const struct nlmsghdr *m, size_t body_len)
{
	size_t skip = NLMSG_LENGTH(NLMSG_ALIGN(body_len));

	if (m->nlmsg_len <= skip)
		return (struct nl_attrs){NULL, 0};
	return (struct nl_attrs){(const void *)((const char *)m + skip),
				 m->nlmsg_len - skip};
}

struct nl_attrs nl_nested(const struct rtattr *a)
{
	return (struct nl_attrs){RTA_DATA(a), RTA_PAYLOAD(a)};
}

static const struct rtattr *find(struct nl_attrs a, unsigned type)
{
	int len = a.len < INT_MAX ? (int)a.len
				  : INT_MAX; /* signed: RTA_NEXT steps over */

	for (const struct rtattr *p = a.first; p && RTA_OK(p, len);
	     p = RTA_NEXT(p, len)) {
		if ((p->rta_type & NLA_TYPE_MASK) == type)
			return p;
	}
	return NULL;
}

const void *nl_get(struct nl_attrs a, unsigned type, size_t min)
{
	const struct rtattr *p = find(a, type);

	return p && RTA_PAYLOAD(p) >= min ? RTA_DATA(p) : NULL;
}

size_t nl_len(struct nl_attrs a, unsigned type)
{
	const struct rtattr *p = find(a, type);

	return p ? RTA_PAYLOAD(p) : 0;
}

uint32_t nl_get_u32(struct nl_attrs a, unsigned type, uint32_t absent)
{
	const void *p = nl_get(a, type, sizeof(uint32_t));
	uint32_t v = absent;

	if (p)
		memcpy(&v, p, sizeof(v));
	return v;
}
