/* SPDX-License-Identifier: Apache-2.0 */
/* Networks that ip(8) has set up are read, and given to another namespace. */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/str.h"
#include "sandbox/network.h"

#include "tests/unit/child.h"
#include "tests/unit/tap.h"

#define MAC_0 "02:00:00:00:00:10"
#define MAC_1 "02:00:00:00:00:11"

/* A new network namespace in which the command has run. */
static bool world(const char *command)
{
	return unshare(CLONE_NEWNET) == 0 && run_shell(command) == 0;
}

static bool possible(void)
{
	return geteuid() == 0 && world("ip link add here0 type veth peer name here1");
}

/* The network as text, in the arena; what went wrong, if it can't be read. */
static const char *text_of(struct arena *a)
{
	AUTO_JSON *w = json_writer_new("");
	struct network n;
	struct err e = {0};
	const char *text = "";
	size_t len;

	if (network_read(a, &n, NULL, &e) < 0)
		return arena_strdup(a, e.text);
	network_write(w, &n);
	CHECK(json_finish(w, &text, &len, &e) == 0);
	return arena_strdup(a, text);
}

static int parse(struct arena *a, const char *text, struct network *ret, struct err *e)
{
	const struct json *v = NULL;

	CHECK(json_parse(a, "network", text, strlen(text), &v, e) == 0);
	return network_parse(a, "network", v, ret, e);
}

static bool has(const char *text, const char *part)
{
	if (strstr(text, part))
		return true;
	printf("# no %s\n# in %s\n", part, text);
	return false;
}

/* What CNI's bridge and docker make, and some more. */
static const char full[] =
	"ip link set lo up\n"
	"ip addr add 10.9.9.9/32 dev lo\n"
	"ip link add eth0 address " MAC_0
	" type veth peer name other address 02:00:00:00:01:10\n"
	"ip link add net1 address " MAC_1
	" mtu 1400 type veth peer name other1 address 02:00:00:00:01:11\n"
	"ip link set other up; ip link set other1 up\n"
	"ip link set eth0 up; ip link set net1 up\n"
	"ip addr add 10.88.0.2/16 brd 10.88.255.255 dev eth0\n"
	"ip -6 addr add fd00::2/64 dev eth0 nodad\n"
	"ip addr add 192.0.2.5 peer 192.0.2.6/32 dev net1 noprefixroute\n"
	"ip route add 169.254.1.1 dev net1 scope link\n"
	"ip route add default via 10.88.0.1 metric 100\n"
	"ip -6 route add default via fd00::1 dev eth0\n"
	"ip route add 198.51.100.0/24 via 169.254.1.1 dev net1 onlink mtu 1300 src "
	"10.88.0.2\n"
	"ip route add blackhole 203.0.113.0/24\n"
	"ip route add 172.20.0.0/16 nexthop via 10.88.0.5 weight 3 nexthop via "
	"10.88.0.6\n"
	"ip route add table 1000 default via 10.88.0.7\n"
	"ip route add 10.99.0.0/16 via inet6 fd00::9 dev eth0\n"
	"ip neigh add 10.88.0.1 lladdr 02:00:00:00:00:01 dev eth0 nud permanent\n";

static void is_read(void)
{
	AUTO_ARENA a = {0};
	const char *text;

	if (!possible())
		SKIP("no network namespaces or no veth");
	CHECK(world(full));
	text = text_of(&a);
	CHECK(has(text, "{\"name\":\"net1\",\"up\":true,\"mac\":\"" MAC_1
			"\",\"mtu\":1400,\"addresses\":[{\"local\":\"192.0.2.5/32\","
			"\"peer\":\"192.0.2.6/32\",\"flags\":512}"));
	CHECK(has(text,
		  "{\"local\":\"10.88.0.2/16\",\"broadcast\":\"10.88.255.255/32\"}"));
	CHECK(has(text, "{\"local\":\"fd00::2/64\"}"));
	CHECK(has(text, "{\"local\":\"10.9.9.9/32\"}"));
	CHECK(strstr(text, "127.0.0.1") == NULL);
	CHECK(has(text,
		  "{\"destination\":\"0.0.0.0/0\",\"table\":254,\"metric\":100,"
		  "\"type\":1,\"protocol\":3,\"hops\":[{\"link\":\"eth0\","
		  "\"gateway\":\"10.88.0.1/0\"}]}"));
	CHECK(has(text,
		  "{\"destination\":\"203.0.113.0/24\",\"table\":254,\"type\":6,"
		  "\"protocol\":3,\"hops\":[{}]}"));
	CHECK(has(text,
		  "{\"link\":\"eth0\",\"gateway\":\"10.88.0.5/0\",\"weight\":2},"
		  "{\"link\":\"eth0\",\"gateway\":\"10.88.0.6/0\"}"));
	CHECK(has(text,
		  "\"neighbours\":[{\"link\":\"eth0\",\"address\":\"10.88.0.1/0\","
		  "\"mac\":\"02:00:00:00:00:01\"}]"));
	/* Those are the kernel's own. */
	CHECK(strstr(text, "10.88.0.0/16") == NULL && strstr(text, "ff00::") == NULL);
}

static void is_given_to_another(void)
{
	AUTO_ARENA a = {0};
	struct network n = {0};
	struct err e = {0};
	const char *text, *again;

	if (!possible())
		SKIP("no network namespaces or no veth");
	CHECK(world(full));
	text = text_of(&a);
	CHECK(parse(&a, text, &n, &e) == 0);
	CHECK(
		world("ip link add spare0 type veth peer name spare1\n"
		      "ip link add temp0 address " MAC_0
		      " type veth peer name other address 02:00:00:00:01:10\n"
		      "ip link add temp1 address " MAC_1
		      " type veth peer name other1 address 02:00:00:00:01:11\n"
		      "ip link set other up; ip link set other1 up; ip link set lo up\n"
		      "ip link del spare0\n"));
	CHECK(network_apply(&n, &e) == 0 || (printf("# %s\n", e.text), false));
	again = text_of(&a);

	CHECK(has(again, "\"name\":\"eth0\",\"up\":true,\"mac\":\"" MAC_0));
	CHECK(has(again,
		  "{\"local\":\"192.0.2.5/32\",\"peer\":\"192.0.2.6/32\","
		  "\"flags\":512}"));
	CHECK(str_eq(strstr(again, "\"routes\":"), strstr(text, "\"routes\":")) ||
	      (printf("# %s\n# %s\n", text, again), false));
}

static void twice_is_once(void)
{
	AUTO_ARENA a = {0};
	struct network n = {0};
	struct err e = {0};
	const char *text;

	if (!possible())
		SKIP("no network namespaces or no veth");
	CHECK(world(full));
	text = text_of(&a);
	CHECK(parse(&a, text, &n, &e) == 0);
	/* Names and sizes that they have, addresses and routes that are there. */
	CHECK(run_shell("ip link set eth0 down; ip link set net1 down") == 0);
	CHECK(network_apply(&n, &e) == 0 || (printf("# %s\n", e.text), false));
	CHECK(network_apply(&n, &e) != 0 || str_eq(text_of(&a), text));
}

/* As in a guest, whose devices were there before anybody knew their addresses; and their
 * names are each other's. */
static void devices_of_a_machine(void)
{
	AUTO_ARENA a = {0};
	struct network n = {0};
	struct err e = {0};
	const char *text, *again;

	if (!possible())
		SKIP("no network namespaces or no veth");
	if (!world("ip tuntap add dev eth1 mode tap"))
		SKIP("no taps");
	CHECK(world(
		"ip tuntap add dev eth1 mode tap; ip tuntap add dev eth0 mode tap\n"
		"ip link set eth1 address " MAC_0 "; ip link set eth0 address " MAC_1
		"\nip link set eth0 mtu 9000 up; ip link set eth1 up\n"
		"ip addr add 10.88.0.2/16 brd 10.88.255.255 dev eth1\n"
		"ip neigh add 10.88.0.1 lladdr 02:00:00:00:00:01 dev eth1 nud "
		"permanent\n"));
	text = text_of(&a);
	CHECK(parse(&a, text, &n, &e) == 0);
	CHECK(
		world("for i in 0 1 2; do ip tuntap add dev eth$i mode tap; "
		      "ip link set eth$i address 02:68:75:6c:6c:0$i; done; "
		      "ip link set eth0 up; ip link set eth1 up\n"));
	CHECK(network_apply(&n, &e) == 0 || (printf("# %s\n", e.text), false));
	CHECK(run_shell("ip link show eth2 | grep -q 02:68:75:6c:6c:02") == 0);
	again = text_of(&a);
	CHECK(str_eq(again, text) || (printf("# %s\n# %s\n", text, again), false));
}

static void links_that_are_missing(void)
{
	static const char text[] =
		"{\"links\":[{\"name\":\"eth0\",\"up\":true,\"mac\":\"" MAC_0
		"\",\"mtu\":1500,\"addresses\":[]}],\"routes\":[],\"neighbours\":[]}";
	AUTO_ARENA a = {0};
	struct network n = {0};
	struct err e = {0};

	if (!possible())
		SKIP("no network namespaces or no veth");
	CHECK(parse(&a, text, &n, &e) == 0);
	CHECK(network_apply(&n, &e) == -ENODEV);
	CHECK_STR(e.text,
		  "set up the network: interface eth0: there is none with its MAC "
		  "address");
}

static void an_empty_namespace(void)
{
	AUTO_ARENA a = {0};

	if (!possible() || unshare(CLONE_NEWNET) < 0)
		SKIP("no network namespaces or no veth");
	CHECK_STR(text_of(&a), "{\"links\":[],\"routes\":[],\"neighbours\":[]}");
}

static void no_ethernet(void)
{
	AUTO_ARENA a = {0};

	if (!possible() || !world("ip tuntap add dev wg0 mode tun && ip link set wg0 up"))
		SKIP("no network namespaces or no tun");
	CHECK_STR(text_of(&a),
		  "read the network: interface wg0 is no Ethernet interface: "
		  "a guest can't have it");
}

static void bad_texts(void)
{
#define LINK(mac, more)                                                                  \
	"{\"links\":[{\"name\":\"eth0\",\"mac\":\"" mac "\",\"addresses\":[" more        \
	"]}],\"routes\":[],\"neighbours\":[]}"
	static const struct {
		const char *text, *error;
	} bad[] = {
		{"{}", "network: links: not a list"},
		{"[]", "network: links: not a list"},
		{LINK("02:00", ""), "network: mac: not a MAC address"},
		{LINK("02-00-00-00-00-10", ""), "network: mac: not a MAC address"},
		{LINK(MAC_0, "{}"), "network: local: missing"},
		{LINK(MAC_0, "{\"local\":\"10.0.0.1\"}"),
		 "network: local: not an address"},
		{LINK(MAC_0, "{\"local\":\"10.0.0.1/33\"}"),
		 "network: local: not an address"},
		{LINK(MAC_0, "{\"local\":\"10.0.0.1/8\",\"peer\":\"::1/128\"}"),
		 "network: addresses: of two families"},
		{LINK(MAC_0, "{\"local\":\"10.0.0.1/8\",\"scope\":256}"),
		 "network: scope: not a number in its range"},
		{"{\"links\":[{\"name\":\"a/b\",\"mac\":\"" MAC_0
		 "\",\"addresses\":[]}]}",
		 "network: name: not a name of an interface"},
		{"{\"links\":[],\"routes\":[{\"destination\":\"::/0\",\"hops\":1}]}",
		 "network: hops: not a list"},
		{"{\"links\":[],\"routes\":[],\"neighbours\":[{\"address\":\"::1/0\"}]}",
		 "network: link: missing"},
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO_ARENA a = {0};
		struct network n;
		struct err e = {0};

		CHECK(parse(&a, bad[i].text, &n, &e) == -EINVAL);
		CHECK_STR(e.text, bad[i].error);
	}
}

static const struct test tests[] = {
	{"links, addresses, routes and neighbours are read", is_read},
	{"another namespace is given the same", is_given_to_another},
	{"what is there already is no error", twice_is_once},
	{"a machine's devices get their addresses and names", devices_of_a_machine},
	{"a link that isn't there is named", links_that_are_missing},
	{"an empty namespace has nothing", an_empty_namespace},
	{"an interface that a guest can't have is refused", no_ethernet},
	{"texts that are no network are refused, with the reason", bad_texts},
};
TEST_MAIN(tests)
