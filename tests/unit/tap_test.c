/* SPDX-License-Identifier: Apache-2.0 */
/* Taps of a network namespace whose Ethernet link is one end of a veth pair; the test has
 * the other end. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/str.h"
#include "sandbox/tap.h"

#include "tests/unit/child.h"
#include "tests/unit/tap.h"

#define HEADER    12
#define TYPE      0x88b5 /* for experiments: nobody else sends it */
#define FRAME_MAX 4096
#define WAIT_MS   5000

static const struct tc_owner me = {.pid = 1234, .start_time = 99},
			     other = {.pid = 4321, .start_time = 99};

struct world {
	pid_t pod;  /* a process in the namespace */
	int netns;  /* of it */
	int peer;   /* a packet socket at the other end, v0 */
	bool there; /* it could be made */
	struct arena arena;
	struct network network;
	struct sandbox_tap taps[SANDBOX_TAPS_MAX];
	size_t count;
	struct err e;
};

/* A process that stays in a network namespace of its own. */
static pid_t start_pod(void)
{
	int ready[2];
	char c;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWNET) == 0 && write(ready[1], "x", 1) == 1)
			for (;;)
				(void)pause();
		_exit(1);
	}
	(void)close(ready[1]);
	if (read(ready[0], &c, 1) != 1)
		pid = -1;
	(void)close(ready[0]);
	return pid;
}

static int open_peer(void)
{
	struct ifreq ifr = {.ifr_name = "v0"};
	struct sockaddr_ll a = {.sll_family = AF_PACKET,
				.sll_protocol = htons(ETH_P_ALL)};
	int s = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (s < 0 || ioctl(s, SIOCGIFINDEX, &ifr) < 0)
		fd_close(&s);
	a.sll_ifindex = ifr.ifr_ifindex;
	if (s >= 0 && bind(s, (struct sockaddr *)&a, sizeof(a)) < 0)
		fd_close(&s);
	return s;
}

/* A shell command in the namespace: its status; what it prints in ret, if that is wanted. */
static int in_pod(const struct world *w, const char *command, char *ret, size_t len)
{
	int out[2], status = -1;
	ssize_t n;
	pid_t pid;

	if (pipe2(out, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		if (setns(w->netns, CLONE_NEWNET) == 0 && (!ret || dup2(out[1], 1) == 1))
			execl("/bin/sh", "sh", "-ec", command, (char *)NULL);
		_exit(127);
	}
	(void)close(out[1]);
	if (ret) {
		n = fd_read_full(out[0], ret, len - 1);
		ret[n < 0 ? 0 : n] = '\0';
	}
	(void)close(out[0]);
	return waitpid(pid, &status, 0) == pid ? status : -1;
}

static void done(struct world *w)
{
	for (size_t i = 0; i < w->count; i++)
		fd_close(&w->taps[i].fd);
	arena_done(&w->arena);
	fd_close(&w->peer);
	fd_close(&w->netns);
	if (w->pod > 0) {
		(void)kill(w->pod, SIGKILL);
		(void)waitpid(w->pod, NULL, 0);
	}
	(void)run_shell("ip link del v0 2>/dev/null || true");
}

static void setup(struct world *w)
{
	char line[256], path[64];

	*w = (struct world){.pod = -1, .netns = -1, .peer = -1};
	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0)
		return;
	w->pod = start_pod();
	if (w->pod < 0)
		return;
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", w->pod);
	w->netns = open(path, O_RDONLY | O_CLOEXEC);
	(void)snprintf(line, sizeof(line),
		       "ip link add name v0 mtu 1400 type veth peer name eth0 mtu 1400 "
		       "netns %d && ip link set v0 up",
		       w->pod);
	if (access("/dev/net/tun", F_OK) < 0 || run_shell(line) != 0)
		return;
	w->peer = open_peer();
	w->there = w->peer >= 0 &&
		   in_pod(w,
			  "ip link set eth0 address 02:00:00:00:00:10 up; "
			  "ip addr add 10.88.0.2/16 dev eth0; "
			  "ip route add default via 10.88.0.1",
			  NULL, 0) == 0;
}

#define WORLD(w)                                                                         \
	struct world w;                                                                  \
	setup(&(w));                                                                     \
	if (!(w).there) {                                                                \
		done(&(w));                                                              \
		SKIP("no root, network namespaces, veth or taps");                       \
	}

static int make(struct world *w, const struct tc_owner *o)
{
	int r = sandbox_taps_make(w->netns, o, &w->arena, &w->network, w->taps, &w->count,
				  NULL, &w->e);

	if (r < 0)
		printf("# %s\n", w->e.text);
	return r;
}

/* All that could have changed in the namespace. (IPv6 and the carrier are at work by
 * themselves.) */
static void describe(const struct world *w, char *ret, size_t len)
{
	CHECK(in_pod(w,
		     "ip -d -o link | sed 's/<[^>]*>//; s/state [A-Z]* //'; "
		     "ip -o -4 addr; ip route; tc qdisc; "
		     "for d in $(ip -br link | sed s,[@[:space:]].*,,); do "
		     "tc filter show dev $d ingress; done",
		     ret, len) == 0);
}

static size_t frame_make(uint8_t *buf, size_t header, uint8_t mark)
{
	memset(buf, 0, header);
	memset(buf + header, 0xff, 6);
	memset(buf + header + 6, 2, 6);
	buf[header + 12] = TYPE >> 8;
	buf[header + 13] = TYPE & 0xff;
	memset(buf + header + 14, mark, 100);
	return header + 114;
}

/* Waits for a frame of ours with this mark. */
static bool frame_comes(int fd, size_t header, uint8_t mark)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	static uint8_t buf[FRAME_MAX];
	ssize_t n;

	while (poll(&p, 1, WAIT_MS) == 1) {
		n = read(fd, buf, sizeof(buf));
		if (n == (ssize_t)header + 114 && buf[header + 12] == TYPE >> 8 &&
		    buf[header + 13] == (TYPE & 0xff) && buf[header + 14] == mark)
			return true;
	}
	return false;
}

static bool send_frame(int fd, size_t header, uint8_t mark)
{
	uint8_t buf[256];
	size_t n = frame_make(buf, header, mark);

	return write(fd, buf, n) == (ssize_t)n;
}

static bool both_ways(const struct world *w)
{
	return send_frame(w->taps[0].fd, HEADER, 1) && frame_comes(w->peer, 0, 1) &&
	       send_frame(w->peer, 0, 2) && frame_comes(w->taps[0].fd, HEADER, 2);
}

static void frames_go_both_ways(void)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 0x10};
	char text[4096];
	WORLD(w);

	CHECK(make(&w, &me) == 0 && w.count == 1);
	CHECK(w.network.links_count == 1 && w.network.routes_count == 1);
	CHECK(str_eq(w.network.links[0].name, "eth0"));
	CHECK(memcmp(w.taps[0].mac, mac, 6) == 0 && w.taps[0].mtu == 1400);
	CHECK(both_ways(&w));
	/* The tap says nothing itself, and the link has kept its address. */
	CHECK(in_pod(&w, "ip -o link show hull0; ip -o addr", text, sizeof(text)) == 0);
	CHECK(strstr(text, "mtu 1400") && strstr(text, "NOARP") &&
	      strstr(text, "10.88.0.2/16"));
	CHECK(in_pod(&w, "test -z \"$(ip addr show dev hull0 | grep inet)\"", NULL, 0) ==
	      0);
	done(&w);
}

/* The head alone: there is nothing in it that a filter could look at. */
static void a_frame_that_is_empty(void)
{
	uint8_t buf[256], got[256];
	struct pollfd p;
	ssize_t n = 0;
	WORLD(w);

	CHECK(make(&w, &me) == 0);
	(void)frame_make(buf, 0, 0);
	CHECK(write(w.peer, buf, 14) == 14);
	p = (struct pollfd){.fd = w.taps[0].fd, .events = POLLIN};
	while (n != HEADER + 14 && poll(&p, 1, WAIT_MS) == 1)
		n = read(w.taps[0].fd, got, sizeof(got));
	CHECK(n == HEADER + 14 && memcmp(got + HEADER, buf, 14) == 0);
	done(&w);
}

static void unmade_is_as_before(void)
{
	static char before[16384], after[16384];
	WORLD(w);

	describe(&w, before, sizeof(before));
	CHECK(make(&w, &me) == 0);
	describe(&w, after, sizeof(after));
	CHECK(!str_eq(before, after));
	CHECK(sandbox_taps_unmake(w.netns, &me, &w.e) == 0);
	describe(&w, after, sizeof(after));
	CHECK_STR(after, before);
	CHECK(sandbox_taps_unmake(w.netns, &me, &w.e) == 0);
	describe(&w, after, sizeof(after));
	CHECK_STR(after, before);
	done(&w);
}

/* Its descriptors are closed; of the filters it has made one, or none as yet. */
static void killed_commands_leave_nothing(void)
{
	static char before[16384], after[16384];
	WORLD(w);

	describe(&w, before, sizeof(before));
	CHECK(make(&w, &other) == 0);
	fd_close(&w.taps[0].fd);
	CHECK(sandbox_taps_unmake(w.netns, &me, &w.e) == 0);
	describe(&w, after, sizeof(after));
	CHECK_STR(after, before);

	CHECK(in_pod(&w, "tc qdisc add dev eth0 ingress", NULL, 0) == 0);
	CHECK(sandbox_taps_unmake(w.netns, &me, &w.e) == 0);
	describe(&w, after, sizeof(after));
	CHECK_STR(after, before);
	done(&w);
}

static void what_others_have_stays(void)
{
	static char before[16384], after[16384];
	WORLD(w);

	CHECK(in_pod(&w,
		     "tc qdisc add dev eth0 clsact; "
		     "tc filter add dev eth0 ingress protocol 0x88b6 pref 7 "
		     "u32 match u32 0 0 flowid 1:1; "
		     "tc filter add dev eth0 ingress protocol all pref 65520 "
		     "u32 match u16 0x88b6 0xffff at -2 flowid 1:1",
		     NULL, 0) == 0);
	describe(&w, before, sizeof(before));
	CHECK(make(&w, &me) == 0);
	CHECK(both_ways(&w));
	CHECK(sandbox_taps_unmake(w.netns, &me, &w.e) == 0);
	describe(&w, after, sizeof(after));
	CHECK_STR(after, before);
	done(&w);
}

static void a_filter_that_came_later_stays(void)
{
	char text[4096];
	WORLD(w);

	CHECK(make(&w, &me) == 0);
	CHECK(in_pod(&w,
		     "tc filter add dev eth0 ingress protocol 0x88b6 pref 7 "
		     "u32 match u32 0 0 flowid 1:1",
		     NULL, 0) == 0);
	CHECK(sandbox_taps_unmake(w.netns, &me, &w.e) == 0);
	CHECK(in_pod(&w, "tc filter show dev eth0 ingress", text, sizeof(text)) == 0);
	CHECK(strstr(text, "pref 7") && !strstr(text, "mirred"));
	done(&w);
}

static void another_sandbox_is_left_alone(void)
{
	struct sandbox_tap taps[SANDBOX_TAPS_MAX];
	struct network network;
	struct err e = {0};
	size_t count = 9;
	WORLD(w);

	CHECK(make(&w, &me) == 0);
	CHECK(sandbox_taps_make(w.netns, &other, &w.arena, &network, taps, &count, NULL,
				&e) == -EBUSY);
	CHECK_STR(e.text,
		  "network: the network namespace is another sandbox's, of "
		  "process 1234");
	CHECK(count == 0 && taps[0].fd == -1);
	CHECK(sandbox_taps_unmake(w.netns, &other, &e) == 0);
	CHECK(both_ways(&w));
	done(&w);
}

/* As after a `start` that was killed when the monitor had its taps already. */
static void the_same_owner_begins_anew(void)
{
	char text[4096];
	int old;
	WORLD(w);

	CHECK(make(&w, &me) == 0);
	old = w.taps[0].fd;
	CHECK(make(&w, &me) == 0 && w.count == 1);
	CHECK(both_ways(&w));
	CHECK(!send_frame(old, HEADER, 3));
	fd_close(&old);
	CHECK(in_pod(&w, "ip -o link | grep -c hull", text, sizeof(text)) == 0);
	CHECK_STR(text, "1\n");
	done(&w);
}

static void errors_leave_nothing(void)
{
	static char before[16384], after[16384];
	WORLD(w);

	CHECK(in_pod(&w,
		     "for i in 1 2; do ip link add name a$i type veth peer name b$i; "
		     "ip link set a$i up; ip link set b$i up; done",
		     NULL, 0) == 0);
	describe(&w, before, sizeof(before));
	CHECK(make(&w, &me) == -E2BIG);
	CHECK_STR(w.e.text,
		  "network: the network namespace has 5 Ethernet interfaces: "
		  "a sandbox can have 4");
	describe(&w, after, sizeof(after));
	CHECK_STR(after, before);
	CHECK(w.count == 0 && w.taps[0].fd == -1);

	done(&w);
}

/* Also in our place, where it comes first. */
static void errors_in_the_middle_leave_nothing(void)
{
	static char before[16384], after[16384];
	WORLD(w);

	CHECK(in_pod(&w,
		     "ip link add name a1 type veth peer name b1; "
		     "ip link set a1 up; ip link set b1 up; "
		     "tc qdisc add dev a1 ingress; "
		     "tc filter add dev a1 ingress protocol all pref 65520 bpf "
		     "bytecode '1,6 0 0 0,' flowid 1:1",
		     NULL, 0) == 0);
	describe(&w, before, sizeof(before));
	CHECK(make(&w, &me) < 0);
	CHECK(strstr(w.e.text, "network: interface a1: redirect frames: "));
	describe(&w, after, sizeof(after));
	CHECK_STR(after, before);
	done(&w);
}

static void several_links(void)
{
	WORLD(w);

	CHECK(in_pod(&w,
		     "ip link add name a1 type veth peer name b1; "
		     "ip link set a1 up; ip link set b1 up",
		     NULL, 0) == 0);
	CHECK(make(&w, &me) == 0 && w.count == 3);
	CHECK(both_ways(&w));
	/* The two others are the ends of one wire. */
	CHECK(send_frame(w.taps[1].fd, HEADER, 5));
	CHECK(frame_comes(w.taps[2].fd, HEADER, 5));
	done(&w);
}

static void an_empty_namespace(void)
{
	WORLD(w);

	CHECK(run_shell("ip link del v0") == 0);
	CHECK(make(&w, &me) == 0 && w.count == 0 && w.network.links_count == 0);
	done(&w);
}

static void the_caller_stays(void)
{
	struct stat before, after;
	WORLD(w);

	CHECK(stat("/proc/thread-self/ns/net", &before) == 0);
	CHECK(make(&w, &me) == 0);
	CHECK(stat("/proc/thread-self/ns/net", &after) == 0);
	CHECK(before.st_ino == after.st_ino);
	CHECK(sandbox_taps_unmake(w.peer, &me, &w.e) == -EINVAL);
	CHECK_STR(w.e.text, "network: enter the network namespace: EINVAL");
	done(&w);
}

static const struct test tests[] = {
	{"what is written to a tap comes out of the wire, and the other way",
	 frames_go_both_ways},
	{"a frame without content is no exception", a_frame_that_is_empty},
	{"unmade, links and qdiscs are as before", unmade_is_as_before},
	{"what a killed command left is taken away", killed_commands_leave_nothing},
	{"qdiscs and filters of others stay", what_others_have_stays},
	{"a filter that came later stays, with its qdisc",
	 a_filter_that_came_later_stays},
	{"another sandbox that lives is left alone, and named",
	 another_sandbox_is_left_alone},
	{"the same owner may begin anew", the_same_owner_begins_anew},
	{"errors leave nothing, and too many links name the limit", errors_leave_nothing},
	{"what was made before an error is taken away",
	 errors_in_the_middle_leave_nothing},
	{"several links have a tap each", several_links},
	{"an empty namespace has none", an_empty_namespace},
	{"the caller stays in its namespace", the_caller_stays},
};
TEST_MAIN(tests)
