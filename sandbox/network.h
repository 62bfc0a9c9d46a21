/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a network namespace has: its Ethernet links with their addresses, routes, and
 * permanent neighbours. The host reads it where CNI, netavark, pasta or docker have put
 * it; the guest gives itself the same.
 */
#ifndef SANDBOX_NETWORK_H
#define SANDBOX_NETWORK_H

#include <linux/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/log.h"

struct network_ip {
	uint8_t family; /* AF_INET, AF_INET6; AF_UNSPEC: none */
	uint8_t prefix; /* bits of the address that are the network's */
	uint8_t bytes[16];
};

struct network_address {
	struct network_ip local, peer; /* peer: of a point-to-point link */
	struct network_ip broadcast;
	uint8_t scope;  /* RT_SCOPE_* */
	uint32_t flags; /* IFA_F_* that somebody has chosen (NOPREFIXROUTE, ...) */
};

struct network_link {
	char name[IFNAMSIZ];
	bool loopback, up;
	uint8_t mac[6];
	uint32_t mtu;
	uint32_t index; /* where it was read; no meaning elsewhere */
	struct network_address *addresses;
	size_t addresses_count;
};

struct network_hop {
	const char *link; /* its name; NULL: none (a blackhole) */
	struct network_ip gateway;
	uint8_t weight; /* less one, as the kernel has it */
	bool onlink;
};

struct network_route {
	struct network_ip destination; /* prefix 0: the default route */
	struct network_ip source;      /* of packets that take it */
	uint32_t table, metric, mtu;   /* mtu 0: the link's */
	uint8_t type, scope, protocol, tos;
	struct network_hop *hops;
	size_t hops_count;
};

struct network_neighbour {
	const char *link;
	struct network_ip address;
	uint8_t mac[6];
};

struct network {
	struct network_link *links;
	size_t links_count;
	struct network_route *routes;
	size_t routes_count;
	struct network_neighbour *neighbours;
	size_t neighbours_count;
};

/* Reads the network namespace that the calling thread is in; all is in the arena. Links
 * that are down and have no address are left out; one that is up and isn't Ethernet is an
 * error, as a guest can't have it. What the kernel makes by itself (local routes, those
 * of an address' own network, addresses and routes by router advertisements) isn't read:
 * it comes by itself again. */
int network_read(struct arena *a, struct network *ret, const struct log *log,
		 struct err *e);

/* What the first network device of a machine has for an address until it gets another; the
 * last byte counts them (vm/virtio/net.h). */
#define NETWORK_DEVICE_MAC                                                               \
	{                                                                                \
		0x02, 'h', 'u', 'l', 'l', 0                                              \
	}

/* Gives the thread's network namespace what n says. A link is found by its MAC address, or
 * is the machine's device with the number that it has among those that aren't loopback;
 * one that isn't there is an error. */
int network_apply(const struct network *n, struct err *e);

/* As a JSON object, and back; `what` names the text in errors. */
void network_write(struct json_writer *w, const struct network *n);
int network_parse(struct arena *a, const char *what, const struct json *v,
		  struct network *ret, struct err *e);

#endif
