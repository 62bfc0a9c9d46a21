/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See net.h. All work is done on the loop's thread, with the lock held, as vCPUs read the
 * configuration and reset the device meanwhile. A reset can't tell the loop what to wait
 * for (it comes on a vCPU's thread): an event that finds nothing to do sees to that.
 */
#include "vm/virtio/net.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_ids.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/fd.h"
#include "vm/virtio/net_parts.h"

#define BIT(n) (UINT64_C(1) << (n))

#define OFFLOADS                                                                         \
	(BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_HOST_TSO4) |                          \
	 BIT(VIRTIO_NET_F_HOST_TSO6) | BIT(VIRTIO_NET_F_HOST_ECN) |                      \
	 BIT(VIRTIO_NET_F_HOST_UFO) | BIT(VIRTIO_NET_F_GUEST_CSUM) |                     \
	 BIT(VIRTIO_NET_F_GUEST_TSO4) | BIT(VIRTIO_NET_F_GUEST_TSO6) |                   \
	 BIT(VIRTIO_NET_F_GUEST_ECN))

#define MTU_MIN    68 /* VIRTIO 1.2, 5.1.4.1 */
#define CONFIG_LEN offsetof(struct virtio_net_config, speed)
_Static_assert(CONFIG_LEN == 12, "VIRTIO 1.2, 5.1.4: mac, status, pairs, mtu");

static struct net *net_of(struct virtio_dev *dev)
{
	return (struct net *)dev;
}

/* ---- what the loop waits for ---- */

static void arm(struct net *n)
{
	uint32_t events = 0;

	if (!n->source)
		return;
	if (n->rx.ready && net_runs(n, NET_RX))
		events |= EPOLLIN;
	if (n->tx_blocked && net_runs(n, NET_TX))
		events |= EPOLLOUT;
	if (events != n->events && loop_set(n->source, events) == 0)
		n->events = events;
}

static void show_link(struct net *n, bool up)
{
	n->config.status = htole16(up ? VIRTIO_NET_S_LINK_UP : 0);
	virtio_signal_config(&n->dev);
}

static void disconnect(struct net *n)
{
	if (n->fd < 0)
		return;
	loop_del(n->source);
	n->source = NULL;
	n->events = 0;
	fd_close(&n->fd);
	show_link(n, false);
	/* What waited for it would wait for ever. */
	n->tx_blocked = false;
	net_send(n);
}

/* A turn of both queues. */
static void run(struct net *n)
{
	net_send(n);
	if (net_receive(n) < 0) {
		virtio_remark(&n->dev, "its tap is gone: the link is down");
		disconnect(n);
	}
	arm(n);
}

static void tap_ready(void *arg, uint32_t events)
{
	struct net *n = arg;

	pthread_mutex_lock(&n->dev.lock);
	if (events & EPOLLOUT)
		n->tx_blocked = false;
	run(n);
	pthread_mutex_unlock(&n->dev.lock);
}

/* ---- the device ---- */

static bool good_mac(const uint8_t mac[ETH_ALEN])
{
	static const uint8_t none[ETH_ALEN];

	return !(mac[0] & 1) && memcmp(mac, none, sizeof(none)) != 0;
}

static bool good_mtu(uint16_t mtu)
{
	return mtu == 0 || mtu >= MTU_MIN;
}

/* The driver must not see it change (VIRTIO 1.2, 5.1.4.1): only between two drivers. */
static void show_mtu(struct net *n)
{
	n->config.mtu = htole16(n->mtu);
	if (n->mtu)
		n->dev.offered |= BIT(VIRTIO_NET_F_MTU);
	else
		n->dev.offered &= ~BIT(VIRTIO_NET_F_MTU);
}

static void net_config_read(struct virtio_dev *dev, unsigned off, void *buf, unsigned len)
{
	memcpy(buf, (const char *)&net_of(dev)->config + off, len);
}

static int net_activate(struct virtio_dev *dev)
{
	net_of(dev)->offload_due = true;
	return 0;
}

static void net_reset(struct virtio_dev *dev)
{
	struct net *n = net_of(dev);

	net_rx_untake(n);
	n->tx_blocked = false;
	show_mtu(n);
}

static void net_notify(struct virtio_dev *dev, unsigned queue)
{
	struct net *n = net_of(dev);

	if (queue == NET_TX) {
		net_send(n);
		arm(n);
	} else if (!n->rx.ready) {
		run(n);
	}
}

/* Nobody else runs: no lock. Buffers that were taken are put back, so that the queue's
 * state is all there is. */
static void net_pause(struct virtio_dev *dev)
{
	struct net *n = net_of(dev);

	n->paused = true;
	net_rx_untake(n);
	arm(n);
}

static void net_resume(struct virtio_dev *dev)
{
	struct net *n = net_of(dev);

	pthread_mutex_lock(&dev->lock);
	n->paused = false;
	run(n);
	pthread_mutex_unlock(&dev->lock);
}

static void net_save(struct virtio_dev *dev, struct state_writer *w)
{
	const struct net *n = net_of(dev);

	state_put_bytes(w, n->config.mac, sizeof(n->config.mac));
	state_put_u16(w, n->mtu);
	state_put_u16(w, le16toh(n->config.mtu));
	state_put_u16(w, le16toh(n->config.status));
}

/* The tap is not part of it. A driver that knew the link as up is told that it is down,
 * until one is connected. */
static int net_restore(struct virtio_dev *dev, struct state_reader *r, struct err *e)
{
	struct net *n = net_of(dev);
	uint16_t status;

	state_get_into(r, n->config.mac, sizeof(n->config.mac));
	n->mtu = state_get_u16(r);
	n->config.mtu = htole16(state_get_u16(r));
	status = state_get_u16(r);
	if (status & ~VIRTIO_NET_S_LINK_UP)
		state_refuse(r, "link status %#x", status);
	if (!good_mac(n->config.mac) || !good_mtu(n->mtu) ||
	    !good_mtu(le16toh(n->config.mtu)))
		state_refuse(r, "an address or MTU that no network has");
	if (n->fd < 0 && status)
		show_link(n, false);
	return state_check(r, e);
}

static void net_free(struct virtio_dev *dev)
{
	struct net *n = net_of(dev);

	loop_del(n->source);
	fd_close(&n->fd);
	free(n);
}

static const struct virtio_ops net_ops = {
	.name = "net",
	.id = VIRTIO_ID_NET,
	.queues = NET_QUEUES,
	.queue_max = NET_QUEUE_SIZE,
	.features = OFFLOADS | BIT(VIRTIO_NET_F_MRG_RXBUF) | BIT(VIRTIO_NET_F_MAC) |
		    BIT(VIRTIO_NET_F_MTU) | BIT(VIRTIO_NET_F_STATUS),
	.config_len = CONFIG_LEN,
	.config_read = net_config_read,
	.activate = net_activate,
	.reset = net_reset,
	.notify = net_notify,
	.save = net_save,
	.restore = net_restore,
	.pause = net_pause,
	.resume = net_resume,
	.free = net_free,
};

int net_new(struct memory *mem, struct loop *loop, uint8_t index, struct virtio_dev **ret,
	    struct err *e)
{
	const uint8_t mac[ETH_ALEN] = {0x02, 'h', 'u', 'l', 'l', index};
	struct net *n = calloc(1, sizeof(*n));
	int r;

	if (!n)
		return err_set(e, ENOMEM, "net: no memory");
	r = virtio_init(&n->dev, &net_ops, mem, loop, e);
	if (r < 0) {
		free(n);
		return r;
	}
	n->fd = -1;
	memcpy(n->config.mac, mac, sizeof(mac));
	n->config.max_virtqueue_pairs = htole16(1);
	show_mtu(n);
	*ret = &n->dev;
	return 0;
}

/* ---- connecting ---- */

static int check(const struct net *n, const uint8_t mac[ETH_ALEN], uint16_t mtu,
		 struct err *e)
{
	if (n->fd >= 0)
		return err_set(e, EBUSY, "this network device is connected already");
	if (!good_mac(mac))
		return err_set(e, EINVAL, "no address for a network device: %02x:...",
			       mac[0]);
	if (!good_mtu(mtu))
		return err_set(e, EINVAL, "an MTU of %u is less than %d", mtu, MTU_MIN);
	return 0;
}

static int attach(struct net *n, int *fd, const uint8_t mac[ETH_ALEN], uint16_t mtu,
		  struct err *e)
{
	int r;

	r = check(n, mac, mtu, e);
	if (r < 0)
		return r;
	r = loop_add(n->dev.loop, *fd, 0, tap_ready, n, &n->source, e);
	if (r < 0)
		return r;
	n->fd = fd_take(fd);
	n->events = 0;
	n->offload_due = true;
	memcpy(n->config.mac, mac, ETH_ALEN);
	n->mtu = mtu;
	if (n->dev.status == 0)
		show_mtu(n);
	show_link(n, true);
	run(n);
	return 0;
}

int net_attach(struct virtio_dev *dev, int *fd, const uint8_t mac[ETH_ALEN], uint16_t mtu,
	       struct err *e)
{
	int r;

	pthread_mutex_lock(&dev->lock);
	r = attach(net_of(dev), fd, mac, mtu, e);
	pthread_mutex_unlock(&dev->lock);
	return r;
}

int net_connect(struct virtio_dev *dev, int *tap_fd, const uint8_t mac[ETH_ALEN],
		uint16_t mtu, struct err *e)
{
	int r = net_tap_prepare(*tap_fd, e);

	return r < 0 ? r : net_attach(dev, tap_fd, mac, mtu, e);
}

void net_disconnect(struct virtio_dev *dev)
{
	pthread_mutex_lock(&dev->lock);
	disconnect(net_of(dev));
	pthread_mutex_unlock(&dev->lock);
}

bool net_connected(struct virtio_dev *dev)
{
	bool yes;

	pthread_mutex_lock(&dev->lock);
	yes = net_of(dev)->fd >= 0;
	pthread_mutex_unlock(&dev->lock);
	return yes;
}
