/* SPDX-License-Identifier: Apache-2.0 */
/* The network device with real taps, in a network namespace of this test's own. Packet
 * sockets on the tap's interface are the host's side, and see headers and sizes as the
 * kernel has them. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "vm/virtio/net.h"

#include "tests/unit/tap.h"
#include "tests/unit/virtio_driver.h"

#define RX        0
#define TX        1
#define HDR       ((uint32_t)sizeof(struct virtio_net_hdr_mrg_rxbuf))
#define BIT(n)    (UINT64_C(1) << (n))
#define BUFFERS   60
#define BUFFER    1536
#define IP_OFF    sizeof(struct ether_header)
#define TCP_OFF   (IP_OFF + sizeof(struct iphdr))
#define DATA_OFF  (TCP_OFF + sizeof(struct tcphdr))
#define FRAME_MAX 66000

static const uint8_t mac[6] = {0x02, 1, 2, 3, 4, 5};
static const char *why_not; /* taps can't be had */

struct world {
	struct drv d;
	int host; /* a packet socket with headers on the interface */
	char name[IFNAMSIZ];
	uint64_t buffer[BUFFERS];
};

static int tap_open(short flags, char name[IFNAMSIZ])
{
	struct ifreq ifr = {.ifr_flags = flags};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr) < 0) {
		fd_close(&fd);
		return -1;
	}
	memcpy(name, ifr.ifr_name, IFNAMSIZ);
	return fd;
}

static void enter_namespace(void)
{
	char name[IFNAMSIZ];
	int fd;

	if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0) {
		why_not = "no network namespace of our own";
		return;
	}
	fd = tap_open(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, name);
	if (fd < 0)
		why_not = "no /dev/net/tun";
	fd_close(&fd);
}

static bool tap_up(struct world *w)
{
	AUTO_FD s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = {.ifr_flags = IFF_UP};

	memcpy(ifr.ifr_name, w->name, IFNAMSIZ);
	return ioctl(s, SIOCSIFFLAGS, &ifr) == 0;
}

static int host_open(struct world *w)
{
	struct sockaddr_ll a = {.sll_family = AF_PACKET,
				.sll_protocol = htons(ETH_P_ALL),
				.sll_ifindex = (int)if_nametoindex(w->name)};
	int s = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;

	if (s >= 0 &&
	    (setsockopt(s, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)) < 0 ||
	     bind(s, (struct sockaddr *)&a, sizeof(a)) < 0))
		fd_close(&s);
	return s;
}

/* A device with a tap that is up, and a driver with these features and receive buffers. */
static void setup(struct world *w, uint64_t features)
{
	struct virtio_dev *dev = NULL;
	struct err e = {0};
	int tap = tap_open(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, w->name);

	drv_init(&w->d, 16 << 20);
	CHECK(net_new(w->d.mem, w->d.loop, 0, &dev, &e) == 0);
	drv_attach(&w->d, dev);
	CHECK(tap >= 0 && tap_up(w));
	w->host = host_open(w);
	CHECK(w->host >= 0);
	CHECK(net_connect(dev, &tap, mac, 0, &e) == 0 && tap < 0);
	CHECK(drv_start(&w->d, features, 128));
	for (int i = 0; i < BUFFERS; i++) {
		struct drv_part p = {drv_alloc(&w->d, BUFFER), BUFFER, true};

		w->buffer[i] = p.gpa;
		(void)drv_put(&w->d, RX, &p, 1);
	}
	drv_kick(&w->d, RX);
	drv_run(&w->d);
}

static void done(struct world *w)
{
	drv_done(&w->d);
	fd_close(&w->host);
}

static uint16_t checksum(const uint8_t *p, size_t len, uint32_t sum)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	if (len & 1)
		sum += (uint32_t)p[len - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* A TCP segment of len bytes of payload, as a driver or a packet socket sends it: header of
 * hdr_len bytes, the checksum left to do, to be cut into pieces of mss (0: whole). */
static size_t make_tcp(uint8_t *buf, size_t hdr_len, uint16_t len, uint16_t mss)
{
	static const uint8_t addresses[8] = {10, 9, 0, 1, 10, 9, 0, 2};
	struct virtio_net_hdr h = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = mss ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_NONE,
		.hdr_len = DATA_OFF,
		.gso_size = mss,
		.csum_start = TCP_OFF,
		.csum_offset = offsetof(struct tcphdr, check),
	};
	uint16_t tcp_len = (uint16_t)(sizeof(struct tcphdr) + len);
	uint16_t ip_len = (uint16_t)(sizeof(struct iphdr) + tcp_len), sum;
	uint8_t ip[sizeof(struct iphdr)] = {0x45, 0, (uint8_t)(ip_len >> 8),
					    (uint8_t)ip_len};
	struct tcphdr tcp = {
		.source = htons(1000), .dest = htons(2000), .doff = 5, .ack = 1};
	uint8_t *frame = buf + hdr_len;

	memset(buf, 0, hdr_len);
	memcpy(buf, &h, sizeof(h));
	memset(frame, 0xff, 6);
	memcpy(frame + 6, mac, 6);
	frame[12] = 0x08;
	frame[13] = 0;
	ip[offsetof(struct iphdr, ttl)] = 64;
	ip[offsetof(struct iphdr, protocol)] = IPPROTO_TCP;
	memcpy(ip + offsetof(struct iphdr, saddr), addresses, sizeof(addresses));
	sum = (uint16_t)~checksum(ip, sizeof(ip), 0);
	ip[offsetof(struct iphdr, check)] = (uint8_t)(sum >> 8);
	ip[offsetof(struct iphdr, check) + 1] = (uint8_t)sum;
	tcp.check = htons(checksum(ip + offsetof(struct iphdr, saddr), 8,
				   (uint32_t)IPPROTO_TCP + tcp_len));
	memcpy(frame + IP_OFF, ip, sizeof(ip));
	memcpy(frame + TCP_OFF, &tcp, sizeof(tcp));
	for (size_t i = 0; i < len; i++)
		frame[DATA_OFF + i] = (uint8_t)(i * 7 + (i >> 8));
	return hdr_len + DATA_OFF + len;
}

static bool is_ours(const uint8_t *frame)
{
	return frame[12] == 0x08 && frame[13] == 0 &&
	       frame[IP_OFF + offsetof(struct iphdr, protocol)] == IPPROTO_TCP;
}

/* Whether a frame's TCP checksum is right as it stands. */
static bool sums_up(const uint8_t *frame, size_t len)
{
	uint32_t tcp_len = (uint32_t)(len - TCP_OFF);
	uint16_t pseudo = checksum(frame + IP_OFF + offsetof(struct iphdr, saddr), 8,
				   (uint32_t)IPPROTO_TCP + tcp_len);

	return checksum(frame + TCP_OFF, tcp_len, pseudo) == 0xffff;
}

static bool data_is(const uint8_t *frame, size_t from, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (frame[DATA_OFF + i] != (uint8_t)((from + i) * 7 + ((from + i) >> 8)))
			return false;
	}
	return true;
}

/* The next TCP frame on the host's side (others are the kernel's own, as router
 * solicitations), its length with a header of 10 bytes, or -1. */
static ssize_t host_recv(struct world *w, uint8_t *buf)
{
	struct pollfd p = {.fd = w->host, .events = POLLIN};
	ssize_t n;

	do {
		if (poll(&p, 1, DRV_WAIT_MS) != 1)
			return -1;
		n = recv(w->host, buf, FRAME_MAX, 0);
	} while (n > 0 && !is_ours(buf + sizeof(struct virtio_net_hdr)));
	return n;
}

static bool host_send(struct world *w, uint16_t len, uint16_t mss)
{
	static uint8_t buf[FRAME_MAX];
	size_t n = make_tcp(buf, sizeof(struct virtio_net_hdr), len, mss);

	return send(w->host, buf, n, 0) == (ssize_t)n;
}

/* The next TCP packet that the driver gets, of all its buffers; its length with header,
 * or -1. */
static ssize_t guest_recv(struct world *w, uint8_t *buf)
{
	for (;;) {
		uint32_t len, n = 0, left = 1;
		uint16_t head;

		for (; left > 0; left--) {
			if (!drv_wait(&w->d, RX, &head, &len) || n + len > FRAME_MAX)
				return -1;
			memcpy(buf + n, drv_at(&w->d, w->buffer[head], len), len);
			if (n == 0)
				left = (uint32_t)buf[10] | (uint32_t)buf[11] << 8;
			n += len;
		}
		if (is_ours(buf + HDR))
			return n;
	}
}

static void guest_send(struct world *w, const uint8_t *buf, size_t len)
{
	struct drv_part p = {drv_buffer(&w->d, buf, len), (uint32_t)len, false};
	uint16_t head;
	uint32_t n;

	(void)drv_put(&w->d, TX, &p, 1);
	drv_kick(&w->d, TX);
	CHECK(drv_wait(&w->d, TX, &head, &n));
}

/* (IFF_NO_PI can't be missing everywhere: some kernels add it to IFF_VNET_HDR.) */
static void wrong_taps_are_refused_by_name(void)
{
	static const struct {
		short flags;
		const char *text;
	} wrong[] = {
		{IFF_TUN | IFF_NO_PI | IFF_VNET_HDR, "tap: it was made without IFF_TAP"},
		{IFF_TAP | IFF_NO_PI, "tap: it was made without IFF_VNET_HDR"},
	};
	char name[IFNAMSIZ];
	struct err e = {0};
	int fd;

	if (why_not)
		SKIP(why_not);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		fd = tap_open(wrong[i].flags, name);
		CHECK(net_tap_prepare(fd, &e) == -EINVAL);
		CHECK_STR(e.text, wrong[i].text);
		fd_close(&fd);
	}
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	CHECK(net_tap_prepare(fd, &e) < 0);
	fd_close(&fd);
	CHECK(net_tap_prepare(0, &e) < 0);
}

static void a_prepared_tap_is_ours_alone(void)
{
	char name[IFNAMSIZ];
	struct err e = {0};
	int fd, header = 0;

	if (why_not)
		SKIP(why_not);
	fd = tap_open(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, name);
	(void)fcntl(fd, F_SETFD, 0);
	CHECK(net_tap_prepare(fd, &e) == 0);
	CHECK(ioctl(fd, TUNGETVNETHDRSZ, &header) == 0 && header == (int)HDR);
	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC && fcntl(fd, F_GETFL) & O_NONBLOCK);
	fd_close(&fd);
}

static void the_host_gets_whole_segments(void)
{
	static uint8_t out[FRAME_MAX], in[FRAME_MAX];
	struct virtio_net_hdr h;
	struct world w;
	size_t n;

	if (why_not)
		SKIP(why_not);
	setup(&w, DRV_ALL);
	n = make_tcp(out, HDR, 60000, 1448);
	guest_send(&w, out, n);
	CHECK(host_recv(&w, in) == (ssize_t)(sizeof(h) + n - HDR));
	memcpy(&h, in, sizeof(h));
	CHECK(h.gso_type == VIRTIO_NET_HDR_GSO_TCPV4 && h.gso_size == 1448);
	CHECK(data_is(in + sizeof(h), 0, 60000));
	done(&w);
}

static void headers_that_make_no_sense_are_dropped(void)
{
	static uint8_t out[FRAME_MAX], in[FRAME_MAX];
	struct virtio_net_hdr h;
	struct world w;
	size_t n;

	if (why_not)
		SKIP(why_not);
	setup(&w, DRV_ALL);
	n = make_tcp(out, HDR, 1000, 0);
	for (int i = 0; i < 4; i++) {
		memcpy(&h, out, sizeof(h));
		h.gso_type = i == 0 ? 0x77 : h.gso_type;
		h.csum_start = i == 1 ? 60000 : h.csum_start;
		h.csum_offset = i == 2 ? 65535 : h.csum_offset;
		h.hdr_len = i == 3 ? 65535 : h.hdr_len;
		memcpy(in, out, n);
		memcpy(in, &h, sizeof(h));
		guest_send(&w, in, n);
	}
	n = make_tcp(out, HDR, 777, 0);
	guest_send(&w, out, n);
	CHECK(host_recv(&w, in) == (ssize_t)(sizeof(h) + n - HDR));
	CHECK(!drv_broken(&w.d) && net_connected(w.d.dev));
	done(&w);
}

static void the_guest_gets_whole_segments_if_it_can(void)
{
	static uint8_t in[FRAME_MAX];
	struct world w;

	if (why_not)
		SKIP(why_not);
	setup(&w, DRV_ALL);
	CHECK(host_send(&w, 60000, 1448));
	CHECK(guest_recv(&w, in) == (ssize_t)(HDR + DATA_OFF + 60000));
	CHECK(in[0] & VIRTIO_NET_HDR_F_NEEDS_CSUM && in[1] == VIRTIO_NET_HDR_GSO_TCPV4);
	CHECK(in[10] == (HDR + DATA_OFF + 60000 + BUFFER - 1) / BUFFER && in[11] == 0);
	CHECK(data_is(in + HDR, 0, 60000));
	done(&w);
}

static void the_guest_gets_only_what_it_can(void)
{
	static uint8_t in[FRAME_MAX];
	struct world w;

	if (why_not)
		SKIP(why_not);
	/* No segmentation offload: pieces of mss, checksums left to do. */
	setup(&w, BIT(VIRTIO_NET_F_MRG_RXBUF) | BIT(VIRTIO_NET_F_GUEST_CSUM));
	CHECK(host_send(&w, 4000, 1000));
	for (unsigned i = 0; i < 4; i++) {
		CHECK(guest_recv(&w, in) == (ssize_t)(HDR + DATA_OFF + 1000));
		CHECK(in[1] == VIRTIO_NET_HDR_GSO_NONE && in[10] == 1);
		CHECK(data_is(in + HDR, (size_t)i * 1000, 1000));
	}
	done(&w);

	/* Nor checksums. */
	setup(&w, 0);
	CHECK(host_send(&w, 4000, 1000));
	for (unsigned i = 0; i < 4; i++) {
		CHECK(guest_recv(&w, in) == (ssize_t)(HDR + DATA_OFF + 1000));
		CHECK(in[0] == 0 && in[1] == 0 && sums_up(in + HDR, DATA_OFF + 1000));
	}
	done(&w);
}

/* Another driver, other features: the tap that is there learns of them. */
static void the_next_driver_has_its_own_features(void)
{
	static uint8_t in[FRAME_MAX];
	struct world w;

	if (why_not)
		SKIP(why_not);
	setup(&w, DRV_ALL);
	CHECK(drv_start(&w.d, 0, 128));
	for (int i = 0; i < BUFFERS; i++) {
		struct drv_part p = {w.buffer[i], BUFFER, true};

		(void)drv_put(&w.d, RX, &p, 1);
	}
	drv_kick(&w.d, RX);
	drv_run(&w.d);
	CHECK(host_send(&w, 2000, 1000));
	CHECK(guest_recv(&w, in) == (ssize_t)(HDR + DATA_OFF + 1000));
	CHECK(in[0] == 0 && sums_up(in + HDR, DATA_OFF + 1000));
	done(&w);
}

static bool delete_interface(const char *name)
{
	AUTO_FD s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct {
		struct nlmsghdr h;
		struct ifinfomsg i;
	} m = {
		.h = {.nlmsg_len = sizeof(m),
		      .nlmsg_type = RTM_DELLINK,
		      .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
		.i = {.ifi_index = (int)if_nametoindex(name)},
	};
	char answer[256];

	return send(s, &m, sizeof(m), 0) == sizeof(m) &&
	       recv(s, answer, sizeof(answer), 0) > 0;
}

static void a_deleted_interface_takes_the_link_down(void)
{
	static uint8_t out[FRAME_MAX];
	struct world w;
	uint16_t status = 99;

	if (why_not)
		SKIP(why_not);
	setup(&w, DRV_ALL);
	CHECK(delete_interface(w.name));
	drv_run(&w.d);
	drv_config_read(&w.d, 6, &status, sizeof(status));
	CHECK(!net_connected(w.d.dev) && status == 0);
	guest_send(&w, out, make_tcp(out, HDR, 100, 0));
	done(&w);
}

static const struct test tests[] = {
	{"a descriptor that is no tap, or another kind, is refused by name",
	 wrong_taps_are_refused_by_name},
	{"a tap gets a header of 12 bytes, doesn't block, and is closed on exec",
	 a_prepared_tap_is_ours_alone},
	{"the host gets segments of 60,000 bytes whole", the_host_gets_whole_segments},
	{"headers that make no sense are dropped",
	 headers_that_make_no_sense_are_dropped},
	{"the guest gets segments of 60,000 bytes whole, if it takes them",
	 the_guest_gets_whole_segments_if_it_can},
	{"the guest gets no offload that it did not accept",
	 the_guest_gets_only_what_it_can},
	{"the tap learns of the next driver's features",
	 the_next_driver_has_its_own_features},
	{"a deleted interface takes the link down",
	 a_deleted_interface_takes_the_link_down},
};

int main(void)
{
	enter_namespace();
	return tap_main(tests, sizeof(tests) / sizeof(tests[0]));
}
