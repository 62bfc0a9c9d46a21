/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/netlink.h"

#include "tests/unit/tap.h"

/* In memory of exactly that length, so that sanitizers see a step too far. */
static struct nl_attrs attrs_of(const void *data, size_t len)
{
	void *p = malloc(len);

	if (!p)
		abort();
	memcpy(p, data, len);
	return (struct nl_attrs){p, len};
}

static void done(struct nl_attrs a)
{
	free((void *)a.first);
}

static void requests_are_read_again(void)
{
	const struct ifinfomsg body = {.ifi_index = 7};
	struct nl_request r;
	struct nl_attrs a;
	const struct rtattr *nest;
	size_t at;

	nl_begin(&r, RTM_NEWLINK, NLM_F_ACK, &body, sizeof(body));
	nl_put_string(&r, IFLA_IFNAME, "eth0");
	at = nl_nest(&r, IFLA_LINKINFO);
	nl_put_u32(&r, 1, 4711);
	nl_nest_end(&r, at);
	nl_put_u32(&r, IFLA_MTU, 1500);
	CHECK(!r.overflow && r.head.nlmsg_len % 4 == 0);
	a = nl_attrs(&r.head, sizeof(body));
	CHECK_STR((const char *)nl_get(a, IFLA_IFNAME, 5), "eth0");
	CHECK(nl_len(a, IFLA_IFNAME) == 5);
	CHECK(nl_get(a, IFLA_IFNAME, 6) == NULL);
	CHECK(nl_get_u32(a, IFLA_MTU, 0) == 1500);
	CHECK(nl_get_u32(a, IFLA_MASTER, 42) == 42);
	nest = (const void *)((const char *)nl_get(a, IFLA_LINKINFO, 4) - RTA_LENGTH(0));
	CHECK(nl_get_u32(nl_nested(nest), 1, 0) == 4711);
}

static void too_much_is_found_out(void)
{
	static const char much[5000];
	const struct ifinfomsg body = {0};
	struct nl_request r;

	nl_begin(&r, RTM_NEWLINK, 0, &body, sizeof(body));
	nl_put(&r, 1, much, sizeof(much));
	CHECK(r.overflow);
	nl_begin(&r, RTM_NEWLINK, 0, &body, sizeof(body));
	for (int i = 0; i < 1000; i++)
		nl_put_u32(&r, 1, 1);
	CHECK(r.overflow && r.head.nlmsg_len <= sizeof(r.bytes));
}

/* The kernel's macros step by whole words: behind the end of what isn't. */
static void ends_within_a_word(void)
{
	static const struct {
		struct rtattr head;
		char text[4];
	} odd = {{RTA_LENGTH(1), 1}, "x"};

	for (size_t len = 1; len <= sizeof(odd); len++) {
		struct nl_attrs a = attrs_of(&odd, len);

		CHECK((nl_get(a, 1, 1) != NULL) == (len >= RTA_LENGTH(1)));
		CHECK(nl_get(a, 2, 0) == NULL);
		done(a);
	}
}

static void lengths_that_lie(void)
{
	for (uint16_t len = 0; len < 16; len++) {
		const struct rtattr lie[2] = {{len, 1}, {UINT16_MAX, 1}};
		struct nl_attrs a = attrs_of(lie, sizeof(lie));

		CHECK(nl_get(a, 1, 0) == NULL || (len >= 4 && len <= 8));
		CHECK(nl_get(a, 2, 0) == NULL);
		done(a);
	}
}

static const struct test tests[] = {
	{"what is put in a request is found in it", requests_are_read_again},
	{"a request that is too long says so", too_much_is_found_out},
	{"attributes that end within a word end there", ends_within_a_word},
	{"an attribute that is longer than what is there is none", lengths_that_lie},
};
TEST_MAIN(tests)
