/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames that arrive at one link and leave by another, past all that is above them: tc(8),
 * an ingress qdisc with a u32 filter and mirred. What was made can be told from what others
 * have made, by a cookie that says whose it is.
 */
#ifndef SANDBOX_TC_H
#define SANDBOX_TC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/netlink.h"

/* Whose it is: a process, for good (proc_stat). */
struct tc_owner {
	pid_t pid;
	uint64_t start_time;
};

enum tc_side {
	TC_LINK = 1, /* of the link that was there */
	TC_TAP,      /* of the tap */
};

/* What a link has at its ingress. */
struct tc_found {
	bool qdisc;   /* any: of kind ingress or clsact */
	bool ingress; /* of kind ingress: only filters can be in it */
	bool others;  /* filters that aren't ours */
	bool ours;    /* a filter of ours: what follows is of it */
	bool made;    /* the qdisc came with it */
	enum tc_side side;
	struct tc_owner owner;
	uint32_t handle;
	uint32_t to; /* the other link's index; 0: it is gone */
};

int tc_look(struct netlink *n, uint32_t link, struct tc_found *ret, struct err *e);

/* All that arrives at `link` and that no filter of others has taken goes out by `to`. What
 * was made when it fails is for tc_stop. */
int tc_redirect(struct netlink *n, uint32_t link, uint32_t to, enum tc_side side,
		const struct tc_owner *o, struct err *e);

/* Takes the filter of ours that was found away; the qdisc as well if nobody else's filter
 * is in it and it was made for ours, or is empty as a killed command leaves it. */
int tc_stop(struct netlink *n, uint32_t link, const struct tc_found *f, struct err *e);

#endif
