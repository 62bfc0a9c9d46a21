/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to the kernel about networks, and orders: rtnetlink(7), netlink(7).
 */
#ifndef BASE_NETLINK_H
#define BASE_NETLINK_H

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct netlink {
	int fd; /* owned */
	uint32_t sequence;
};

#define NETLINK_INIT                                                                     \
	{                                                                                \
		.fd = -1                                                                 \
	}

/* Speaks of the network namespace that the calling thread is in now, and goes on to, also
 * when the thread has moved to another. */
int netlink_open(struct netlink *n, struct err *e);
void netlink_close(struct netlink *n);

#define AUTO_NETLINK __attribute__((cleanup(netlink_close))) struct netlink

/* One request, on the stack. What doesn't fit any more is found out when it is sent. */
struct nl_request {
	union {
		struct nlmsghdr head;
		char bytes[4096];
	};
	bool overflow;
};

/* body: the struct that the type wants (struct ifinfomsg, ...). NLM_F_REQUEST is added. */
void nl_begin(struct nl_request *r, uint16_t type, uint16_t flags, const void *body,
	      size_t len);
void nl_put(struct nl_request *r, uint16_t type, const void *data, size_t len);
void nl_put_u32(struct nl_request *r, uint16_t type, uint32_t v);
void nl_put_string(struct nl_request *r, uint16_t type, const char *s);

/* An attribute of attributes, from nl_nest on; `at` is what that returned. */
size_t nl_nest(struct nl_request *r, uint16_t type);
void nl_nest_end(struct nl_request *r, size_t at);

/* Sends it and waits for the answer: 0, or the kernel's -errno with its words in e. */
int netlink_call(struct netlink *n, struct nl_request *r, struct err *e);

/* Sends a question (NLM_F_DUMP is added) and shows visit every message of the answer until
 * one returns < 0, -errno: then the socket is of no more use; visit may have written e. -EAGAIN if what was asked for has
 * changed meanwhile: ask again. */
int netlink_dump(struct netlink *n, struct nl_request *r,
		 int (*visit)(const struct nlmsghdr *m, void *arg), void *arg,
		 struct err *e);

/* The attributes behind a message's body (of body_len bytes). */
struct nl_attrs {
	const struct rtattr *first;
	size_t len;
};
struct nl_attrs nl_attrs(const struct nlmsghdr *m, size_t body_len);

/* Those within an attribute. */
struct nl_attrs nl_nested(const struct rtattr *a);

/* The attribute of this type, with at least min bytes, or NULL. */
const void *nl_get(struct nl_attrs a, unsigned type, size_t min);

/* Its length; 0 if it isn't there. */
size_t nl_len(struct nl_attrs a, unsigned type);

/* A number of 32 bits, or `absent`. */
uint32_t nl_get_u32(struct nl_attrs a, unsigned type, uint32_t absent);

#endif
