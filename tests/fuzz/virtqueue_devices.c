/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/virtqueue_devices.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "vm/virtio/balloon.h"
#include "vm/virtio/block.h"
#include "vm/virtio/console.h"
#include "vm/virtio/fs/device.h"
#include "vm/virtio/mem.h"
#include "vm/virtio/net.h"
#include "vm/virtio/rng.h"
#include "vm/virtio/vsock.h"
#include "vm/virtio/vsock_parts.h"

#define DISK    65536
#define HOTPLUG (UINT64_C(64) << 20)

static int make_toy(struct world *w, struct virtio_dev **ret, struct err *e)
{
	*ret = &w->toy.dev;
	return virtio_init(*ret, &toy_ops, w->d.mem, w->d.loop, e);
}

static int make_rng(struct world *w, struct virtio_dev **ret, struct err *e)
{
	return rng_new(w->d.mem, w->d.loop, ret, e);
}

static int make_console(struct world *w, struct virtio_dev **ret, struct err *e)
{
	return console_new(w->d.mem, w->d.loop, ret, e);
}

static void type(struct virtio_dev *dev, const void *buf, size_t len)
{
	(void)console_input(dev, buf, len);
	console_resize(dev, (unsigned)len, 80);
}

static int make_block(struct world *w, struct virtio_dev **ret, struct err *e)
{
	return block_new(w->d.mem, w->d.loop, w->pool, ret, e);
}

static void exchange_disk(struct virtio_dev *dev, const void *buf, size_t len)
{
	struct vm_block_config c = {.fd = memfd_create("disk", MFD_CLOEXEC),
				    .read_only = len & 1};

	(void)block_disconnect(dev, ERR_IGNORE);
	if (c.fd < 0 || ftruncate(c.fd, DISK) < 0 ||
	    pwrite(c.fd, buf, len, 0) != (ssize_t)len ||
	    block_connect(dev, &c, ERR_IGNORE) < 0)
		fd_close(&c.fd);
}

static int make_net(struct world *w, struct virtio_dev **ret, struct err *e)
{
	return net_new(w->d.mem, w->d.loop, 0, ret, e);
}

/* A socket that gets what it sends is a tap that echoes; the input is its first frame. */
static int echo_new(const void *frame, size_t len)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	socklen_t n = sizeof(a);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(sa_family_t)) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &n) < 0 ||
	    connect(fd, (struct sockaddr *)&a, n) < 0 || send(fd, frame, len, 0) < 0)
		fd_close(&fd);
	return fd;
}

static void exchange_tap(struct virtio_dev *dev, const void *buf, size_t len)
{
	static const uint8_t mac[6] = {2, 1, 2, 3, 4, 5};
	AUTO_FD fd = -1;

	if (len == 1) {
		dev->ops->pause(dev);
		dev->ops->resume(dev);
		return;
	}
	net_disconnect(dev);
	fd = len ? echo_new(buf, len) : -1;
	if (fd >= 0)
		(void)net_attach(dev, &fd, mac, len & 1 ? 1500 : 0, ERR_IGNORE);
}

static int make_balloon(struct world *w, struct virtio_dev **ret, struct err *e)
{
	return balloon_new(w->d.mem, w->d.loop, ret, e);
}

static void ask_balloon(struct virtio_dev *dev, const void *buf, size_t len)
{
	(void)buf;
	(void)balloon_request(dev, len * 4096, ERR_IGNORE);
	(void)balloon_size(dev);
}

/* The only one whose memory has a range to plug in. */
static int make_mem(struct world *w, struct virtio_dev **ret, struct err *e)
{
	struct memory_config c = {.size = MEMORY, .hotplug = HOTPLUG, .fd = -1};

	memory_free(w->d.mem);
	w->d.mem = NULL;
	memset(w->d.queue, 0, sizeof(w->d.queue));
	return memory_new(-1, &c, &w->d.mem, e) < 0
		       ? -e->code
		       : mem_new(w->d.mem, w->d.loop, ret, e);
}

static void ask_mem(struct virtio_dev *dev, const void *buf, size_t len)
{
	(void)buf;
	(void)mem_request(dev, len << 20, ERR_IGNORE);
	if (mem_plugged(dev) > HOTPLUG || mem_plugged(dev) & ((2 << 20) - 1))
		abort();
}

static void ignore_bytes(void *arg, const void *buf, size_t len)
{
	(void)arg;
	(void)buf;
	(void)len;
}

static void *take_stream(void *arg, struct vm_stream *s, uint32_t guest_port,
			 const struct vm_stream_ops **ret_ops)
{
	static const struct vm_stream_ops ops = {.received = ignore_bytes};

	vm_stream_want(s, guest_port);
	*ret_ops = &ops;
	return arg;
}

static int make_vsock(struct world *w, struct virtio_dev **ret, struct err *e)
{
	struct vsock_config c = {.cid = 3, .mem = w->d.mem, .loop = w->d.loop};
	struct vsock *v;
	int r = vsock_new(&c, &v, e);

	if (r == 0) {
		*ret = vsock_device(v);
		r = vsock_listen(v, 1, take_stream, w, e);
	}
	return r;
}

static void connect_guest(struct virtio_dev *dev, const void *buf, size_t len)
{
	static const struct vm_stream_ops ops = {.received = ignore_bytes};
	struct vm_stream *s;

	if (vsock_connect(to_vsock(dev), (uint32_t)len, &ops, dev, &s, ERR_IGNORE) < 0)
		return;
	vm_stream_want(s, len * 100);
	(void)vm_stream_write(s, buf, len);
	if (len & 1)
		vm_stream_close(s);
}

/* A folder of one file, which stays as it is. */
static int tree_fd = -1;
static char tree_path[64];

static void remove_tree(void)
{
	(void)path_remove_tree(AT_FDCWD, tree_path, ERR_IGNORE);
}

static void make_tree(void)
{
	static const char text[9000] = "text";
	AUTO_FD file = -1;

	(void)snprintf(tree_path, sizeof(tree_path), "%s/hull-fuzz.XXXXXX",
		       access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (!mkdtemp(tree_path))
		abort();
	(void)atexit(remove_tree);
	tree_fd = open(tree_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	file = openat(tree_fd, "f", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (file < 0 || fd_write_full(file, text, sizeof(text)) < 0)
		abort();
}

static int make_fs(struct world *w, struct virtio_dev **ret, struct err *e)
{
	AUTO_FD proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct fs_device_config c = {.kind = VM_FS_SHARED, .tag = "fs", .proc_fd = proc};
	struct vm_tree_config tree = {.name = "", .read_only = true};
	int r = fs_device_new(&c, w->d.mem, w->d.loop, ret, e);

	if (tree_fd < 0)
		make_tree();
	tree.fd = tree_fd;
	return r < 0 ? r : fs_device_attach(*ret, &tree, e);
}

const struct device virtqueue_devices[] = {
	{make_toy, NULL, NULL},          {make_rng, NULL, NULL},
	{make_console, type, NULL},      {make_block, exchange_disk, NULL},
	{make_net, exchange_tap, NULL},  {make_balloon, ask_balloon, NULL},
	{make_mem, ask_mem, NULL},       {make_vsock, connect_guest, NULL},
	{make_fs, NULL, fs_device_poll},
};
const size_t virtqueue_devices_count = ARRAY_LEN(virtqueue_devices);
