/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's wires into a network namespace: for each Ethernet link there a tap, and all
 * frames go from one to the other. The link keeps its addresses, for who looks; what is
 * sent to them comes to the guest, which has the same (network.h).
 *
 * The taps end with their last descriptor. Of the redirection a filter and a qdisc are left
 * on the links then, which sandbox_taps_unmake takes away.
 */
#ifndef SANDBOX_TAP_H
#define SANDBOX_TAP_H

#include "sandbox/network.h"
#include "sandbox/tc.h"

/* As many network devices as a machine has. */
#define SANDBOX_TAPS_MAX 4

struct sandbox_tap {
	int fd;         /* owned: as vm_net_connect wants it */
	uint8_t mac[6]; /* of the link: the guest's */
	uint32_t mtu;
};

/* Reads the namespace's network into the arena, and makes a tap for each Ethernet link of
 * it, in their order. What the same owner had made before is taken away first. -EBUSY:
 * another owner, which still has its taps, is there; -E2BIG: too many links. On failure
 * nothing is left. The namespace is entered by a thread of its own. */
int sandbox_taps_make(int netns_fd, const struct tc_owner *o, struct arena *a,
		      struct network *ret_network,
		      struct sandbox_tap ret[SANDBOX_TAPS_MAX], size_t *ret_count,
		      const struct log *log, struct err *e);

/* Takes away what is the owner's, and of others what has lost its tap. */
int sandbox_taps_unmake(int netns_fd, const struct tc_owner *o, struct err *e);

#endif
