/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network as text: addresses as people write them, "10.0.0.2/24"; what is 0 or absent
 * is left out.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/str.h"
#include "sandbox/network.h"

#define IP_TEXT (INET6_ADDRSTRLEN + 4)

/* ---- to JSON ---- */

static void put_ip(struct json_writer *w, const char *key, const struct network_ip *ip)
{
	char text[IP_TEXT];
	size_t len;

	if (!ip->family || !inet_ntop(ip->family, ip->bytes, text, sizeof(text)))
		return;
	len = strlen(text);
	(void)snprintf(text + len, sizeof(text) - len, "/%u", ip->prefix);
	json_put_string(w, key, text);
}

static void put_mac(struct json_writer *w, const uint8_t mac[6])
{
	char text[18];

	(void)snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0],
		       mac[1], mac[2], mac[3], mac[4], mac[5]);
	json_put_string(w, "mac", text);
}

static void put_number(struct json_writer *w, const char *key, uint32_t v)
{
	if (v)
		json_put_uint(w, key, v);
}

static void put_flag(struct json_writer *w, const char *key, bool v)
{
	if (v)
		json_put_bool(w, key, v);
}

static void put_address(struct json_writer *w, const struct network_address *a)
{
	json_open_object(w);
	put_ip(w, "local", &a->local);
	put_ip(w, "peer", &a->peer);
	put_ip(w, "broadcast", &a->broadcast);
	put_number(w, "scope", a->scope);
	put_number(w, "flags", a->flags);
	json_close_object(w);
}

static void put_link(struct json_writer *w, const struct network_link *l)
{
	json_open_object(w);
	json_put_string(w, "name", l->name);
	put_flag(w, "loopback", l->loopback);
	put_flag(w, "up", l->up);
	put_mac(w, l->mac);
	put_number(w, "mtu", l->mtu);
	json_key(w, "addresses");
	json_open_array(w);
	for (size_t i = 0; i < l->addresses_count; i++)
		put_address(w, &l->addresses[i]);
	json_close_array(w);
	json_close_object(w);
}

static void put_hop(struct json_writer *w, const struct network_hop *h)
{
	json_open_object(w);
	if (h->link)
		json_put_string(w, "link", h->link);
	put_ip(w, "gateway", &h->gateway);
	put_number(w, "weight", h->weight);
	put_flag(w, "onlink", h->onlink);
	json_close_object(w);
}

static void put_route(struct json_writer *w, const struct network_route *r)
{
	json_open_object(w);
	put_ip(w, "destination", &r->destination);
	put_ip(w, "source", &r->source);
	put_number(w, "table", r->table);
	put_number(w, "metric", r->metric);
	put_number(w, "mtu", r->mtu);
	put_number(w, "type", r->type);
	put_number(w, "scope", r->scope);
	put_number(w, "protocol", r->protocol);
	put_number(w, "tos", r->tos);
	json_key(w, "hops");
	json_open_array(w);
	for (size_t i = 0; i < r->hops_count; i++)
		put_hop(w, &r->hops[i]);
	json_close_array(w);
	json_close_object(w);
}

static void put_neighbour(struct json_writer *w, const struct network_neighbour *n)
{
	json_open_object(w);
	json_put_string(w, "link", n->link);
	put_ip(w, "address", &n->address);
	put_mac(w, n->mac);
	json_close_object(w);
}

void network_write(struct json_writer *w, const struct network *n)
{
	json_open_object(w);
	json_key(w, "links");
	json_open_array(w);
	for (size_t i = 0; i < n->links_count; i++)
		put_link(w, &n->links[i]);
	json_close_array(w);
	json_key(w, "routes");
	json_open_array(w);
	for (size_t i = 0; i < n->routes_count; i++)
		put_route(w, &n->routes[i]);
	json_close_array(w);
	json_key(w, "neighbours");
	json_open_array(w);
	for (size_t i = 0; i < n->neighbours_count; i++)
		put_neighbour(w, &n->neighbours[i]);
	json_close_array(w);
	json_close_object(w);
}

/* ---- from JSON ---- */

/* The first thing that is wrong sticks; everything after it reads as nothing. */
struct parser {
	struct arena *arena;
	const char *what;
	struct err *e;
	int code;
};

static void fail(struct parser *p, const char *key, const char *why)
{
	if (p->code == 0)
		p->code = err_set(p->e, EINVAL, "%s: %s: %s", p->what, key, why);
}

static const char *get_string(struct parser *p, const struct json *v, const char *key)
{
	const char *s = json_get_string(v, key);

	if (!s && json_get(v, key))
		fail(p, key, "not a string");
	return s;
}

static uint32_t get_number(struct parser *p, const struct json *v, const char *key,
			   uint32_t max)
{
	const struct json *member = json_get(v, key);
	uint64_t n = 0;

	if (member && (json_u64(member, &n) < 0 || n > max)) {
		fail(p, key, "not a number in its range");
		n = 0;
	}
	return (uint32_t)n;
}

static uint8_t get_byte(struct parser *p, const struct json *v, const char *key)
{
	return (uint8_t)get_number(p, v, key, UINT8_MAX);
}

static bool get_flag(struct parser *p, const struct json *v, const char *key)
{
	const struct json *member = json_get(v, key);

	if (member && member->type != JSON_BOOL)
		fail(p, key, "not a boolean");
	return member && member->type == JSON_BOOL && member->boolean;
}

/* "10.0.0.2/24" */
static bool parse_ip(const char *text, struct network_ip *ret)
{
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : 0;
	uint32_t prefix;

	if (!slash || len >= sizeof(address) || str_to_u32(slash + 1, &prefix) < 0)
		return false;
	memcpy(address, text, len);
	address[len] = '\0';
	ret->family = strchr(address, ':') ? AF_INET6 : AF_INET;
	ret->prefix = (uint8_t)prefix;
	return prefix <= (ret->family == AF_INET ? 32 : 128) &&
	       inet_pton(ret->family, address, ret->bytes) == 1;
}

static struct network_ip get_ip(struct parser *p, const struct json *v, const char *key)
{
	const char *text = get_string(p, v, key);
	struct network_ip ip = {0};

	if (text && !parse_ip(text, &ip)) {
		fail(p, key, "not an address");
		ip = (struct network_ip){0};
	}
	return ip;
}

static struct network_ip need_ip(struct parser *p, const struct json *v, const char *key)
{
	struct network_ip ip = get_ip(p, v, key);

	if (!ip.family)
		fail(p, key, "missing");
	return ip;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void get_mac(struct parser *p, const struct json *v, uint8_t ret[6])
{
	const char *s = get_string(p, v, "mac");

	if (!s || strlen(s) != 17) {
		fail(p, "mac", "not a MAC address");
		return;
	}
	for (int i = 0; i < 6; i++, s += 3) {
		int high = hex_digit(s[0]), low = hex_digit(s[1]);

		if (high < 0 || low < 0 || (i < 5 && s[2] != ':'))
			fail(p, "mac", "not a MAC address");
		else
			ret[i] = (uint8_t)(high << 4 | low);
	}
}

/* The list `key`, with room for all its elements. */
static const struct json *get_list(struct parser *p, const struct json *v,
				   const char *key, size_t size, void **ret,
				   size_t *ret_count)
{
	const struct json *list = json_get(v, key);

	*ret = NULL;
	*ret_count = 0;
	if (p->code < 0 || !list || list->type != JSON_ARRAY) {
		fail(p, key, "not a list");
		return NULL;
	}
	if (list->count)
		*ret = arena_array(p->arena, list->count, size);
	if (list->count && !*ret) {
		p->code = err_code(p->e, ENOMEM, "%s", p->what);
		return NULL;
	}
	*ret_count = list->count;
	return *ret ? list->first : NULL;
}

static const char *get_copy(struct parser *p, const struct json *v, const char *key)
{
	const char *s = get_string(p, v, key);
	char *copy = s ? arena_strdup(p->arena, s) : NULL;

	if (s && !copy && p->code == 0)
		p->code = err_code(p->e, ENOMEM, "%s", p->what);
	return copy;
}

static void parse_address(struct parser *p, const struct json *v,
			  struct network_address *a)
{
	a->local = need_ip(p, v, "local");
	a->peer = get_ip(p, v, "peer");
	a->broadcast = get_ip(p, v, "broadcast");
	a->scope = get_byte(p, v, "scope");
	a->flags = get_number(p, v, "flags", UINT32_MAX);
	if ((a->peer.family && a->peer.family != a->local.family) ||
	    (a->broadcast.family && a->broadcast.family != a->local.family))
		fail(p, "addresses", "of two families");
}

static void parse_link(struct parser *p, const struct json *v, struct network_link *l)
{
	const char *name = get_string(p, v, "name");
	const struct json *element;
	void *list = NULL;

	if (!name || !*name || strlen(name) >= IFNAMSIZ || strchr(name, '/'))
		fail(p, "name", "not a name of an interface");
	else
		memcpy(l->name, name, strlen(name) + 1);
	l->loopback = get_flag(p, v, "loopback");
	l->up = get_flag(p, v, "up");
	get_mac(p, v, l->mac);
	l->mtu = get_number(p, v, "mtu", UINT32_MAX);
	element = get_list(p, v, "addresses", sizeof(*l->addresses), &list,
			   &l->addresses_count);
	l->addresses = list;
	for (size_t i = 0; element; element = element->next, i++)
		parse_address(p, element, &l->addresses[i]);
}

static void parse_hop(struct parser *p, const struct json *v, struct network_hop *h)
{
	h->link = get_copy(p, v, "link");
	h->gateway = get_ip(p, v, "gateway");
	h->weight = get_byte(p, v, "weight");
	h->onlink = get_flag(p, v, "onlink");
}

static void parse_route(struct parser *p, const struct json *v, struct network_route *r)
{
	const struct json *element;
	void *list = NULL;

	r->destination = need_ip(p, v, "destination");
	r->source = get_ip(p, v, "source");
	r->table = get_number(p, v, "table", UINT32_MAX);
	r->metric = get_number(p, v, "metric", UINT32_MAX);
	r->mtu = get_number(p, v, "mtu", UINT32_MAX);
	r->type = get_byte(p, v, "type");
	r->scope = get_byte(p, v, "scope");
	r->protocol = get_byte(p, v, "protocol");
	r->tos = get_byte(p, v, "tos");
	element = get_list(p, v, "hops", sizeof(*r->hops), &list, &r->hops_count);
	r->hops = list;
	for (size_t i = 0; element; element = element->next, i++)
		parse_hop(p, element, &r->hops[i]);
}

static void parse_neighbour(struct parser *p, const struct json *v,
			    struct network_neighbour *n)
{
	n->link = get_copy(p, v, "link");
	if (!n->link)
		fail(p, "link", "missing");
	n->address = need_ip(p, v, "address");
	get_mac(p, v, n->mac);
}

int network_parse(struct arena *a, const char *what, const struct json *v,
		  struct network *ret, struct err *e)
{
	struct parser p = {.arena = a, .what = what, .e = e};
	const struct json *element;
	void *list = NULL;

	*ret = (struct network){0};
	element = get_list(&p, v, "links", sizeof(*ret->links), &list, &ret->links_count);
	ret->links = list;
	for (size_t i = 0; element; element = element->next, i++)
		parse_link(&p, element, &ret->links[i]);
	element = get_list(&p, v, "routes", sizeof(*ret->routes), &list,
			   &ret->routes_count);
	ret->routes = list;
	for (size_t i = 0; element; element = element->next, i++)
		parse_route(&p, element, &ret->routes[i]);
	element = get_list(&p, v, "neighbours", sizeof(*ret->neighbours), &list,
			   &ret->neighbours_count);
	ret->neighbours = list;
	for (size_t i = 0; element; element = element->next, i++)
		parse_neighbour(&p, element, &ret->neighbours[i]);
	return p.code;
}
